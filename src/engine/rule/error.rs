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

/// What is wrong with the YAML itself, or with the document's shape.
pub(crate) fn yaml_error(origin: &str, error: &serde_saphyr::Error) -> RuleError {
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
    let advice = if message.contains("anchor") || message.contains("flow") {
        " (a path with `*` or `[` stands in quotes within `{}` and `[]`)"
    } else {
        ""
    };
    RuleError::new(origin, line, column, message.lines().collect::<Vec<_>>().join(" ") + advice)
}
