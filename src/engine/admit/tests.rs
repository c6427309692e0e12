//! What goes over the wire, to the letter: everything that is no verdict of a single field's
//! change.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    PREFIX, Unjudgeable, admit, admit_within, answer_unread, memory_estimate, refused_changes,
};
use crate::engine::answer::ReplySubject;
use crate::engine::verdict::ChangeKind;
use crate::engine::{Builtin, Decision, Exemptions, Reply, Requesters, RuleFile, RuleSet, Step};

/// Rules for widgets, each with these lines under `spec`.
fn rules(specs: &[&str]) -> RuleSet {
    let document = |(number, spec): (usize, &&str)| {
        let text = format!(
            "apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata: {{name: \
             widget-{number}}}\nspec:\n  matchConstraints:\n    \
             resourceRules: [{{apiGroups: [example.com], apiVersions: [v1], resources: [widgets, \
             widgets/scale]}}]\n  mutable: [spec.a]\n{spec}\n"
        );
        RuleFile { origin: format!("{number}.yaml"), text }
    };
    match RuleSet::load(
        Builtin::Excluded,
        &specs.iter().enumerate().map(document).collect::<Vec<_>>(),
    ) {
        Ok(rules) => rules,
        Err(errors) => panic!("{errors}"),
    }
}

/// An update that changes `spec.a`, which may change, and `spec.b`, which may not.
fn review() -> Value {
    let widget = |a: u8, b: u8| json!({"metadata": {"name": "w"}, "spec": {"a": a, "b": b}});
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u-1", "operation": "UPDATE", "name": "w", "namespace": "n",
        "userInfo": {"username": "admin", "groups": ["g"]},
        "kind": {"group": "example.com", "version": "v1", "kind": "Widget"},
        "resource": {"group": "example.com", "version": "v1", "resource": "widgets"},
        "oldObject": widget(1, 1), "object": widget(2, 2)}})
}

/// The review with one part of its request replaced; `null` takes it away.
fn with(part: &str, value: Value) -> Value {
    let mut review = review();
    if let Some(request) = review.get_mut("request").and_then(Value::as_object_mut) {
        match value {
            Value::Null => drop(request.remove(part)),
            value => drop(request.insert(part.to_owned(), value)),
        }
    }
    review
}

fn ask(rules: &RuleSet, review: &Value) -> Reply {
    admit(rules, review.to_string().as_bytes())
}

fn body(reply: &Reply) -> Value {
    assert_eq!((reply.status(), reply.content_type()), (200, "application/json"));
    serde_json::from_slice(&reply.clone().into_body()).unwrap_or_default()
}

fn wrapped(response: &Value) -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
}

#[track_caller]
fn expect_sentence(reply: &Reply, status: u16, sentence: &str) {
    assert_eq!(
        (reply.status(), reply.error_code(), reply.content_type()),
        (status, Some(status), "text/plain; charset=utf-8")
    );
    assert_eq!((reply.allowed(), reply.message()), (None, sentence));
    assert_eq!(String::from_utf8(reply.clone().into_body()), Ok(format!("{sentence}\n")));
}

#[test]
fn a_denial_is_a_whole_status() {
    let rules = rules(&[""]);
    let reply = ask(&rules, &review());
    let message = "1 change outside the fields of a Widget that may be updated (rule \
                   widget-0):\n  spec.b: 1 → 2\nmay be updated: spec.a";
    let expected = json!({
        "uid": "u-1", "allowed": false,
        "auditAnnotations": {"decision": "deny", "fields": "spec.b", "rule": "widget-0",
            "rules-digest": rules.digest()},
        "status": {"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
            "code": 403, "reason": "Forbidden", "message": message,
            "details": {"group": "example.com", "kind": "Widget", "name": "w", "causes": [
                {"field": "spec.b", "reason": "FieldValueForbidden", "message": "1 → 2"}]}},
    });
    assert_eq!(body(&reply), wrapped(&expected));
    assert_eq!(
        (reply.allowed(), reply.error_code(), reply.message()),
        (Some(false), None, message)
    );
    let subject = ReplySubject {
        kind: "Widget".into(),
        namespace: "n".into(),
        name: "w".into(),
        user: "admin".into(),
        uid: "u-1".into(),
    };
    assert_eq!(reply.subject.as_ref(), Some(&subject));
    assert_eq!(
        (reply.fields(), reply.fields_text()),
        (["spec.b".to_owned()].as_slice(), "spec.b".to_owned())
    );
}

