//! Expressions from Kubernetes' policies, and conditions that are refused at load.

use serde_json::{Value, json};

use super::{ask, holds, rule};
use crate::engine::admit;
use crate::engine::condition::{Unread, compile};
use crate::engine::rule::{Condition, Read};

#[test]
fn what_policies_write_works() {
    let table = [
        "has(oldObject.spec.suspend) && oldObject.spec.suspend",
        "!has(oldObject.spec.missing)",
        "has(oldObject.spec.items) && size(oldObject.spec.items) == 2 && \
         oldObject.spec.items.size() == 2",
        "'app' in oldObject.metadata.labels",
        "oldObject.metadata.labels['example.com/tier'] == 'gold'",
        "oldObject.spec.image.matches('^registry/.*:v[0-9]+$')",
        "oldObject.spec.image.matches('^registry/') && !oldObject.spec.image.matches('v2') && \
         oldObject.spec.image.matches('v1$')",
        "oldObject.spec.image.startsWith('registry/') && oldObject.spec.image.endsWith(':v1') && \
         oldObject.spec.image.contains('/a')",
        "oldObject.spec.?suspend.orValue(false)",
        "!oldObject.?missing.?deep.hasValue()",
        "oldObject.spec.?hold.?until.orValue('') == ''",
        "oldObject.?metadata.?labels[?'app'].orValue('') == 'a'",
        "oldObject.metadata.?labels.?app.optMap(a, a + '!').orValue('') == 'a!'",
        "oldObject.metadata.?labels.optFlatMap(l, l.?app).orValue('') == 'a' && \
         !oldObject.?none.optFlatMap(l, l.?app).hasValue()",
        "optional.of(1).value() == 1 && optional.none().or(optional.of(2)).value() == 2",
        "oldObject.spec.items.exists(i, i.name == 'a') && oldObject.spec.items.all(i, i.n > 0)",
        "oldObject.spec.items.exists_one(i, i.n == 2)",
        "oldObject.spec.items.filter(i, i.n > 1).map(i, i.name) == ['b']",
        "oldObject.spec.items.map(i, i.n > 1, i.name) == ['b']",
        "oldObject.spec.items.all(i, oldObject.spec.items.exists(j, j.name == i.name))",
        "oldObject.metadata.labels.all(key, key.size() > 2) && oldObject.metadata.labels.map(k, k) \
         == ['app', 'example.com/tier']",
        "oldObject.spec.suspend ? value > oldValue : false",
        "value - oldValue == 1 && value * 2 == 4 && -value < 0 && value % 2 == 0 && value / 2 == 1",
        "oldObject.spec.big > 5 && oldObject.spec.big == 18446744073709551615u && \
         oldObject.spec.ratio < 1",
        "oldObject.spec.nothing == null && oldObject.spec.empty == {} && oldObject.spec != \
         object.spec",
        "request.userInfo.username == 'alice' && 'ops' in request.userInfo.groups && \
         request.userInfo.extra['scopes'] == ['a']",
        "request.operation == 'UPDATE' && request.namespace == 'n' && !request.dryRun && \
         request.kind.kind == 'Widget'",
        "!has(request.options) && !has(request.subResource) && request.resource.resource == \
         'widgets' && request.userInfo.uid == '7'",
        "oldObject.spec.image.split(':')[1] == 'v1' && oldObject.spec.image.substring(0, \
         8).upperAscii() == 'REGISTRY'",
        "' A '.trim().lowerAscii() == 'a' && 'abc'.charAt(1) == 'b'",
        "type(value) == int && type(oldObject.spec.image) == string && type(oldObject.spec.empty) \
         == map",
        "string(value) == '2' && int('2') == value && double(value) == 2.0 && dyn(value) == 2",
        "{'a': 1}.a == 1 && [1, 2][0] == 1 && 1 in [1, 2] && [1] + [2] == [1, 2]",
        "oldObject.missing.deep || true",
    ];
    for when in table {
        assert_eq!(holds(when), Ok(true), "{when}");
        assert_eq!(holds(&format!("!({when})")), Ok(false), "{when}");
    }
}

