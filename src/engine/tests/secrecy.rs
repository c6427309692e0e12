//! Values that no message shows.

use serde_json::{Value, json};

use super::{ADMIN, judge, reported, review, rules, several};
use crate::engine::admit;

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
    // A kind of this name in another group is not one.
    let other = admit(&rules("mutable: []"), &review(ADMIN, ("other", "Secret"), &old, &new));
    assert!(other.message().contains("aHVudGVz"), "{}", other.message());
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
fn control_characters_are_escaped() {
    let bad = "x\u{1b}[31m\r\nmay be updated: everything\u{202e} is immutable, immutable field";
    let (old, new) = (json!({"spec": {}}), json!({"spec": {bad: bad, "s": [bad]}}));
    let mut body: Value =
        serde_json::from_slice(&review(bad, ("example.com", bad), &old, &new)).expect("a review");
    body["request"]["name"] = json!(bad);
    let reply = admit(&rules("mutable: []"), body.to_string().as_bytes());
    assert_eq!(reply.allowed(), Some(false));
    let text = String::from_utf8(reply.clone().into_body()).expect("text");
    let all = format!("{}\n{}\n{:?}\n{:?}", reply.message(), text, reply.subject, reply.fields());
    assert!(!all.contains('\u{1b}') && !all.contains('\r') && !all.contains('\u{202e}'));
    let lower = all.to_lowercase();
    assert!(!lower.contains("is immutable") && !lower.contains("immutable field"), "{all}");
    assert_eq!(reply.message().lines().count(), 4, "{}", reply.message());
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
