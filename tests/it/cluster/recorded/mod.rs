//! The cases under tests/cases as live requests: the API server makes the review, and the verdict
//! is the recorded one.

mod exceptions;
mod request;
pub(crate) mod taken;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use fieldward::engine::admit;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::api::{Answer, Api};
use super::assets::Assets;
use super::control_plane::{ControlPlane, Controllers};
use super::objects::{define, define_untyped, definition};
use super::ward::{MXJOB, VOLCANO_JOB, Ward, rule};
use super::{eventually, on_cluster, started, within_time};
use crate::corpus::{Case, cases, root};
use exceptions::{EXCEPTIONS, Live, live};
use request::{Request, Sent};

/// A trial for each suite; they share a control plane.
pub(crate) fn trials() -> Vec<Trial> {
    let mut suites: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for case in cases() {
        let (suite, _) = case.name.rsplit_once('/').unwrap();
        // Recorded next to the controller itself, of the kind that it defines.
        if suite.ends_with("-controller") {
            continue;
        }
        suites.entry(suite.to_owned()).or_default().push(case);
    }
    let plane = Arc::new(Mutex::new(None));
    let trial = |(suite, cases): (String, Vec<Case>)| {
        let plane = Arc::clone(&plane);
        on_cluster(&format!("recorded::{suite}"), move |assets| {
            let plane = started(&plane, start(&assets));
            within_time(async move { replay_all(&plane, &suite, &cases).await });
            Ok(())
        })
    };
    let listed = Trial::test("cluster::recorded::the_exceptions_name_cases", || {
        let names: Vec<String> = cases().into_iter().map(|case| case.name).collect();
        let stale: Vec<&str> = EXCEPTIONS
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| !names.iter().any(|known| known == name))
            .collect();
        if stale.is_empty() { Ok(()) } else { Err(format!("no such cases: {stale:?}").into()) }
    });
    suites.into_iter().map(trial).chain([listed]).collect()
}

/// Without controllers: what a case says of owners and finalizers must stay as it says.
async fn start(assets: &Assets) -> Arc<ControlPlane> {
    let plane = ControlPlane::start_with(assets, Controllers::None, &[]).await;
    define(&plane, &definition("volcano-job.yaml"), "/apis/batch.volcano.sh/v1alpha1/jobs").await;
    define(&plane, &definition("mxjob.yaml"), "/apis/kubeflow.org/v1/mxjobs").await;
    for kind in ["Gadget", "Gear", "Gizmo", "Note", "Vault", "Widget"] {
        define_untyped(&plane, "example.com", kind).await;
    }
    plane
}

async fn replay_all(plane: &Arc<ControlPlane>, suite: &str, cases: &[Case]) {
    let recordings = tempfile::tempdir().unwrap();
    let ward = ward(plane, suite, &cases[0], recordings.path()).await;
    let mut counts = BTreeMap::new();
    for case in cases {
        let expected = live(&case.name);
        let outcome = match expected {
            Live::Asis => "as recorded",
            Live::NeverSent(_) => "never sent by an API server",
            Live::NotAsked(_) | Live::Refused { .. } | Live::OtherFields { .. } => "otherwise",
        };
        if let Some(why) = expected.why() {
            eprintln!("cluster: {}: {outcome}: {why}", case.name);
        }
        if !matches!(expected, Live::NeverSent(_)) {
            replay(&ward, recordings.path(), case, &expected).await;
        }
        *counts.entry(outcome).or_insert(0) += 1;
    }
    eprintln!("cluster: {suite}, live: {counts:?}");
}

/// A ward by the rules of a suite, in the namespace of its recordings if it has any.
async fn ward(plane: &Arc<ControlPlane>, suite: &str, first: &Case, recordings: &Path) -> Ward {
    let own: Vec<String> =
        first.rules.iter().map(|path: &PathBuf| std::fs::read_to_string(path).unwrap()).collect();
    let rules = if own.is_empty() { vec![rule(VOLCANO_JOB), rule(MXJOB)] } else { own };
    let namespace = match first.review["request"]["namespace"].as_str() {
        Some(namespace) if is_a_recording(first) => namespace.to_owned(),
        _ => suite.replace('/', "-"),
    };
    let ward =
        Ward::with_rules(plane, &namespace, &rules, &["--record", recordings.to_str().unwrap()])
            .await;
    let binding = json!({
        "metadata": {"name": "everybody"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
            "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group",
            "name": "system:authenticated"}],
    });
    plane
        .api()
        .create(&ward.collection(("rbac.authorization.k8s.io/v1", "rolebindings")), &binding)
        .await
        .object();
    asked(&ward, &Request::of(first)).await;
    ward
}

