//! Conditions as a table: what Kubernetes' policies write, what is refused at load, and what means
//! harm.

use serde_json::{Value, json};

use crate::engine::admit::admit_within;
use crate::engine::condition::{Unread, compile};
use crate::engine::rule::{Condition, Read};
use crate::engine::{Builtin, Document, Reply, RuleSet, admit, admit_at_once};

/// A budget that is soon spent.
const LITTLE: u64 = 20_000;

fn rule(path: &str, when: &str) -> RuleSet {
    rules(&[entries(&[(path, when)])])
}

fn entries(entries: &[(&str, &str)]) -> Value {
    entries.iter().map(|(path, when)| json!({"path": path, "when": when})).collect()
}

/// A rule of each list of entries.
fn rules(lists: &[Value]) -> RuleSet {
    let document = |(number, entries): (usize, &Value)| {
        let text = format!(
            "apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata: {{name: \
             widget-{number}}}\nspec:\n  matchConstraints:\n    resourceRules: \
             [{{apiGroups: [example.com], apiVersions: [v1], resources: [widgets]}}]\n  mutable: \
             {entries}\n"
        );
        Document { origin: format!("widget-{number}.yaml"), text }
    };
    match RuleSet::load(Builtin::Left, &lists.iter().enumerate().map(document).collect::<Vec<_>>())
    {
        Ok(rules) => rules,
        Err(errors) => panic!("{errors}"),
    }
}

fn ask(path: &str, when: &str, old: &Value, new: &Value) -> Reply {
    admit(&rule(path, when), review(old, new).as_bytes())
}

fn review(old: &Value, new: &Value) -> String {
    let request = json!({
        "uid": "u-1", "operation": "UPDATE", "name": "w", "namespace": "n",
        "userInfo": {"username": "alice", "uid": "7", "groups": ["ops", "staff"],
            "extra": {"scopes": ["a"]}},
        "kind": {"group": "example.com", "version": "v1", "kind": "Widget"}, "dryRun": false,
        "resource": {"group": "example.com", "version": "v1", "resource": "widgets"},
        "object": new, "oldObject": old,
    });
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
        .to_string()
}

fn reasons(reply: &Reply) -> Vec<(&str, &str, usize)> {
    reply
        .condition_failures()
        .iter()
        .map(|failure| (failure.path.as_str(), failure.reason.as_str(), failure.times))
        .collect()
}

/// What a condition makes of a change of `spec.x`.
fn holds(when: &str) -> Result<bool, String> {
    let object = |x: u64| {
        json!({
            "metadata": {"name": "w", "labels": {"app": "a", "example.com/tier": "gold"}},
            "spec": {"x": x, "suspend": true, "replicas": 3, "big": 18_446_744_073_709_551_615_u64,
                "ratio": 0.5,
                     "items": [{"name": "a", "n": 1}, {"name": "b", "n": 2}],
                     "image": "registry/a:v1", "empty": {}, "nothing": null}
        })
    };
    let reply = ask("spec.x", when, &object(1), &object(2));
    match reply.condition_failures() {
        [] => Ok(reply.allowed() == Some(true)),
        [failure] => {
            assert_eq!(reply.allowed(), Some(false), "{when}");
            Err(failure.reason.clone())
        }
        more => panic!("{more:?}"),
    }
}

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
fn what_is_not_there_is_refused_at_load() {
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
fn what_would_take_for_ever_is_cut_short() {
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
        let reply =
            admit_within(LITTLE, &rule("spec.x", &when), review(&object(1), &object(2)).as_bytes());
        assert_eq!(reply.allowed(), Some(false), "{when}");
        assert_eq!(reasons(&reply), [("spec.x", "too much to evaluate", 1)], "{when}");
    }
}

#[test]
fn the_door_has_a_budget() {
    // Each byte may meet thousands of states, so the text is never looked at.
    let object = |x: u64| json!({"spec": {"x": x, "text": "a".repeat(300_000)}});
    let reply = ask("spec.x", "oldObject.spec.text.matches('(a?){300}b')", &object(1), &object(2));
    assert_eq!(reasons(&reply), [("spec.x", "too much to evaluate", 1)]);
}

/// An object whose `spec.list` makes [`DEAR`] cost about three quarters of [`LITTLE`].
fn dear(x: u64) -> Value {
    json!({"spec": {"a": x, "b": x, "c": x, "d": x, "e": x, "list": (0..30).collect::<Vec<u32>>()}})
}

