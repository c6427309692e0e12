use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Recording, Unrecorded, record};
use crate::engine::{Builtin, CaseDocument, RuleFile, RuleSet, admit};

const MOST: usize = 1024 * 1024;

/// Vaults, of which nothing but labels may change, with these lines under `spec`; Secrets; and
/// parcels, that two rules cover.
fn rules(spec: &str) -> RuleSet {
    let rule = |name: &str, group: &str, resource: &str, spec: &str| {
        format!(
            "---\napiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata: {{name: \
             {name}}}\nspec:\n  matchConstraints:\n    \
             resourceRules: [{{apiGroups: ['{group}'], apiVersions: [v1], resources: \
             [{resource}]}}]\n  mutable: [metadata.labels, {name}]\n{spec}\n"
        )
    };
    let text = rule("vault", "example.com", "vaults", spec)
        + &rule("secret", "", "secrets", "")
        + &rule("parcel", "example.com", "parcels", "")
        + &rule("slip", "example.com", "parcels", "  sensitive: [slip]");
    match RuleSet::load(Builtin::Excluded, &[RuleFile { origin: "rules.yaml".to_owned(), text }]) {
        Ok(rules) => rules,
        Err(errors) => panic!("{errors}"),
    }
}

/// Two rules for vaults with these lines under `spec`.
fn pair(one: &str, two: &str) -> RuleSet {
    let rule = |name: &str, spec: &str| {
        format!(
            "---\napiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata: {{name: \
             {name}}}\nspec:\n  matchConstraints:\n    resourceRules: \
             [{{apiGroups: [example.com], apiVersions: [v1], resources: [vaults]}}]\n{spec}\n"
        )
    };
    let document =
        RuleFile { origin: "rules.yaml".to_owned(), text: rule("one", one) + &rule("two", two) };
    match RuleSet::load(Builtin::Excluded, &[document]) {
        Ok(rules) => rules,
        Err(errors) => panic!("{errors}"),
    }
}

/// An update; the objects as JSON text.
fn update(kind: &str, old: &str, new: &str) -> String {
    let group = if kind == "Secret" { "" } else { "example.com" };
    let plural = format!("{}s", kind.to_ascii_lowercase());
    format!(
        r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{"uid":"u","operation":"UPDATE","namespace":"n",
        "kind":{{"group":"{group}","version":"v1","kind":"{kind}"}},"resource":{{"group":"{group}","version":"v1","resource":"{plural}"}},
        "userInfo":{{"username":"alice","groups":["team"]}},"oldObject":{old},"object":{new}}}}}"#
    )
}

fn recorded(rules: &RuleSet, body: &str) -> Recording {
    let recording = record(rules, body.as_bytes(), MOST).unwrap();
    let case = serde_json::from_str::<CaseDocument<&RawValue>>(&recording.document)
        .unwrap()
        .parsed()
        .unwrap();
    let reply = admit(rules, case.review.get().as_bytes());
    assert_eq!(
        (Some(case.expect.allowed), case.expect.fields.as_slice()),
        (reply.allowed(), reply.fields()),
        "{}",
        recording.document
    );
    assert_eq!(case.name, recording.name);
    recording
}

/// What is recorded of both objects.
fn objects(rules: &RuleSet, kind: &str, old: &Value, new: &Value) -> (Value, Value) {
    let recording = recorded(rules, &update(kind, &old.to_string(), &new.to_string()));
    let case: Value = serde_json::from_str(&recording.document).unwrap();
    let request = &case["review"]["request"];
    (request["oldObject"].clone(), request["object"].clone())
}

