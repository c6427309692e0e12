//! The sentences of the specification, each with examples: rule, old object, new object, violating fields.
//!
//! The oracle is held against this table by hand; the engine answers it too, since every line is a case like any other.

use super::rule::{Rule, User};
use super::{notation, read, render};
use libtest_mimic::{Failed, Trial};
use serde_json::Value;

/// An example of a sentence.
#[derive(Debug, Clone)]
pub(crate) struct Sentence {
    pub name: &'static str,
    pub rule: Rule,
    pub old: Value,
    pub new: Value,
    pub user: User,
    pub fields: Vec<String>,
}

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = table().into_iter().map(trial).collect();
    trials.push(Trial::test("oracle::paths_read_as_written", paths_read_as_written));
    trials
}

fn trial(sentence: Sentence) -> Trial {
    Trial::test(format!("oracle::sentence: {}", sentence.name), move || {
        let Sentence { rule, old, new, user, fields, .. } = &sentence;
        let found: Vec<String> = super::violations(rule, old, new, user).iter().map(|at| notation::field(at)).collect();
        if found == *fields {
            return Ok(());
        }
        Err(Failed::from(format!("expected {fields:?}, found {found:?}\n{}", render::document(rule))))
    })
}

fn paths_read_as_written() -> Result<(), Failed> {
    let paths = [
        "spec.replicas",
        "spec.tasks[*].replicas",
        "spec.mxReplicaSpecs.*.replicas",
        "metadata.labels['app.kubernetes.io/name']",
        "metadata.annotations['example.com/*']",
        "spec.tasks[name='worker'].replicas",
        "spec.tasks[name=worker]",
        "a['it''s']['']['*']['x**'].b-c",
    ];
    for path in paths {
        let again = notation::path(&read::path(path));
        if again != path {
            return Err(format!("expected {path}, found {again}").into());
        }
    }
    Ok(())
}

/// Every example.
pub(crate) fn table() -> Vec<Sentence> {
    let mut table = Vec::new();
    let mut by = |user: &str, groups: &[&str], name: &'static str, rule: &str, old: &str, new: &str, fields: &[&str]| {
        table.push(Sentence {
            name,
            rule: read::rule(&yaml(rule)),
            old: yaml(old),
            new: yaml(new),
            user: User { name: user.into(), groups: groups.iter().map(|group| (*group).into()).collect() },
            fields: fields.iter().map(|field| (*field).into()).collect(),
        });
    };
    requesters(&mut by);
    let mut case = |name, rule: &str, old: &str, new: &str, fields: &[&str]| by("alice", &["staff"], name, rule, old, new, fields);
    definition(&mut case);
    owned(&mut case);
    paths(&mut case);
    verbs(&mut case);
    on_the_way(&mut case);
    values(&mut case);
    respelling(&mut case);
    lists(&mut case);
    table
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

