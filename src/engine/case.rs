//! The case document: a review and what is expected of it. `fieldward test` reads it, recording
//! writes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::rule::escape_control;

const API_VERSION: &str = "fieldward.io/v1alpha1";
const KIND: &str = "UpdateCase";

/// A case; `R` is how the review is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case<R> {
    /// What reports call it.
    pub(crate) name: String,
    /// What is expected.
    pub(crate) expect: Expect,
    pub(crate) review: R,
}

/// What a case expects of its review.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    /// The verdict; what is no verdict counts as a denial.
    pub(crate) allowed: bool,
    /// The violating field paths, in any order.
    #[serde(default)]
    pub(crate) fields: Vec<String>,
    /// What the requester reads, if the case says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// The code of the denial, or of the answer that is no verdict, if the case says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<u64>,
}

/// A case as its file says it: [`CaseDocument::parsed`] makes a [`Case`] of it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct CaseDocument<R> {
    api_version: String,
    kind: String,
    metadata: CaseMetadata,
    expect: Expect,
    review: R,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct CaseMetadata {
    name: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

/// Why a document is no case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotACase {
    /// Another `apiVersion` or `kind`.
    #[error("expected {what} `{expected}`, found `{found}`")]
    Type {
        /// `apiVersion` or `kind`.
        what: &'static str,
        /// What it is of a case.
        expected: &'static str,
        /// What it is here; control characters are escaped.
        found: String,
    },
    #[error("expected a name in metadata, found an empty text")]
    Name,
}

impl<R> CaseDocument<R> {
    /// The case that it says.
    ///
    /// # Errors
    /// A document of another type, or without a name.
    pub(crate) fn parsed(self) -> Result<Case<R>, NotACase> {
        for (what, expected, found) in
            [("apiVersion", API_VERSION, &self.api_version), ("kind", KIND, &self.kind)]
        {
            if found != expected {
                return Err(NotACase::Type { what, expected, found: escape_control(found) });
            }
        }
        if self.metadata.name.is_empty() {
            return Err(NotACase::Name);
        }
        Ok(Case {
            name: escape_control(&self.metadata.name),
            expect: self.expect,
            review: self.review,
        })
    }
}

impl<R> From<Case<R>> for CaseDocument<R> {
    fn from(case: Case<R>) -> Self {
        Self {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            metadata: CaseMetadata { name: case.name, annotations: BTreeMap::new() },
            expect: case.expect,
            review: case.review,
        }
    }
}
