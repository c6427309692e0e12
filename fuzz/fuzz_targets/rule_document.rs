//! Any text as a rule document: it is refused with places in it, or it loads, says again what it
//! said, and judges.

#![no_main]

use fieldward::engine::{Builtin, Rule, RuleFile, RuleSet, admit};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match load(text) {
        Ok(set) => {
            for rule in set.rules() {
                let again = load(rule.text())
                    .unwrap_or_else(|errors| panic!("the rule's own text was refused: {errors}"));
                assert!(
                    again.rules().any(|other| other.name() == rule.name() && same(rule, other)),
                    "{}",
                    rule.text()
                );
                judges(&set, rule);
            }
        }
        Err(errors) => {
            let lines = u64::try_from(text.split(['\n', '\r']).count()).expect("few lines");
            assert!(errors.iter().next().is_some(), "refused without a reason");
            for error in errors.iter() {
                let (line, column) = error.place();
                assert!((1..=lines + 1).contains(&line) && column >= 1, "{error}");
                assert!(
                    !error.message().is_empty() && !error.message().chars().any(char::is_control),
                    "{error:?}"
                );
            }
        }
    }
});

fn load(text: &str) -> Result<RuleSet, fieldward::engine::RuleErrors> {
    RuleSet::load(Builtin::Excluded, &[RuleFile { origin: "rule.yaml".into(), text: text.into() }])
}

fn same(one: &Rule, two: &Rule) -> bool {
    let entries = |rule: &Rule| {
        rule.entries()
            .map(|entry| (entry.path.to_string(), entry.verbs, entry.by.clone()))
            .collect::<Vec<_>>()
    };
    entries(one) == entries(two)
        && one.actions() == two.actions()
        && one.reason() == two.reason()
        && one.resources() == two.resources()
}

/// Updates of an object of a kind that the rule names get a verdict; none that changes nothing is
/// refused.
fn judges(set: &RuleSet, rule: &Rule) {
    let Some(resource) = rule.resources().first() else { return };
    let first = |texts: &[String]| {
        texts.first().filter(|text| !text.contains('*')).cloned().unwrap_or_else(|| "things".into())
    };
    let (group, version) = (first(&resource.api_groups), first(&resource.api_versions));
    let (resource, subresource) = match first(&resource.resources).split_once('/') {
        Some((resource, subresource)) => (resource.to_owned(), subresource.to_owned()),
        None => (first(&resource.resources), String::new()),
    };
    let review = |old: &Value, new: &Value| {
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "u", "operation": "UPDATE", "kind": {"group": group, "version": version,
                "kind": "Thing"},
            "resource": {"group": group, "version": version, "resource": resource},
            "subResource": subresource,
            "userInfo": {"username": "somebody"}, "oldObject": old, "object": new}})
        .to_string()
    };
    let old = json!({"metadata": {"name": "thing", "labels": {"a": "b"}, "finalizers": ["x"]},
        "spec": {"a": [{"name": "x", "b": 1}], "c": {"d": "1Gi"}}});
    let mut new = old.clone();
    new["spec"]["a"][0]["b"] = json!(2);
    new["metadata"]["labels"]["e"] = json!("f");
    let reply = admit(set, review(&old, &old).as_bytes());
    assert_ne!((reply.status(), reply.allowed()), (200, Some(false)), "{}", reply.message());
    let reply = admit(set, review(&old, &new).as_bytes());
    assert_eq!(reply.allowed().is_none(), reply.status() != 200);
}