type Case<'a> = &'a mut dyn FnMut(&'static str, &str, &str, &str, &[&str]);

fn definition(case: Case<'_>) {
    case("1 equal objects are allowed", "{}", "{spec: {a: 1}}", "{spec: {a: 1}}", &[]);
    case("1 a field that no rule names may not change", "mutable: [spec.a]", "{spec: {a: 1, b: 1}}", "{spec: {a: 2, b: 2}}", &["spec.b"]);
    case("1 nor appear", "mutable: [spec.a]", "{spec: {a: 1}}", "{spec: {a: 1}, later: {x: 1}}", &["later"]);
    case("1 nor vanish", "mutable: [spec.a]", "{spec: {a: 1}, status: {x: 1}}", "{spec: {a: 1}}", &["status"]);
    case("7 at the highest location that changed as a whole", "{}", "{spec: {a: [1]}}", "{spec: {a: {b: 1, c: 2}}}", &["spec.a"]);
    case("7 an added element is one violation", "{}", "{spec: {l: []}}", "{spec: {l: [{a: 1, b: 2}]}}", &["spec.l[0]"]);
    case(
        "7 keys in brackets",
        "{}",
        "{spec: {}}",
        "{spec: {'a/b': 1, '~': 1, 'x.y': 1, '[0]': 1, \"'\": 1, '': 1, '0': 1, 'a b': 1}}",
        &["spec['']", "spec['''']", "spec[0]", "spec['[0]']", "spec['a b']", "spec[a/b]", "spec[x.y]", "spec[~]"],
    );
}

fn owned(case: Case<'_>) {
    case(
        "3 what the API server owns is never a change",
        "{}",
        "{metadata: {resourceVersion: '1', generation: 1, managedFields: [], creationTimestamp: null, uid: a, selfLink: /a}}",
        "{metadata: {resourceVersion: '2', managedFields: [{}], deletionTimestamp: now, deletionGracePeriodSeconds: 0, uid: b}}",
        &[],
    );
    case("3 it owns them in metadata alone", "{}", "{spec: {metadata: {uid: a}}}", "{spec: {metadata: {uid: b}}}", &["spec.metadata.uid"]);
    case("3 metadata that holds nothing else is still there", "{}", "{metadata: {uid: a}}", "{}", &["metadata"]);
    case("3 finalizers are protected", "{}", "{metadata: {finalizers: [a]}}", "{metadata: {}}", &["metadata.finalizers"]);
    let deleting = "{metadata: {deletionTimestamp: now, finalizers: [a, b, c], labels: {x: '1'}}}";
    case("3 while deleting finalizers may go", "{}", deleting, "{metadata: {labels: {x: '1'}}}", &[]);
    case("3 while deleting items may be dropped", "{}", deleting, "{metadata: {finalizers: [a, c], labels: {x: '1'}}}", &[]);
    case("3 while deleting all may be dropped", "{}", deleting, "{metadata: {finalizers: [], labels: {x: '1'}}}", &[]);
    case(
        "3 while deleting the order is kept",
        "{}",
        deleting,
        "{metadata: {finalizers: [c, a], labels: {x: '1'}}}",
        &["metadata.finalizers[0]", "metadata.finalizers[1]", "metadata.finalizers[2]"],
    );
    case(
        "3 while deleting none is added",
        "{}",
        deleting,
        "{metadata: {finalizers: [a, b, c, d], labels: {x: '1'}}}",
        &["metadata.finalizers[3]"],
    );
    case("3 while deleting all else stays protected", "{}", deleting, "{metadata: {labels: {x: '2'}}}", &["metadata.labels.x"]);
    case(
        "3 it is the old object that is being deleted",
        "{}",
        "{metadata: {finalizers: [a]}}",
        "{metadata: {deletionTimestamp: now}}",
        &["metadata.finalizers"],
    );
    case(
        "3 a null deletionTimestamp is none",
        "{}",
        "{metadata: {deletionTimestamp: null, finalizers: [a]}}",
        "{metadata: {}}",
        &["metadata.finalizers"],
    );
    let selector = "{matchConstraints: {objectSelector: {matchLabels: {team: x}, matchExpressions: [{key: a/b, operator: Exists}]}}, mutable: [metadata.labels]}";
    case(
        "labels that the selector names are protected",
        selector,
        "{metadata: {labels: {team: x}}}",
        "{metadata: {labels: {team: y}}}",
        &["metadata.labels.team"],
    );
    case(
        "by an expression too",
        selector,
        "{metadata: {labels: {team: x}}}",
        "{metadata: {labels: {team: x, a/b: y}}}",
        &["metadata.labels[a/b]"],
    );
    case("other labels are not", selector, "{metadata: {labels: {team: x}}}", "{metadata: {labels: {team: x, other: y}}}", &[]);
    case("nor can they go with all labels", selector, "{metadata: {labels: {team: x}}}", "{metadata: {}}", &["metadata.labels.team"]);
    case(
        "reported once, where the labels are immutable anyway",
        "{matchConstraints: {objectSelector: {matchLabels: {team: x}}}}",
        "{metadata: {labels: {team: x}}}",
        "{metadata: {}}",
        &["metadata.labels"],
    );
}

fn paths(case: Case<'_>) {
    case("4 a field", "mutable: [spec.replicas]", "{spec: {replicas: 1, x: 1}}", "{spec: {replicas: 2, x: 2}}", &["spec.x"]);
    case("4 it covers its subtree", "mutable: [spec.a]", "{spec: {a: {b: [{c: 1}]}}}", "{spec: {a: {b: [{c: 2}, 3]}}}", &[]);
    case("4 not its siblings by prefix", "mutable: [spec.a]", "{spec: {ab: 1}}", "{spec: {ab: 2}}", &["spec.ab"]);
    case(
        "4 of every element of a list",
        "mutable: ['spec.tasks[*].replicas']",
        "{spec: {tasks: [{replicas: 1}, {replicas: 1, x: 1}]}}",
        "{spec: {tasks: [{replicas: 2}, {replicas: 2, x: 2}]}}",
        &["spec.tasks[1].x"],
    );
    case("4 a list is no map", "mutable: ['spec.l.*']", "{spec: {l: [1]}}", "{spec: {l: [2]}}", &["spec.l[0]"]);
    case("4 a map is no list", "mutable: ['spec.m[*]']", "{spec: {m: {'0': 1}}}", "{spec: {m: {'0': 2}}}", &["spec.m[0]"]);
    case(
        "4 of every value of a map",
        "mutable: ['spec.m.*.replicas']",
        "{spec: {m: {a: {replicas: 1}, b: {x: 1}}}}",
        "{spec: {m: {a: {replicas: 2}, b: {x: 2, replicas: 2}}}}",
        &["spec.m.b.x"],
    );
    case(
        "4 any key",
        "mutable: [\"metadata.labels['a/b']\", \"metadata.labels['it''s']\", \"metadata.labels['']\", \"metadata.labels['x**']\"]",
        "{metadata: {labels: {a/b: '1', it's: '1', '': '1', 'x*': '1', xy: '1'}}}",
        "{metadata: {labels: {a/b: '2', it's: '2', '': '2', 'x*': '2', xy: '2'}}}",
        &["metadata.labels.xy"],
    );
    case(
        "4 map keys by prefix",
        "mutable: [\"metadata.annotations['example.com/*']\"]",
        "{metadata: {annotations: {example.com/a: '1', example.org/a: '1'}}}",
        "{metadata: {annotations: {example.com/b: '1', example.org/a: '2'}}}",
        &["metadata.annotations[example.org/a]"],
    );
    case(
        "4 the element of a keyed list",
        "{mutable: [\"spec.tasks[name='worker'].replicas\"], equality: [{path: spec.tasks, key: name}]}",
        "{spec: {tasks: [{name: ps, replicas: 1}, {name: worker, replicas: 1}]}}",
        "{spec: {tasks: [{name: ps, replicas: 2}, {name: worker, replicas: 2}]}}",
        &["spec.tasks[name=ps].replicas"],
    );
}

fn verbs(case: Case<'_>) {
    let only = |verb: &str| format!("mutable: [{{path: spec.a, allow: [{verb}]}}]");
    case("5 Set", &only("Set"), "{spec: {}}", "{spec: {a: {b: 1}}}", &[]);
    case("5 Set is not Modify", &only("Set"), "{spec: {a: 1}}", "{spec: {a: 2}}", &["spec.a"]);
    case("5 Set is not Clear", &only("Set"), "{spec: {a: 1}}", "{spec: {}}", &["spec.a"]);
    case("5 Clear", &only("Clear"), "{spec: {a: [1]}}", "{spec: {}}", &[]);
    case("5 Clear is not RemoveItem", &only("Clear"), "{spec: {a: [1]}}", "{spec: {a: []}}", &["spec.a[0]"]);
    case("5 Modify", &only("Modify"), "{spec: {a: 1}}", "{spec: {a: {b: 1}}}", &[]);
    case("5 from null it is Modify", &only("Modify"), "{spec: {a: null}}", "{spec: {a: {}}}", &[]);
    case("5 from list to object it is Modify", &only("Modify"), "{spec: {a: [1]}}", "{spec: {a: {'0': 1}}}", &[]);
    case(
        "5 Modify is values but not keys",
        &only("Modify"),
        "{spec: {a: {b: 1, c: 1}}}",
        "{spec: {a: {b: {x: 1}, d: 1}}}",
        &["spec.a.c", "spec.a.d"],
    );
    case("5 Modify of an element", &only("Modify"), "{spec: {a: [1, {b: 1}]}}", "{spec: {a: [2, {b: 2}, 3]}}", &["spec.a[2]"]);
    case("5 AddItem of a map", &only("AddItem"), "{spec: {a: {b: 1}}}", "{spec: {a: {b: 2, c: 1}}}", &["spec.a.b"]);
    case("5 AddItem of a list", &only("AddItem"), "{spec: {a: [1]}}", "{spec: {a: [1, 2, 3]}}", &[]);
    case("5 only the tail can be added", &only("AddItem"), "{spec: {a: [1]}}", "{spec: {a: [2, 1]}}", &["spec.a[0]"]);
    case("5 AddItem does not reach below the items", &only("AddItem"), "{spec: {a: [[1]]}}", "{spec: {a: [[1, 2]]}}", &["spec.a[0][1]"]);
    case("5 RemoveItem of a map", &only("RemoveItem"), "{spec: {a: {b: 1, c: 1}}}", "{spec: {a: {c: 2}}}", &["spec.a.c"]);
    case("5 RemoveItem of a list", &only("RemoveItem"), "{spec: {a: [1, 2]}}", "{spec: {a: [1]}}", &[]);
    case("5 only the tail can be removed", &only("RemoveItem"), "{spec: {a: [1, 2]}}", "{spec: {a: [2]}}", &["spec.a[0]"]);
    case("5 absent to container is AddItem", &only("AddItem"), "{spec: {}}", "{spec: {a: [1]}}", &[]);
    case("5 even if it is empty", &only("AddItem"), "{spec: {}}", "{spec: {a: {}}}", &[]);
    case("5 always needs a verb", &only("'Modify', 'Clear', 'RemoveItem'"), "{spec: {}}", "{spec: {a: {}}}", &["spec.a"]);
    case("5 a scalar is no container", &only("AddItem"), "{spec: {}}", "{spec: {a: 1}}", &["spec.a"]);
    case("5 container to absent is RemoveItem", &only("RemoveItem"), "{spec: {a: {b: 1}}}", "{spec: {}}", &[]);
    case("5 or Clear", &only("Clear"), "{spec: {a: {}}}", "{spec: {}}", &[]);
    case("5 not AddItem", &only("AddItem"), "{spec: {a: {}}}", "{spec: {}}", &["spec.a"]);
    case(
        "5 values but not keys",
        "mutable: [{path: data.*, allow: [Modify]}]",
        "{data: {a: '1', b: '1'}}",
        "{data: {a: '2', c: '1'}}",
        &["data.b", "data.c"],
    );
    case(
        "5 append only",
        "mutable: [{path: metadata.finalizers, allow: [AddItem]}]",
        "{metadata: {finalizers: [a]}}",
        "{metadata: {finalizers: [a, b]}}",
        &[],
    );
    let sum = "mutable: [{path: spec.a, allow: [AddItem]}, {path: 'spec.*', allow: [RemoveItem]}]";
    case("5 verbs add up", sum, "{spec: {a: {b: 1}}}", "{spec: {a: {c: 1}}}", &[]);
    case("5 at the same location", sum, "{spec: {x: {b: 1}}}", "{spec: {x: {c: 1}}}", &["spec.x.c"]);
    let below = "mutable: [{path: spec.a, allow: [AddItem]}, 'spec.a.*.x']";
    case(
        "5 entries below permit what no verb does",
        below,
        "{spec: {a: {b: {x: 1, y: 1}}}}",
        "{spec: {a: {b: {x: 2, y: 2}}}}",
        &["spec.a.b.y"],
    );
    let element = "mutable: [{path: 'spec.l[*]', allow: [Set]}]";
    case("5 an element that appears is Set at its own path", element, "{spec: {l: [1, 2]}}", "{spec: {l: [3, 2, 4]}}", &["spec.l[0]"]);
}

fn on_the_way(case: Case<'_>) {
    case("5 setting a field creates the objects above it", "mutable: [spec.a.b.c]", "{spec: {}}", "{spec: {a: {b: {c: 1}}}}", &[]);
    case("5 clearing removes them", "mutable: [spec.a.b.c]", "{spec: {a: {b: {c: 1}}}}", "{spec: {}}", &[]);
    case("5 an empty object on the way", "mutable: [spec.a.b]", "{spec: {}}", "{spec: {a: {}}}", &[]);
    case("5 whatever the verb", "mutable: [{path: spec.a.b, allow: [Modify]}]", "{spec: {}}", "{spec: {a: {}}}", &[]);
    case("5 but the field needs one", "mutable: [{path: spec.a.b, allow: [Modify]}]", "{spec: {}}", "{spec: {a: {b: 1}}}", &["spec.a"]);
    case("5 null is not absent", "mutable: [spec.a.b]", "{spec: {a: null}}", "{spec: {a: {b: 1}}}", &["spec.a"]);
    case("5 a list never appears", "mutable: ['spec.a[*]']", "{spec: {}}", "{spec: {a: [1]}}", &["spec.a"]);
    case("5 nor an object whose path goes on into a list", "mutable: ['spec.a[*]']", "{spec: {}}", "{spec: {a: {}}}", &["spec.a"]);
    case("5 a new task is a new task", "mutable: ['spec.l[*].x']", "{spec: {l: []}}", "{spec: {l: [{x: 1}]}}", &["spec.l[0]"]);
    case("5 a value selected by .* never appears", "mutable: ['spec.*.x']", "{spec: {}}", "{spec: {a: {x: 1}}}", &["spec.a"]);
    case("5 nor one by a prefix", "mutable: [\"spec['a*'].x\"]", "{spec: {a: {x: 1}}}", "{spec: {}}", &["spec.a"]);
    case("5 a quoted key is named", "mutable: [\"spec['a/b'].x\"]", "{spec: {}}", "{spec: {a/b: {x: 1}}}", &[]);
    case(
        "5 next step by key, prefix or .*",
        "mutable: [\"spec.a['x*']\", 'spec.b.*']",
        "{spec: {}}",
        "{spec: {a: {xy: 1}, b: {c: 1}}}",
        &[],
    );
    case(
        "7 of an object only what is not permitted",
        "mutable: [spec.a.x, spec.a.b.x]",
        "{spec: {}}",
        "{spec: {a: {y: 1, b: {x: 1, y: 1}}}}",
        &["spec.a.b.y", "spec.a.y"],
    );
    case("7 or whole, if nothing in it is", "mutable: [spec.a.x, spec.a.b.x]", "{spec: {}}", "{spec: {a: {y: 1, b: {y: 1}}}}", &["spec.a"]);
    case(
        "7 whole below what is reported in part",
        "mutable: [spec.a.x, spec.a.b.x]",
        "{spec: {}}",
        "{spec: {a: {x: 1, b: {y: 1}}}}",
        &["spec.a.b"],
    );
}

fn values(case: Case<'_>) {
    let equal = |case: Case<'_>, name, a: &str, b: &str, same: bool| {
        let fields: &[&str] = if same { &[] } else { &["spec.a"] };
        case(name, "{}", &format!("{{spec: {{a: {a}}}}}"), &format!("{{spec: {{a: {b}}}}}"), fields);
    };
    equal(case, "6 objects without order", "{x: 1, y: 2}", "{y: 2, x: 1}", true);
    equal(case, "6 numbers by value", "1", "1.0", true);
    equal(case, "6 zero has no sign", "0", "-0.0", true);
    equal(case, "6 integers exact", "9007199254740993", "9007199254740992", false);
    equal(case, "6 integers exact beside a float", "9007199254740993", "9007199254740992.0", false);
    equal(case, "6 up to 64 bits", "18446744073709551615", "18446744073709551614", false);
    equal(case, "6 fractions", "0.5", "0.25", false);
    equal(case, "6 strings exact", "'1'", "'1.0'", false);
    equal(case, "6 a string is no number", "'1'", "1", false);
    equal(case, "6 null is not false", "null", "false", false);
    equal(case, "6 an empty object is no empty list", "{}", "[]", false);
    equal(case, "6 a list is not the object with its indexes", "[1]", "{'0': 1}", false);
    case("6 null is not absent", "{}", "{spec: {}}", "{spec: {a: null}}", &["spec.a"]);
    case("6 {} is not absent", "{}", "{spec: {a: {}}}", "{spec: {}}", &["spec.a"]);
    case("6 [] is not absent", "{}", "{spec: {}}", "{spec: {a: []}}", &["spec.a"]);
    case("6 lists by position", "{}", "{spec: {a: [1, 2]}}", "{spec: {a: [2, 1]}}", &["spec.a[0]", "spec.a[1]"]);
}

