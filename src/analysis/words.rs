//! Paths and schema locations in words.

use crate::analysis::kinds::{Scalar, Shape};
use crate::analysis::yaml;
use crate::engine::{self, Step, escape_control};

/// Steps as a rule writes them.
pub(crate) fn written(steps: &[Step]) -> String {
    escape_control(&engine::written(steps))
}

/// The line that an author pastes into `equality`.
pub(crate) fn equality_line(steps: &[Step], declared: &str) -> String {
    format!("add `- {{path: {}, {declared}}}` to `equality`", yaml::scalar(&engine::written(steps)))
}

pub(crate) fn what(shape: &Shape) -> &'static str {
    match shape {
        Shape::Object(_) => "an object",
        Shape::List(_) => "a list",
        Shape::Scalar(scalar) => what_scalar(*scalar),
        Shape::Anything => "anything",
    }
}

pub(crate) fn what_scalar(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Text => "a string",
        Scalar::Integer => "an integer",
        Scalar::Number => "a number",
        Scalar::Boolean => "a boolean",
        Scalar::IntegerOrText => "an integer or a string",
        Scalar::Quantity => "a quantity",
        Scalar::Duration => "a duration",
    }
}

#[cfg(test)]
mod tests {
    use super::written;
    use crate::engine::Path;

    #[test]
    fn what_is_written_reads_as_the_same_steps() {
        for text in ["a.*.b['x y']", "m['a**']", "t[name='x**'].r"] {
            assert_eq!(written(Path::parse(text).unwrap().steps()), text);
        }
    }
}
