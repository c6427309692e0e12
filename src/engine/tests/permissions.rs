//! The changes that entries permit.

use serde_json::{Value, json};

use super::{ADMIN, expect, expect_for, expect_one, judge, reported, review, rules};
use crate::engine::{Builtin, RuleFile, RuleSet, admit};

#[test]
fn a_field_that_no_entry_names_may_not_change() {
    let rule = "mutable: [spec.a]";
    expect(rule, json!({"spec": {"a": 1, "b": 1}}), json!({"spec": {"a": 2, "b": 1}}), &[]);
    expect(
        rule,
        json!({"spec": {"a": 1, "b": 1}}),
        json!({"spec": {"a": 2, "b": 2}}),
        &["spec.b Modify"],
    );
    expect(rule, json!({"spec": {}}), json!({"spec": {"a": {"x": [1]}, "b": {}}}), &["spec.b Set"]);
    expect(rule, json!({"spec": {"b": null}}), json!({"spec": {}}), &["spec.b Clear"]);
    expect("mutable: []", json!({"spec": {"b": 1}}), json!({"spec": {"b": 1.0}}), &[]);
}

#[test]
fn the_four_empty_things_differ() {
    let values = [
        None,
        Some(json!(null)),
        Some(json!({})),
        Some(json!([])),
        Some(json!("")),
        Some(json!(0)),
        Some(json!(false)),
    ];
    let object = |value: &Option<Value>| {
        value.as_ref().map_or(json!({"spec": {}}), |value| json!({"spec": {"x": value}}))
    };
    for (index, old) in values.iter().enumerate() {
        for (other, new) in values.iter().enumerate() {
            let reply = judge(&rules("mutable: [spec.y]"), ADMIN, &object(old), &object(new));
            assert_eq!(reply.allowed(), Some(index == other), "{old:?} {new:?}");
        }
    }
    expect("mutable: []", json!({"x": ["a"]}), json!({"x": {"0": "a"}}), &["x Modify"]);
}

#[test]
fn keys_are_only_keys() {
    let odd = ["a/b", "~", "~1", "x.y", "[0]", "it's", "0", "-", "", "*"];
    for key in odd {
        let quoted = key.replace('\'', "''");
        let literal = if key.ends_with('*') { format!("{quoted}*") } else { quoted };
        let rule = format!("mutable: [\"data['{literal}']\"]");
        let reply =
            judge(&rules(&rule), ADMIN, &json!({"data": {key: 1}}), &json!({"data": {key: 2}}));
        assert_eq!(reply.allowed(), Some(true), "{key}");
        for other in odd.iter().filter(|other| **other != key) {
            let reply = judge(
                &rules(&rule),
                ADMIN,
                &json!({"data": {*other: 1}}),
                &json!({"data": {*other: 2}}),
            );
            assert_eq!(reply.allowed(), Some(false), "{key} {other}");
        }
    }
}

#[test]
fn a_narrowed_entry_permits_its_verbs_only() {
    let only = |verb: &str| format!("mutable: [{{path: spec.x, allow: [{verb}]}}]");
    let with = |value: Value| json!({"spec": {"x": value, "y": 1}});
    let without = json!({"spec": {"y": 1}});
    expect(&only("Set"), without.clone(), with(json!(1)), &[]);
    expect(&only("Set"), with(json!(1)), with(json!(2)), &["spec.x Modify"]);
    expect(&only("Set"), with(json!(1)), without.clone(), &["spec.x Clear"]);
    expect(&only("Modify"), with(json!(1)), with(json!({})), &[]);
    expect(&only("Modify"), without.clone(), with(json!(1)), &["spec.x Set"]);
    expect(&only("Clear"), with(json!({"k": 1})), without.clone(), &[]);
    expect(&only("AddItem"), without.clone(), with(json!([])), &[]);
    expect(&only("AddItem"), without.clone(), with(json!({})), &[]);
    expect(&only("AddItem"), without.clone(), with(json!(1)), &["spec.x Set"]);
    expect(&only("AddItem"), with(json!(["a"])), with(json!(["a", "b"])), &[]);
    expect(&only("AddItem"), with(json!(["a"])), with(json!(["b", "a"])), &["spec.x[0] Modify"]);
    expect(
        &only("AddItem"),
        with(json!({"k": 1})),
        with(json!({"k": 2, "l": 1})),
        &["spec.x.k Modify"],
    );
    expect(&only("RemoveItem"), with(json!({"k": 1})), without.clone(), &[]);
    expect(&only("RemoveItem"), with(json!(["a", "b"])), with(json!(["a"])), &[]);
    expect(&only("RemoveItem"), with(json!(1)), without, &["spec.x Clear"]);
    expect(
        &only("Modify"),
        with(json!({"k": {"l": 1}})),
        with(json!({"k": {"l": 2, "m": 3}})),
        &[],
    );
    expect(
        &only("Modify"),
        with(json!({"k": 1})),
        with(json!({"k": 1, "m": 3})),
        &["spec.x.m Set"],
    );
}

