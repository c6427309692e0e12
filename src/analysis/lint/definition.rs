//! A lint: its name, its documentation and its check. Each lint has a file of its own.

use serde::Serialize;

use super::schema::catalogue::{Catalogue, MatchedKind};
use crate::analysis::words::shown;
use crate::engine::{Entry, Equality, ResourceRule, Rule};

#[derive(Serialize)]
pub(crate) struct Lint {
    /// In kebab case.
    pub(crate) name: &'static str,
    pub(crate) severity: Severity,
    pub(crate) input: Input,
    pub(crate) what: &'static str,
    pub(crate) why: &'static str,
    pub(crate) example: &'static str,
    pub(crate) fix: &'static str,
    /// The example after the fix.
    pub(crate) fixed: &'static str,
    #[serde(skip)]
    pub(crate) check: fn(&Context<'_>) -> Vec<LintFinding>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// The rule never applies.
    Error,
    /// The rule probably does something else than its author means.
    Warning,
    /// Nothing is wrong.
    Note,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Input {
    Rule,
    /// The schemas of the rule's kinds as well.
    Schema,
}

pub(crate) struct Context<'a> {
    pub(crate) rule: &'a Rule,
    /// All rules that are in force together.
    pub(crate) rules: &'a [&'a Rule],
    pub(crate) catalogue: &'a Catalogue,
    /// The kinds in the catalogue that the rule matches.
    pub(crate) targets: Vec<MatchedKind<'a>>,
    pub(crate) lints: &'a [&'static Lint],
}

/// What is doubtful, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LintFinding {
    /// JSON pointer into the rule document.
    pub(crate) at: String,
    pub(crate) message: String,
    pub(crate) fix: String,
}

pub(crate) fn finding(
    at: impl Into<String>,
    message: impl Into<String>,
    fix: impl Into<String>,
) -> LintFinding {
    LintFinding { at: at.into(), message: message.into(), fix: fix.into() }
}

/// A finding for each of these entries, none of which ever permits anything.
pub(crate) fn never_permit<'a>(
    entries: impl Iterator<Item = (String, &'a Entry)>,
    reason: &str,
    fix: &str,
) -> Vec<LintFinding> {
    let of_entry = |(at, entry): (String, &Entry)| {
        let message = format!("`{}` never permits anything: {reason}", shown(&entry.path));
        finding(at, message, fix)
    };
    entries.map(of_entry).collect()
}

impl<'a> Context<'a> {
    /// The entries of `mutable`, each with the pointer to its path.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (String, &'a Entry)> {
        let pointer = |(index, entry)| (format!("/spec/mutable/{index}/path"), entry);
        self.rule.entries().enumerate().map(pointer)
    }

    /// The entries of `equality`, each with the pointer to its path.
    pub(crate) fn equality(&self) -> impl Iterator<Item = (String, &'a Equality)> {
        let pointer = |(index, entry)| (format!("/spec/equality/{index}/path"), entry);
        self.rule.equality().iter().enumerate().map(pointer)
    }

    /// The resource rules, each with its pointer.
    pub(crate) fn resources(&self) -> impl Iterator<Item = (String, &'a ResourceRule)> {
        let pointer =
            |(index, resource)| (format!("/spec/matchConstraints/resourceRules/{index}"), resource);
        self.rule.resources().iter().enumerate().map(pointer)
    }

    /// Where something is missing from `equality`: its key, or the name of a rule without one.
    pub(crate) fn equality_key(&self) -> &'static str {
        if self.rule.equality().is_empty() { "/metadata/name" } else { "/spec/equality" }
    }
}
