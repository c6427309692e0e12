//! The cost of evaluations, and conditions that exceed their budget.

use serde_json::{Value, json};

use super::{ask, entries, holds, reasons, review, rule, rules};
use crate::engine::admit::admit_with_budget;
use crate::engine::{admit, admit_if_cheap};

/// A budget that is soon spent.
const LITTLE: u64 = 20_000;

#[test]
fn what_cannot_be_decided_grants_nothing() {
    let table = [
        ("oldObject.missing.deep == 1", "no such key"),
        ("oldObject.metadata.labels['none'] == 'a'", "no such key"),
        ("!has(oldObject.spec.hold.until)", "no such key"),
        ("oldObject.spec", "not a bool: found map"),
        ("value", "not a bool: found int"),
        ("oldObject.spec.nothing", "not a bool: found null_type"),
        ("1 / (value - value) == 1", "division by zero"),
        ("1 % (value - value) == 1", "division by zero"),
        ("9223372036854775807 + value > 0", "integer overflow"),
        ("oldObject.spec.items[7] == 1", "index out of bounds"),
        ("oldObject.spec.image > 1", "type error"),
        ("oldObject.spec.image.x == 1", "type error"),
        ("size(value) == 1", "type error"),
        ("oldObject.spec.image.substring(99) == ''", "a function's argument is out of its range"),
        ("value.matches('a')", "type error"),
        ("[oldObject.?spec] == []", "type error"),
    ];
    for (when, reason) in table {
        assert_eq!(holds(when), Err(reason.to_owned()), "{when}");
    }
}

/// Lists, nested and grown in every way that the functions have.
#[test]
fn a_condition_that_exceeds_its_budget_grants_nothing() {
    let list: Vec<u32> = (0..500).collect();
    let object = |x: u64| {
        json!({"spec": {"x": x, "list": list, "text": "a".repeat(5_000),
        "map": list.iter().map(|n| (n.to_string(), *n)).collect::<std::collections::BTreeMap<_,
        _>>()}})
    };
    let doubled = |step: &str| format!("size({}{}) > 0", "[oldObject.spec.text]", step.repeat(40));
    let table = [
        "oldObject.spec.list.all(a, oldObject.spec.list.all(b, oldObject.spec.list.all(c, true)))"
            .to_owned(),
        "oldObject.spec.list.exists(a, oldObject.spec.list.exists(b, b < 0))".to_owned(),
        "oldObject.spec.list.all(a, oldObject.spec.list == object.spec.list)".to_owned(),
        "oldObject.spec.list.filter(a, a in object.spec.list).size() > 0".to_owned(),
        "oldObject.spec.list.map(a, oldObject.spec.list).size() > 0".to_owned(),
        "oldObject.spec.map.all(k, oldObject.spec.map.all(j, k == k))".to_owned(),
        "oldObject.spec.list.all(a, oldObject.spec.text.contains('ab') || true)".to_owned(),
        "oldObject.spec.list.all(a, oldObject.spec.text.matches('(a|aa)+$') || true)".to_owned(),
        "oldObject.spec.list.exists_one(a, oldObject.?spec.?list.hasValue() && false)".to_owned(),
        "oldObject.spec.list.all(a, optional.of(oldObject.spec).hasValue())".to_owned(),
        "oldObject.spec.list.all(a, {'k': oldObject.spec}.k == null || true)".to_owned(),
        "oldObject.spec.list.all(a, [oldObject.spec].size() == 1)".to_owned(),
        "oldObject.spec.list.all(a, oldObject.spec.text.split('').size() > 1)".to_owned(),
        "oldObject.spec.list.all(a, 1 / 0 == 1 || oldObject.spec.list.all(b, 1 / 0 == 1))"
            .to_owned(),
        doubled(".map(t, t + t)"),
        format!("size([bytes(oldObject.spec.text)]{}) > 0", ".map(t, t + t)".repeat(40)),
        "oldObject.spec.list.all(a, oldObject.spec.map[?oldObject.spec.text].hasValue() || true)"
            .to_owned(),
        "oldObject.spec.list.all(a, oldObject.spec.map[oldObject.spec.text] == 1 || true)"
            .to_owned(),
        doubled(".map(t, [t, t])"),
        doubled(".map(t, {'a': t, 'b': t})"),
    ];
    for when in table {
        let reply = admit_with_budget(
            LITTLE,
            &rule("spec.x", &when),
            review(&object(1), &object(2)).as_bytes(),
        );
        assert_eq!(reply.allowed(), Some(false), "{when}");
        assert_eq!(reasons(&reply), [("spec.x", "too much to evaluate", 1)], "{when}");
    }
}