#[test]
fn verbs_of_several_entries_add_up() {
    let rule = "mutable: [{path: spec.x, allow: [Set]}, {path: spec.*, allow: [Clear]}, {path: \
                spec.x.k, allow: [Modify]}]";
    expect(rule, json!({"spec": {}}), json!({"spec": {"x": 1}}), &[]);
    expect(rule, json!({"spec": {"x": 1}}), json!({"spec": {}}), &[]);
    expect(
        rule,
        json!({"spec": {"x": {"k": 1, "l": 1}}}),
        json!({"spec": {"x": {"k": 2, "l": 2}}}),
        &["spec.x.l Modify"],
    );
    let values_not_keys = "mutable: [{path: data.*, allow: [Modify]}]";
    expect(
        values_not_keys,
        json!({"data": {"a": 1, "b": 1}}),
        json!({"data": {"a": 2, "c": 1}}),
        &["data.b Clear", "data.c Set"],
    );
    // All verbs together permit what an entry without verbs does.
    let (once, twice) = (json!({"l": [{"k": "a"}]}), json!({"l": [{"k": "a"}, {"k": "a"}]}));
    for (verbs, refused) in [("Set, Modify, Clear", None), ("Set, Modify", Some("l"))] {
        let rule = format!(
            "mutable: [{{path: l, allow: [{verbs}]}}, \
             {{path: l, allow: [AddItem, RemoveItem]}}]\nequality: [{{path: l, key: k}}]"
        );
        expect_one(&rule, once.clone(), twice.clone(), refused, "Modify");
    }
}

#[test]
fn an_entry_may_be_for_some_requesters() {
    let rule = "mutable: [{path: spec.x, by: {users: [bob], serviceAccounts: [ns/sa]}}, {path: \
                spec.y, by: {groups: [g]}}]";
    let (old, new) = (json!({"spec": {"x": 1, "y": 1}}), json!({"spec": {"x": 2, "y": 2}}));
    expect_for(ADMIN, rule, &old, &new, &["spec.x Modify"]);
    expect_for("bob", rule, &old, &new, &[]);
    expect_for("system:serviceaccount:ns:sa", rule, &old, &new, &[]);
    expect_for("system:serviceaccount:ns:other", rule, &old, &new, &["spec.x Modify"]);
    let message = judge(&rules(rule), ADMIN, &old, &new).message().to_owned();
    assert!(message.ends_with("may be updated: spec.y"), "{message}");
}

