//! Paths and places in words.

use crate::analysis::kinds::{Scalar, Shape};
use crate::engine::{Path, Step, escape_control};

/// Steps as a rule writes them.
pub(crate) fn written(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Name(name) if is_bare(name) => {
                text += &format!("{}{name}", if text.is_empty() { "" } else { "." });
            }
            Step::Name(name) if name.ends_with('*') => text += &format!("['{}*']", quoted(name)),
            Step::Name(name) => text += &format!("['{}']", quoted(name)),
            Step::Prefix(prefix) => text += &format!("['{}*']", quoted(prefix)),
            Step::AnyMember => text += if text.is_empty() { "*" } else { ".*" },
            Step::AnyElement => text += "[*]",
            Step::Keyed { key, value } => text += &format!("[{key}='{}']", quoted(value)),
        }
    }
    escape_control(&text)
}

/// A path in an entry of `equality`, quoted where YAML needs it.
pub(crate) fn in_yaml(steps: &[Step]) -> String {
    let text = written(steps);
    let plain = text
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-'));
    if plain { text } else { format!("\"{text}\"") }
}

fn is_bare(name: &str) -> bool {
    let is_name = |path: Path| matches!(path.steps(), [Step::Name(parsed)] if parsed == name);
    !name.starts_with('[') && Path::parse(name).is_ok_and(is_name)
}

fn quoted(text: &str) -> String {
    text.replace('\'', "''")
}

/// `a list`, `an integer`.
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
    use super::*;

    #[test]
    fn what_is_written_reads_as_the_same_steps() {
        for text in [
            "spec.tasks[*].a-b",
            "*",
            "a.*.b['x y']",
            "m['it''s']",
            "m['']",
            "m['a**']",
            "m['a*']",
            "t[name='a b'].r",
            "['a.b'].c",
            "m['[*]']",
        ] {
            let path = Path::parse(text).unwrap();
            assert_eq!(written(path.steps()), text);
        }
    }

    #[test]
    fn yaml_needs_quotes_for_brackets() {
        let yaml = |text: &str| in_yaml(Path::parse(text).unwrap().steps());
        assert_eq!(
            (yaml("spec.a-b").as_str(), yaml("spec.a[*].*").as_str()),
            ("spec.a-b", "\"spec.a[*].*\"")
        );
    }
}