#[test]
fn admit_has_a_budget() {
    // Each byte may meet thousands of states, so the text is never looked at.
    let object = |x: u64| json!({"spec": {"x": x, "text": "a".repeat(300_000)}});
    let reply = ask("spec.x", "oldObject.spec.text.matches('(a?){300}b')", &object(1), &object(2));
    assert_eq!(reasons(&reply), [("spec.x", "too much to evaluate", 1)]);
}

/// An object whose `spec.list` makes [`COSTLY`] cost about three quarters of [`LITTLE`].
fn costly(x: u64) -> Value {
    json!({"spec": {"a": x, "b": x, "c": x, "d": x, "e": x, "list": (0..30).collect::<Vec<u32>>()}})
}

const COSTLY: &str = "oldObject.spec.list.all(a, oldObject.spec.list.all(b, a + b >= 0))";

#[test]
fn all_conditions_of_a_review_have_one_budget() {
    /// The violations, and the entries whose conditions were too costly.
    fn ask(lists: &[Value]) -> (String, String) {
        let reply =
            admit_with_budget(LITTLE, &rules(lists), review(&costly(1), &costly(2)).as_bytes());
        let too_dear = reasons(&reply).into_iter().map(|failure| {
            assert_eq!((failure.1, failure.2), ("too much to evaluate", 1));
            failure.0
        });
        (reply.fields().join(" "), too_dear.collect::<Vec<_>>().join(" "))
    }
    let told = |violations: &str, too_dear: &str| (violations.to_owned(), too_dear.to_owned());
    let (other, cheap) = (format!("{COSTLY} && true"), "oldObject.spec.c == 1");
    // Alone it may spend everything, and what many entries ask is asked once.
    assert_eq!(ask(&[entries(&[("spec.a", COSTLY)])]), told("spec.b spec.c spec.d spec.e", ""));
    assert_eq!(
        ask(&[entries(
            &["spec.a", "spec.b", "spec.c", "spec.d", "spec.e"].map(|path| (path, COSTLY))
        )]),
        told("", "")
    );
    // Others take their share, and however costly they are, a cheap one has its own.
    let all = entries(&[("spec.a", COSTLY), ("spec.b", &other), ("spec.c", cheap)]);
    assert_eq!(ask(&[all]), told("spec.a spec.b spec.d spec.e", "spec.a spec.b"));
    // So do those of another rule.
    let (one, two) =
        (entries(&[("spec.a", COSTLY), ("spec.c", cheap)]), entries(&[("spec.b", &other)]));
    let (violations, too_dear) = ask(&[one, two]);
    assert_eq!((violations.matches("spec.c").count(), too_dear.as_str()), (1, "spec.a spec.b"));
    // What somebody else's entry asks takes nothing.
    let theirs = json!([{"path": "spec.a", "when": COSTLY}, {"path": "spec.b", "when": other,
        "by": {"users": ["bob"]}}]);
    assert_eq!(ask(&[theirs]), told("spec.b spec.c spec.d spec.e", ""));
}