#[test]
fn unknown_names_are_refused_at_load() {
    let table = [
        ("", "expected a CEL expression, found an empty text"),
        ("  ", "expected a CEL expression, found an empty text"),
        (
            "foo == 1",
            "undeclared name `foo`; expected oldObject, object, oldValue, value or request",
        ),
        (
            "self.x == 1",
            "undeclared name `self`; expected oldObject, object, oldValue, value or request",
        ),
        ("oldObject.x.frob()", "unknown function `frob`"),
        ("frob(oldObject)", "unknown function `frob`"),
        ("optional.frob(oldObject)", "unknown function `frob`"),
        (
            "contains(oldObject.a, 'b')",
            "unknown function `contains`; expected it on a value, as `x.contains()`",
        ),
        ("oldObject.a.int() == 1", "unknown function `int` on a value; expected it as `int(x)`"),
        (
            "authorizer.group('').resource('pods').check('get').allowed()",
            "undeclared name `authorizer`; expected oldObject, object, oldValue, value or request",
        ),
        ("quantity('1').isGreaterThan(quantity('2'))", "unknown function `quantity`"),
        ("duration('1h') > duration('1m')", "unknown function `duration`"),
        ("timestamp(oldObject.a) > timestamp(oldObject.b)", "unknown function `timestamp`"),
        (
            "oldObject.a.all(i, x, x > i)",
            "`all` with 3 arguments is not supported: loops have one variable",
        ),
        (
            "cel.bind(x, 1, x == 1)",
            "undeclared name `cel`; expected oldObject, object, oldValue, value or request",
        ),
        (
            "oldObject.a.all(value, value > 0)",
            "`value` is what conditions see; expected another name for the variable of a loop",
        ),
        (
            "oldObject.a.all(int, int > 0)",
            "`int` is what conditions see; expected another name for the variable of a loop",
        ),
        (
            "oldObject.a.all(optional, optional > 0)",
            "`optional` is what conditions see; expected another name for the variable of a loop",
        ),
        (
            "matches(oldObject.a, 'b')",
            "unknown function `matches`; expected it on a text, as `x.matches('…')`",
        ),
        (
            "oldObject.a.matches(oldObject.b)",
            "expected the pattern of `matches` as a text, found an expression",
        ),
        ("oldObject.a.matches('(')", "expected a regular expression: unclosed group"),
        (
            r"oldObject.a.matches('\\p{L}{900}')",
            "expected a smaller pattern: matching this one costs too much",
        ),
        (
            "oldObject.a.matches('((a{100}){100}){100}')",
            "expected a regular expression: `{100}` is not of RE2, which Kubernetes has",
        ),
        ("oldObject.a.size(1) == 1", "`size` takes 0 arguments, found 1"),
        (
            "Widget{a: 1} == oldObject",
            "undeclared type `Widget`; expected a map as `{'key': value}`",
        ),
        ("request.object.spec.x == 1", "`request` has no member `object`; expected `object` alone"),
        (
            "true || has(request.oldObject)",
            "`request` has no member `oldObject`; expected `oldObject` alone",
        ),
        (
            "request['uid'] == ''",
            "`request` has no member `uid`; expected kind, resource, subResource, requestKind, \
             requestResource, requestSubResource, name, namespace, \
             operation, userInfo, dryRun, options",
        ),
        (
            "request.?userInfo.?name.orValue('') == 'a'",
            "`request.userInfo` has no member `name`; expected username, uid, groups, extra",
        ),
        (
            "request.kind.resource == 'widgets'",
            "`request.kind` has no member `resource`; expected group, version, kind",
        ),
        ("1", "expected a condition, true or false, found a number"),
        ("'yes'", "expected a condition, true or false, found a text"),
        ("string(oldObject.a)", "expected a condition, true or false, found a text"),
        ("null", "expected a condition, true or false, found null"),
        ("b'yes'", "expected a condition, true or false, found bytes"),
        ("[oldObject.a]", "expected a condition, true or false, found a list"),
        ("{'a': oldObject.a}", "expected a condition, true or false, found a map"),
        ("oldObject.a * 2", "expected a condition, true or false, found a number"),
        ("oldObject.a + 1", "expected a condition, true or false, found a sum"),
        (
            "oldObject.?a",
            "expected a condition, true or false, found an optional value; `.orValue(false)` makes \
             one of it",
        ),
    ];
    let found = table.map(|(when, _)| {
        (when, compile(when).map_or_else(|fault| fault.message, |_| "nothing".to_owned()))
    });
    assert_eq!(found, table.map(|(when, message)| (when, message.to_owned())));
    let long = format!("oldObject.a == '{}'", "a".repeat(4096));
    assert_eq!(
        compile(&long).map(drop).map_err(|fault| fault.message),
        Err("expected at most 4096 bytes, found 4113".to_owned())
    );
    let longest = format!("oldObject.a == '{}'", "a".repeat(4096 - 17));
    assert!(longest.len() == 4096 && compile(&longest).is_ok());
    let deep = |levels: usize| format!("oldObject{} == 1", ".a".repeat(levels - 2));
    assert!(
        compile(&deep(48)).is_ok()
            && Condition::reads_of(&deep(48)).is_ok_and(|reads| reads.len() == 1)
    );
    assert!(compile(&deep(49)).is_err());
    assert_eq!(Condition::reads_of(&deep(49)), Err(Unread::Deep));
    for deep in [
        format!("{}true{}", "(".repeat(1000), ")".repeat(1000)),
        format!("{}true{}", "!(".repeat(200), ")".repeat(200)),
        format!("oldObject{} == 1", ".a".repeat(1000)),
        format!("1{} == 1", "+1".repeat(1000)),
        format!("{}1{} == 1", "[".repeat(1000), "]".repeat(1000)),
        format!("{}true{}", "[1].all(x, ".repeat(100), ")".repeat(100)),
        "(".repeat(4000),
        "\0\u{1}\u{202e}".to_owned(),
    ] {
        assert!(compile(&deep).is_err(), "{}", &deep[..40.min(deep.len())]);
    }
}