#[test]
fn equal_values_have_equal_tokens_and_different_ones_different_tokens() {
    let rules = rules("  sensitive: [spec.token, spec.more]");
    let old = json!({"spec": {"token": "hunter2", "more": ["hunter2", 1, 1.0, "1", true, false, "",
        null, {}, [], {"deep": ["hunter3"]}]}});
    let new = json!({"spec": {"token": "hunter3", "more": ["hunter2", 1.0, 1, "1", true, false, "",
        null, {}, [], {"deep": ["hunter3"]}]}});
    // Tokens count from the new object on, since it is written first.
    let token = |number: usize| json!(format!("masked-{number}"));
    let more = json!([
        token(1),
        token(2),
        token(2),
        token(3),
        token(4),
        token(5),
        token(6),
        null,
        {},
        [],
        {"masked-7": [token(8)]}
    ]);
    let expected = (
        json!({"spec": {"token": token(1), "more": more}}),
        json!({"spec": {"token": token(8), "more": more}}),
    );
    assert_eq!(objects(&rules, "Vault", &old, &new), expected);
}

#[test]
fn keys_at_and_below_a_sensitive_path_are_masked() {
    let rules = rules("  sensitive: [spec.tokens, 'spec.users.*']");
    let spec = |name: &str| {
        json!({"spec": {
            "tokens": {name: {"hunter2": 1}, "hunter4": name},
            "users": {"alice": {name: 1}},
        }})
    };
    // Equal keys and values have equal tokens; objects are written in the order of their keys.
    let masked = |name: &str, value: u8| {
        let token = |number: u8| format!("masked-{number}");
        json!({"spec": {
            "tokens": {name: {token(2): token(3)}, token(4): token(value)},
            "users": {"alice": {token(value): token(3)}},
        }})
    };
    assert_eq!(
        objects(&rules, "Vault", &spec("hunter0"), &spec("hunter1")),
        (masked("masked-5", 5), masked("masked-1", 1))
    );
    let document = recorded(
        &rules,
        &update("Vault", &spec("hunter0").to_string(), &spec("hunter1").to_string()),
    )
    .document;
    assert!(!document.contains("hunter"), "{document}");
}

#[test]
fn a_value_is_the_same_however_it_is_escaped() {
    let rules = rules("  sensitive: [spec.token]");
    let body = update(
        "Vault",
        r#"{"spec":{"token":"\u0061/\"b\\"}}"#,
        r#"{"spec":{"token":"a\/\"b\\","x":"\"masked\\\""}}"#,
    );
    let document = recorded(&rules, &body).document;
    assert_eq!(document.matches("masked-1\"").count(), 2, "{document}");
    assert!(
        !document.contains("masked-2") && document.contains(r#""x": "\"masked\\\"""#),
        "{document}"
    );
}

#[test]
fn a_secret_keeps_its_shape_and_none_of_its_values() {
    let metadata = |value: &str| {
        let applied = json!({"data": {"password": value}}).to_string();
        let fields = json!([{"manager": "kubectl", "fieldsV1": {"f:data": {"v:\"hunter2\"": {}}}}]);
        json!({"name": "s", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied, "a": "b"}, "managedFields": fields})
    };
    let old = json!({"metadata": metadata("aHVudGVyMg=="), "data": {"password": "aHVudGVyMg==",
        "user": "cm9vdA=="}, "type": "Opaque"});
    let new = json!({"metadata": metadata("aHVudGVyMw=="), "data": {"password": "aHVudGVyMw==",
        "user": "cm9vdA=="}, "stringData": {"t": "x"}, "type": "Opaque"});
    let (old, new) = objects(&rules(""), "Secret", &old, &new);
    // `masked-1`, `masked-2` and `masked-5` in base64; the annotations are the third and the fifth
    // value.
    assert_eq!(new["data"], json!({"password": "bWFza2VkLTE=", "user": "bWFza2VkLTI="}));
    assert_eq!(old["data"], json!({"password": "bWFza2VkLTU=", "user": "bWFza2VkLTI="}));
    assert_eq!(new["stringData"], json!({"t": "masked-4"}));
    assert_eq!((&new["type"], &new["metadata"]["name"]), (&json!("Opaque"), &json!("s")));
    let annotations =
        json!({"a": "b", "kubectl.kubernetes.io/last-applied-configuration": "masked-3"});
    assert_eq!(new["metadata"], json!({"name": "s", "annotations": annotations}));
    assert_eq!(
        old["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"],
        "masked-6"
    );
    assert_eq!(old["metadata"].get("managedFields"), None);
}

