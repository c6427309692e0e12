use serde_json::{Value, json};

use super::ScannedReview;
use super::{ReadMode, Review};
use crate::engine::{Builtin, Document, RuleSet};

const RULE: &str = "apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata: {name: \
                    widget}\nspec:\n  \
    matchConstraints: {resourceRules: [{apiGroups: [example.com], apiVersions: [v1], resources: \
    [widgets]}]}\n";

fn body(old: &str, new: &str) -> String {
    format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u","operation":"UPDATE",
        "kind":{{"group":"example.com","version":"v1","kind":"Widget"}},"resource":{{"group":"example.com","version":"v1","resource":"widgets"}},
        "object":{new},"oldObject":{old},"options":null}}}}"#
    )
}

/// What is built of two objects; none if they are read whole.
fn compact(rules: &[&str], old: &str, new: &str) -> Option<(Value, Value)> {
    let text = |(number, spec): (usize, &&str)| {
        RULE.replace("widget}", &format!("widget-{number}}}")) + spec
    };
    let documents = rules
        .iter()
        .enumerate()
        .map(text)
        .map(|text| Document { origin: "widget.yaml".to_owned(), text });
    let rules = RuleSet::load(Builtin::Left, &documents.collect::<Vec<_>>()).expect("rules");
    ScannedReview::of(body(old, new).as_bytes())?
        .objects
        .compact(&rules.rules().collect::<Vec<_>>(), |_| true)
}

const BARE: &str = "  mutable: [spec.a]\n";
const KEYED: &str = "  mutable: [\"spec.l[*].v\"]\n  equality: [{path: spec.l, key: name}]\n";

