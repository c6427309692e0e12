//! How values compare and how list elements pair.

use serde_json::{Value, json};

use super::{ADMIN, expect, expect_one, review, rules};
use crate::engine::activation::{ActiveEntries, Conditions, Inputs};
use crate::engine::alignment::{Alignment, Coverage, MAX_REPORTED};
use crate::engine::condition::BUDGET;
use crate::engine::review::Review;
use crate::engine::verdict::diff;
use crate::engine::{Rule, RuleSet, verdict};

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
    let other = json!({"name": "c", "r": 1, "s": 1});
    expect(rule, list(json!([a, b])), list(json!([other, other])), &["t Modify"]);
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
        expect_one(rule, one.clone(), two.clone(), field, "Set");
        expect_one(rule, two, one, field, "Clear");
    }
}

#[test]
fn the_first_of_several_declarations_counts() {
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
    let (name, id) = ("{path: x.t, key: name}", "{path: x.*, key: id}");
    let list =
        |a: &str| json!({"x": {"t": [{"name": "n", "id": "1", "a": a}, {"name": "m", "id": "2"}]}});
    for (first, second, key) in [(name, id, "name=n"), (id, name, "id='1'")] {
        let rule = format!("mutable: []\nequality: [{first}, {second}]");
        expect(&rule, list("1"), list("2"), &[&format!("x.t[{key}].a Modify")]);
    }
}

#[test]
fn leaving_out_equal_locations_changes_no_operation() {
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
        let conditions = Conditions::evaluate(&[rule], &inputs, BUDGET);
        let active_entries = ActiveEntries::decide(rule, &conditions);
        let tell = |coverage: Coverage| {
            let alignment = Alignment::align(rule, &active_entries, old, new, coverage);
            let (old, new) = alignment.canonical_forms(0..alignment.len());
            let mut patched = old.clone();
            json_patch::patch(&mut patched, &json_patch::diff(&old, &new)).expect("it applies");
            assert_eq!(patched, new);
            assert!(!diff::changed(&old, &new).expect("locations").is_empty());
            let is_in_both = |(at, form): (&String, &Value)| new.get(at) == Some(form);
            let is_any = old.as_object().is_some_and(|old| old.iter().any(is_in_both));
            assert_eq!(is_any, coverage == Coverage::Everything);
            let findings =
                verdict::judge(rule, &active_entries, &alignment, &|| false).expect("a verdict");
            let told = findings.iter().map(|finding| {
                (format!("{:?}", alignment.segments(finding.at())), finding.kind, finding.verdict)
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

/// What a bare entry permits takes no more memory than a report lists of it.
#[test]
fn few_of_many_permitted_changes_are_kept() {
    let rules = rules("  objectSelector: {matchLabels: {guard: 'on'}}\nmutable: [a]");
    let many = |name: &str, value: u8| {
        let fields = (0..1000).map(|index| (format!("f{index}"), json!(value)));
        json!({name: fields.collect::<serde_json::Map<_, _>>()})
    };
    // The root and the object with its members.
    assert_eq!(kept(&rules, &many("a", 1), &many("a", 2)), 2 + MAX_REPORTED);
    assert_eq!(kept(&rules, &many("b", 1), &many("b", 2)), 2 + 1000);
}

/// How many locations an alignment keeps.
fn kept(rules: &RuleSet, old: &Value, new: &Value) -> usize {
    let rule: &Rule = rules.get("widget").expect("the rule");
    let body = review(ADMIN, ("example.com", "Widget"), old, new);
    let review = Review::parse(&body).expect("a review");
    let kept = review.with_objects(|old, new| {
        let inputs = Inputs::new(&review, old, new);
        let conditions = Conditions::evaluate(&[rule], &inputs, BUDGET);
        let active_entries = ActiveEntries::decide(rule, &conditions);
        Ok(Alignment::align(rule, &active_entries, old, new, Coverage::Differing).len())
    });
    kept.expect("objects")
}

#[test]
fn the_order_that_a_key_ignores_is_ignored_in_a_value_too() {
    let rule = |order: &str| {
        format!(
            "mutable: []\nequality: [{{path: s, absentAs: {{l: [{{id: 1}}, {{id: 2}}]}}}}, {{path: \
             s.l, key: id{order}}}]"
        )
    };
    let turned = json!({"s": {"l": [{"id": 2}, {"id": 1}]}});
    expect(&rule(", order: ignore"), json!({}), turned.clone(), &[]);
    expect(&rule(""), json!({}), turned, &["s Set"]);
}

#[test]
fn a_member_of_a_key_may_be_left_out_if_it_has_its_default() {
    let port = |protocol: Value| json!({"l": [{"port": 80, "protocol": protocol, "x": 1}]});
    let rule = "mutable: []\nequality: [{path: l, key: [port, {name: protocol, default: TCP}]}, \
                {path: 'l[*].protocol', absentAs: TCP}]";
    let left_out = json!({"l": [{"port": 80, "x": 1}]});
    expect(rule, left_out.clone(), port(json!("TCP")), &[]);
    let fields = ["l[port=80,protocol=TCP] RemoveItem", "l[port=80,protocol=UDP] AddItem"];
    expect(rule, left_out, port(json!("UDP")), &fields);
}
