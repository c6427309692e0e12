//! A case: a recorded review and what is expected of it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::cli::documents::{json_error, yaml_error};
use crate::engine::{self, RuleSet, harmless};

/// A case as its file says it.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) expect: Expect,
    pub(super) review: Vec<u8>,
}

/// What is expected.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    allowed: bool,
    #[serde(default)]
    fields: Vec<String>,
    message: Option<String>,
    code: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawCase<R> {
    api_version: String,
    kind: String,
    metadata: RawMetadata,
    expect: Expect,
    review: R,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMetadata {
    name: String,
    #[serde(default, rename = "annotations")]
    _annotations: std::collections::BTreeMap<String, String>,
}

impl Case {
    /// Parses a case; a review that is JSON is kept byte for byte.
    ///
    /// # Errors
    /// `line:column: message`, or a message alone.
    pub(super) fn parse(is_json: bool, text: &str) -> Result<Self, String> {
        if is_json {
            let raw: RawCase<&RawValue> = serde_json::from_str(text).map_err(|error| json_error(&error))?;
            let review = raw.review.get().as_bytes().to_vec();
            return raw.finish(review);
        }
        let options = serde_saphyr::options! { with_snippet: false };
        let raw: RawCase<serde_json::Value> = serde_saphyr::from_str_with_options(text, options).map_err(|error| yaml_error(&error))?;
        let review = serde_json::to_vec(&raw.review).map_err(|error| error.to_string())?;
        raw.finish(review)
    }
}

impl<R> RawCase<R> {
    fn finish(self, review: Vec<u8>) -> Result<Case, String> {
        for (what, expected, found) in [("apiVersion", "fieldward.io/v1alpha1", &self.api_version), ("kind", "UpdateCase", &self.kind)] {
            if found != expected {
                return Err(format!(" expected {what} `{expected}`, found `{}`", harmless(found)));
            }
        }
        if self.metadata.name.is_empty() {
            return Err(" expected a name in metadata, found an empty text".to_owned());
        }
        Ok(Case { name: harmless(&self.metadata.name), expect: self.expect, review })
    }
}

/// What the engine made of a review.
pub(super) struct Got {
    allowed: Option<bool>,
    fields: Vec<String>,
    message: String,
    code: Option<u64>,
}

impl Got {
    pub(super) fn of(rules: &RuleSet, review: &[u8]) -> Self {
        let reply = engine::admit(rules, review);
        let (allowed, fields, message) = (reply.allowed(), reply.fields().to_vec(), reply.message().to_owned());
        let status = u64::from(reply.status());
        // The code of a denial is on the wire; one sentence has the HTTP status alone.
        let body: Option<serde_json::Value> = serde_json::from_slice(&reply.into_body()).ok();
        let code = match allowed {
            Some(_) => body.and_then(|body| body.pointer("/response/status/code").and_then(serde_json::Value::as_u64)),
            None => Some(status),
        };
        Self { allowed, fields, message, code }
    }
}

/// As much of a verdict as a case speaks of.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Verdict {
    allowed: bool,
    fields: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u64>,
}

impl Expect {
    /// What is expected and what was got, as far as this speaks of it. Fields are compared without regard to order.
    pub(super) fn against(&self, got: Got) -> (Verdict, Verdict) {
        let sorted = |mut fields: Vec<String>| {
            fields.sort();
            fields
        };
        let expected =
            Verdict { allowed: self.allowed, fields: sorted(self.fields.clone()), message: self.message.clone(), code: self.code };
        // What is no verdict tells itself apart by its code and message, whatever the case speaks of.
        let is_verdict = got.allowed.is_some();
        let got = Verdict {
            allowed: got.allowed == Some(true),
            fields: sorted(got.fields),
            message: Some(got.message).filter(|_| self.message.is_some() || !is_verdict),
            code: got.code.filter(|_| self.code.is_some() || !is_verdict),
        };
        (expected, got)
    }
}

impl Verdict {
    /// Its parts in words.
    pub(super) fn parts(&self) -> [(&'static str, String); 4] {
        // A message has lines; each stands on one of its own.
        let quoted = |text: &String| text.lines().map(|line| format!("\n    {}", harmless(line))).collect::<String>();
        let none = || "none".to_owned();
        let fields = self.fields.iter().map(|field| harmless(field)).collect::<Vec<_>>().join(", ");
        [
            ("verdict", if self.allowed { "allowed" } else { "denied" }.to_owned()),
            ("fields", if fields.is_empty() { none() } else { fields }),
            ("code", self.code.map_or_else(none, |code| code.to_string())),
            ("message", self.message.as_ref().map_or_else(none, quoted)),
        ]
    }
}