#[test]
fn intermediate_objects_appear_and_vanish() {
    let rule = "mutable: [spec.a.b.c, \"spec.m.*.x\", \"spec.l[*].x\", \"spec.p['q*'].x\"]";
    let empty = json!({"spec": {}});
    expect(rule, empty.clone(), json!({"spec": {"a": {"b": {"c": 1}}}}), &[]);
    expect(rule, json!({"spec": {"a": {"b": {"c": 1}}}}), empty.clone(), &[]);
    expect(rule, empty.clone(), json!({"spec": {"a": {"b": {}}}}), &[]);
    expect(
        rule,
        empty.clone(),
        json!({"spec": {"a": {"b": {"c": 1, "d": 1}}}}),
        &["spec.a.b.d Set"],
    );
    expect(rule, empty.clone(), json!({"spec": {"a": {"b": {"d": 1}}}}), &["spec.a Set"]);
    expect(rule, empty.clone(), json!({"spec": {"a": {"b": []}}}), &["spec.a Set"]);
    expect(rule, empty.clone(), json!({"spec": {"a": null}}), &["spec.a Set"]);
    expect(rule, empty.clone(), json!({"spec": {"m": {}}}), &[]);
    expect(rule, empty.clone(), json!({"spec": {"m": {"k": {"x": 1}}}}), &["spec.m Set"]);
    expect(
        rule,
        json!({"spec": {"m": {}}}),
        json!({"spec": {"m": {"k": {"x": 1}}}}),
        &["spec.m.k Set"],
    );
    expect(
        rule,
        json!({"spec": {"p": {}}}),
        json!({"spec": {"p": {"q1": {"x": 1}}}}),
        &["spec.p.q1 Set"],
    );
    expect(rule, empty.clone(), json!({"spec": {"l": []}}), &["spec.l Set"]);
    expect(
        rule,
        json!({"spec": {"l": []}}),
        json!({"spec": {"l": [{"x": 1}]}}),
        &["spec.l[0] AddItem"],
    );
    expect(rule, json!({"spec": {"l": [{}]}}), json!({"spec": {"l": [{"x": 1}]}}), &[]);
}

#[test]
fn a_condition_on_the_value_opens_intermediate_objects_where_it_holds_below() {
    let rule = "mutable: [{path: 'a.l[*].x', when: value == 1}, {path: b.c.x, when: value == 0}, \
                {path: b.c.y, when: value == 0}]\nequality: [{path: b.c.x, absentAs: 0}]";
    for (new, field) in [
        // A list is none that may appear.
        (json!({"a": {"l": [{"x": 1}]}}), Some("a")),
        (json!({"a": {"m": 1}}), Some("a")),
        // What counts as left out is not there.
        (json!({"b": {"c": {"x": 0}}}), Some("b")),
        (json!({"b": {"c": {"y": 1}}}), Some("b")),
        (json!({"b": {"c": {"y": 0}}}), None),
        (json!({"b": {"c": {"y": 0, "x": 0}}}), None),
    ] {
        expect_one(rule, json!({}), new, field, "Set");
    }
    // A value that counts as left out was sent all the same.
    let rule = "mutable: [{path: a.c, when: oldValue == 2 && value == 3}]\n\
                equality: [{path: a, absentAs: {b: 1, c: 2, d: 1}}]";
    let left_out = json!({"a": {"b": 1, "c": 2, "d": 1}});
    expect(rule, left_out.clone(), json!({"a": {"c": 3}}), &[]);
    expect(rule, left_out, json!({"a": {"c": 4}}), &["a Set"]);
    expect(rule, json!({}), json!({"a": {"c": 3}}), &["a Set"]);
}

/// Nothing below an intermediate object that no path reaches is looked at.
#[test]
fn a_deep_object_beside_an_entry_exhausts_no_stack() {
    let rule = rules("mutable: [{path: a.x, when: value == 1}]");
    let deep = format!("{}1{}", "{\"k\":".repeat(9_000), "}".repeat(9_000));
    let body = review(ADMIN, ("example.com", "Widget"), &json!({}), &json!({"a": "deep"}));
    let body = String::from_utf8(body).unwrap().replace("\"deep\"", &deep);
    assert_eq!(reported(&admit(&rule, body.as_bytes())), ["a Set"]);
}

#[test]
fn a_condition_sees_a_request_that_is_as_deep_as_the_api_server_writes_it() {
    let rules = rules("mutable: [{path: a, when: request.userInfo.username == 'admin'}]");
    let body = review(ADMIN, ("example.com", "Widget"), &json!({"a": 1}), &json!({"a": 2}));
    let body = String::from_utf8(body).unwrap();
    for (levels, is_seen) in [(127, true), (128, false)] {
        // The user information is one level above.
        let extra = format!("{}1{}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        let deep = body.replace("\"username\"", &format!("\"extra\":{extra},\"username\""));
        assert_ne!(deep, body);
        assert_eq!(admit(&rules, deep.as_bytes()).allowed(), Some(is_seen), "{levels}");
    }
}

