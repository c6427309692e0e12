//! Words for the parts of a rule in the output of commands. Control characters are escaped.

use crate::analysis::kinds::{Scalar, Shape};
use crate::analysis::yaml;
use crate::engine::{self, Equal, KeyOrigin, ListKey, Path, Step, escape_control};

pub(crate) fn shown(path: &Path) -> String {
    escape_control(&path.to_string())
}

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

/// How values compare.
pub(crate) fn equality(equal: &Equal) -> String {
    match equal {
        Equal::Quantity => "as Quantity".to_owned(),
        Equal::Duration => "as Duration".to_owned(),
        Equal::Set => "as Set".to_owned(),
        Equal::Time => "as a time".to_owned(),
        Equal::Float32 => "as a 32-bit float".to_owned(),
        Equal::Type(name) => format!("as {name}"),
        Equal::AbsentAs(value) => escape_control(&format!("left out = {value}")),
        Equal::Key(key) => {
            let order = if key.ignores_order { ", in any order" } else { "" };
            let has_default = key.origin == KeyOrigin::Line
                && key.members().iter().any(|member| member.default.is_some());
            let words = if has_default { format!("`{key}`") } else { key_words(key) };
            format!("elements paired by {words}{order}")
        }
    }
}

/// The members of a list's key: `` `port` and `protocol` ``.
pub(crate) fn key_words(key: &ListKey) -> String {
    quoted(&key.names().collect::<Vec<_>>(), " and ")
}

/// An expression without its line breaks.
pub(crate) fn one_line(text: &str) -> String {
    escape_control(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// `` `a`, `b` ``.
pub(crate) fn quoted<T: AsRef<str>>(names: &[T], separator: &str) -> String {
    let quote = |name: &T| format!("`{}`", escape_control(name.as_ref()));
    names.iter().map(quote).collect::<Vec<_>>().join(separator)
}

/// `1 rule`, `2 rules`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The first three names, and how many more there are.
pub(crate) fn listed(names: &[String]) -> String {
    let (listed, rest) = names.split_at(names.len().min(3));
    let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    listed.join(", ") + &more
}

/// The name that is spelled most nearly so, if one is.
pub(crate) fn likely_name<'n>(
    names: impl IntoIterator<Item = &'n str>,
    misspelt: &str,
) -> Option<&'n str> {
    let distance = |name: &&str| strsim::damerau_levenshtein(name, misspelt);
    let most = misspelt.chars().count() / 3;
    names.into_iter().min_by_key(distance).filter(|name| distance(name) <= most)
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