/// Waits until the API server asks the webhook about this kind.
async fn asked(ward: &Ward, request: &Request) {
    let api = ward.plane.api();
    let collection = ward.collection(request.resource());
    let probe = format!("{collection}/probe");
    let object = json!({"apiVersion": request.object["apiVersion"], "kind": request.object["kind"],
        "metadata": {"name": "probe", "labels": {"team": "red"}}});
    api.create(&collection, &object).await.object();
    eventually("the webhook is asked", async || {
        api.patch(
            &format!("{probe}?dryRun=All"),
            super::api::MERGE_PATCH,
            &json!({"metadata": {"annotations": {"a": "b"}}}),
        )
        .await;
        let (_, metrics) = ward.server.ops("/metrics").await.unwrap();
        metrics.contains("fieldward_reviews_total{")
    })
    .await;
    api.delete(&probe, &Value::Null).await.object();
}

async fn replay(ward: &Ward, recordings: &Path, case: &Case, expected: &Live) {
    let request = Request::of(case);
    let sent = request.send(ward).await;
    let answer = &sent.answer;
    let name = &case.name;
    match expected {
        Live::Asis => {
            as_recorded(case, answer);
            if is_a_recording(case) {
                taken::compare(recordings, case, &sent).await;
            }
        }
        Live::NotAsked(_) => assert!(answer.is_ok(), "{name}: {answer:?}"),
        Live::Refused { code, text, .. } => {
            assert_eq!(answer.code, *code, "{name}: {answer:?}");
            assert!(answer.message().contains(text), "{name}: {}", answer.message());
        }
        Live::OtherFields { one_of, .. } => {
            assert_eq!(answer.code, 403, "{name}: {answer:?}");
            assert!(
                one_of.iter().any(|fields| answer.fields() == *fields),
                "{name}: {:?}",
                answer.fields()
            );
        }
        Live::NeverSent(_) => {}
    }
}

/// Those are JSON; the YAML ones were written by hand and say no more than they need.
fn is_a_recording(case: &Case) -> bool {
    let suite = case.name.split('/').next();
    matches!(suite, Some("volcano-job" | "mxjob"))
        && root().join(format!("tests/cases/{}.json", case.name)).is_file()
}

fn as_recorded(case: &Case, answer: &Answer) {
    let name = &case.name;
    assert_eq!(answer.is_ok(), case.allowed, "{name}: {answer:?}");
    if case.allowed {
        // What a rule that only warns found reaches the client in its own words.
        let said: Vec<String> = answer.warnings.iter().map(|warning| unquoted(warning)).collect();
        assert_eq!(said, warnings(case), "{name}");
        return;
    }
    assert_eq!(u64::from(answer.code), case.code.unwrap_or(403), "{name}: {answer:?}");
    assert_eq!(answer.fields(), case.fields, "{name}");
    let (who, said) = answer
        .message()
        .split_once(" denied the request: ")
        .unwrap_or_else(|| panic!("{name}: {answer:?}"));
    assert!(
        who.starts_with("admission webhook \"") && who.ends_with(".fieldward.io\""),
        "{name}: {who}"
    );
    assert_eq!(Some(said), case.message.as_deref(), "{name}");
}

/// What the engine warns of in a case that it allows.
fn warnings(case: &Case) -> Vec<String> {
    let reply: Value =
        serde_json::from_slice(&admit(&case.rule_set(), &case.body()).into_body()).unwrap();
    let warnings: Vec<String> =
        serde_json::from_value(reply["response"]["warnings"].clone()).unwrap_or_default();
    if !warnings.is_empty() {
        assert!(
            case.fields.iter().all(|field| warnings
                .iter()
                .any(|warning| warning.starts_with(&format!("{field}: ")))),
            "{warnings:?}"
        );
    }
    warnings
}

/// The text of a `Warning` header (RFC 7234 5.5).
fn unquoted(header: &str) -> String {
    let quoted = header.strip_prefix("299 - \"").and_then(|rest| rest.strip_suffix('"'));
    quoted.unwrap_or_else(|| panic!("{header}")).replace("\\\"", "\"").replace("\\\\", "\\")
}

/// The API as the requester of a case.
fn requester(api: &Api, user: &Value) -> Api {
    let groups: Vec<&str> =
        user["groups"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    api.impersonating(user["username"].as_str().unwrap(), &groups)
}
