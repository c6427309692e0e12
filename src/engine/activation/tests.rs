//! Conditions: their language and their cost.

mod budget;
mod language;

use serde_json::{Value, json};

use crate::engine::{Builtin, Reply, RuleFile, RuleSet, admit};

fn rule(path: &str, when: &str) -> RuleSet {
    rules(&[entries(&[(path, when)])])
}

fn entries(entries: &[(&str, &str)]) -> Value {
    entries.iter().map(|(path, when)| json!({"path": path, "when": when})).collect()
}

/// A rule of each list of entries.
fn rules(lists: &[Value]) -> RuleSet {
    let document = |(number, entries): (usize, &Value)| {
        let text = format!(
            "apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata: {{name: \
             widget-{number}}}\nspec:\n  matchConstraints:\n    resourceRules: \
             [{{apiGroups: [example.com], apiVersions: [v1], resources: [widgets]}}]\n  mutable: \
             {entries}\n"
        );
        RuleFile { origin: format!("widget-{number}.yaml"), text }
    };
    match RuleSet::load(
        Builtin::Excluded,
        &lists.iter().enumerate().map(document).collect::<Vec<_>>(),
    ) {
        Ok(rules) => rules,
        Err(errors) => panic!("{errors}"),
    }
}

fn ask(path: &str, when: &str, old: &Value, new: &Value) -> Reply {
    admit(&rule(path, when), review(old, new).as_bytes())
}

fn review(old: &Value, new: &Value) -> String {
    let request = json!({
        "uid": "u-1", "operation": "UPDATE", "name": "w", "namespace": "n",
        "userInfo": {"username": "alice", "uid": "7", "groups": ["ops", "staff"],
            "extra": {"scopes": ["a"]}},
        "kind": {"group": "example.com", "version": "v1", "kind": "Widget"}, "dryRun": false,
        "resource": {"group": "example.com", "version": "v1", "resource": "widgets"},
        "object": new, "oldObject": old,
    });
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
        .to_string()
}

fn reasons(reply: &Reply) -> Vec<(&str, &str, usize)> {
    reply
        .condition_failures
        .iter()
        .map(|failure| (failure.path.as_str(), failure.reason.as_str(), failure.times))
        .collect()
}

/// What a condition makes of a change of `spec.x`.
fn holds(when: &str) -> Result<bool, String> {
    let object = |x: u64| {
        json!({
            "metadata": {"name": "w", "labels": {"app": "a", "example.com/tier": "gold"}},
            "spec": {"x": x, "suspend": true, "replicas": 3, "big": 18_446_744_073_709_551_615_u64,
                "ratio": 0.5,
                     "items": [{"name": "a", "n": 1}, {"name": "b", "n": 2}],
                     "image": "registry/a:v1", "empty": {}, "nothing": null}
        })
    };
    let reply = ask("spec.x", when, &object(1), &object(2));
    match reply.condition_failures.as_slice() {
        [] => Ok(reply.allowed() == Some(true)),
        [failure] => {
            assert_eq!(reply.allowed(), Some(false), "{when}");
            Err(failure.reason.clone())
        }
        more => panic!("{more:?}"),
    }
}