fn respelling(case: Case<'_>) {
    let mut equal = |name, kind: &str, a: &str, b: &str, same: bool| {
        let fields: &[&str] = if same { &[] } else { &["spec.a"] };
        let rule = format!("equality: [{{path: spec.a, as: {kind}}}]");
        case(name, &rule, &format!("{{spec: {{a: {a}}}}}"), &format!("{{spec: {{a: {b}}}}}"), fields);
    };
    equal("6 1000m = 1", "Quantity", "1000m", "'1'", true);
    equal("6 2Gi = 2048Mi", "Quantity", "2Gi", "2048Mi", true);
    equal("6 1G is not 1Gi", "Quantity", "1G", "1Gi", false);
    equal("6 1E is not 1e", "Quantity", "1E", "1e", false);
    equal("6 1E is an exa", "Quantity", "1E", "'1e18'", true);
    equal("6 an exponent with sign", "Quantity", "'15e-1'", "1500m", true);
    equal("6 a fraction", "Quantity", "'.5'", "500m", true);
    equal("6 a fraction of a binary unit", "Quantity", "1.5Ki", "'1536'", true);
    equal("6 finer than nano is rounded up", "Quantity", "0.1n", "1n", true);
    equal("6 away from zero", "Quantity", "'-0.1n'", "'-1n'", true);
    equal("6 not to zero", "Quantity", "0.1n", "'0'", false);
    equal("6 a sign", "Quantity", "'+1'", "'1'", true);
    equal("6 a minus", "Quantity", "'-1'", "'1'", false);
    equal("6 quantities may be numbers", "Quantity", "0.5", "500m", true);
    equal("6 what is no quantity compares exactly", "Quantity", "1Zi", "1Zi ", true);
    equal("6 what is no quantity differs", "Quantity", "'1 m'", "1m", false);
    equal("6 binary quantities end at 2^63 - 1", "Quantity", "8Ei", "9Ei", true);
    equal("6 60s = 1m0s", "Duration", "60s", "1m0s", true);
    equal("6 1.5h = 90m", "Duration", "1.5h", "90m", true);
    equal("6 a minus of all", "Duration", "'-1m30s'", "'-90s'", true);
    equal("6 zero needs no unit", "Duration", "'0'", "0s", true);
    equal("6 all else does", "Duration", "'60'", "60s", false);
    equal("6 days are no unit", "Duration", "1d", "24h", false);
    equal("6 micro is written thrice", "Duration", "\"1\\u00b5s\"", "\"1\\u03bcs\"", true);
    equal("6 a number is no duration", "Duration", "0", "'0'", false);
    case(
        "6 the path of an equality",
        "equality: [{path: 'spec.*.b', as: Quantity}]",
        "{spec: {a: {b: '1', c: '1'}}}",
        "{spec: {a: {b: 1000m, c: 1000m}}}",
        &["spec.a.c"],
    );
    case(
        "6 the first listed wins",
        "equality: [{path: spec.a, as: Duration}, {path: spec.*, as: Quantity}]",
        "{spec: {a: '1', b: '1'}}",
        "{spec: {a: 1000m, b: 1000m}}",
        &["spec.a"],
    );
    let absent = "equality: [{path: spec.m.t, absentAs: null}, {path: spec.m, absentAs: {}}]";
    case("6 left out = {}", absent, "{spec: {m: {}}}", "{spec: {}}", &[]);
    case("6 from the leaves up", absent, "{spec: {m: {t: null}}}", "{spec: {}}", &[]);
    case("6 another value is not left out", absent, "{spec: {m: {t: {}}}}", "{spec: {}}", &["spec.m"]);
    case(
        "6 first listed absentAs",
        "equality: [{path: spec.a, absentAs: 0}, {path: spec.*, absentAs: null}]",
        "{spec: {a: null, b: null}}",
        "{spec: {}}",
        &["spec.a"],
    );
    let set_only = "{mutable: [{path: spec.a, allow: [Set]}], equality: [{path: spec.a, absentAs: ''}]}";
    case("5 values are normalised before the verb is named", set_only, "{spec: {a: ''}}", "{spec: {a: x}}", &[]);
}