const DEAR: &str = "oldObject.spec.list.all(a, oldObject.spec.list.all(b, a + b >= 0))";

#[test]
fn all_conditions_of_a_review_have_one_budget() {
    /// The violations, and the entries whose conditions were too dear.
    fn ask(lists: &[Value]) -> (String, String) {
        let reply = admit_within(LITTLE, &rules(lists), review(&dear(1), &dear(2)).as_bytes());
        let too_dear = reasons(&reply).into_iter().map(|failure| {
            assert_eq!((failure.1, failure.2), ("too much to evaluate", 1));
            failure.0
        });
        (reply.fields().join(" "), too_dear.collect::<Vec<_>>().join(" "))
    }
    let told = |violations: &str, too_dear: &str| (violations.to_owned(), too_dear.to_owned());
    let (other, cheap) = (format!("{DEAR} && true"), "oldObject.spec.c == 1");
    // Alone it may spend everything, and what many entries ask is asked once.
    assert_eq!(ask(&[entries(&[("spec.a", DEAR)])]), told("spec.b spec.c spec.d spec.e", ""));
    assert_eq!(
        ask(&[entries(
            &["spec.a", "spec.b", "spec.c", "spec.d", "spec.e"].map(|path| (path, DEAR))
        )]),
        told("", "")
    );
    // Others take their share, and however dear they are, a cheap one has its own.
    let all = entries(&[("spec.a", DEAR), ("spec.b", &other), ("spec.c", cheap)]);
    assert_eq!(ask(&[all]), told("spec.a spec.b spec.d spec.e", "spec.a spec.b"));
    // So do those of another rule.
    let (one, two) =
        (entries(&[("spec.a", DEAR), ("spec.c", cheap)]), entries(&[("spec.b", &other)]));
    let (violations, too_dear) = ask(&[one, two]);
    assert_eq!((violations.matches("spec.c").count(), too_dear.as_str()), (1, "spec.a spec.b"));
    // What somebody else's entry asks takes nothing.
    let theirs = json!([{"path": "spec.a", "when": DEAR}, {"path": "spec.b", "when": other,
        "by": {"users": ["bob"]}}]);
    assert_eq!(ask(&[theirs]), told("spec.b spec.c spec.d spec.e", ""));
}

#[test]
fn each_evaluation_costs_something() {
    let object = |value: u64| {
        json!({"data": (0..900).map(|n| (format!("k{n:04}"),
        json!(value))).collect::<serde_json::Map<_, _>>()})
    };
    let reply = admit_within(
        2_000,
        &rule("data.*", "value != oldValue"),
        review(&object(1), &object(2)).as_bytes(),
    );
    let [(path, reason, times)] = reasons(&reply)[..] else {
        panic!("{:?}", reply.condition_failures())
    };
    assert_eq!((path, reason), ("data.*", "too much to evaluate"));
    assert!((600..900).contains(&times), "{times}");
    // Once two entries ask the same of the same value, it is evaluated once.
    let both = rules(&[
        entries(&[("data.*", "value != oldValue")]),
        entries(&[("data.*", "value != oldValue")]),
    ]);
    for (set, allowed) in [(rule("data.*", "value != oldValue"), true), (both, true)] {
        let reply = admit_within(15 * 900, &set, review(&object(1), &object(2)).as_bytes());
        assert_eq!(reply.allowed(), Some(allowed), "{:?}", reply.condition_failures());
    }
}

#[test]
fn who_must_not_wait_is_told_that_it_takes_long() {
    let at_once = |when: &str| {
        let (rules, review) = (rule("spec.x", when), review(&list(1), &list(2)));
        (admit_at_once(&rules, review.as_bytes()), admit(&rules, review.as_bytes()))
    };
    let (early, late) = at_once("oldObject.spec.list.all(a, a >= 0)");
    assert_eq!((early.as_ref(), late.allowed()), (Some(&late), Some(true)));
    let (early, late) = at_once("oldObject.spec.list.missing");
    assert_eq!(
        (early.as_ref(), late.allowed(), late.condition_failures().len()),
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
    assert_eq!((reply.allowed(), reply.condition_failures()), (Some(true), [].as_slice()));
}

#[test]
fn deep_objects_are_no_matter_unless_they_are_read() {
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
        refused.condition_failures()[0].reason,
        "more than 128 levels of nesting in what it reads"
    );
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
        .condition_failures()
        .iter()
        .map(|failure| (failure.reason.as_str(), failure.times))
        .collect();
    assert_eq!(failures, [("too many evaluations: more than 1000 locations", 500)]);
    let reply = ask("data.*", "oldObject.data.k0000 == 1", &object(1), &object(2));
    assert_eq!((reply.allowed(), reply.condition_failures().len()), (Some(true), 0));
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
        assert_eq!(reply.condition_failures().len(), 1, "{when}");
        assert!(!format!("{:?}", reply.condition_failures()).contains("hunter2"), "{when}");
    }
}

