//! A finding, and what several lints ask of paths and entries.

use crate::engine::{Entry, Path, Step, Verbs, escape_control};

/// What is doubtful, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    pub(crate) message: String,
    pub(crate) fix: String,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// It certainly never works.
    Wrong,
    /// It may be meant so.
    Doubtful,
    /// It is good to know.
    Aside,
}

pub(crate) fn finding(message: impl Into<String>, fix: impl Into<String>) -> Finding {
    Finding { severity: Severity::Doubtful, message: message.into(), fix: fix.into() }
}

pub(crate) fn is_bare(entry: &Entry) -> bool {
    entry.verbs == Verbs::ALL && entry.by.is_none() && entry.when.is_none()
}

/// Whether `wide` selects everything that `narrow`, of equal length, selects.
pub(crate) fn covers(wide: &[Step], narrow: &[Step]) -> bool {
    wide.len() == narrow.len() && narrow.iter().zip(wide).all(|(narrow, wide)| narrow.within(wide))
}

pub(crate) fn shown(path: &Path) -> String {
    escape_control(&path.to_string())
}

pub(crate) fn is_fixed(steps: &[Step]) -> bool {
    match steps {
        [Step::Name(field), ..] if field == "apiVersion" || field == "kind" => true,
        [Step::Name(metadata), Step::Name(field), ..] if metadata == "metadata" => {
            matches!(field.as_str(), "name" | "namespace")
        }
        _ => false,
    }
}

pub(crate) fn is_bookkeeping(steps: &[Step]) -> bool {
    match steps {
        [Step::Name(metadata), Step::Name(field), ..] if metadata == "metadata" => matches!(
            field.as_str(),
            "resourceVersion"
                | "generation"
                | "managedFields"
                | "creationTimestamp"
                | "deletionTimestamp"
                | "deletionGracePeriodSeconds"
                | "selfLink"
                | "uid"
        ),
        _ => false,
    }
}

/// Whether no entry there ever permits anything, whatever the kind.
pub(crate) fn is_out_of_reach(steps: &[Step]) -> bool {
    is_fixed(steps) || is_bookkeeping(steps)
}

/// `1 rule`, `2 rules`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