#[test]
fn a_permitted_change_reports_its_kind_too() {
    let rules = rules("mutable: [spec]\nequality: [{path: spec.tasks, key: name}]");
    let task = |name: &str, size: u64| json!({"name": name, "size": size});
    let old = json!({"spec": {"a": 1, "b": 1, "tasks": [task("x", 1), task("y", 1)]}});
    let new = json!({"spec": {"a": 2, "c": {}, "tasks": [task("y", 2), task("x", 1)]}});
    let reply = judge(&rules, ADMIN, &old, &new);
    let told: Vec<String> = reply
        .judgement()
        .unwrap()
        .changes
        .iter()
        .map(|change| format!("{} {}", change.field, change.kind.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            "spec.a Modify",
            "spec.b Clear",
            "spec.c Set",
            "spec.tasks Reorder",
            "spec.tasks[name=y].size Modify"
        ]
    );
}

#[test]
fn a_cleared_field_that_a_default_fills_is_said_to_be_one() {
    let text = "apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata:\n  name: widget\n  \
                annotations: {fieldward.io/defaulted: \"l[*].x, t[name='a'].y, m.*\"}\nspec:\n  \
                matchConstraints: {resourceRules: [{apiGroups: [example.com], apiVersions: [v1], \
                resources: [widgets]}]}\n  mutable: []\n  equality: [{path: t, key: name}]\n";
    let file = RuleFile { origin: "widget.yaml".to_owned(), text: text.to_owned() };
    let rules = RuleSet::load(Builtin::Excluded, &[file]).expect("the rule is right");
    for (old, new, is_default) in [
        (json!({"l": [{"x": 1}]}), json!({"l": [{}]}), true),
        (json!({"l": [{"y": 1}]}), json!({"l": [{}]}), false),
        (json!({"l": {"a": {"x": 1}}}), json!({"l": {"a": {}}}), false),
        (json!({"t": [{"name": "a", "y": 1}]}), json!({"t": [{"name": "a"}]}), true),
        (json!({"t": [{"name": "b", "y": 1}]}), json!({"t": [{"name": "b"}]}), false),
        (json!({"m": {"k": 1}}), json!({"m": {}}), true),
        (json!({"m": {"k": {"l": 1}}}), json!({"m": {"k": {}}}), false),
        (json!({"m": {"k": 1}}), json!({"m": {"k": 2}}), false),
    ] {
        let reply = judge(&rules, ADMIN, &old, &new);
        let is_said = reply.message().contains("probably set by a default");
        assert_eq!(is_said, is_default, "{}", reply.message());
    }
}

#[test]
fn a_service_account_matches_by_its_full_name() {
    let rule = "mutable: [{path: spec.x, by: {serviceAccounts: [ns/sa]}}]";
    let (old, new) = (json!({"spec": {"x": 1}}), json!({"spec": {"x": 2}}));
    for user in [
        "system:serviceaccount:ns/sa",
        "system:serviceaccount:ns:sa:x",
        "ns/sa",
        "system:serviceaccount:ns",
    ] {
        expect_for(user, rule, &old, &new, &["spec.x Modify"]);
    }
}

#[test]
fn what_is_protected_by_another_key_than_the_list_has_is_protected_in_every_element() {
    let rule = "mutable: [spec]\nprotected: ['spec.*[name=x].v']\nequality: [{path: spec.b, key: \
                id}, {path: spec.*, key: name}]";
    let list = |v: u8, w: u8| json!({"spec": {"b": [{"id": "1", "name": "x", "v": v, "w": w}]}});
    expect(rule, list(1, 1), list(2, 2), &["spec.b[id='1'].v Modify"]);
}

#[test]
fn each_selector_protects_only_what_its_own_path_names() {
    let rule = "mutable: [spec]\nprotected: ['spec.b[name=x].v', 'spec.b[name=y].w']\nequality: \
                [{path: spec.b, key: name}]";
    let list = |v: u8, w: u8| json!({"spec": {"b": [{"name": "x", "v": v, "w": w}]}});
    expect(rule, list(1, 1), list(1, 2), &[]);
    expect(rule, list(1, 1), list(2, 2), &["spec.b[name=x].v Modify"]);
}