fn lists(case: Case<'_>) {
    let keyed = "equality: [{path: spec.l, key: name}]";
    case(
        "6 elements pair by key",
        keyed,
        "{spec: {l: [{name: a}, {name: b, x: 1}]}}",
        "{spec: {l: [{name: b, x: 2}]}}",
        &["spec.l[name=a]", "spec.l[name=b].x"],
    );
    case(
        "6 reordering is a change of the list",
        keyed,
        "{spec: {l: [{name: a}, {name: b}]}}",
        "{spec: {l: [{name: b}, {name: a}]}}",
        &["spec.l"],
    );
    case(
        "6 of the elements that stay",
        "{mutable: ['spec.l[*]'], equality: [{path: spec.l, key: name}]}",
        "{spec: {l: [{name: a}, {name: b}, {name: c}]}}",
        "{spec: {l: [{name: d}, {name: a}, {name: c}]}}",
        &[],
    );
    case(
        "6 at its own path",
        "{mutable: ['spec.l[*]'], equality: [{path: spec.l, key: name}]}",
        "{spec: {l: [{name: a}, {name: b}]}}",
        "{spec: {l: [{name: b}, {name: c}, {name: a}]}}",
        &["spec.l"],
    );
    case(
        "5 a reordering is Modify",
        "{mutable: [{path: spec.l, allow: [Modify]}], equality: [{path: spec.l, key: name}]}",
        "{spec: {l: [{name: a}, {name: b}]}}",
        "{spec: {l: [{name: b}, {name: a}]}}",
        &[],
    );
    let elements = "{mutable: ['spec.l[*].x'], equality: [{path: spec.l, key: name}]}";
    for (name, bad) in [
        ("6 an old list with a repeated key compares by position", "{name: a, x: 1}"),
        ("6 one with a missing key too", "{x: 1}"),
        ("6 and one whose key is no string", "{name: 1, x: 1}"),
        ("6 and one with an element that is no object", "'a'"),
    ] {
        let list = |x: u8| format!("{{spec: {{l: [{{name: a, x: {x}, y: {x}}}, {bad}]}}}}");
        case(name, elements, &list(1), &list(2), &["spec.l[0].y"]);
    }
    let whole =
        |path: &str, allow: &str| format!("{{mutable: [{{path: {path}, allow: [{allow}]}}], equality: [{{path: spec.l, key: name}}]}}");
    let all = "Set, Modify, Clear, AddItem, RemoveItem";
    let (old, new) = ("{spec: {l: [{name: a}]}}", "{spec: {l: [{name: a}, {name: a}]}}");
    case("6 a new list that cannot be keyed is a replaced one", elements, old, new, &["spec.l"]);
    case("6 only a bare entry permits it", &whole("spec.l", "Set, Modify, AddItem, RemoveItem"), old, new, &["spec.l"]);
    case("6 a bare entry at it", &whole("spec.l", all), old, new, &[]);
    case("6 or above it", &whole("spec", all), old, new, &[]);
    case("6 elements alone are not enough", &whole("'spec.l[*]'", all), old, new, &["spec.l"]);
    case("6 below a Modify it is part of a value", &whole("spec", "Modify"), old, new, &[]);
    let set = "equality: [{path: spec.l, as: Set}]";
    case("6 order and repetition do not matter", set, "{spec: {l: [1, {a: 1}, 1]}}", "{spec: {l: [{a: 1.0}, 1]}}", &[]);
    case("6 members come and go", set, "{spec: {l: [1, 2]}}", "{spec: {l: [4, 1, 3]}}", &["spec.l[0]", "spec.l[1]", "spec.l[2]"]);
    let grow = "{mutable: [{path: spec.l, allow: [AddItem]}], equality: [{path: spec.l, as: Set}]}";
    case("5 in a Set AddItem means membership", grow, "{spec: {l: [b, c]}}", "{spec: {l: [a, c]}}", &["spec.l[0]"]);
    let member = "{mutable: [{path: 'spec.l[*]', allow: [Set]}], equality: [{path: spec.l, as: Set}]}";
    case("6 x[*] reaches the members", member, "{spec: {l: [b, c]}}", "{spec: {l: [a, b, c]}}", &[]);
    case("6 elements compare exactly", set, "{spec: {l: [1m]}}", "{spec: {l: [60s]}}", &["spec.l[0]", "spec.l[0]"]);
}