#[test]
fn an_allowed_update_and_what_no_rule_covers_are_told_apart() {
    let rules = rules(&[""]);
    let reply =
        ask(&rules, &with("object", json!({"metadata": {"name": "w"}, "spec": {"a": 2, "b": 1}})));
    let annotations =
        json!({"decision": "allow", "rule": "widget-0", "rules-digest": rules.digest()});
    assert_eq!(
        body(&reply),
        wrapped(&json!({"uid": "u-1", "allowed": true, "auditAnnotations": annotations}))
    );
    for operation in ["CREATE", "DELETE", "CONNECT"] {
        let reply = ask(&rules, &with("operation", json!(operation)));
        assert_eq!(body(&reply), wrapped(&json!({"uid": "u-1", "allowed": true})));
        assert!(reply.rules().is_empty() && reply.judgement().is_none());
    }
    let elsewhere = with("resource", json!({"group": "", "version": "v1", "resource": "pods"}));
    let sentence =
        "no rule covers pods.v1 (Widget), so the failurePolicy of the registration decides";
    expect_sentence(&ask(&rules, &elsewhere), 404, sentence);
    let status = with("subResource", json!("status"));
    let sentence = "no rule covers widgets/status.v1.example.com (Widget), so the \
                    failurePolicy of the registration decides";
    expect_sentence(&ask(&rules, &status), 404, sentence);
}

#[test]
fn an_exemption_from_all_rules_permits_and_reports_every_violation() {
    let one = |name: &str| vec![name.to_owned()];
    let exempt = |namespaces: &[&str], requesters: Requesters| Exemptions {
        namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(),
        requesters,
    };
    let requesters = Requesters::default;
    let account = "system:serviceaccount:ops:fixer";
    for (exemptions, user, is_exempt) in [
        (exempt(&["n"], requesters()), "admin", true),
        (exempt(&["other", "n"], requesters()), "admin", true),
        (exempt(&["other", "N", ""], requesters()), "admin", false),
        (exempt(&[], Requesters { users: one("admin"), ..requesters() }), "admin", true),
        (exempt(&[], Requesters { users: one("adm"), ..requesters() }), "admin", false),
        (exempt(&[], Requesters { groups: one("g"), ..requesters() }), "admin", true),
        (exempt(&[], Requesters { groups: one("admin"), ..requesters() }), "admin", false),
        (
            exempt(&[], Requesters { service_accounts: one("ops/fixer"), ..requesters() }),
            account,
            true,
        ),
        (
            exempt(&[], Requesters { service_accounts: one("ops/other"), ..requesters() }),
            account,
            false,
        ),
        (exempt(&[], requesters()), "admin", false),
    ] {
        let all =
            rules(&["", "  validationActions: [Warn]"]).exempting(Arc::new(exemptions.clone()));
        let review = with("userInfo", json!({"username": user, "groups": ["g"]}));
        for rules in [all.clone(), all.only("widget-0").unwrap_or_default()] {
            let reply = ask(&rules, &review);
            let decisions: Vec<Decision> =
                reply.rules().iter().map(|outcome| outcome.decision).collect();
            if is_exempt {
                assert_eq!(reply.allowed(), Some(true), "{exemptions:?}");
                assert!(
                    decisions.iter().all(|decision| *decision == Decision::Exempt),
                    "{exemptions:?}: {decisions:?}"
                );
                assert!(body(&reply).pointer("/response/warnings").is_none(), "{exemptions:?}");
            } else {
                assert_eq!(
                    (reply.allowed(), decisions.first()),
                    (Some(false), Some(&Decision::Deny)),
                    "{exemptions:?}"
                );
            }
            assert_eq!(
                (
                    reply.fields_text().as_str(),
                    reply.rules().first().map(|outcome| outcome.violations)
                ),
                ("spec.b", Some(1))
            );
        }
        let mut permitted = review.clone();
        if let Some(object) = permitted.pointer_mut("/request/object") {
            *object = json!({"metadata": {"name": "w"}, "spec": {"a": 2, "b": 1}});
        }
        assert_eq!(
            ask(&all, &permitted).rules().first().map(|outcome| outcome.decision),
            Some(Decision::Allow),
            "only a violation uses it"
        );
        let mut unjudgeable = review;
        if let Some(operation) = unjudgeable.pointer_mut("/request/operation") {
            *operation = json!("PATCH");
        }
        assert_eq!(ask(&all, &unjudgeable).allowed(), Some(is_exempt), "{exemptions:?}");
    }
}

