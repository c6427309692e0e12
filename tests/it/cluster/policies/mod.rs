//! Rules as Kubernetes' own policies: the API server takes them, and they say the same as the
//! webhook.

mod accepted;
mod compared;
mod costs;
mod edits;
mod scene;
mod tally;

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use libtest_mimic::Trial;
use serde_json::Value;

use compared::Part;

use super::control_plane::ControlPlane;
use super::{LONGEST, shared, shared_with_controllers};
use crate::support::server::fieldward;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        shared("policies::say_the_same_as_the_webhook", |plane| {
            compared::say_the_same_as_the_webhook(plane, Part::BuiltInAndCci)
        }),
        shared("policies::say_the_same_as_the_webhook_in_the_other_packs", |plane| {
            compared::say_the_same_as_the_webhook(plane, Part::Others)
        }),
        shared("policies::cost_less_than_the_budget", costs::cost_less_than_the_budget),
        shared(
            "policies::are_taken_as_deep_as_they_are_printed",
            accepted::are_taken_as_deep_as_they_are_printed,
        ),
        shared_with_controllers(
            "policies::are_taken_without_a_warning",
            accepted::are_taken_without_a_warning,
        ),
    ]
}

/// Asks until the answer is yes. The API server compiles policies one after another, those of all
/// trials, which may take longer than anything else that is waited for; the limit is the trial's.
async fn at_last<F: Future<Output = bool>>(mut ask: impl FnMut() -> F) {
    while !ask().await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Applies policies, each again while the API server has no time to compile it within a request. It
/// compiles those of all trials, so this may take most of a trial's time.
async fn take(plane: &ControlPlane, policies: &str) {
    // One trial at a time: API servers that compile at once take longer than a request may.
    static COMPILING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _compiling = COMPILING.lock().await;
    let mut last = String::new();
    let taken = tokio::time::timeout(LONGEST * 3 / 4, async {
        // One by one: kubectl patches a policy that is there already, and the API server compiles
        // it anew.
        for policy in policies.split("\n---\n") {
            loop {
                let applied = plane.kubectl().run_with(&["apply", "-f", "-"], policy);
                if applied.code == 0 {
                    break;
                }
                last = applied.err;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    })
    .await;
    assert!(taken.is_ok(), "{last}");
}

/// Rules of deploy/rules that do not fit into a policy: a RayJob has three pod templates.
const TOO_LARGE: [&str; 1] = ["ray/rayjob"];

/// What `fieldward export --all` prints for the rules of a file or a folder.
fn exported(rules: &Path, form: &str) -> String {
    let arguments = ["export", "--all", "--no-builtin-rules", "-o", form, "--rules"];
    let output = fieldward().args(arguments).arg(rules).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The lengths of a policy's variables, all together and the longest.
fn lengths(policy: &Value) -> (usize, usize) {
    let variables = policy["spec"]["variables"].as_array().unwrap();
    let lengths = || {
        variables.iter().map(|variable| variable["expression"].as_str().unwrap().chars().count())
    };
    (lengths().sum(), lengths().max().unwrap())
}

/// The policies among the objects of a List.
fn policies(list: &str) -> Vec<Value> {
    let list: Value = serde_json::from_str(list).unwrap();
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["kind"] == "ValidatingAdmissionPolicy")
        .cloned()
        .collect()
}

const POLICIES: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
const BINDINGS: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";
