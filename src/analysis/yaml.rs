//! Strings as YAML scalars, for lines that users paste into a rule.

use crate::engine::escape_json;

/// A string: plain where every YAML parser reads it as the same text, else as JSON has it.
pub(crate) fn scalar(text: &str) -> String {
    let is_word = text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "./-_".contains(letter));
    let is_reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        .contains(&text.to_lowercase().as_str());
    if is_word && !is_reserved {
        text.to_owned()
    } else {
        escape_json(&serde_json::Value::from(text).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::scalar;

    #[test]
    fn what_yaml_would_read_otherwise_is_quoted() {
        for (text, expected) in [
            ("spec.a-b", "spec.a-b"),
            ("spec.a[*].*", r#""spec.a[*].*""#),
            ("on", r#""on""#),
            ("Null", r#""Null""#),
            ("9", r#""9""#),
            ("m['a\"b']", r#""m['a\"b']""#),
            (r"m['a\b']", r#""m['a\\b']""#),
        ] {
            assert_eq!(scalar(text), expected);
        }
    }
}