#[test]
fn what_cannot_be_judged_has_the_consequences_of_a_violation() {
    let unjudgeable = with("operation", json!("PATCH"));
    let message = "the update cannot be judged: expected the operation UPDATE, CREATE, DELETE or \
                   CONNECT, found `PATCH`";
    let status = json!({"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
        "code": 400, "reason": "BadRequest", "message": message});
    for (specs, allowed, decision, warns) in [
        (&[""][..], false, "deny", false),
        (&["  validationActions: [Audit]"], true, "audit", false),
        (&["  validationActions: [Warn]"], true, "warn", true),
        (&["  validationActions: [Warn, Audit]"], true, "warn", true),
        (&["  validationActions: [Audit]", "  validationActions: [Warn]"], true, "warn", true),
        (&["", "  validationActions: [Warn]"], false, "deny", false),
        (&["  validationActions: [Warn]", ""], false, "deny", false),
        (&["  exempt: {users: [admin]}"], true, "exempt", false),
    ] {
        let rules = rules(specs);
        let reply = ask(&rules, &unjudgeable);
        let names = ["widget-0", "widget-0, widget-1"][specs.len() - 1];
        let annotations =
            json!({"decision": decision, "rule": names, "rules-digest": rules.digest()});
        let mut expected =
            json!({"uid": "u-1", "allowed": allowed, "auditAnnotations": annotations});
        if !allowed {
            expected["status"] = status.clone();
        }
        if warns {
            expected["warnings"] = json!([message]);
        }
        assert_eq!(body(&reply), wrapped(&expected), "{specs:?}");
        assert_eq!((reply.error_code(), reply.message()), (Some(400), message));
        assert!(reply.rules().iter().all(|outcome| outcome.violations == 0));
        assert!(reply.rules().iter().any(|outcome| outcome.decision.as_str() == decision));
    }
}

#[test]
fn what_no_rule_matches_is_refused_where_it_cannot_be_judged() {
    let rules = rules(&[""]);
    let mut nothing = with("operation", json!("PATCH"));
    nothing["request"]["resource"] = json!({"group": "", "version": "v1", "resource": "pods"});
    for review in [nothing, with("resource", Value::Null), with("kind", Value::Null)] {
        let reply = ask(&rules, &review);
        assert_eq!(
            (reply.allowed(), reply.error_code(), reply.rules()),
            (Some(false), Some(400), [].as_slice()),
            "{review}"
        );
        assert_eq!(body(&reply)["response"].get("auditAnnotations"), None);
    }
}

#[test]
fn all_refused_changes_are_listed_with_their_values() {
    let rules = rules(&["", "  validationActions: [Warn]"]);
    let object = |a: u8, c: &str| json!({"spec": {"a": a, "b": [1, {"c": c}]}});
    let mut review = with("object", object(1, "new"));
    review["request"]["oldObject"] = object(2, "old");
    let changes = refused_changes(&rules, review.to_string().as_bytes()).unwrap();
    assert_eq!(changes.len(), 2, "one of each rule");
    for change in changes {
        let name = |name: &str| Step::Name(name.to_owned());
        assert_eq!(change.path, [name("spec"), name("b"), Step::AnyElement, name("c")]);
        assert_eq!(change.kind, ChangeKind::Modify);
        assert_eq!((change.old, change.new), (Some(json!("old")), Some(json!("new"))));
    }
    let without = with("object", Value::Null).to_string();
    assert!(refused_changes(&rules, without.as_bytes()).is_none());
}

