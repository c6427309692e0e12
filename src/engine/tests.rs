//! What the engine decides, sentence by sentence, as examples: rule, old, new, what is reported.

mod bounds;
mod equality;
mod owned;
mod permissions;
mod secrecy;
mod types;

use serde_json::{Value, json};

use crate::engine::{Builtin, Reply, RuleFile, RuleSet, admit, admit_reference};

const ADMIN: &str = "admin";
const COLLECTOR: &str = "system:serviceaccount:kube-system:generic-garbage-collector";

/// A rule for widgets with these lines under `spec`.
fn rules(spec: &str) -> RuleSet {
    let indented: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    let text = format!(
        "apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata: {{name: \
         widget}}\nspec:\n  matchConstraints:\n    resourceRules: \
         [{{apiGroups: [example.com], apiVersions: [v1], resources: [widgets]}}]\n{indented}"
    );
    match RuleSet::load(Builtin::Excluded, &[RuleFile { origin: "widget.yaml".to_owned(), text }]) {
        Ok(rules) => rules,
        Err(errors) => panic!("{errors}"),
    }
}

fn review(user: &str, kind: (&str, &str), old: &Value, new: &Value) -> Vec<u8> {
    let request = json!({
        "uid": "u-1", "operation": "UPDATE", "name": "w", "namespace": "n",
        "userInfo": {"username": user, "groups": ["g"]},
        "kind": {"group": kind.0, "version": "v1", "kind": kind.1},
        "resource": {"group": "example.com", "version": "v1", "resource": "widgets"},
        "object": new, "oldObject": old,
    });
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
        .to_string()
        .into_bytes()
}

fn judge(rules: &RuleSet, user: &str, old: &Value, new: &Value) -> Reply {
    let body = review(user, ("example.com", "Widget"), old, new);
    let reply = admit(rules, &body);
    assert_eq!(reply, admit_reference(rules, &body), "as serde_json prints it");
    reply
}

/// Field and kind of every violation.
fn reported(reply: &Reply) -> Vec<String> {
    let changes = reply.judgement().map(|judgement| judgement.changes.clone()).unwrap_or_default();
    changes
        .iter()
        .filter(|change| change.violates)
        .map(|change| format!("{} {}", change.field, change.kind.as_str()))
        .collect()
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "the examples read better with values")]
fn expect(spec: &str, old: Value, new: Value, fields: &[&str]) {
    expect_for(ADMIN, spec, &old, &new, fields);
}

/// At most one field is refused, with that verb.
#[track_caller]
fn expect_one(spec: &str, old: Value, new: Value, field: Option<&str>, verb: &str) {
    let refused = field.map(|field| format!("{field} {verb}"));
    expect(spec, old, new, refused.as_deref().as_slice());
}

#[track_caller]
fn expect_for(user: &str, spec: &str, old: &Value, new: &Value, fields: &[&str]) {
    let reply = judge(&rules(spec), user, old, new);
    assert_eq!(reported(&reply), fields, "{spec}\n{old}\n{new}");
    assert_eq!(reply.allowed(), Some(fields.is_empty()), "{}", reply.message());
}

/// Rules of these names for widgets, each with these lines under `spec`.
fn several(specs: &[(&str, &str)]) -> RuleSet {
    let document = |(name, spec): &(&str, &str)| RuleFile {
        origin: (*name).to_owned(),
        text: format!(
            "apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata: {{name: \
             {name}}}\nspec:\n  matchConstraints: {{resourceRules: [{{apiGroups: \
             [example.com], apiVersions: [v1], resources: [widgets]}}]}}\n  {spec}\n"
        ),
    };
    let documents: Vec<RuleFile> = specs.iter().map(document).collect();
    RuleSet::load(Builtin::Excluded, &documents).expect("the rules are right")
}
