//! Why rule documents are refused, each reason with its place.

use std::fmt;

use super::escape_control;

/// Why a rule document was refused, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    origin: String,
    line: u64,
    column: u64,
    message: String,
}

impl RuleError {
    pub(crate) fn new(origin: &str, line: u64, column: u64, message: impl Into<String>) -> Self {
        // What a document holds cannot forge a line of the report.
        Self {
            origin: escape_control(origin),
            line,
            column,
            message: escape_control(&message.into()),
        }
    }

    /// The document's origin, usually a file.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Line and column, counted from 1.
    pub fn place(&self) -> (u64, u64) {
        (self.line, self.column)
    }

    /// What was expected and what was found.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}: {}", self.origin, self.line, self.column, self.message)
    }
}

/// Every reason why a set of rule documents was refused; one per line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleErrors(pub(crate) Vec<RuleError>);

impl RuleErrors {
    /// Each reason.
    pub fn iter(&self) -> std::slice::Iter<'_, RuleError> {
        self.0.iter()
    }
}

impl<'e> IntoIterator for &'e RuleErrors {
    type Item = &'e RuleError;
    type IntoIter = std::slice::Iter<'e, RuleError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for RuleErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                out.write_str("\n")?;
            }
            error.fmt(out)?;
        }
        Ok(())
    }
}

impl std::error::Error for RuleErrors {}

/// Whether the text claims to be a document of fieldward. Messages quote no other text, because
/// that may be a secret.
pub(crate) fn is_own_document(text: &str) -> bool {
    let says = |key: &str, values: &[&str]| {
        let value = |at: usize| {
            let after = text.get(at + key.len()..)?.trim_start_matches(['"', '\'', ' ']);
            Some(after.strip_prefix(':')?.trim_start_matches([' ', '"', '\'']))
        };
        text.match_indices(key)
            .filter_map(|(at, _)| value(at))
            .any(|found| values.iter().any(|value| found.starts_with(value)))
    };
    says("apiVersion", &["fieldward.io/"]) || says("kind", &["UpdateRule", "UpdateCase"])
}

/// A parser's message up to where it quotes what it has read.
pub(crate) fn before_quote(message: &str) -> &str {
    // These are names of fields that are expected.
    if message.starts_with("missing field `") {
        return message;
    }
    let quote = ["`", "\"", ": "].iter().filter_map(|mark| message.find(mark)).min();
    quote.and_then(|at| message.get(..at)).map_or(message, str::trim_end)
}

/// What is wrong with the YAML itself, or with the document's shape.
pub(crate) fn yaml_error(origin: &str, text: &str, error: &serde_saphyr::Error) -> RuleError {
    let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
    let rendered = error.to_string();
    let message = rendered.split(" at line ").next().unwrap_or_default();
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let message = match message {
        "expected mapping start" => "expected a mapping, found something else",
        "expected sequence start" => "expected a list, found something else",
        "expected string scalar" => "expected text, found something else",
        other if other.starts_with("cannot deserialize null") => "expected text, found nothing",
        other => other.split(", set DuplicateKeyPolicy").next().unwrap_or_default(),
    };
    if before_quote(message) != message && !is_own_document(text) {
        let message = "expected a rule document (kind `UpdateRule`), found something else";
        return RuleError::new(origin, line, column, message);
    }
    let advice = if message.contains("anchor") || message.contains("flow") {
        " (a path with `*` or `[` stands in quotes within `{}` and `[]`)"
    } else {
        ""
    };
    RuleError::new(origin, line, column, message.lines().collect::<Vec<_>>().join(" ") + advice)
}

#[cfg(test)]
mod tests {
    use super::{before_quote, is_own_document};

    #[test]
    fn a_document_says_that_it_is_one() {
        for text in [
            "apiVersion: fieldward.io/v1alpha1\n",
            "{\"spec\": {}, \"kind\" : \"UpdateRule\"}",
            "- kind: 'UpdateCase'",
            "kind: List\nitems:\n- apiVersion: 'fieldward.io/v2'",
        ] {
            assert!(is_own_document(text), "{text}");
        }
        for text in [
            "",
            "root:$6$salt$hash:19000:0:99999:7:::",
            "-----BEGIN PRIVATE KEY-----",
            "apiVersion: v1\nkind: Secret\nmetadata: {annotations: {fieldward.io/source: x}}",
            "kind",
        ] {
            assert!(!is_own_document(text), "{text}");
        }
    }

    #[test]
    fn nothing_after_a_quote_is_left() {
        for (message, expected) in [
            ("unknown field `password`, expected one of a, b", "unknown field"),
            ("duplicate mapping key: password", "duplicate mapping key"),
            ("invalid type: string \"password\", expected a map", "invalid type"),
            ("missing field `kind`", "missing field `kind`"),
            (
                "while parsing a list, expected ',' or ']'",
                "while parsing a list, expected ',' or ']'",
            ),
        ] {
            assert_eq!(before_quote(message), expected);
        }
    }
}