#[test]
fn only_a_secret_keeps_its_data_as_base64() {
    let (data, _) = objects(
        &rules("  sensitive: [data]"),
        "Vault",
        &json!({"data": {"a": "aHVudGVyMg=="}}),
        &json!({"data": {"a": "Yg=="}}),
    );
    assert_eq!(data, json!({"data": {"masked-1": "masked-3"}}));
}

#[test]
fn sensitive_paths_are_followed_into_lists_and_maps_whatever_their_keys() {
    let rules = rules(
        "  equality: [{path: spec.pins, key: id}]\n  sensitive: \
         ['spec.users[*].password', \"spec.pins[id='a'].pin\", spec.map.*]",
    );
    let object = json!({"spec": {
        "users": {"by-name": {"password": "p", "name": "n"}},
        "pins": [{"id": "a", "pin": 1}, {"id": "b", "pin": 2}, {"pin": 3}],
        "map": [{"x": "v"}],
    }});
    let masked = json!({"spec": {
        "users": {"by-name": {"password": "masked-6", "name": "n"}},
        "pins": [{"id": "a", "pin": "masked-3"}, {"id": "b", "pin": "masked-4"},
            {"pin": "masked-5"}],
        "map": [{"masked-1": "masked-2"}],
    }});
    assert_eq!(objects(&rules, "Vault", &object, &object), (masked.clone(), masked));
}

