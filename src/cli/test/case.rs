//! A case: how its file is read, and what the engine makes of its review.

use serde_json::value::RawValue;

use crate::cli::documents::{json_error, yaml_error};
use crate::engine::{self, CaseDocument, Expect, RuleSet, escape_control};

/// A case with its review as JSON.
pub(super) type JsonCase = engine::Case<Vec<u8>>;

/// Parses a case; a review that is JSON is kept byte for byte.
pub(super) fn parse(is_json: bool, text: &str) -> Result<JsonCase, String> {
    if is_json {
        let document: CaseDocument<&RawValue> =
            serde_json::from_str(text).map_err(|error| json_error(&error, text))?;
        return with_review(document, |review| Ok(review.get().as_bytes().to_vec()));
    }
    let options = serde_saphyr::options! { with_snippet: false };
    let document: CaseDocument<serde_json::Value> =
        serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| yaml_error(&error, text))?;
    with_review(document, |review| serde_json::to_vec(&review).map_err(|error| error.to_string()))
}

fn with_review<R>(
    document: CaseDocument<R>,
    json: impl FnOnce(R) -> Result<Vec<u8>, String>,
) -> Result<JsonCase, String> {
    let engine::Case { name, expect, review } =
        document.parsed().map_err(|error| format!(" {error}"))?;
    Ok(JsonCase { name, expect, review: json(review)? })
}

/// What the engine made of a review.
pub(super) struct Got {
    allowed: Option<bool>,
    fields: Vec<String>,
    message: String,
    code: Option<u64>,
}

impl Got {
    pub(super) fn judge(rules: &RuleSet, review: &[u8]) -> Self {
        let reply = engine::admit(rules, review);
        let (allowed, fields, message) =
            (reply.allowed(), reply.fields().to_vec(), reply.message().to_owned());
        let status = u64::from(reply.status());
        // The code of a denial is on the wire; one sentence has the HTTP status alone.
        let body: Option<serde_json::Value> = serde_json::from_slice(&reply.into_body()).ok();
        let code = match allowed {
            Some(_) => body.and_then(|body| {
                body.pointer("/response/status/code").and_then(serde_json::Value::as_u64)
            }),
            None => Some(status),
        };
        Self { allowed, fields, message, code }
    }
}

/// What is expected and what was got, as far as the case covers it. Fields are compared without
/// regard to order.
pub(super) fn compare(expect: &Expect, got: Got) -> (Expect, Expect) {
    let mut expected = expect.clone();
    // What is no verdict tells itself apart by its code and message, whatever the case covers.
    let is_verdict = got.allowed.is_some();
    let mut got = Expect {
        allowed: got.allowed == Some(true),
        fields: got.fields,
        message: Some(got.message).filter(|_| expect.message.is_some() || !is_verdict),
        code: got.code.filter(|_| expect.code.is_some() || !is_verdict),
    };
    expected.fields.sort();
    got.fields.sort();
    (expected, got)
}

/// The parts of a verdict in words.
pub(super) fn parts(verdict: &Expect) -> [(&'static str, String); 4] {
    // A message has lines; each stands on one of its own.
    let quoted = |text: &String| {
        text.lines().map(|line| format!("\n    {}", escape_control(line))).collect::<String>()
    };
    let none = || "none".to_owned();
    let fields =
        verdict.fields.iter().map(|field| escape_control(field)).collect::<Vec<_>>().join(", ");
    [
        ("verdict", if verdict.allowed { "allowed" } else { "denied" }.to_owned()),
        ("fields", if fields.is_empty() { none() } else { fields }),
        ("code", verdict.code.map_or_else(none, |code| code.to_string())),
        ("message", verdict.message.as_ref().map_or_else(none, quoted)),
    ]
}
