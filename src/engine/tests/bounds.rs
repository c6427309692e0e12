//! Limits on the size of reports and of reviews.

use serde_json::{Map, Value, json};

use super::{ADMIN, expect, judge, reported, review, rules, several};
use crate::engine::{Change, Reply, RuleSet, Shown, admit};

#[test]
fn a_long_value_is_shortened() {
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
    let (old, new) = (json!({"spec": {"a": 1, "b": 1}}), json!({"spec": {"a": 2, "b": 2}}));
    let apart = several(&[("aaa", "mutable: [spec.b]"), ("bbb", "mutable: [spec.a]")]);
    let reply = judge(&apart, ADMIN, &old, &new);
    assert_eq!(reported(&reply), ["spec.a Modify", "spec.b Modify"]);
    // A denial does not say what another rule only warns of.
    let warns = "mutable: [spec.a]\n  validationActions: [Warn]";
    let reply = judge(&several(&[("aaa", "mutable: [spec.b]"), ("bbb", warns)]), ADMIN, &old, &new);
    assert_eq!(
        reply.message().lines().collect::<Vec<_>>(),
        [
            "1 change outside the fields of a Widget that may be updated (rule aaa):",
            "  spec.a: 1 → 2",
            "may be updated: spec.b"
        ]
    );
}

/// A report lists only some of the changes that bare entries permit.
#[test]
fn many_permitted_changes_hide_no_other_change() {
    let many = |value: u8, others: Value| {
        let mut object: Map<_, _> =
            (0..300).map(|index| (format!("f{index}"), json!(value))).collect();
        object.extend(others.as_object().cloned().unwrap_or_default());
        Value::Object(object)
    };
    let (old, new) = (many(1, json!({})), many(2, json!({})));
    expect("mutable: [a]", json!({"a": old, "b": 1}), json!({"a": new, "b": 2}), &["b Modify"]);
    expect(
        "mutable: [{path: a, allow: [Modify]}]",
        json!({"a": old}),
        json!({"a": many(2, json!({"g": 1}))}),
        &["a.g Set"],
    );
    expect(
        "mutable: [a, b.c]",
        json!({"a": old}),
        json!({"a": new, "b": {"c": 1, "d": 1}}),
        &["b.d Set"],
    );
    // Nor do many violations hide a permitted change.
    let reply = judge(
        &rules("mutable: [b]"),
        ADMIN,
        &json!({"a": old, "b": 1}),
        &json!({"a": new, "b": 2}),
    );
    let changes = &reply.judgement().unwrap().changes;
    assert!(changes.iter().any(|change| change.field == "b" && !change.violates), "{changes:?}");
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
    // What may be updated takes at most a third.
    let paths: Vec<String> = (0..300).map(|index| format!("spec.other-{index:020}")).collect();
    let rule = rules(&format!("mutable: [{}]", paths.join(", ")));
    let reply = judge(&rule, ADMIN, &object("é"), &object("ß"));
    let (changes, mutable) = reply.message().split_once("\nmay be updated: ").unwrap();
    assert!((1_000..4096 / 3).contains(&mutable.len()), "{}", mutable.len());
    assert!((2_000..4096 - mutable.len()).contains(&changes.len()), "{}", changes.len());
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
    for levels in [64, 65, 9_000, 10_000] {
        let reply = on_a_worker(&rules, body(levels));
        assert_eq!(
            (reply.allowed(), reply.fields().len()),
            (Some(false), 1),
            "{levels} {}",
            reply.message()
        );
        assert_eq!(reply.error_code(), None, "{levels}");
    }
    for levels in [10_001, 20_000, 1_000_000] {
        let reply = on_a_worker(&rules, body(levels));
        assert_eq!((reply.allowed(), reply.error_code()), (Some(false), Some(400)), "{levels}");
        assert_eq!(
            reply.message(),
            "the update cannot be judged: expected at most 10000 levels of nesting in `oldObject`, \
             found more"
        );
    }
}

/// What an object repeats may stand in one that a later key overwrites, or outside `request`.
#[test]
fn a_deep_object_that_is_not_judged_exhausts_no_stack() {
    let deep = "[".repeat(9_900) + &"]".repeat(9_900);
    let deleted = |finalizers: &str| {
        format!(r#"{{"metadata":{{"deletionTimestamp":"x","finalizers":[{finalizers}]}}}}"#)
    };
    let first = format!(r#""object":{},"#, deleted(&deep));
    let old = deleted(&format!("{deep},1"));
    for (beside, before) in [("", first.as_str()), (&format!(r#""x":{{{first}"y":1}},"#), "")] {
        let body = format!(
            r#"{{{beside}"apiVersion":"admission.k8s.io/v1","request":{{{before}"uid":"u","operation":"UPDATE","kind":{{"group":"","version":"v1","kind":"Widget"}},"resource":{{"group":"example.com","version":"v1","resource":"widgets"}},"oldObject":{old},"object":{{"metadata":{{"finalizers":[[2]]}}}}}}}}"#
        );
        let reply = on_a_worker(&rules("mutable: [spec.a]"), body);
        assert_eq!((reply.allowed(), reply.error_code()), (Some(false), None));
    }
}

#[test]
fn a_repeated_member_is_asked_once_on_each_level() {
    let mut equality = String::from("mutable: []\nequality:");
    let (mut path, mut objects) = (String::from("spec"), ["{}", "{ }"].map(str::to_owned));
    for _ in 0..40 {
        equality +=
            &format!("\n- {{path: {path}.b, absentAs: 2}}\n- {{path: {path}.a, absentAs: {{}}}}");
        path += ".a";
        objects = objects.map(|inner| format!(r#"{{"a":{inner},"b":1,"b":2}}"#));
    }
    let body = review(ADMIN, ("example.com", "Widget"), &json!("old"), &json!("new"));
    let mut body = String::from_utf8(body).unwrap();
    for (name, object) in ["\"old\"", "\"new\""].into_iter().zip(objects) {
        body = body.replace(name, &format!(r#"{{"spec":{object}}}"#));
    }
    assert_eq!(admit(&rules(&equality), body.as_bytes()).allowed(), Some(true));
}

/// The reply of a thread with as much stack as a worker has.
fn on_a_worker(rules: &RuleSet, body: String) -> Reply {
    let rules = rules.clone();
    let worker = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || admit(&rules, body.as_bytes()))
        .expect("a thread");
    worker.join().expect("no overflow")
}