#[test]
fn what_a_condition_reads_is_told() {
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
        told(condition.reads()),
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
        let reply = admit_within(budget, &rules, review.as_bytes());
        assert!(
            reasons(&reply).iter().all(|reason| reason.1 == "too much to evaluate"),
            "{when}: {:?}",
            reasons(&reply)
        );
        reply.condition_failures().is_empty()
    };
    let (mut least, mut most) = (0, 10_000);
    assert!(is_enough(most), "{when}");
    while most - least > 1 {
        let middle = least.midpoint(most);
        if is_enough(middle) { most = middle } else { least = middle }
    }
    most
}

#[test]
fn so_many_levels_are_converted_and_no_more() {
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
                (reply.allowed(), reply.condition_failures().len()),
                (Some(holds), usize::from(!holds)),
                "{open} {levels}"
            );
        }
    }
}

/// What is charged decides which conditions are too dear, so a charge that changes is seen.
#[test]
fn each_step_has_its_price() {
    let table = [
        // Literals and the way to a member.
        ("true", 6),
        ("oldObject.spec.yes", 11),
        ("1 == 1", 8),
        // What operators look at: one, a sixteenth of a text, each element, two more for each
        // member of a map.
        ("oldObject.spec.x == 1", 14),
        ("1 == oldObject.spec.x", 14),
        ("oldObject.spec.x == value || true", 18),
        ("oldObject.spec.text == 'a' || true", 20),
        ("bytes(oldObject.spec.text) == b'a' || true", 26),
        ("oldObject.spec.list == [] || true", 25),
        ("oldObject.spec.map == {} || true", 37),
        ("oldObject.spec.deep == {} || true", 31),
        ("!(oldObject.spec.yes && false)", 14),
        ("oldObject.spec.yes ? true : false", 14),
        // What is looked up by a key.
        ("oldObject.spec.map[oldObject.spec.text] == [1, 2]", 36),
        ("oldObject.spec.list[oldObject.spec.x] == 2", 24),
        ("oldObject.spec.?text.hasValue()", 25),
        ("oldObject.spec.map[?oldObject.spec.text].hasValue()", 35),
        ("optional.of(oldObject.spec.text).hasValue()", 25),
        ("optional.none().hasValue() || true", 11),
        // What is made.
        ("[oldObject.spec.text] == [] || true", 28),
        ("[?oldObject.spec.?text] == [] || true", 36),
        ("{'a': oldObject.spec.text} == {} || true", 31),
        ("{oldObject.spec.text: 1} == {} || true", 27),
        ("{?'a': oldObject.spec.?text} == {} || true", 39),
        ("oldObject.spec.text.split('a') == [] || true", 153),
        ("oldObject.spec.text.startsWith('a')", 18),
        ("size(oldObject.spec.text) == 64", 20),
        // Patterns, each of its own weight.
        ("oldObject.spec.text.matches('a')", 173),
        ("oldObject.spec.text.matches('[a-z]{60}')", 333),
        ("oldObject.spec.text.matches('a') && oldObject.spec.text.matches('aa')", 339),
        // Each turn of a loop: its element, and the nodes of its body.
        ("oldObject.spec.list.all(n, true)", 44),
        ("oldObject.spec.list.all(n, n > 0)", 58),
        ("oldObject.spec.list.exists(n, n == 4)", 59),
        ("oldObject.spec.list.exists_one(n, n == 4)", 75),
        ("oldObject.spec.list.map(n, n + 1).size() == 4", 75),
        ("oldObject.spec.list.map(n, n > 2, n + 1).size() == 2", 98),
        ("oldObject.spec.list.filter(n, n > 2).size() == 2", 86),
        ("oldObject.spec.map.all(k, k != '')", 71),
        ("oldObject.?spec.optMap(s, s.yes).orValue(false)", 318),
    ];
    let found = table.map(|(when, _)| (when, price(when)));
    assert_eq!(found, table);
}