#[test]
fn each_evaluation_costs_something() {
    let object = |value: u64| {
        json!({"data": (0..900).map(|n| (format!("k{n:04}"),
        json!(value))).collect::<serde_json::Map<_, _>>()})
    };
    let reply = admit_with_budget(
        2_000,
        &rule("data.*", "value != oldValue"),
        review(&object(1), &object(2)).as_bytes(),
    );
    let [(path, reason, times)] = reasons(&reply)[..] else {
        panic!("{:?}", reply.condition_failures)
    };
    assert_eq!((path, reason), ("data.*", "too much to evaluate"));
    assert!((600..900).contains(&times), "{times}");
    // Once two entries ask the same of the same value, it is evaluated once.
    let both = rules(&[
        entries(&[("data.*", "value != oldValue")]),
        entries(&[("data.*", "value != oldValue")]),
    ]);
    for (set, allowed) in [(rule("data.*", "value != oldValue"), true), (both, true)] {
        let reply = admit_with_budget(15 * 900, &set, review(&object(1), &object(2)).as_bytes());
        assert_eq!(reply.allowed(), Some(allowed), "{:?}", reply.condition_failures);
    }
}

#[test]
fn admit_at_once_gives_up_on_slow_conditions() {
    let at_once = |when: &str| {
        let (rules, review) = (rule("spec.x", when), review(&list(1), &list(2)));
        (admit_if_cheap(&rules, review.as_bytes()), admit(&rules, review.as_bytes()))
    };
    let (early, late) = at_once("oldObject.spec.list.all(a, a >= 0)");
    assert_eq!((early.as_ref(), late.allowed()), (Some(&late), Some(true)));
    let (early, late) = at_once("oldObject.spec.list.missing");
    assert_eq!(
        (early.as_ref(), late.allowed(), late.condition_failures.len()),
        (Some(&late), Some(false), 1)
    );
    let (early, late) =
        at_once("oldObject.spec.list.all(a, a < 100 || oldObject.spec.list.all(b, b >= 0))");
    assert_eq!((early, late.allowed()), (None, Some(true)));
}

/// An object with a list of some length.
fn list(x: u64) -> Value {
    json!({"spec": {"x": x, "list": (0..200).collect::<Vec<u32>>()}})
}

#[test]
fn a_pattern_that_backtracks_elsewhere_does_not_here() {
    let object = |x: u64| json!({"spec": {"x": x, "text": "a".repeat(50_000) + "!"}});
    let reply = ask("spec.x", "!oldObject.spec.text.matches('^(a+)+$')", &object(1), &object(2));
    assert_eq!((reply.allowed(), reply.condition_failures), (Some(true), Vec::new()));
}

#[test]
fn a_condition_about_the_value_is_asked_at_a_thousand_locations() {
    let object = |value: u64| {
        json!({"data": (0..1_500).map(|n| (format!("k{n:04}"),
        json!(value))).collect::<serde_json::Map<_, _>>()})
    };
    let reply = ask("data.*", "value > oldValue", &object(1), &object(2));
    assert_eq!(reply.allowed(), Some(false));
    assert_eq!(reply.rules()[0].violations, 500);
    assert_eq!(reply.fields()[0], "data.k1000");
    let failures: Vec<(&str, usize)> = reply
        .condition_failures
        .iter()
        .map(|failure| (failure.reason.as_str(), failure.times))
        .collect();
    assert_eq!(failures, [("too many evaluations: more than 1000 locations", 500)]);
    let reply = ask("data.*", "oldObject.data.k0000 == 1", &object(1), &object(2));
    assert_eq!((reply.allowed(), reply.condition_failures.len()), (Some(true), 0));
}

