//! What the engine decides, sentence by sentence, as examples: rule, old, new, what is reported.

use serde_json::{Value, json};

use super::activation::{ActiveEntries, Conditions, Inputs};
use super::alignment::{Alignment, Coverage};
use super::condition::BUDGET;
use super::review::Review;
use super::verdict::diff;
use super::{
    Builtin, Change, Document, Reply, Rule, RuleSet, Shown, admit, admit_plainly, verdict,
};

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
    match RuleSet::load(Builtin::Left, &[Document { origin: "widget.yaml".to_owned(), text }]) {
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
    assert_eq!(reply, admit_plainly(rules, &body), "as serde_json prints it");
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

#[track_caller]
fn expect_for(user: &str, spec: &str, old: &Value, new: &Value, fields: &[&str]) {
    let reply = judge(&rules(spec), user, old, new);
    assert_eq!(reported(&reply), fields, "{spec}\n{old}\n{new}");
    assert_eq!(reply.allowed(), Some(fields.is_empty()), "{}", reply.message());
}

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
fn objects_on_the_way_appear_and_vanish() {
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
fn a_keyed_list_pairs_by_key_and_keeps_its_order() {
    let rule = "mutable: [\"t[*].r\", \"t[name='a'].s\"]\nequality: [{path: t, key: name}]";
    let list = |elements: Value| json!({"t": elements});
    let (a, b) = (json!({"name": "a", "r": 1, "s": 1}), json!({"name": "b", "r": 1, "s": 1}));
    expect(rule, list(json!([a, b])), list(json!([{"name": "a", "r": 2, "s": 2}, b])), &[]);
    expect(
        rule,
        list(json!([a, b])),
        list(json!([a, {"name": "b", "r": 2, "s": 2}])),
        &["t[name=b].s Modify"],
    );
    expect(rule, list(json!([a, b])), list(json!([b, a])), &["t Reorder"]);
    expect(rule, list(json!([a, b])), list(json!([b])), &["t[name=a] RemoveItem"]);
    expect(rule, list(json!([a])), list(json!([b, a])), &["t[name=b] AddItem"]);
    expect(rule, list(json!([a])), list(json!([a, a])), &["t Modify"]);
    expect(rule, list(json!([a])), list(json!([{"r": 1}])), &["t Modify"]);
    expect(
        rule,
        list(json!([a, a])),
        list(json!([a, {"name": "a", "r": 2, "s": 2}])),
        &["t[1].s Modify"],
    );
    expect(rule, list(json!([{"name": 1, "r": 1}])), list(json!([{"name": 1, "r": 2}])), &[]);
    let modify = "mutable: [{path: t, allow: [Modify]}]\nequality: [{path: t, key: name}]";
    expect(modify, list(json!([a, b])), list(json!([b, a])), &[]);
    expect(modify, list(json!([a])), list(json!([a, a])), &["t Modify"]);
    let above = "mutable: [{path: x, allow: [Modify]}]\nequality: [{path: x.y.t, key: name}]";
    let below = |elements: Value| json!({"x": {"y": {"t": elements, "z": elements}}});
    expect(above, below(json!([a])), below(json!([b, a])), &[]);
    expect(above, below(json!([a])), below(json!([a, a])), &["x.y.t Modify"]);
    let bare_between =
        "mutable: [{path: x, allow: [Modify]}, x.y.z]\nequality: [{path: x.y.z.t, key: name}]";
    let deeper = |elements: Value| json!({"x": {"y": {"z": {"t": elements}}}});
    expect(bare_between, deeper(json!([a])), deeper(json!([a, a])), &[]);
    let bare = "mutable: [t]\nequality: [{path: t, key: name}]";
    expect(bare, list(json!([a])), list(json!([a, a])), &[]);
    let many: Vec<Value> = (0..12).map(|index| json!({"name": format!("n{index}")})).collect();
    let mut swapped = many.clone();
    swapped.swap(2, 11);
    expect(rule, list(json!(many)), list(json!(swapped)), &["t Reorder"]);
}

#[test]
fn a_list_by_position_changes_at_its_tail() {
    let rule = "mutable: [{path: l, allow: [AddItem, RemoveItem]}]";
    expect(rule, json!({"l": [1, 2]}), json!({"l": [1, 2, 3, 4]}), &[]);
    expect(rule, json!({"l": [1, 2, 3]}), json!({"l": [1]}), &[]);
    expect(rule, json!({"l": [1, 2]}), json!({"l": [2]}), &["l[0] Modify"]);
    expect(
        "mutable: []",
        json!({"l": [1, 2, 3]}),
        json!({"l": [1]}),
        &["l[1] RemoveItem", "l[2] RemoveItem"],
    );
    let long = |last: u8| {
        json!({"l": (0..12).map(|index|
        if index > 8 { last } else { 0 }).collect::<Vec<_>>()})
    };
    expect("mutable: []", long(0), long(1), &["l[9] Modify", "l[10] Modify", "l[11] Modify"]);
}

#[test]
fn a_set_has_neither_order_nor_repetition() {
    let rule = "mutable: [{path: s, allow: [AddItem]}]\nequality: [{path: s, as: Set}]";
    expect(rule, json!({"s": ["a", "b"]}), json!({"s": ["b", "a", "b", "c"]}), &[]);
    expect(rule, json!({"s": ["a", "b", "c"]}), json!({"s": ["c", "a"]}), &["s[1] RemoveItem"]);
    expect(rule, json!({"s": [{"x": 1, "y": [1]}]}), json!({"s": [{"y": [1.0], "x": 1}]}), &[]);
    expect(rule, json!({"s": [1]}), json!({"s": ["1"]}), &["s[0] RemoveItem"]);
    expect(
        "mutable: [\"s[*]\"]\nequality: [{path: s, as: Set}]",
        json!({"s": ["a"]}),
        json!({"s": ["b"]}),
        &[],
    );
}

#[test]
fn declared_equalities_hold() {
    let rule = "mutable: []\nequality: [{path: q.*, as: Quantity}, {path: d, as: Duration}, {path: \
                m, absentAs: {}}, {path: m.t, absentAs: null}, {path: n, absentAs: [1]}]";
    expect(
        rule,
        json!({"q": {"a": "1000m", "b": 2, "c": "x"}}),
        json!({"q": {"a": 1, "b": "2", "c": "x"}}),
        &[],
    );
    expect(
        rule,
        json!({"q": {"a": "1000m", "c": "1k"}}),
        json!({"q": {"a": "1001m", "c": "k1"}}),
        &["q.a Modify", "q.c Modify"],
    );
    expect(rule, json!({"d": "60s"}), json!({"d": "1m0s"}), &[]);
    expect(rule, json!({"d": "60s"}), json!({"d": "61s"}), &["d Modify"]);
    expect(rule, json!({"m": {"t": null}}), json!({}), &[]);
    expect(rule, json!({"m": {}}), json!({"m": {"t": null}}), &[]);
    expect(rule, json!({}), json!({"m": {"u": null}}), &["m Set"]);
    expect(rule, json!({"n": [1.0]}), json!({}), &[]);
    expect(rule, json!({"n": [1, 1]}), json!({}), &["n Clear"]);
}

#[test]
fn an_object_counts_as_left_out_if_it_equals_the_value_that_does() {
    let rule = "mutable: []\nequality: [{path: t, absentAs: {a: 1}}, {path: t.b, absentAs: x}, \
                {path: s, absentAs: {}}, {path: s.u, absentAs: 0}, {path: r, absentAs: {l: [1, \
                2]}}, {path: r.l, as: Set}]";
    for (one, two, field) in [
        (json!({}), json!({"t": {"a": 1}}), None),
        (json!({}), json!({"t": {"a": 1.0, "b": "x"}}), None),
        (json!({}), json!({"t": {"a": 1, "b": "y"}}), Some("t")),
        (json!({}), json!({"t": {"a": 2}}), Some("t")),
        (json!({}), json!({"t": {}}), Some("t")),
        (json!({}), json!({"t": []}), Some("t")),
        (json!({}), json!({"t": 1}), Some("t")),
        (json!({}), json!({"r": {"l": [2, 1.0, 1]}}), None),
        (json!({}), json!({"r": {"l": [2]}}), Some("r")),
        (json!({}), json!({"s": {"u": 0}}), None),
        (json!({}), json!({"s": {"u": 1}}), Some("s")),
        (json!({}), json!({"s": []}), Some("s")),
        (json!({}), json!({"s": 0}), Some("s")),
    ] {
        expect(
            rule,
            one.clone(),
            two.clone(),
            &field
                .map(|field| format!("{field} Set"))
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
        );
        expect(
            rule,
            two,
            one,
            &field
                .map(|field| format!("{field} Clear"))
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
        );
    }
}

#[test]
fn an_entry_about_values_leads_on_the_way_where_it_holds_below() {
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
        expect(
            rule,
            json!({}),
            new.clone(),
            &field
                .map(|field| format!("{field} Set"))
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
        );
    }
}

#[test]
fn of_a_value_as_much_is_shown_as_has_room() {
    let shown = |value: Value| {
        let reply = judge(&rules("mutable: []"), ADMIN, &json!({}), &json!({"b": value}));
        match reply.judgement().unwrap().changes.as_slice() {
            [Change { new: Some(Shown::Value(value)), .. }] => value.to_string(),
            others => panic!("{others:?}"),
        }
    };
    // Sixteen levels, and scalars at the end of them.
    let nested = |open: &str, close: &str, levels: usize, end: &str| {
        format!("{}{end}{}", open.repeat(levels), close.repeat(levels))
    };
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let value = |levels: usize, end: &str| {
            serde_json::from_str::<Value>(&nested(open, close, levels, end)).unwrap()
        };
        assert_eq!(shown(value(16, "1")), nested(open, close, 16, "1"));
        assert_eq!(shown(value(16, "{}")), nested(open, close, 16, r#""…""#));
        assert_eq!(shown(value(16, "[]")), nested(open, close, 16, r#""…""#));
        assert_eq!(shown(value(20, "1")), nested(open, close, 16, r#""…""#));
    }
    // About a kilobyte: the lists of lists that come after it are counted, not shown.
    let long = shown(json!([["a".repeat(2_000), "b", {"c": 1}], {"d": 1}, 1]));
    assert!(
        long.starts_with(r#"[["aaa"#) && long.ends_with(r#"a…","… 2 more"],"… 2 more"]"#),
        "{long}"
    );
    assert!((1_000..1_100).contains(&long.chars().count()), "{}", long.chars().count());
    let keys = shown(json!({"a".repeat(2_000): {"c": 1}, "b": 1}));
    assert!(keys.ends_with(r#"…":"…","…":"1 more"}"#), "{keys}");
}

#[test]
fn what_is_permitted_is_told_by_its_kind_too() {
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
fn of_several_declarations_the_first_counts() {
    let quantity_first =
        "mutable: []\nequality: [{path: x.a, as: Quantity}, {path: x.*, as: Duration}]";
    expect(
        quantity_first,
        json!({"x": {"a": "1000m", "b": "60s"}}),
        json!({"x": {"a": "1", "b": "1m"}}),
        &[],
    );
    let duration_first =
        "mutable: []\nequality: [{path: x.*, as: Duration}, {path: x.a, as: Quantity}]";
    expect(duration_first, json!({"x": {"a": "1000m"}}), json!({"x": {"a": "1"}}), &["x.a Modify"]);
}

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
        RuleSet::load(Builtin::Left, &[Document { origin: "x".to_owned(), text }])
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

#[test]
fn secrets_are_never_shown() {
    let rule = "mutable: [spec.x]\nequality: [{path: spec.users, key: name}]\nsensitive: \
                [spec.token, \"spec.users[*].password\", \
                spec.deep.secret, \"spec.users[name='root'].note\"]";
    let old = json!({"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hunter2"}},
        "spec": {"token": "hunter2", "users": [{"name": "root", "password": "hunter2",
            "note": "hunter2"}]}});
    let new = json!({"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hunter3"}},
        "spec": {"token": "hunter3", "users": [{"name": "root", "password": "hunter3",
            "note": "hunter3"}, {"name": "b", "password": "hunter4"}],
                 "deep": {"secret": {"k": "hunter5"}, "open": 1}}});
    let reply = judge(&rules(rule), ADMIN, &old, &new);
    assert_eq!(reported(&reply).len(), 6, "{:?}", reported(&reply));
    assert!(
        reply.message().contains("spec.token: changed (value not shown)"),
        "{}",
        reply.message()
    );
    assert!(
        reply.message().contains(r#"spec.deep: set to {"open":1,"secret":"(not shown)"}"#),
        "{}",
        reply.message()
    );
    assert!(
        !format!("{reply:?}{}", String::from_utf8_lossy(&reply.clone().into_body()))
            .contains("hunter")
    );

    let keys = "mutable: []\nequality: [{path: users, key: name}]\nsensitive: [\"users[*].name\"]";
    let (root, other) = (json!({"name": "hunter1", "x": 1}), json!({"name": "hunter2", "x": 1}));
    let reordered = judge(
        &rules(keys),
        ADMIN,
        &json!({"users": [root, other]}),
        &json!({"users": [other, root, {"name": "hunter3"}]}),
    );
    assert_eq!(reported(&reordered), ["users Reorder", "users[name=(not shown)] AddItem"]);
    assert!(
        !format!("{reordered:?}{}", String::from_utf8_lossy(&reordered.clone().into_body()))
            .contains("hunter")
    );

    let (old, new) = (
        json!({"data": {"k": "aHVudGVy"}}),
        json!({"data": {"k": "aHVudGVz", "l": "aHVu"}, "type": "aHVu"}),
    );
    let reply = admit(&rules("mutable: []"), &review(ADMIN, ("", "Secret"), &old, &new));
    assert_eq!(reported(&reply), ["data.k Modify", "data.l Set", "type Set"]);
    assert!(
        !format!("{reply:?}{}", String::from_utf8_lossy(&reply.clone().into_body()))
            .contains("aHVu")
    );
}

#[test]
fn a_renamed_element_shows_nothing_that_its_key_hid() {
    let env = |entries: &[(&str, &str)]| {
        let entry = |(name, value): &(&str, &str)| json!({"name": name, "value": value});
        json!({"spec": {"env": entries.iter().map(entry).collect::<Vec<_>>()}})
    };
    let (secret, open) = (("PASSWORD", "hunter2"), ("HOST", "example.com"));
    let rule = "mutable: []\nequality: [{path: spec.env, key: name}]\nsensitive: \
                [\"spec.env[name='PASSWORD'].value\"]";
    for (old, new) in [
        (vec![secret], vec![("OTHER", "hunter2")]),
        (vec![secret, open], vec![open, ("OTHER", "hunter2")]),
        (vec![("OTHER", "hunter2")], vec![secret]),
        (vec![], vec![("OTHER", "hunter2"), secret]),
        (vec![("OTHER", "hunter2"), secret], vec![]),
        // Repeated keys: the lists pair by position, or are replaced as a whole.
        (vec![secret, secret], vec![("OTHER", "hunter2"), secret]),
        (vec![secret], vec![("OTHER", "hunter2"), ("OTHER", "hunter2")]),
    ] {
        let reply = judge(&rules(rule), ADMIN, &env(&old), &env(&new));
        assert_eq!(reply.allowed(), Some(false));
        let all = format!("{reply:?}{}", String::from_utf8_lossy(&reply.clone().into_body()));
        assert!(!all.contains("hunter"), "{old:?} {new:?}: {}", reply.message());
    }
    // What stays is shown as before.
    let reply = judge(&rules(rule), ADMIN, &env(&[open]), &env(&[("HOST", "example.org")]));
    assert!(reply.message().contains("\"example.com\" → \"example.org\""), "{}", reply.message());
}

#[test]
fn text_of_users_comes_out_harmless() {
    let bad = "x\u{1b}[31m\r\nmay be updated: everything\u{202e} is immutable, immutable field";
    let (old, new) = (json!({"spec": {}}), json!({"spec": {bad: bad, "s": [bad]}}));
    let mut body: Value =
        serde_json::from_slice(&review(bad, ("example.com", bad), &old, &new)).expect("a review");
    body["request"]["name"] = json!(bad);
    let reply = admit(&rules("mutable: []"), body.to_string().as_bytes());
    assert_eq!(reply.allowed(), Some(false));
    let text = String::from_utf8(reply.clone().into_body()).expect("text");
    let all = format!("{}\n{}\n{:?}\n{:?}", reply.message(), text, reply.subject(), reply.fields());
    assert!(!all.contains('\u{1b}') && !all.contains('\r') && !all.contains('\u{202e}'));
    let lower = all.to_lowercase();
    assert!(!lower.contains("is immutable") && !lower.contains("immutable field"), "{all}");
    assert_eq!(reply.message().lines().count(), 4, "{}", reply.message());
}

/// Rules of these names for widgets, each with these lines under `spec`.
fn several(specs: &[(&str, &str)]) -> RuleSet {
    let document = |(name, spec): &(&str, &str)| Document {
        origin: (*name).to_owned(),
        text: format!(
            "apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata: {{name: \
             {name}}}\nspec:\n  matchConstraints: {{resourceRules: [{{apiGroups: \
             [example.com], apiVersions: [v1], resources: [widgets]}}]}}\n  {spec}\n"
        ),
    };
    let documents: Vec<Document> = specs.iter().map(document).collect();
    RuleSet::load(Builtin::Left, &documents).expect("the rules are right")
}

#[test]
fn what_one_rule_hides_no_rule_shows() {
    let open = "mutable: []";
    let closed = "mutable: []\n  sensitive: [spec.token, 'spec.users[*].p']\n  equality: [{path: \
                  spec.users, key: name}]";
    let spec = |secret: &str| {
        json!({"spec": {"token": secret, "users": [{"name": "a",
        "p": secret}], "map": {"p": secret}}})
    };
    for (first, second) in [(open, closed), (closed, open)] {
        let rules = several(&[("aaa", first), ("bbb", second)]);
        let alone = rules.only("aaa").expect("the rule");
        for rules in [rules, alone] {
            let reply = judge(&rules, ADMIN, &spec("hunter1"), &spec("hunter2"));
            let shown: Vec<&str> =
                reply.message().lines().filter(|line| line.contains("hunter")).collect();
            assert_eq!(shown, ["  spec.map.p: \"hunter1\" → \"hunter2\""], "{}", reply.message());
        }
    }
}

#[test]
fn several_rules_report_each_change_once_and_in_order() {
    let many = |value: u8| {
        json!({"spec": (0..2000).map(|index| (format!("f{index:04}"),
        json!(value))).collect::<serde_json::Map<_, _>>()})
    };
    let rules = several(&[
        ("aaa", "mutable: []"),
        ("bbb", "mutable: []"),
        ("ccc", "mutable: [spec.f0001]"),
    ]);
    let reply = judge(&rules, ADMIN, &many(1), &many(2));
    assert!(reply.message().starts_with("2000 changes outside"), "{}", reply.message());
    assert_eq!(reply.judgement().map(|judgement| judgement.violations), Some(2000));
    assert!(reply.fields().is_sorted() && reply.fields().len() == 256, "{:?}", reply.fields());
    let apart = several(&[("aaa", "mutable: [spec.b]"), ("bbb", "mutable: [spec.a]")]);
    let reply = judge(
        &apart,
        ADMIN,
        &json!({"spec": {"a": 1, "b": 1}}),
        &json!({"spec": {"a": 2, "b": 2}}),
    );
    assert_eq!(reported(&reply), ["spec.a Modify", "spec.b Modify"]);
}

#[test]
fn long_keys_keep_their_order_and_cost_little() {
    let key = |end: &str| format!("{}{end}", "a".repeat(200));
    let object = |value: u8| json!({"m": {key("b"): value, key("az"): value}});
    let reply = judge(&rules("mutable: []"), ADMIN, &object(1), &object(2));
    assert_eq!(
        reported(&reply),
        [format!("m.{} Modify", key("az")), format!("m.{} Modify", key("b"))]
    );
    let huge = format!("{} ", "k".repeat(2_000_000));
    let object = |value: u8| {
        json!({"spec": {&huge: (0..600).map(|index| (format!("f{index}"),
        json!(value))).collect::<serde_json::Map<_, _>>()}})
    };
    let reply = judge(&rules("mutable: []"), ADMIN, &object(1), &object(2));
    assert!(
        reply.fields().iter().all(|field| field.len() <= 1024) && reply.message().len() <= 4096
    );
    let wide = json!({"spec": {"\u{1f600}".repeat(2000): 1}});
    let reply = judge(&rules("mutable: []"), ADMIN, &json!({"spec": {}}), &wide);
    let body: Value = serde_json::from_slice(&reply.into_body()).expect("json");
    assert!(
        body["response"]["auditAnnotations"]["fields"]
            .as_str()
            .is_some_and(|fields| fields.starts_with("spec[")),
        "{body}"
    );
}

#[test]
fn an_error_repeats_nothing_of_the_body() {
    for body in [
        format!("\"{}\"", "s".repeat(1_000_000)),
        "s".repeat(1_000_000),
        format!("{{\"{}\"", "s".repeat(1_000_000)),
    ] {
        let reply = admit(&rules("mutable: []"), body.as_bytes());
        assert_eq!(reply.status(), 400);
        assert!(
            reply.message().len() < 300 && !reply.message().contains("sss"),
            "{}",
            reply.message()
        );
        assert!(reply.message().contains(" at line 1 column "), "{}", reply.message());
    }
}

#[test]
fn warnings_of_all_rules_stay_within_their_bounds() {
    let warn = "mutable: []\n  validationActions: [Warn]";
    let rules = several(&[("aaa", warn), ("bbb", warn), ("ccc", warn)]);
    let object = |value: u8| json!({"spec": (0..40).map(|index| ("é".repeat(200) + &index.to_string(), json!(value))).collect::<serde_json::Map<_, _>>()});
    let reply = judge(&rules, ADMIN, &object(1), &object(2));
    let body: Value = serde_json::from_slice(&reply.into_body()).expect("json");
    let warnings: Vec<&str> = body["response"]["warnings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    assert!(warnings.iter().all(|warning| warning.chars().count() <= 256));
    assert!(warnings.iter().map(|warning| warning.chars().count()).sum::<usize>() <= 4096);
    let listed = warnings.iter().filter(|warning| warning.starts_with("spec[")).count();
    assert_eq!(warnings.last().copied(), Some(format!("and {} more", 120 - listed).as_str()));
}

#[test]
fn a_service_account_is_told_by_its_whole_name() {
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
fn replies_stay_within_their_bounds() {
    let object = |value: &str| {
        json!({"spec": (0..2000).map(|index| (format!("field-{index}"),
        json!(value.repeat(50)))).collect::<serde_json::Map<_, _>>()})
    };
    let reply = judge(&rules("mutable: [metadata.labels]"), ADMIN, &object("é"), &object("ß"));
    let body: Value = serde_json::from_slice(&reply.clone().into_body()).expect("json");
    let status = &body["response"]["status"];
    assert!(
        reply.message().len() <= 4096
            && reply.message().ends_with("may be updated: metadata.labels"),
        "{}",
        reply.message()
    );
    assert!(reply.message().starts_with("2000 changes outside"));
    let listed = reply.message().matches("\n  spec.").count();
    assert!(
        reply.message().contains(&format!("and {} more", 2000 - listed)),
        "{}",
        reply.message()
    );
    assert_eq!(status["details"]["causes"].as_array().map(Vec::len), Some(256));
    let fields = body["response"]["auditAnnotations"]["fields"].as_str().unwrap_or_default();
    assert!(fields.len() <= 4096 && fields.ends_with(" more"), "{fields}");
}

#[test]
fn nesting_is_judged_up_to_the_api_servers_limit() {
    let nested = |levels: usize, leaf: &str| {
        format!("{{\"spec\":{}{leaf}{}}}", "{\"a\":".repeat(levels - 1), "}".repeat(levels - 1))
    };
    let body = |levels: usize| {
        let (old, new) = (nested(levels, "1"), nested(levels, "2"));
        let request = format!(
            r#"{{"uid":"u","operation":"UPDATE","kind":{{"group":"","version":"v1","kind":"Widget"}},"resource":{{"group":"example.com","version":"v1","resource":"widgets"}},"oldObject":{old},"object":{new}}}"#
        );
        format!(
            r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{request}}}"#
        )
    };
    let rules = rules("mutable: [spec.b]");
    let on_a_worker = |levels: usize| {
        let (rules, body) = (rules.clone(), body(levels));
        let worker = std::thread::Builder::new()
            .stack_size(2 << 20)
            .spawn(move || admit(&rules, body.as_bytes()))
            .expect("a thread");
        worker.join().expect("no overflow")
    };
    for levels in [64, 65, 9_000, 10_000] {
        let reply = on_a_worker(levels);
        assert_eq!(
            (reply.allowed(), reply.fields().len()),
            (Some(false), 1),
            "{levels} {}",
            reply.message()
        );
        assert_eq!(reply.error_code(), None, "{levels}");
    }
    for levels in [10_001, 20_000, 1_000_000] {
        let reply = on_a_worker(levels);
        assert_eq!((reply.allowed(), reply.error_code()), (Some(false), Some(400)), "{levels}");
        assert_eq!(
            reply.message(),
            "the update cannot be judged: expected at most 10000 levels of nesting in `oldObject`, \
             found more"
        );
    }
}

#[test]
fn both_extents_of_the_canonical_form_tell_the_same() {
    let set = rules(
        "mutable: [\"t[*].r\", l, spec.a.b]\nequality: [{path: t, key: name}, {path: s, as: Set}, \
         {path: q, as: Quantity}]",
    );
    let rule: &Rule = set.get("widget").expect("the rule");
    let old = json!({"t": [{"name": "a", "r": 1, "k": {"x": [1, {}]}}, {"name": "b"},
        {"name": "c"}], "l": [1, 2], "s": [1, "a"], "q": "1", "spec": {"a": {"b": 1, "c": {}}}});
    let new = json!({"t": [{"name": "c"}, {"name": "a", "r": 2, "k": {"x": [1, []]}}],
        "l": {"0": 1}, "s": ["a", 2, 1], "q": 1, "spec": {"d": null}});
    let body = review(ADMIN, ("example.com", "Widget"), &old, &new);
    let review = Review::parse(&body).expect("a review");
    let told = review.with_objects(|old, new| {
        let inputs = Inputs::new(&review, old, new);
        let conditions = Conditions::of(&[rule], &inputs, BUDGET);
        let active_entries = ActiveEntries::of(rule, &conditions);
        let tell = |coverage: Coverage| {
            let alignment = Alignment::of(rule, &active_entries, old, new, coverage);
            let (old, new) = alignment.forms(0..alignment.len());
            let mut patched = old.clone();
            json_patch::patch(&mut patched, &json_patch::diff(&old, &new)).expect("it applies");
            assert_eq!(patched, new);
            assert!(!diff::changed(&old, &new).expect("locations").is_empty());
            let findings = verdict::judge(rule, &active_entries, &alignment).expect("a verdict");
            let told = findings.iter().map(|finding| {
                (format!("{:?}", alignment.segments(finding.at)), finding.kind, finding.standing)
            });
            (alignment.len(), told.collect::<Vec<_>>())
        };
        Ok((tell(Coverage::Differing), tell(Coverage::Everything)))
    });
    let (differing, everything) = told.expect("objects");
    assert_eq!(differing.1, everything.1);
    // One left out is one that need not be kept in memory.
    assert_eq!((differing.0, everything.0), (16, 23));
}