type By<'a> = &'a mut dyn FnMut(&str, &[&str], &'static str, &str, &str, &str, &[&str]);

fn requesters(by: By<'_>) {
    let (old, new) = ("{spec: {a: 1}}", "{spec: {a: 2}}");
    let rule = "mutable: [{path: spec.a, by: {users: [bob], groups: [ops], serviceAccounts: [ns/name]}}]";
    by("alice", &["staff"], "5 by nobody else", rule, old, new, &["spec.a"]);
    by("bob", &[], "5 by a user", rule, old, new, &[]);
    by("alice", &["staff", "ops"], "5 by a group", rule, old, new, &[]);
    by("system:serviceaccount:ns:name", &[], "5 by a service account", rule, old, new, &[]);
    by("system:serviceaccount:other:name", &[], "5 by one of that namespace", rule, old, new, &["spec.a"]);
    by("ops", &["bob"], "5 a user is no group", rule, old, new, &["spec.a"]);
    by(
        "alice",
        &[],
        "5 on the way only for those",
        "mutable: [{path: spec.x.y, by: {users: [bob]}}]",
        "{spec: {}}",
        "{spec: {x: {}}}",
        &["spec.x"],
    );
    let exempt = "exempt: {users: [root], groups: [breakers], serviceAccounts: [ns/name]}";
    by("root", &[], "exempt by name", exempt, old, new, &[]);
    by("alice", &["breakers"], "exempt by group", exempt, old, new, &[]);
    by("system:serviceaccount:ns:name", &[], "exempt by service account", exempt, old, new, &[]);
    by("alice", &["staff"], "not exempt", exempt, old, new, &["spec.a"]);
    let (old, new) = (
        "{metadata: {finalizers: [foregroundDeletion], ownerReferences: [{uid: a}], labels: {a: '1'}}}",
        "{metadata: {ownerReferences: [], labels: {a: '2'}}}",
    );
    let collector = "system:serviceaccount:kube-system:generic-garbage-collector";
    by(collector, &[], "3 the garbage collector", "{}", old, new, &["metadata.labels.a"]);
    by("system:kube-controller-manager", &[], "3 the controller manager", "{}", old, new, &["metadata.labels.a"]);
    by(
        "system:serviceaccount:default:generic-garbage-collector",
        &[],
        "3 nobody else",
        "{}",
        old,
        new,
        &["metadata.finalizers", "metadata.labels.a", "metadata.ownerReferences[0]"],
    );
}
