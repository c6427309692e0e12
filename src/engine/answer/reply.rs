//! What one request body is answered with: the bytes for the API server, and the same as values for
//! logs, metrics and people.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Status, StatusCause, StatusDetails};
use serde::Serialize;

use super::change::Change;
use super::escape::break_recreate_trigger;
use super::messages::audit_fields;
use crate::engine::activation::ConditionFailure;
use crate::engine::review::{API_VERSION, Review};
use crate::engine::rule::{RuleName, cut, escape_control};

/// What one rule decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// Nothing outside the mutable fields changed.
    Allow,
    /// Something outside changed; the requester is exempt.
    Exempt,
    /// Something outside changed; the rule only records it.
    Audit,
    /// Something outside changed; the rule only warns.
    Warn,
    /// The update is refused.
    Deny,
}

impl Decision {
    /// The word in audit annotations, metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Warn => "warn",
            Self::Audit => "audit",
            Self::Exempt => "exempt",
        }
    }
}

/// One rule's part in a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleOutcome {
    /// The rule's name.
    pub(crate) rule: RuleName,
    /// What it decided.
    pub decision: Decision,
    /// How many violations it found.
    pub violations: usize,
}

/// Whom and what a review is about. Control characters are escaped already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ReplySubject {
    /// `request.kind.kind`.
    pub(crate) kind: String,
    /// `request.namespace`, empty for a cluster-scoped object.
    pub(crate) namespace: String,
    /// `request.name`.
    pub(crate) name: String,
    /// `request.userInfo.username`.
    pub(crate) user: String,
    /// `request.uid`.
    pub(crate) uid: String,
}

impl ReplySubject {
    pub(crate) fn from_review(review: &Review<'_>) -> Self {
        let tame = |text: &str| break_recreate_trigger(&cut(&escape_control(text), 512));
        Self {
            kind: tame(review.kind()),
            namespace: tame(&review.namespace),
            name: tame(&review.name),
            user: tame(&review.user),
            uid: tame(&review.uid),
        }
    }
}

/// What was found in a review that could be judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Changes by path, at most 256 violations and 256 others.
    pub changes: Vec<Change>,
    /// Violations in all, those left out of `changes` included.
    pub(crate) violations: usize,
    /// What this requester may change, as each rule that matched lists it: rule and paths.
    pub(crate) mutable: Vec<(RuleName, Arc<str>)>,
}

/// The answer to one request body.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) allowed: Option<bool>,
    pub(crate) code: Option<u16>,
    pub(crate) message: String,
    pub(crate) outcomes: Vec<RuleOutcome>,
    /// Whom and what it is about, once the envelope could be read.
    pub(crate) subject: Option<ReplySubject>,
    pub(crate) fields: Vec<String>,
    /// Conditions of entries (`when`) that granted nothing because they could not be decided; names
    /// and reasons, never values.
    pub(crate) condition_failures: Vec<ConditionFailure>,
    /// For each rule, why the first changed lists do not pair by their keys.
    pub(crate) list_faults: Vec<(RuleName, String)>,
    /// Whether a condition took all that it may spend.
    pub(crate) ran_out: bool,
    pub(crate) judgement: Option<Judgement>,
}

impl Reply {
    /// 200 if the body is an admission response, else an HTTP error.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// `application/json` for an admission review, `text/plain; charset=utf-8` for one sentence.
    pub(crate) fn content_type(&self) -> &'static str {
        if self.allowed.is_some() { "application/json" } else { "text/plain; charset=utf-8" }
    }

    /// An AdmissionReview as JSON, or the sentence of an HTTP error.
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// The verdict, if the reply is one.
    pub fn allowed(&self) -> Option<bool> {
        self.allowed
    }

    /// The code of the error that this reply reports (400, 404, 413), if the review was not judged.
    pub fn error_code(&self) -> Option<u16> {
        self.code
    }

    /// What the requester reads: the denial, the reason why nothing could be judged, or nothing.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What each rule that matched decided.
    pub fn rules(&self) -> &[RuleOutcome] {
        &self.outcomes
    }

    /// The violating field paths, at most 256; values never.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// The violating field paths as one text of at most 4 KiB, which says how many it leaves out.
    pub(crate) fn fields_text(&self) -> String {
        audit_fields(
            &self.fields,
            self.judgement.as_ref().map_or(0, |judgement| judgement.violations),
        )
    }

    /// What was found, if the review was judged by a rule.
    pub fn judgement(&self) -> Option<&Judgement> {
        self.judgement.as_ref()
    }

    /// One sentence instead of a verdict.
    pub(crate) fn sentence(status: u16, text: &str) -> Self {
        let message = break_recreate_trigger(text);
        Self {
            status,
            body: format!("{message}\n").into_bytes(),
            code: Some(status),
            message,
            ..Self::default()
        }
    }

    pub(crate) fn about(mut self, subject: ReplySubject) -> Self {
        self.subject = Some(subject);
        self
    }
}

/// Bytes that the answer to an update that is allowed takes.
const USUAL: usize = 384;

/// The response part of an AdmissionReview.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response<'a> {
    pub(crate) uid: &'a str,
    pub(crate) allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<Status>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) audit_annotations: BTreeMap<&'static str, Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    api_version: &'a str,
    kind: &'a str,
    response: &'a Response<'a>,
}

impl Response<'_> {
    /// A verdict as HTTP sends it.
    pub(crate) fn into_reply(self) -> Reply {
        let message =
            self.status.as_ref().and_then(|status| status.message.clone()).unwrap_or_default();
        let mut body = Vec::with_capacity(USUAL);
        // Strings and numbers only: there is nothing here that JSON cannot carry.
        if serde_json::to_writer(
            &mut body,
            &Envelope { api_version: API_VERSION, kind: "AdmissionReview", response: &self },
        )
        .is_err()
        {
            body.clear();
        }
        Reply {
            status: if body.is_empty() { 500 } else { 200 },
            body,
            allowed: Some(self.allowed),
            message,
            ..Reply::default()
        }
    }
}

/// The status of a refusal.
pub(crate) fn failure(code: i32, reason: &str, message: String) -> Status {
    Status {
        status: Some("Failure".to_owned()),
        code: Some(code),
        reason: Some(reason.to_owned()),
        message: Some(message),
        ..Status::default()
    }
}

/// The details of a denial: one cause per violation.
pub(crate) fn details(review: &Review<'_>, causes: Vec<StatusCause>) -> StatusDetails {
    let tame = |text: &str| {
        Some(break_recreate_trigger(&cut(&escape_control(text), 512)))
            .filter(|text| !text.is_empty())
    };
    StatusDetails {
        group: tame(review.group()),
        kind: tame(review.kind()),
        name: tame(&review.name),
        causes: Some(causes),
        ..StatusDetails::default()
    }
}