#[test]
fn unreadable_content_is_said_without_its_text() {
    let rules = rules(&[""]);
    for (text, message) in [
        (r#"{"a": tru}"#, None),
        (
            "{\"a\": 1,\n \"b\": [\"\u{e9}\", 1e999]}",
            Some(
                "the update cannot be judged: expected text and numbers that JSON can carry in \
                 `object`, found number out of range at line 2 column 18",
            ),
        ),
        (
            "{\"a\": \"\\ud800\"}",
            Some(
                "the update cannot be judged: expected text and numbers that JSON can carry in \
                 `object`, found unexpected end of hex escape at line 1 column 14",
            ),
        ),
        (
            "[1]",
            Some(
                "the update cannot be judged: expected an object as `object`, found something else",
            ),
        ),
        (
            "\"secret\"",
            Some(
                "the update cannot be judged: expected an object as `object`, found something else",
            ),
        ),
    ] {
        let review = review().to_string();
        let object = with("object", Value::Null).to_string().replacen(
            "\"oldObject\"",
            &format!("\"object\":{text},\"oldObject\""),
            1,
        );
        assert_ne!(object, review);
        let reply = admit(&rules, object.as_bytes());
        match message {
            Some(message) => assert_eq!((reply.allowed(), reply.message()), (Some(false), message)),
            None => {
                assert_eq!((reply.status(), reply.allowed()), (400, None), "{}", reply.message());
            }
        }
    }
}

#[test]
fn a_body_over_the_cap_is_refused_if_its_beginning_holds_the_uid() {
    let message = "the update cannot be judged: expected an AdmissionReview of at most 7 bytes, \
                   found a larger one (--max-body raises the cap)";
    let refuse_oversized = |beginning: &[u8], cap| {
        answer_unread(&rules(&[""]), beginning, &Unjudgeable::Oversized(cap))
    };
    let start = |before: usize| {
        let padding = "x".repeat(before - r#"{"request":{"a":"","uid":"u-2""#.len());
        format!(r#"{{"request":{{"a":"{padding}","uid":"u-2""#) + &r#","b":"y""#.repeat(PREFIX)
    };
    for before in [64, 60_000, 65_530] {
        let reply = refuse_oversized(start(before).as_bytes(), 7);
        let status = json!({"apiVersion": "v1", "kind": "Status", "metadata": {},
            "status": "Failure", "code": 413, "reason": "RequestEntityTooLarge",
            "message": message});
        assert_eq!(
            body(&reply),
            wrapped(&json!({"uid": "u-2", "allowed": false, "status": status})),
            "{before}"
        );
        assert_eq!((reply.allowed(), reply.error_code()), (Some(false), Some(413)));
        assert_eq!(
            reply.subject.as_ref(),
            Some(&ReplySubject { uid: "u-2".into(), ..ReplySubject::default() })
        );
    }
    for before in [65_537, 70_000] {
        expect_sentence(&refuse_oversized(start(before).as_bytes(), 7), 413, message);
    }
    for beginning in [
        "",
        "[]",
        "{\"request\":[]",
        "{\"request\":{\"uid\":\"\"",
        "{\"request\":{\"uid\":7",
        "{\"uid\":\"u-2\"",
    ] {
        expect_sentence(&refuse_oversized(beginning.as_bytes(), 7), 413, message);
    }
    // The cut may go through a character.
    let cut = b"{\"request\":{\"uid\":\"u-2\",\"name\":\"\xc3";
    assert_eq!(refuse_oversized(cut, 7).allowed(), Some(false));
}

#[test]
fn a_review_that_is_not_judged_is_answered_as_its_rule_answers_a_violation() {
    let exempt = "  exempt: {users: [admin]}";
    let reasons = [
        (
            Unjudgeable::TimedOut,
            504,
            "the update cannot be judged: the review could not be received and judged in time; \
             try again",
        ),
        (
            Unjudgeable::Oversized(7),
            413,
            "the update cannot be judged: expected an AdmissionReview of at most 7 bytes, found a \
             larger one (--max-body raises the cap)",
        ),
    ];
    for (operation, extra, allowed, decision) in [
        ("UPDATE", "", false, Some("deny")),
        ("UPDATE", "  validationActions: [Warn]", true, Some("warn")),
        ("UPDATE", "  validationActions: [Audit]", true, Some("audit")),
        ("UPDATE", exempt, true, Some("exempt")),
        ("CREATE", "", true, None),
        ("DELETE", "", true, None),
        ("CONNECT", "", true, None),
        ("PATCH", "", false, None),
    ] {
        let mut review = with("operation", operation.into());
        if let Some(request) = review.get_mut("request").and_then(Value::as_object_mut) {
            request.retain(|name, _| !name.ends_with("bject"));
        }
        let beginning = review.to_string().replace("}}", "},\"object\":{\"spec");
        for (why, code, message) in &reasons {
            let reply = answer_unread(&rules(&[extra]), beginning.as_bytes(), why);
            let body = body(&reply);
            let response = &body["response"];
            assert_eq!(
                (reply.status(), reply.allowed(), reply.error_code()),
                (200, Some(allowed), Some(*code)),
                "{operation} {extra}"
            );
            assert_eq!(response["auditAnnotations"]["decision"].as_str(), decision);
            if !allowed {
                assert_eq!(response["status"]["code"], *code);
                assert_eq!(response["status"]["message"], *message);
            }
        }
    }
    // The subresource, which may have a rule of its own, may come behind the resource.
    let warns = rules(&["  validationActions: [Warn]"]);
    let uid = r#"{"request":{"uid":"u-2","#;
    let resource = with("operation", Value::Null)["request"]["resource"].to_string();
    let kind = with("operation", Value::Null)["request"]["kind"].to_string();
    for beginning in [
        uid.to_owned(),
        format!(r#"{uid}"kind":{kind},"resource":{resource},"#),
        format!(r#"{uid}"kind":{kind},"resource":{resource},"subResource":"sca"#),
    ] {
        let reply = answer_unread(&warns, beginning.as_bytes(), &Unjudgeable::TimedOut);
        assert_eq!((reply.allowed(), reply.error_code()), (Some(false), Some(504)), "{beginning}");
    }
    // An exemption from all rules needs no rule.
    let exempt = warns.exempting(Arc::new(Exemptions {
        namespaces: ["n".to_owned()].into(),
        ..Exemptions::default()
    }));
    let beginning = format!(r#"{uid}"namespace":"n","#);
    let reply = answer_unread(&exempt, beginning.as_bytes(), &Unjudgeable::TimedOut);
    assert_eq!((reply.allowed(), reply.error_code()), (Some(true), Some(504)));
}

#[test]
fn judging_stops_once_it_is_late() {
    let long = |value: u32| json!({"spec": {"b": vec![value; 3000]}});
    let mut review = with("object", long(1));
    review["request"]["oldObject"] = long(2);
    let body_of = review.to_string();
    let asked = std::cell::Cell::new(0);
    let late_after = |times: u32| {
        asked.set(0);
        move |asked: &std::cell::Cell<u32>| {
            asked.set(asked.get() + 1);
            asked.get() > times
        }
    };
    let judged = |specs: &[&str], times: u32| {
        let late = late_after(times);
        admit_within(&rules(specs), body_of.as_bytes(), usize::MAX, &|| late(&asked))
    };
    let never = judged(&["", ""], u32::MAX);
    assert_eq!(body(&never), body(&admit(&rules(&["", ""]), body_of.as_bytes())));
    // Each rule, and each thousand of its locations.
    let calls = asked.get();
    assert!(calls >= 8, "{calls}");
    for times in 0..calls {
        let reply = judged(&["", ""], times);
        assert_eq!((reply.allowed(), reply.error_code()), (Some(false), Some(504)), "{times}");
        assert_eq!(asked.get(), times + 1, "it goes on");
        let reply = judged(&["  validationActions: [Warn]"; 2], times);
        assert_eq!((reply.allowed(), reply.error_code()), (Some(true), Some(504)), "{times}");
    }
}

#[test]
fn several_rules_answer_together() {
    let rules = rules(&["", "  validationActions: [Warn]", "  reason: Invalid"]);
    let reply = ask(&rules, &review());
    let response = &body(&reply)["response"];
    assert_eq!(response["auditAnnotations"]["rule"], "widget-0, widget-1, widget-2");
    assert_eq!(response["auditAnnotations"]["decision"], "deny");
    assert_eq!(
        (&response["status"]["code"], &response["status"]["reason"]),
        (&json!(403), &json!("Forbidden"))
    );
    assert_eq!(response["warnings"].as_array().map(Vec::len), Some(2));
    let decisions: Vec<_> = reply
        .rules()
        .iter()
        .map(|outcome| (outcome.rule.as_str(), outcome.decision, outcome.violations))
        .collect();
    assert_eq!(
        decisions,
        [
            ("widget-0", Decision::Deny, 1),
            ("widget-1", Decision::Warn, 1),
            ("widget-2", Decision::Deny, 1)
        ]
    );
    let mutable = reply.judgement().map(|judgement| judgement.mutable.clone()).unwrap_or_default();
    let mutable: Vec<_> = mutable.iter().map(|(rule, paths)| (rule.as_str(), &**paths)).collect();
    assert_eq!(mutable, ["widget-0", "widget-1", "widget-2"].map(|rule| (rule, "spec.a")));
}

#[test]
fn the_rules_that_match_count_or_all_if_the_resource_is_not_known() {
    let rules = RuleSet::load(Builtin::Included, &[]).unwrap();
    let resource = |plural: &str| {
        format!(
            r#""kind":{{"group":"batch.volcano.sh","kind":"Job"}},"resource":{{"group":"batch.volcano.sh","version":"v1alpha1","resource":"{plural}"}}"#
        )
    };
    let objects = format!(r#""object":[{}0]"#, "0,".repeat(40_000));
    let estimate = |members: [&str; 2]| {
        let body = format!(
            r#"{{"apiVersion":"admission.k8s.io/v1","request":{{"uid":"u","operation":"UPDATE",{}}}}}"#,
            members.join(",")
        );
        memory_estimate(&rules, body.as_bytes())
    };
    let [none, one] = ["nodes", "jobs"].map(|plural| estimate([&resource(plural), &objects]));
    let late = estimate([&objects, &resource("jobs")]);
    assert!(none + 1_000_000 < one && one + 1_000_000 < late, "{none} {one} {late}");
}

#[test]
fn a_review_that_gives_its_resource_twice_gets_no_more_memory_than_was_estimated() {
    let member = |plural: &str| {
        format!(r#""resource":{{"group":"example.com","version":"v1","resource":"{plural}"}}"#)
    };
    let review = |first: &str, last: &str| {
        let objects = with("object", json!({"spec": {"b": vec![0; 40_000]}}))["request"].clone();
        format!(
            r#"{{"apiVersion":"admission.k8s.io/v1","request":{{"uid":"u","kind":{},{},"operation":"UPDATE","object":{},"oldObject":{},{}}}}}"#,
            objects["kind"],
            member(first),
            objects["object"],
            objects["oldObject"],
            member(last)
        )
    };
    let rules = rules(&["", ""]);
    // The last one counts. It is behind all that the estimate looks at.
    for (first, last, code) in [
        ("widgets", "widgets", None),
        ("others", "widgets", Some(413)),
        ("widgets", "others", Some(404)),
    ] {
        let review = review(first, last);
        let estimate = memory_estimate(&rules, review.as_bytes());
        let reply = admit_within(&rules, review.as_bytes(), estimate, &|| false);
        assert_eq!(reply.error_code(), code, "{first} {last} {estimate}");
    }
}

#[test]
fn the_reply_tells_why_the_first_lists_do_not_pair() {
    let rules = rules(&["  equality: [{path: spec.b, key: k}, {path: 'spec.c.*', key: k}]"]);
    let faults = |old: Value, new: Value| {
        let mut review = review();
        review["request"]["oldObject"]["spec"] = old;
        review["request"]["object"]["spec"] = new;
        let faults = ask(&rules, &review).list_faults.into_iter().map(|(rule, fault)| {
            assert_eq!(rule.as_str(), "widget-0");
            fault
        });
        faults.collect::<Vec<_>>()
    };
    let (twice, once) = (json!([{"k": 1}, {"k": 1}]), json!([{"k": 1}, {"k": 2}]));
    let fault = |follows: &str, side: &str| {
        format!(
            "`spec.b` {follows}: its key is `k`, and element 1 of the {side} list has the key of \
             an earlier element"
        )
    };
    assert_eq!(
        faults(json!({"b": twice}), json!({"b": once})),
        [fault("compares by position", "old")]
    );
    assert_eq!(
        faults(json!({"b": once}), json!({"b": twice})),
        [fault("counts as replaced", "new")]
    );
    assert_eq!(faults(json!({"b": once}), json!({"b": [{"k": 1}]})), [""; 0]);
    let lists = |list: &Value| {
        let lists: serde_json::Map<String, Value> =
            (0..9).map(|number| (number.to_string(), list.clone())).collect();
        json!({"c": lists})
    };
    assert_eq!(faults(lists(&twice), lists(&once)).len(), 8);
}
