//! Fields of the API server, finalizers, and labels that a selector names.

use serde_json::{Map, Value, json};

use super::{ADMIN, COLLECTOR, expect, expect_for, judge, reported, rules};
use crate::engine::{Builtin, RuleFile, RuleSet};

#[test]
fn what_the_api_server_owns_is_no_change() {
    let old = json!({"metadata": {"name": "w", "uid": "1", "resourceVersion": "1", "generation": 1,
        "managedFields": [1]}});
    let new = json!({"metadata": {"name": "w", "creationTimestamp": "x", "managedFields": [2],
        "selfLink": "s", "deletionTimestamp": "x"}});
    expect("mutable: []", old.clone(), new, &[]);
    expect("mutable: []", old, json!({"metadata": {"name": "v"}}), &["metadata.name Modify"]);
    expect("mutable: []", json!({"spec": {"uid": 1}}), json!({"spec": {}}), &["spec.uid Clear"]);
}

#[test]
fn finalizers_go_while_the_object_is_being_deleted() {
    let with = |finalizers: Value| {
        json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z",
        "finalizers": finalizers}, "spec": 1})
    };
    let none = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "spec": 1});
    expect("mutable: []", with(json!(["a", "b", "c"])), with(json!(["a", "c"])), &[]);
    expect("mutable: []", with(json!(["a"])), none.clone(), &[]);
    expect(
        "mutable: []",
        with(json!(["a", "b"])),
        with(json!(["b", "a"])),
        &["metadata.finalizers[0] Modify", "metadata.finalizers[1] Modify"],
    );
    expect(
        "mutable: []",
        with(json!(["a"])),
        with(json!(["a", "b"])),
        &["metadata.finalizers[1] AddItem"],
    );
    for other in [json!({}), json!("b"), json!(null)] {
        expect("mutable: []", with(json!(["a"])), with(other), &["metadata.finalizers Modify"]);
    }
    expect(
        "mutable: []",
        with(json!(["a"])),
        json!({"metadata": {"deletionTimestamp": "x"}, "spec": 2}),
        &["spec Modify"],
    );
    expect(
        "mutable: []",
        json!({"metadata": {"finalizers": ["a"]}}),
        json!({"metadata": {}}),
        &["metadata.finalizers Clear"],
    );
    let owners = json!({"metadata": {"finalizers": ["orphan"], "ownerReferences": [{"uid": 1}]}});
    expect_for(COLLECTOR, "mutable: []", &owners, &json!({"metadata": {}}), &[]);
    expect_for(
        ADMIN,
        "mutable: []",
        &owners,
        &json!({"metadata": {}}),
        &["metadata.finalizers Clear", "metadata.ownerReferences Clear"],
    );
}

#[test]
fn an_empty_value_takes_the_place_of_one_that_somebody_wrote() {
    let written = json!([{"manager": "m", "fieldsV1": {"f:spec": {"f:a": {}}}}]);
    for (value, is_empty) in [
        (json!(null), true),
        (json!(false), true),
        (json!(true), false),
        (json!(0.0), true),
        (json!(0.5), false),
        (json!(""), true),
        (json!("y"), false),
        (json!([]), true),
        (json!([0]), false),
        (json!({}), true),
        (json!({"b": 0}), false),
    ] {
        let reply = judge(
            &rules("mutable: []"),
            ADMIN,
            &json!({"metadata": {"managedFields": written}, "spec": {"a": "x"}}),
            &json!({"spec": {"a": value}}),
        );
        let names_the_writer = reply.message().contains("last written by field manager m");
        assert_eq!(names_the_writer, is_empty, "{}", reply.message());
    }
}

#[test]
fn a_label_that_selects_the_object_is_protected() {
    let spec = "mutable: [metadata]";
    let selecting = |rules: &str| {
        let text = format!(
            "apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata: {{name: \
             widget}}\nspec:\n  matchConstraints:\n    resourceRules: \
             [{{apiGroups: [example.com], apiVersions: [v1], resources: \
             [widgets]}}]\n    objectSelector: {{matchLabels: {{guard: 'on'}}, \
             matchExpressions: [{{key: tier, operator: Exists}}]}}\n  {rules}"
        );
        RuleSet::load(Builtin::Excluded, &[RuleFile { origin: "x".to_owned(), text }])
            .expect("the rule is right")
    };
    let labels = |labels: Value| json!({"metadata": {"labels": labels}});
    let table = [
        (
            labels(json!({"guard": "on", "a": "1"})),
            labels(json!({"guard": "on", "a": "2"})),
            vec![],
        ),
        (
            labels(json!({"guard": "on"})),
            labels(json!({"guard": "off", "z": "1"})),
            vec!["metadata.labels.guard Modify"],
        ),
        (
            labels(json!({"guard": "on"})),
            json!({"metadata": {}}),
            vec!["metadata.labels.guard Clear"],
        ),
        (
            json!({}),
            labels(json!({"tier": "x", "guard": "on"})),
            vec!["metadata.labels.guard Set", "metadata.labels.tier Set"],
        ),
        (labels(json!({"guard": "on"})), labels(json!(null)), vec!["metadata.labels.guard Clear"]),
        (
            json!({"metadata": {"labels": {"guard": "on"}},
                "spec": {"metadata": {"labels": {"guard": "on"}}}}),
            json!({"metadata": {"labels": {"guard": "off"}},
                "spec": {"metadata": {"labels": {"guard": "off"}}}}),
            vec!["metadata.labels.guard Modify", "spec.metadata.labels.guard Modify"],
        ),
    ];
    for (old, new, fields) in table {
        assert_eq!(reported(&judge(&selecting(spec), ADMIN, &old, &new)), fields, "{old} {new}");
    }
    // A report does not list so many permitted changes.
    let many = |value: u32, guard: &str| {
        let annotations: Map<_, _> = (0..300).map(|n| (format!("a{n}"), json!(value))).collect();
        json!({"metadata": {"annotations": annotations, "labels": {"guard": guard}}})
    };
    let reply = judge(&selecting(spec), ADMIN, &many(1, "on"), &many(2, "off"));
    assert_eq!(reported(&reply), ["metadata.labels.guard Modify"]);
    let reply = judge(
        &selecting("mutable: []"),
        ADMIN,
        &labels(json!({"guard": "on"})),
        &labels(json!({})),
    );
    assert_eq!(reported(&reply), ["metadata.labels.guard Clear"]);
    // No message sends the user to somebody who may not change the label either.
    let reply = judge(
        &selecting("mutable: [{path: metadata, by: {groups: [operators]}}]"),
        ADMIN,
        &labels(json!({"guard": "on"})),
        &labels(json!({"guard": "off"})),
    );
    assert_eq!(reported(&reply), ["metadata.labels.guard Modify"]);
    assert!(!reply.message().contains("operators"), "{}", reply.message());
    // Two values that the rule declares equal are no change, here as everywhere.
    let quantity = "mutable: []\n  equality: [{path: metadata.labels.guard, as: Quantity}]";
    let (old, new) = (labels(json!({"guard": "1000m"})), labels(json!({"guard": "1"})));
    assert_eq!(reported(&judge(&selecting(quantity), ADMIN, &old, &new)), [""; 0]);
}