#[test]
fn what_both_have_is_left_out() {
    let table = [
        (BARE, r#"{"a":{"b":[1]},"c":1}"#, r#"{"a":{"b":[1]},"c":1}"#, json!([{}, {}])),
        (
            BARE,
            r#"{"a":{"b":[1],"c":1},"d":2}"#,
            r#"{"a":{"b":[1],"c":2},"d":2}"#,
            json!([{"a": {"c": 1}}, {"a": {"c": 2}}]),
        ),
        // What one side has is whole, also where the order of the members is another.
        (
            BARE,
            r#"{"z":{"b":[1]},"a":1}"#,
            r#"{"a":1,"y":[{}]}"#,
            json!([{"z": {"b": [1]}}, {"y": [{}]}]),
        ),
        (
            BARE,
            r#"{"a":[{"b":1},{"b":1},{"b":1,"c":[]}]}"#,
            r#"{"a":[{"b":1},{"b":2}]}"#,
            json!([
                {"a": [true, {"b": 1}, {"b": 1, "c": []}]},
                {"a": [true, {"b": 2}]},
            ]),
        ),
        (
            KEYED,
            r#"{"spec":{"l":[{"name":"a","v":[1]},{"name":"b","v":[1],"w":{}},{"name":"c"}]}}"#,
            r#"{"spec":{"l":[{"name":"a","v":[1]},{"name":"n","v":[1]},{"name":"b","v":[2],"w":{}}]}}"#,
            json!([
                {"spec": {"l": [{"name": "b", "v": [1]}, {"name": "c"}]}},
                {"spec": {"l": [{"name": "n", "v": [1]}, {"name": "b", "v": [2]}]}},
            ]),
        ),
        // Names that mean something of the object itself mean nothing of an element, however deep
        // its list is.
        (
            BARE,
            r#"{"l":[{"labels":{"a":[1],"b":1}}],"s":{"l":[{"labels":{"a":[1],"b":1}}]}}"#,
            r#"{"l":[{"labels":{"a":[1],"b":2}}],"s":{"l":[{"labels":{"a":[1],"b":2}}]}}"#,
            json!([
                {"l": [{"labels": {"b": 1}}], "s": {"l": [{"labels": {"b": 1}}]}},
                {"l": [{"labels": {"b": 2}}], "s": {"l": [{"labels": {"b": 2}}]}},
            ]),
        ),
        // What the API server owns is never a change; the mark of deletion stays.
        (
            BARE,
            r#"{"metadata":{"managedFields":[1],"deletionTimestamp":"x","name":"n"},"a":1}"#,
            r#"{"metadata":{"managedFields":[2],"deletionTimestamp":"x","name":"n"},"a":2}"#,
            json!([
                {"metadata": {"deletionTimestamp": "x"}, "a": 1},
                {"metadata": {"deletionTimestamp": "x"}, "a": 2},
            ]),
        ),
    ];
    for (rule, old, new, expected) in table {
        let found = compact(&[rule], old, new).map(|(old, new)| json!([old, new]));
        assert_eq!(found, Some(expected), "{old} {new}");
    }
}

#[test]
fn what_is_judged_as_a_whole_is_built_whole() {
    let whole = [
        (
            "  mutable: [spec.a]\n  equality: [{path: spec, absentAs: {}}]\n",
            r#"{"spec":{"a":1,"b":{}}}"#,
            r#"{"spec":{"a":2,"b":{}}}"#,
        ),
        (
            "  mutable: [spec.a]\n  equality: [{path: spec, as: Set}]\n",
            r#"{"spec":[1,{"a":{}}]}"#,
            r#"{"spec":[1,{"a":{},"b":1}]}"#,
        ),
        (
            KEYED,
            r#"{"spec":{"l":[{"name":"a"},{"name":"b"}]}}"#,
            r#"{"spec":{"l":[{"name":"b"},{"name":"a"}]}}"#,
        ),
        (
            KEYED,
            r#"{"spec":{"l":[{"name":"a"},{"name":"b"}]}}"#,
            r#"{"spec":{"l":[{"name":"a"},{"name":"a","v":1}]}}"#,
        ),
        // A key that one side repeats keys neither, wherever it stands.
        (
            KEYED,
            r#"{"spec":{"l":[{"name":"a"},{"name":"b"}]}}"#,
            r#"{"spec":{"l":[{"name":"a"},{"name":"a"},{"name":"b"}]}}"#,
        ),
        (
            KEYED,
            r#"{"spec":{"l":[{"name":"a"},{"name":"a"},{"name":"b"}]}}"#,
            r#"{"spec":{"l":[{"name":"b"}]}}"#,
        ),
        (
            KEYED,
            r#"{"spec":{"l":[{"name":"b"}]}}"#,
            r#"{"spec":{"l":[{"name":"b"},{"name":"a"},{"name":"a"}]}}"#,
        ),
        (
            KEYED,
            r#"{"spec":{"l":[{"name":"a"},{"name":1}]}}"#,
            r#"{"spec":{"l":[{"name":"a"},{"name":2}]}}"#,
        ),
        (
            KEYED,
            r#"{"spec":{"l":[{"name":"a","name":"b"},{"name":"b"}]}}"#,
            r#"{"spec":{"l":[{"name":"b"}]}}"#,
        ),
        (
            BARE,
            r#"{"metadata":{"finalizers":["a",{"b":1}]}}"#,
            r#"{"metadata":{"finalizers":[{"b":1}]}}"#,
        ),
        // A name that is repeated or escaped: the last one counts, and an escaped one may be any.
        (BARE, r#"{"a":{"c":{}},"a":{"b":{},"d":1}}"#, r#"{"a":{"c":{}},"a":{"b":{},"d":2}}"#),
        (
            BARE,
            r#"{"a":{"c":{}},"\u0061":{"b":{},"d":1}}"#,
            r#"{"a":{"c":{}},"\u0061":{"b":{},"d":2}}"#,
        ),
    ];
    for (rule, old, new) in whole {
        let value = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        assert_eq!(compact(&[rule], old, new), Some((value(old), value(new))), "{old} {new}");
    }
    let by_name_or_place = r#"{"spec":{"l":[{"name":"a"},{"name":"b","v":1}]}}"#;
    let (old, _) = compact(&[BARE, KEYED], by_name_or_place, r#"{"spec":{"l":[{"name":"a"}]}}"#)
        .expect("ordinary texts");
    assert_eq!(old, json!({"spec": {"l": [{"name": "a"}, {"name": "b", "v": 1}]}}));
}

#[test]
fn what_is_out_of_the_ordinary_is_left_to_the_plain_path() {
    let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let ordinary = [
        "1",
        "-0.5",
        "\"\\u00e9\\n\\/\"",
        "\"é\u{7f}\"",
        " { \"a\" :\t[ ] } ",
        "[true,false,null,{}]",
        &deep(61),
        &"9".repeat(300),
    ];
    let odd = [
        "",
        "1e3",
        "01",
        "1.",
        ".5",
        "+1",
        "-",
        "\"\\ud83d\\ude00\"",
        "\"\\u12\"",
        "\"\\x\"",
        "\"\t\"",
        "\"",
        "nul",
        "nullx",
        "{\"a\"}",
        "{\"a\":1,}",
        "{a:1}",
        "[1,]",
        "[1 2]",
        "[",
        "]",
        "{]",
        "1 1",
        &deep(62),
        &"9".repeat(301),
    ];
    let is_read = |value: &str| {
        ScannedReview::of(body(&format!("{{\"a\":{value}}}"), "{}").as_bytes()).is_some()
    };
    for value in ordinary {
        assert!(is_read(value), "{value}");
    }
    for value in odd {
        assert!(!is_read(value), "{value}");
    }
    let whole = body("{}", "{}");
    for broken in [
        whole.replace("\"request\"", "\"re\\u0071uest\""),
        format!("\u{feff}{whole}"),
        format!("{whole} x"),
        whole.replace("\"uid\"", "\"\\u0075id\""),
    ] {
        assert!(ScannedReview::of(broken.as_bytes()).is_none(), "{broken}");
    }
    assert!(ScannedReview::of(&[whole.as_bytes(), b"\xff"].concat()).is_none());
    assert!(
        compact(&["  mutable: [{path: spec.a, when: \"true\"}]\n"], "{}", "{}").is_none(),
        "a condition may read anything"
    );
}

#[test]
fn both_ways_see_the_same_envelope() {
    let whole = body("{\"a\":1}", "{\"a\":2}");
    let twice = whole
        .replace("\"uid\":\"u\"", "\"uid\":\"x\",\"uid\":\"u\"")
        .replace("\"oldObject\"", "\"oldObject\":[{}],\"oldObject\"");
    let again =
        whole.replace("\"request\":", "\"request\":{\"uid\":\"x\",\"object\":{}},\"request\":");
    let other = whole
        .replace("\"request\":", "\"request\":1,\"request\":")
        .replace("\"options\":null", "\"object\":[],\"options\":null");
    for text in [&whole, &twice, &again, &other] {
        let [fast, plain] = [ReadMode::Fast, ReadMode::Plain].map(|way| {
            let review = Review::parse(text.as_bytes(), way).expect("a review");
            (
                review.uid.clone().into_owned(),
                review.user.clone().into_owned(),
                format!("{:?}", review.target()),
                review.texts(),
            )
        });
        assert_eq!(fast, plain, "{text}");
    }
}