#[test]
fn copies_of_an_object_are_masked_only_where_something_is_sensitive() {
    let metadata = json!({"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}, "managedFields": [{"manager": "m"}]});
    let object = json!({"metadata": metadata, "spec": {"managedFields": [1]}});
    let masked = json!({
        "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "masked-1"}},
        "spec": {"managedFields": [1]},
    });
    let with = rules("  sensitive: [spec.token]");
    assert_eq!(objects(&with, "Vault", &object, &object).1, masked);
    assert_eq!(objects(&rules(""), "Vault", &object, &object).1, object);
}

#[test]
fn numbers_stay_as_they_are_spelled() {
    let numbers = [
        "1.0",
        "-0.0",
        "1E5",
        "0.10",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
    ];
    for number in numbers {
        let body =
            update("Vault", r#"{"spec":{"n":0.5}}"#, &format!(r#"{{"spec":{{"n":{number}}}}}"#));
        let document = recorded(&rules("  sensitive: [spec.token]"), &body).document;
        assert!(document.contains(&format!("\"n\": {number}\n")), "{document}");
    }
    let body = update("Vault", r#"{"spec":{"n":1}}"#, r#"{"spec":{"n":1e400}}"#);
    let document = recorded(&rules(""), &body).document;
    assert!(
        document.contains("\"n\": 1e400\n") && document.contains("\"code\": 400\n"),
        "{document}"
    );
}

#[test]
fn what_masking_decides_is_not_recorded() {
    let rules = rules(
        "  equality:\n  - {path: spec.limit, as: Quantity}\n  - {path: spec.note, absentAs: \
         ''}\n  sensitive: [spec.limit, spec.note, spec.n]",
    );
    let table = [
        // Equal by the rule, but not to the letter.
        (r#"{"spec":{"limit":"1000m"}}"#, r#"{"spec":{"limit":"1"}}"#),
        (r#"{"spec":{}}"#, r#"{"spec":{"note":""}}"#),
        // Not to be judged as it is, but without the number it is.
        (r#"{"spec":{"n":1}}"#, r#"{"spec":{"n":1e400}}"#),
    ];
    for (old, new) in table {
        let outcome = record(&rules, update("Vault", old, new).as_bytes(), MOST);
        assert_eq!(outcome, Err(Unrecorded::ChangedByMasking), "{old} {new}");
    }
    // The same rules deny as many changes, but others, so that of both there are more.
    let by_value = "  mutable: [{path: a, when: \"oldValue.startsWith('masked')\"}, {path: b, \
                    when: \"oldValue.startsWith('secret')\"}]\n  sensitive: [a, b]";
    let other = "  mutable: [b]\n";
    let both = pair(by_value, other);
    let body =
        update("Vault", r#"{"a":"secret-1","b":"secret-2"}"#, r#"{"a":"secret-3","b":"secret-4"}"#);
    assert_eq!(admit(&both, body.as_bytes()).fields(), ["a"]);
    assert_eq!(record(&both, body.as_bytes(), MOST), Err(Unrecorded::ChangedByMasking));
    let kept = update("Vault", r#"{"spec":{"limit":"1"}}"#, r#"{"spec":{"limit":"2"}}"#);
    assert!(recorded(&rules, &kept).document.contains("\"spec.limit\""));
}

#[test]
fn what_no_rule_covers_is_masked_altogether() {
    for (from, to) in [("vaults", "tokens"), ("\"resource\":{", "\"resources\":{")] {
        let body = update("Vault", "null", r#"{"kind":"Vault","spec":{"token":"hunter2","n":42}}"#)
            .replace("UPDATE", "CREATE")
            .replace(from, to);
        let Recording { name, document, .. } = recorded(&rules(""), &body);
        assert!(name.starts_with("allow-"), "{name}");
        assert!(
            document.contains("\"kind\": \"masked-1\"") && document.contains("\"n\": \"masked-2\""),
            "{document}"
        );
        assert!(!document.contains("hunter2") && !document.contains("42"), "{document}");
    }
    // A subresource may carry the object.
    let body = update("Vault", "null", r#"{"spec":{"token":"hunter2","n":42}}"#)
        .replace("UPDATE", "CREATE")
        .replace("\"namespace\":\"n\"", "\"subResource\":\"status\"");
    let document = recorded(&rules("  sensitive: [spec.token]"), &body).document;
    assert!(!document.contains("hunter2") && document.contains("\"n\": 42"), "{document}");
}

#[test]
fn an_object_that_is_none_is_masked_where_something_is_sensitive() {
    for object in [r#""hunter2""#, r#"["hunter2"]"#] {
        let body = update("Vault", "{}", object);
        let recording = recorded(&rules("  sensitive: [spec.token]"), &body);
        assert!(
            recording.name.starts_with("deny-") && !recording.document.contains("hunter2"),
            "{}",
            recording.document
        );
        assert!(recorded(&rules(""), &body).document.contains("hunter2"));
    }
}

#[test]
fn of_the_envelope_only_what_is_known_is_kept() {
    let body = update("Vault", r#"{"spec":{"n":1,"n":2}}"#, "{}")
        .replace("\"username\"", r#""extra":{"scopes":["hunter2"]},"uid":"7","username""#)
        .replace(
            "\"uid\":\"u\"",
            r#""uid":"u","dryRun":true,"options":{"fieldManager":"m"},"note":"hunter2""#,
        )
        .replace(
            "\"request\":",
            r#""request":{"uid":"u","object":"hunter2"},"response":"hunter2","request":"#,
        );
    let document = recorded(&rules(""), &body).document;
    assert!(!document.contains("hunter2"), "{document}");
    for kept in [
        "\"dryRun\": true",
        "\"fieldManager\": \"m\"",
        "\"uid\": \"7\"",
        "\"username\": \"alice\"",
        "\"team\"",
        "\"namespace\": \"n\"",
    ] {
        assert!(document.contains(kept), "{kept} {document}");
    }
}

#[test]
fn a_case_is_indented_json() {
    let body = update("Vault", r#"{ "spec":{"a":[],"b":{},"c":[1,{"d":"x"}]} }"#, "{}")
        .replace("},\"oldObject", "} ,\"oldObject");
    let document = recorded(&rules(""), &body).document;
    let value: serde_json::Map<String, Value> = serde_json::from_str(&document).unwrap();
    let keys: Vec<&str> =
        document.lines().filter_map(|line| line.strip_prefix("  \"")?.split('"').next()).collect();
    assert_eq!(keys, ["apiVersion", "kind", "metadata", "expect", "review"]);
    assert_eq!(value.len(), keys.len());
    let indented = serde_json::to_string_pretty(
        &json!({"review": {"request": {"oldObject": value["review"]["request"]["oldObject"]}}}),
    );
    let old = indented
        .unwrap()
        .split_once("\"oldObject\"")
        .unwrap()
        .1
        .trim_end_matches(['\n', ' ', '}'])
        .to_owned();
    assert!(document.contains(&old), "{document}\n{old}");
}

#[test]
fn expectations_are_those_of_all_rules() {
    let rules = rules("");
    let body = update("Parcel", r#"{"slip":"hunter2"}"#, r#"{"slip":"hunter3"}"#);
    let all = recorded(&rules, &body);
    assert!(
        all.document.contains("\"slip\"\n    ]") && !all.document.contains("hunter"),
        "{}",
        all.document
    );
    for name in ["parcel", "slip"] {
        // One of them hides it, the other allows it.
        assert_eq!(
            record(&rules.only(name).unwrap(), body.as_bytes(), MOST),
            Ok(all.clone()),
            "{name}"
        );
    }
}

#[test]
fn names_are_safe() {
    let rules = rules("");
    let long = format!("Vault{}", "Long".repeat(100));
    let table = [
        ("Vault", "u", "deny-vault-0bfe935e70c3"),
        ("../../etc/Passwd", "../../etc/x", "deny-etcpasswd-56da1a2ef2df"),
        ("", "\\u0000\\n", "deny-object-67ebbd370daa"),
        ("日本", "日本", "deny-object-cf2abf0c5be3"),
        (&long, &"x".repeat(10_000), "deny-vaultlonglonglonglonglonglonglonglonglon-e4ee97ec2527"),
    ];
    for (kind, uid, expected) in table {
        let body = update("Vault", "{}", r#"{"spec":1}"#)
            .replace("\"kind\":\"Vault\"", &format!("\"kind\":\"{kind}\""))
            .replace("\"uid\":\"u\"", &format!("\"uid\":\"{uid}\""));
        let recording = recorded(&rules, &body);
        assert_eq!(recording.name, expected);
        assert!(recording.name.ends_with(&format!("-{}", recording.id)));
        assert!(recording.name.len() <= 64);
    }
}

#[test]
fn a_case_is_as_large_as_it_may_be_and_not_larger() {
    let body = update("Vault", "{}", r#"{"spec":{"a":[1,2]}}"#);
    let recording = recorded(&rules(""), &body);
    let size = recording.document.len();
    assert_eq!(record(&rules(""), body.as_bytes(), size), Ok(recording));
    assert_eq!(record(&rules(""), body.as_bytes(), size - 1), Err(Unrecorded::TooLarge));
    assert_eq!(record(&rules(""), body.as_bytes(), 0), Err(Unrecorded::TooLarge));
}

#[test]
fn no_nesting_is_too_deep() {
    let nested = |levels: usize| format!("{{\"a\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
    let body = update("Vault", "{}", &nested(300));
    assert!(recorded(&rules("  sensitive: [a]"), &body).document.contains("\"masked-1\""));
    // Indentation alone is more than may be written.
    let body = update("Vault", "{}", &nested(1_000_000));
    assert_eq!(record(&rules(""), body.as_bytes(), MOST), Err(Unrecorded::TooLarge));
    // Deeper than is judged, but dropped: told before and after.
    let old = format!(r#"{{"metadata":{{"managedFields":{}}}}}"#, nested(20_000));
    assert_eq!(
        record(&rules("  sensitive: [a]"), update("Vault", &old, "{}").as_bytes(), MOST),
        Err(Unrecorded::ChangedByMasking)
    );
}

#[test]
fn what_gets_no_verdict_is_not_recorded() {
    let update = update("Vault", "{}", "{}");
    for body in [
        "",
        "{}",
        "[",
        &update.replace("vaults", "tokens"),
        &update.replace("\"uid\":\"u\"", "\"uid\":\"\""),
    ] {
        assert_eq!(record(&rules(""), body.as_bytes(), MOST), Err(Unrecorded::NoVerdict), "{body}");
    }
}