#[test]
fn the_reads_of_a_condition_are_known() {
    let told = |reads: &[Read]| {
        reads
            .iter()
            .map(|read| format!("{}.{}", read.variable, read.members.join(".")))
            .collect::<Vec<_>>()
    };
    let rules = rule(
        "spec.x",
        "oldObject.spec.a && value == request.userInfo.username && oldObject['spec'].b == 'c'",
    );
    let entry = rules.rules().next().unwrap().entries().next().unwrap();
    let condition = entry.when.as_ref().unwrap();
    assert_eq!(
        told(&condition.program.chains),
        ["oldObject.spec.a", "oldObject.spec.b", "request.userInfo.username", "value."]
    );
    assert_eq!(
        told(&Condition::reads_of("object.spec.b == authorizer.x").unwrap()),
        ["object.spec.b"]
    );
    assert!(matches!(Condition::reads_of("object."), Err(Unread::Fault(_))));
    assert!(condition.depends_on_the_value() && !condition.mixes_types());
    for (when, is_mixed) in [
        ("value in [1, 'a']", true),
        ("{1: 'a', 'b': 'c'} == value", true),
        ("value in [1, 2]", false),
        ("value in [dyn(1), 'a']", false),
    ] {
        let rules = rule("spec.x", when);
        let condition =
            rules.rules().next().unwrap().entries().next().unwrap().when.clone().unwrap();
        assert_eq!(condition.mixes_types(), is_mixed, "{when}");
    }
}

#[test]
fn a_deep_object_costs_nothing_unless_it_is_read() {
    // Written as text: a value so deep overflows the stack when it is dropped.
    let object = |x: u64| {
        format!(
            r#"{{"spec":{{"x":{x},"a":true}},"status":{}{}}}"#,
            "[".repeat(9_000),
            "]".repeat(9_000)
        )
    };
    let reply = |when: &str| {
        let request = format!(
            r#"{{"uid":"u","operation":"UPDATE","userInfo":{{}},"kind":{{"group":"example.com","version":"v1","kind":"Widget"}},"resource":{{"group":"example.com","version":"v1","resource":"widgets"}},"oldObject":{},"object":{}}}"#,
            object(1),
            object(2)
        );
        let body = format!(
            r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{request}}}"#
        );
        admit(&rule("spec.x", when), body.as_bytes())
    };
    assert_eq!(reply("oldObject.spec.a && has(oldObject.status)").allowed(), Some(true));
    // Nor if the request is read, in which they stand.
    assert_eq!(reply("request.operation == 'UPDATE'").allowed(), Some(true));
    let refused = reply("oldObject.status == object.status");
    assert_eq!(refused.allowed(), Some(false));
    assert_eq!(
        refused.condition_failures[0].reason,
        "more than 128 levels of nesting in what it reads"
    );
}

#[test]
fn conversion_has_a_depth_limit() {
    // In lists, in maps, and in maps of which only a member is read.
    let nested = |open: &str, close: &str, levels: usize| {
        serde_json::from_str::<Value>(&format!("{}1{}", open.repeat(levels), close.repeat(levels)))
    };
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        // The object, `spec` and `deep` are three levels above the first of these.
        for (levels, holds) in [(126, true), (127, false)] {
            let object =
                |x: u64| json!({"spec": {"x": x, "deep": nested(open, close, levels).unwrap()}});
            let reply =
                ask("spec.x", "oldObject.spec.deep == object.spec.deep", &object(1), &object(2));
            assert_eq!(
                (reply.allowed(), reply.condition_failures.len()),
                (Some(holds), usize::from(!holds)),
                "{open} {levels}"
            );
        }
    }
}

#[test]
fn failures_show_no_value() {
    let object = |x: &str| json!({"spec": {"x": x, "secret": "hunter2", "m": {"hunter2": 1}}});
    for when in [
        "oldObject.spec.secret",
        "oldObject.spec[oldObject.spec.secret] == 1",
        "oldObject.spec.secret + 1 == 2",
        "oldObject.spec.secret > 1",
        "int(oldObject.spec.secret) == 1",
        "{oldObject.spec.secret: 1, 'hunter2': 2} == {}",
        "oldObject.spec.secret.x",
        "value",
    ] {
        let reply = ask("spec.x", when, &object("hunter2"), &object("hunter2!"));
        assert_eq!(reply.condition_failures.len(), 1, "{when}");
        assert!(!format!("{:?}", reply.condition_failures).contains("hunter2"), "{when}");
    }
}