/// The least budget with which a condition can be decided.
fn price(when: &str) -> u64 {
    let object = |x: u64| {
        let text = "a".repeat(64);
        let map = json!({"a": 1, "b": text, &text: [1, 2]});
        json!({"spec": {"x": x, "list": [1, 2, 3, 4], "text": text, "map": map,
            "deep": {"er": [[1], {"a": 1}]}, "yes": true}})
    };
    let review = review(&object(1), &object(2));
    let rules = rule("spec.x", when);
    let is_enough = |budget: u64| {
        let reply = admit_with_budget(budget, &rules, review.as_bytes());
        assert!(
            reasons(&reply).iter().all(|reason| reason.1 == "too much to evaluate"),
            "{when}: {:?}",
            reasons(&reply)
        );
        reply.condition_failures.is_empty()
    };
    let (mut least, mut most) = (0, 10_000);
    assert!(is_enough(most), "{when}");
    while most - least > 1 {
        let middle = least.midpoint(most);
        if is_enough(middle) { most = middle } else { least = middle }
    }
    most
}

/// What is charged decides which conditions are too costly, so a charge that changes is seen.
#[test]
fn each_step_has_its_price() {
    let table = [
        // Literals, and reading a member: each of the two objects above it costs eight more.
        ("true", 6),
        ("oldObject.spec.yes", 27),
        ("1 == 1", 8),
        // What operators look at: one, a sixteenth of a text, each element, two more for each
        // member of a map.
        ("oldObject.spec.x == 1", 30),
        ("1 == oldObject.spec.x", 30),
        ("oldObject.spec.x == value || true", 34),
        ("oldObject.spec.text == 'a' || true", 36),
        ("bytes(oldObject.spec.text) == b'a' || true", 42),
        ("oldObject.spec.list == [] || true", 41),
        ("oldObject.spec.map == {} || true", 61),
        ("oldObject.spec.deep == {} || true", 63),
        ("!(oldObject.spec.yes && false)", 30),
        ("oldObject.spec.yes ? true : false", 30),
        // What is looked up by a key.
        ("oldObject.spec.map[oldObject.spec.text] == [1, 2]", 60),
        ("oldObject.spec.list[oldObject.spec.x] == 2", 40),
        ("oldObject.spec.?text.hasValue()", 41),
        ("oldObject.spec.map[?oldObject.spec.text].hasValue()", 59),
        ("optional.of(oldObject.spec.text).hasValue()", 41),
        ("optional.none().hasValue() || true", 11),
        // What is made.
        ("[oldObject.spec.text] == [] || true", 44),
        ("[?oldObject.spec.?text] == [] || true", 52),
        ("{'a': oldObject.spec.text} == {} || true", 47),
        ("{oldObject.spec.text: 1} == {} || true", 43),
        ("{?'a': oldObject.spec.?text} == {} || true", 55),
        ("oldObject.spec.text.split('a') == [] || true", 169),
        ("oldObject.spec.text.startsWith('a')", 34),
        ("size(oldObject.spec.text) == 64", 36),
        // Patterns, each of its own weight.
        ("oldObject.spec.text.matches('a')", 189),
        ("oldObject.spec.text.matches('[a-z]{60}')", 349),
        ("oldObject.spec.text.matches('a') && oldObject.spec.text.matches('aa')", 355),
        // Each turn of a loop: its element, and the nodes of its body.
        ("oldObject.spec.list.all(n, true)", 60),
        ("oldObject.spec.list.all(n, n > 0)", 74),
        ("oldObject.spec.list.exists(n, n == 4)", 75),
        ("oldObject.spec.list.exists_one(n, n == 4)", 91),
        ("oldObject.spec.list.map(n, n + 1).size() == 4", 91),
        ("oldObject.spec.list.map(n, n > 2, n + 1).size() == 2", 114),
        ("oldObject.spec.list.filter(n, n > 2).size() == 2", 102),
        ("oldObject.spec.map.all(k, k != '')", 95),
        ("oldObject.?spec.optMap(s, s.yes).orValue(false)", 358),
    ];
    let found = table.map(|(when, _)| (when, price(when)));
    assert_eq!(found, table);
}
