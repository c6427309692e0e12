//! How the property tests ask the engine.

use super::case::Case;
use crate::oracle::render;
use crate::oracle::rule::{Rule, User};
use fieldward::engine::{Builtin, Reply, RuleFile, RuleSet, admit, admit_reference};
use serde_json::{Value, json};

/// What the engine answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub allowed: bool,
    /// The violating fields, in the order in which they were given.
    pub fields: Vec<String>,
    /// Those that are recorded, which an exempt requester's are too.
    pub recorded: Vec<String>,
}

pub(super) const UID: &str = "705ab4f5-6393-11e8-b7cc-42010a800002";

/// The engine's reading of a rule.
pub(super) fn load(rule: &Rule) -> Result<RuleSet, String> {
    let document = RuleFile { origin: "generated.yaml".into(), text: render::document(rule) };
    let set = RuleSet::load(Builtin::Excluded, &[document])
        .map_err(|error| format!("the rule was refused: {error}"))?;
    if set.len() == 1 { Ok(set) } else { Err(format!("expected 1 rule, found {}", set.len())) }
}

/// The review of an update.
pub(super) fn review(old: &Value, new: &Value, user: &User) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": UID,
            "kind": {"group": "example.com", "version": "v1", "kind": "Thing"},
            "resource": {"group": "example.com", "version": "v1", "resource": "things"},
            "requestKind": {"group": "example.com", "version": "v1", "kind": "Thing"},
            "requestResource": {"group": "example.com", "version": "v1", "resource": "things"},
            "name": "thing",
            "namespace": "default",
            "operation": "UPDATE",
            "userInfo": {"username": user.name, "groups": user.groups},
            "object": new,
            "oldObject": old,
            "dryRun": false,
            "options": {"apiVersion": "meta.k8s.io/v1", "kind": "UpdateOptions"}
        }
    })
}

/// Asks the engine.
pub(super) fn ask(case: &Case) -> Result<Answer, String> {
    ask_about(&load(&case.rule)?, &case.old, &case.new, &case.user)
}

pub(super) fn ask_about(
    set: &RuleSet,
    old: &Value,
    new: &Value,
    user: &User,
) -> Result<Answer, String> {
    ask_with(set, review(old, new, user).to_string().as_bytes())
}

pub(super) fn ask_with(set: &RuleSet, body: &[u8]) -> Result<Answer, String> {
    let reply = both_ways(set, body)?;
    let status = reply.status();
    let (recorded, outcomes) = (reply.fields().to_vec(), reply.rules().to_vec());
    let body = reply.into_body();
    let text = String::from_utf8_lossy(&body).into_owned();
    let review: Value = serde_json::from_slice(&body)
        .map_err(|error| format!("{status}, no JSON ({error}): {text}"))?;
    let response = &review["response"];
    if status != 200 || response["uid"] != UID {
        return Err(format!("expected a verdict, found {status}: {text}"));
    }
    let allowed =
        response["allowed"].as_bool().ok_or_else(|| format!("expected allowed, found {text}"))?;
    let causes = response["status"]["details"]["causes"].as_array().cloned().unwrap_or_default();
    let fields: Vec<String> =
        causes.iter().map(|cause| cause["field"].as_str().unwrap_or_default().to_owned()).collect();
    if allowed != fields.is_empty() || (!allowed && response["status"]["code"] != 403) {
        return Err(format!(
            "expected an allowed update without causes or a denied one with causes, found {text}"
        ));
    }
    let decision = response["auditAnnotations"]["decision"].as_str().unwrap_or_default();
    let fits = if allowed { ["allow", "exempt"].contains(&decision) } else { decision == "deny" };
    if !fits {
        return Err(format!("expected a decision that fits, found `{decision}` in {text}"));
    }
    let [outcome] = outcomes.as_slice() else {
        return Err(format!("expected one rule's outcome, found {outcomes:?}"));
    };
    if outcome.decision.as_str() != decision
        || outcome.violations != recorded.len()
        || (!allowed && recorded != fields)
    {
        return Err(format!(
            "expected the same beside the body, found {recorded:?}, {outcome:?} and {text}"
        ));
    }
    Ok(Answer { allowed, fields, recorded })
}

/// The reply, which is the same to the letter if `serde_json` reads and prints the review first.
pub(crate) fn both_ways(set: &RuleSet, body: &[u8]) -> Result<Reply, String> {
    let (reply, plain) = (admit(set, body), admit_reference(set, body));
    if reply == plain {
        Ok(reply)
    } else {
        Err(format!("by its index: {reply:?}\nas serde_json prints it: {plain:?}"))
    }
}
