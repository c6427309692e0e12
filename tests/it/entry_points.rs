//! Every case enters at every entry point: the library, the binary, an https socket.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use fieldward::engine::Decision;
use libtest_mimic::Trial;
use serde_json::Value;

use crate::corpus::{Case, cases, packed_cases};
use crate::properties::admission::both_ways;
use crate::support::server::{Server, fieldward, post};

pub(crate) fn trials() -> Vec<Trial> {
    let mut cases = cases();
    assert!(cases.len() > 120, "only {} cases were found", cases.len());
    cases.extend(packed_cases());
    let servers = Arc::new(Servers::default());
    cases
        .into_iter()
        .flat_map(|case| {
            let (one, two, three, servers) =
                (case.clone(), case.clone(), case, Arc::clone(&servers));
            [
                Trial::test(format!("library::{}", one.name), move || {
                    library(&one);
                    Ok(())
                }),
                Trial::test(format!("binary::{}", two.name), move || {
                    binary(&two);
                    Ok(())
                }),
                Trial::test(format!("https::{}", three.name), move || {
                    https(&three, &servers);
                    Ok(())
                }),
            ]
        })
        .collect()
}

fn library(case: &Case) {
    let reply = both_ways(&case.rule_set(), &case.body()).unwrap();
    assert_eq!(reply.allowed().unwrap_or(false), case.allowed, "{}", reply.message());
    assert_eq!(reply.fields(), case.fields);
    if let Some(message) = &case.message {
        assert_eq!(reply.message(), message);
    }
    assert_eq!(
        reply.rules().iter().any(|outcome| outcome.decision == Decision::Deny),
        is_denied_by_a_rule(case),
        "who denied"
    );
}

fn binary(case: &Case) {
    let mut command = fieldward();
    command.args(["check", "-o", "json", "-"]).args(case.options());
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&case.body()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
    let violations = verdict["violations"].as_array().unwrap();
    let fields: Vec<&str> =
        violations.iter().map(|violation| violation["field"].as_str().unwrap()).collect();
    assert_eq!(verdict["allowed"], case.allowed);
    assert_eq!(fields, case.fields);
    let violating =
        verdict["changes"].as_array().unwrap().iter().filter(|change| change["violates"] == true);
    assert!(
        violating
            .map(|change| &change["field"])
            .eq(violations.iter().map(|violation| &violation["field"]))
    );
    let error = verdict.get("error").and_then(Value::as_str);
    if let Some(message) = case.message.as_deref().filter(|_| fields.is_empty()) {
        assert_eq!(error, Some(message));
    }
    let expected = match error {
        Some(_) => 2,
        None => i32::from(!case.allowed),
    };
    assert_eq!(output.status.code(), Some(expected));
}

fn https(case: &Case, servers: &Servers) {
    let server = servers.with(case);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (status, body) =
        runtime.block_on(post(&server.client(), &server.url("/validate"), case.body()));
    // One sentence is no verdict: the registration's failurePolicy decides.
    let Ok(review) = serde_json::from_str::<Value>(&body) else {
        assert_eq!(
            (Some(u64::from(status)), Some(body.trim_end())),
            (case.code, case.message.as_deref())
        );
        return;
    };
    let response = &review["response"];
    assert_eq!(
        (status, &review["apiVersion"], &review["kind"]),
        (200, &"admission.k8s.io/v1".into(), &"AdmissionReview".into())
    );
    assert_eq!(response["uid"], case.review["request"]["uid"]);
    assert_eq!(response["allowed"], case.allowed);
    if case.allowed {
        assert_eq!(response.get("status"), None);
        assert_eq!(annotated(response), case.fields);
        let warnings = response["warnings"].as_array().map_or(0, Vec::len);
        assert_eq!(warnings > 0, response["auditAnnotations"]["decision"] == "warn");
        return;
    }
    let unjudged = case.fields.is_empty();
    let code = case.code.unwrap_or(403);
    let reason = match code {
        400 => "BadRequest",
        422 => "Invalid",
        _ => "Forbidden",
    };
    assert_eq!(response["status"]["code"], code);
    assert_eq!(response["status"]["reason"], reason);
    assert_eq!(response["status"]["message"].as_str(), case.message.as_deref());
    if !unjudged {
        let causes = response["status"]["details"]["causes"].as_array().unwrap();
        let fields: Vec<&str> =
            causes.iter().map(|cause| cause["field"].as_str().unwrap()).collect();
        assert_eq!(fields, case.fields);
        assert_eq!(annotated(response), case.fields);
        assert_eq!(response["auditAnnotations"]["decision"], "deny");
    }
}

fn annotated(response: &Value) -> Vec<String> {
    let fields = response["auditAnnotations"]["fields"].as_str().unwrap_or_default();
    fields.split(", ").filter(|field| !field.is_empty()).map(str::to_owned).collect()
}

/// A denial that a rule answers for: its violations, or content of an object that has a rule.
fn is_denied_by_a_rule(case: &Case) -> bool {
    let has_uid = case.review["request"]["uid"].is_string()
        && case.review["apiVersion"] == "admission.k8s.io/v1";
    !case.allowed && has_uid && case.code != Some(404)
}

/// Running servers, one for each list of rule files; they end with the last trial.
#[derive(Default)]
struct Servers(Mutex<BTreeMap<Vec<PathBuf>, Arc<Server>>>);

impl Servers {
    fn with(&self, case: &Case) -> Arc<Server> {
        let mut servers = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let start = || {
            let options = case.options();
            Arc::new(Server::start(&options.iter().map(String::as_str).collect::<Vec<_>>()))
        };
        Arc::clone(servers.entry(case.rules.clone()).or_insert_with(start))
    }
}
