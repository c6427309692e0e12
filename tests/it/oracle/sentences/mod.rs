//! The sentences of the specification, each with examples: rule, old object, new object, violating
//! fields.
//!
//! The oracle is held against this table by hand; the engine answers it too, since every line is a
//! case like any other.

mod equality;

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
        let found: Vec<String> =
            super::violations(rule, old, new, user).iter().map(|at| notation::field(at)).collect();
        if found == *fields {
            return Ok(());
        }
        Err(Failed::from(format!(
            "expected {fields:?}, found {found:?}\n{}",
            render::document(rule)
        )))
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
    let mut by = |user: &str,
                  groups: &[&str],
                  name: &'static str,
                  rule: &str,
                  old: &str,
                  new: &str,
                  fields: &[&str]| {
        table.push(Sentence {
            name,
            rule: read::rule(&yaml(rule)),
            old: yaml(old),
            new: yaml(new),
            user: User {
                name: user.into(),
                groups: groups.iter().map(|group| (*group).into()).collect(),
            },
            fields: fields.iter().map(|field| (*field).into()).collect(),
        });
    };
    requesters(&mut by);
    let mut case = |name, rule: &str, old: &str, new: &str, fields: &[&str]| {
        by("alice", &["staff"], name, rule, old, new, fields);
    };
    definition(&mut case);
    owned(&mut case);
    protected(&mut case);
    paths(&mut case);
    verbs(&mut case);
    on_the_way(&mut case);
    equality::values(&mut case);
    equality::respelling(&mut case);
    equality::lists(&mut case);
    table
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

type Case<'a> = &'a mut dyn FnMut(&'static str, &str, &str, &str, &[&str]);

fn definition(case: Case<'_>) {
    case("1 equal objects are allowed", "{}", "{spec: {a: 1}}", "{spec: {a: 1}}", &[]);
    case(
        "1 a field that no rule names may not change",
        "mutable: [spec.a]",
        "{spec: {a: 1, b: 1}}",
        "{spec: {a: 2, b: 2}}",
        &["spec.b"],
    );
    case(
        "1 nor appear",
        "mutable: [spec.a]",
        "{spec: {a: 1}}",
        "{spec: {a: 1}, later: {x: 1}}",
        &["later"],
    );
    case(
        "1 nor vanish",
        "mutable: [spec.a]",
        "{spec: {a: 1}, status: {x: 1}}",
        "{spec: {a: 1}}",
        &["status"],
    );
    case(
        "7 at the highest location that changed as a whole",
        "{}",
        "{spec: {a: [1]}}",
        "{spec: {a: {b: 1, c: 2}}}",
        &["spec.a"],
    );
    case(
        "7 an added element is one violation",
        "{}",
        "{spec: {l: []}}",
        "{spec: {l: [{a: 1, b: 2}]}}",
        &["spec.l[0]"],
    );
    case(
        "7 keys in brackets",
        "{}",
        "{spec: {}}",
        "{spec: {'a/b': 1, '~': 1, 'x.y': 1, '[0]': 1, \"'\": 1, '': 1, '0': 1, 'a b': 1}}",
        &[
            "spec['']",
            "spec['''']",
            "spec[0]",
            "spec['[0]']",
            "spec['a b']",
            "spec[a/b]",
            "spec[x.y]",
            "spec[~]",
        ],
    );
}

fn owned(case: Case<'_>) {
    case(
        "3 what the API server owns is never a change",
        "{}",
        "{metadata: {resourceVersion: '1', generation: 1, managedFields: [], creationTimestamp: \
         null, uid: a, selfLink: /a}}",
        "{metadata: {resourceVersion: '2', managedFields: [{}], deletionTimestamp: now, \
         deletionGracePeriodSeconds: 0, uid: b}}",
        &[],
    );
    case(
        "3 it owns them in metadata alone",
        "{}",
        "{spec: {metadata: {uid: a}}}",
        "{spec: {metadata: {uid: b}}}",
        &["spec.metadata.uid"],
    );
    case(
        "3 metadata that holds nothing else is still there",
        "{}",
        "{metadata: {uid: a}}",
        "{}",
        &["metadata"],
    );
    case(
        "3 finalizers are protected",
        "{}",
        "{metadata: {finalizers: [a]}}",
        "{metadata: {}}",
        &["metadata.finalizers"],
    );
    let deleting = "{metadata: {deletionTimestamp: now, finalizers: [a, b, c], labels: {x: '1'}}}";
    case(
        "3 while deleting finalizers may go",
        "{}",
        deleting,
        "{metadata: {labels: {x: '1'}}}",
        &[],
    );
    case(
        "3 while deleting items may be dropped",
        "{}",
        deleting,
        "{metadata: {finalizers: [a, c], labels: {x: '1'}}}",
        &[],
    );
    case(
        "3 while deleting all may be dropped",
        "{}",
        deleting,
        "{metadata: {finalizers: [], labels: {x: '1'}}}",
        &[],
    );
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
    case(
        "3 while deleting all else stays protected",
        "{}",
        deleting,
        "{metadata: {labels: {x: '2'}}}",
        &["metadata.labels.x"],
    );
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
    let selector = "{matchConstraints: {objectSelector: {matchLabels: {team: x}, matchExpressions: \
                    [{key: a/b, operator: Exists}]}}, mutable: [metadata.labels]}";
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
    case(
        "other labels are not",
        selector,
        "{metadata: {labels: {team: x}}}",
        "{metadata: {labels: {team: x, other: y}}}",
        &[],
    );
    case(
        "nor can they go with all labels",
        selector,
        "{metadata: {labels: {team: x}}}",
        "{metadata: {}}",
        &["metadata.labels.team"],
    );
    case(
        "reported once, where the labels are immutable anyway",
        "{matchConstraints: {objectSelector: {matchLabels: {team: x}}}}",
        "{metadata: {labels: {team: x}}}",
        "{metadata: {}}",
        &["metadata.labels"],
    );
}

fn protected(case: Case<'_>) {
    let labels = "{mutable: [metadata.labels], protected: [\"metadata.labels['k8s/*']\"]}";
    case(
        "5 labels but those",
        labels,
        "{metadata: {labels: {k8s/a: x, b: x}}}",
        "{metadata: {labels: {k8s/a: y, b: y}}}",
        &["metadata.labels[k8s/a]"],
    );
    case(
        "5 what is above never as a whole",
        labels,
        "{metadata: {labels: {k8s/a: x}}}",
        "{metadata: {}}",
        &["metadata.labels[k8s/a]"],
    );
    case("5 only child by child", labels, "{metadata: {}}", "{metadata: {labels: {b: x}}}", &[]);
    let deleting = "{metadata: {deletionTimestamp: x, finalizers: [a, b]}}";
    case(
        "5 §3 stands above it",
        "{mutable: [metadata], protected: [metadata]}",
        deleting,
        "{metadata: {deletionTimestamp: x, finalizers: [b]}}",
        &[],
    );
    case(
        "5 nothing else does",
        "{mutable: [metadata], protected: [metadata]}",
        deleting,
        "{metadata: {deletionTimestamp: x, finalizers: [b], labels: {}}}",
        &["metadata.labels"],
    );
    let tasks = "{mutable: [spec], protected: [\"spec.tasks[name='a'].x\"], equality: [{path: \
                 spec.tasks, key: name}]}";
    case(
        "5 an element that cannot be keyed may be the protected one",
        tasks,
        "{spec: {tasks: [{name: b, x: 1}, {name: b}]}}",
        "{spec: {tasks: [{name: b, x: 2}, {name: b, y: 2}]}}",
        &["spec.tasks[0].x"],
    );
    case(
        "5 a list in which something is protected is not replaced",
        tasks,
        "{spec: {tasks: [{name: b}]}}",
        "{spec: {tasks: [{name: b}, {name: b}]}}",
        &["spec.tasks"],
    );
}

fn paths(case: Case<'_>) {
    case(
        "4 a field",
        "mutable: [spec.replicas]",
        "{spec: {replicas: 1, x: 1}}",
        "{spec: {replicas: 2, x: 2}}",
        &["spec.x"],
    );
    case(
        "4 it covers its subtree",
        "mutable: [spec.a]",
        "{spec: {a: {b: [{c: 1}]}}}",
        "{spec: {a: {b: [{c: 2}, 3]}}}",
        &[],
    );
    case(
        "4 not its siblings by prefix",
        "mutable: [spec.a]",
        "{spec: {ab: 1}}",
        "{spec: {ab: 2}}",
        &["spec.ab"],
    );
    case(
        "4 of every element of a list",
        "mutable: ['spec.tasks[*].replicas']",
        "{spec: {tasks: [{replicas: 1}, {replicas: 1, x: 1}]}}",
        "{spec: {tasks: [{replicas: 2}, {replicas: 2, x: 2}]}}",
        &["spec.tasks[1].x"],
    );
    case(
        "4 a list is no map",
        "mutable: ['spec.l.*']",
        "{spec: {l: [1]}}",
        "{spec: {l: [2]}}",
        &["spec.l[0]"],
    );
    case(
        "4 a map is no list",
        "mutable: ['spec.m[*]']",
        "{spec: {m: {'0': 1}}}",
        "{spec: {m: {'0': 2}}}",
        &["spec.m[0]"],
    );
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
        "{mutable: [\"spec.tasks[name='worker'].replicas\"], equality: [{path: spec.tasks, key: \
         name}]}",
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
    case(
        "5 Clear is not RemoveItem",
        &only("Clear"),
        "{spec: {a: [1]}}",
        "{spec: {a: []}}",
        &["spec.a[0]"],
    );
    case("5 Modify", &only("Modify"), "{spec: {a: 1}}", "{spec: {a: {b: 1}}}", &[]);
    case("5 from null it is Modify", &only("Modify"), "{spec: {a: null}}", "{spec: {a: {}}}", &[]);
    case(
        "5 from list to object it is Modify",
        &only("Modify"),
        "{spec: {a: [1]}}",
        "{spec: {a: {'0': 1}}}",
        &[],
    );
    case(
        "5 Modify is values but not keys",
        &only("Modify"),
        "{spec: {a: {b: 1, c: 1}}}",
        "{spec: {a: {b: {x: 1}, d: 1}}}",
        &["spec.a.c", "spec.a.d"],
    );
    case(
        "5 Modify of an element",
        &only("Modify"),
        "{spec: {a: [1, {b: 1}]}}",
        "{spec: {a: [2, {b: 2}, 3]}}",
        &["spec.a[2]"],
    );
    case(
        "5 AddItem of a map",
        &only("AddItem"),
        "{spec: {a: {b: 1}}}",
        "{spec: {a: {b: 2, c: 1}}}",
        &["spec.a.b"],
    );
    case(
        "5 AddItem of a list",
        &only("AddItem"),
        "{spec: {a: [1]}}",
        "{spec: {a: [1, 2, 3]}}",
        &[],
    );
    case(
        "5 only the tail can be added",
        &only("AddItem"),
        "{spec: {a: [1]}}",
        "{spec: {a: [2, 1]}}",
        &["spec.a[0]"],
    );
    case(
        "5 AddItem does not reach below the items",
        &only("AddItem"),
        "{spec: {a: [[1]]}}",
        "{spec: {a: [[1, 2]]}}",
        &["spec.a[0][1]"],
    );
    case(
        "5 RemoveItem of a map",
        &only("RemoveItem"),
        "{spec: {a: {b: 1, c: 1}}}",
        "{spec: {a: {c: 2}}}",
        &["spec.a.c"],
    );
    case(
        "5 RemoveItem of a list",
        &only("RemoveItem"),
        "{spec: {a: [1, 2]}}",
        "{spec: {a: [1]}}",
        &[],
    );
    case(
        "5 only the tail can be removed",
        &only("RemoveItem"),
        "{spec: {a: [1, 2]}}",
        "{spec: {a: [2]}}",
        &["spec.a[0]"],
    );
    case(
        "5 absent to container is AddItem",
        &only("AddItem"),
        "{spec: {}}",
        "{spec: {a: [1]}}",
        &[],
    );
    case("5 even if it is empty", &only("AddItem"), "{spec: {}}", "{spec: {a: {}}}", &[]);
    case(
        "5 always needs a verb",
        &only("'Modify', 'Clear', 'RemoveItem'"),
        "{spec: {}}",
        "{spec: {a: {}}}",
        &["spec.a"],
    );
    case(
        "5 a scalar is no container",
        &only("AddItem"),
        "{spec: {}}",
        "{spec: {a: 1}}",
        &["spec.a"],
    );
    case(
        "5 container to absent is RemoveItem",
        &only("RemoveItem"),
        "{spec: {a: {b: 1}}}",
        "{spec: {}}",
        &[],
    );
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
    case(
        "5 at the same location",
        sum,
        "{spec: {x: {b: 1}}}",
        "{spec: {x: {c: 1}}}",
        &["spec.x.c"],
    );
    let below = "mutable: [{path: spec.a, allow: [AddItem]}, 'spec.a.*.x']";
    case(
        "5 entries below permit what no verb does",
        below,
        "{spec: {a: {b: {x: 1, y: 1}}}}",
        "{spec: {a: {b: {x: 2, y: 2}}}}",
        &["spec.a.b.y"],
    );
    let element = "mutable: [{path: 'spec.l[*]', allow: [Set]}]";
    case(
        "5 an element that appears is Set at its own path",
        element,
        "{spec: {l: [1, 2]}}",
        "{spec: {l: [3, 2, 4]}}",
        &["spec.l[0]"],
    );
}

fn on_the_way(case: Case<'_>) {
    case(
        "5 setting a field creates the objects above it",
        "mutable: [spec.a.b.c]",
        "{spec: {}}",
        "{spec: {a: {b: {c: 1}}}}",
        &[],
    );
    case(
        "5 clearing removes them",
        "mutable: [spec.a.b.c]",
        "{spec: {a: {b: {c: 1}}}}",
        "{spec: {}}",
        &[],
    );
    case(
        "5 an empty object on the way",
        "mutable: [spec.a.b]",
        "{spec: {}}",
        "{spec: {a: {}}}",
        &[],
    );
    case(
        "5 whatever the verb",
        "mutable: [{path: spec.a.b, allow: [Modify]}]",
        "{spec: {}}",
        "{spec: {a: {}}}",
        &[],
    );
    case(
        "5 but the field needs one",
        "mutable: [{path: spec.a.b, allow: [Modify]}]",
        "{spec: {}}",
        "{spec: {a: {b: 1}}}",
        &["spec.a"],
    );
    case(
        "5 null is not absent",
        "mutable: [spec.a.b]",
        "{spec: {a: null}}",
        "{spec: {a: {b: 1}}}",
        &["spec.a"],
    );
    case(
        "5 a list never appears",
        "mutable: ['spec.a[*]']",
        "{spec: {}}",
        "{spec: {a: [1]}}",
        &["spec.a"],
    );
    case(
        "5 nor an object whose path goes on into a list",
        "mutable: ['spec.a[*]']",
        "{spec: {}}",
        "{spec: {a: {}}}",
        &["spec.a"],
    );
    case(
        "5 a new task is a new task",
        "mutable: ['spec.l[*].x']",
        "{spec: {l: []}}",
        "{spec: {l: [{x: 1}]}}",
        &["spec.l[0]"],
    );
    case(
        "5 a value selected by .* never appears",
        "mutable: ['spec.*.x']",
        "{spec: {}}",
        "{spec: {a: {x: 1}}}",
        &["spec.a"],
    );
    case(
        "5 nor one by a prefix",
        "mutable: [\"spec['a*'].x\"]",
        "{spec: {a: {x: 1}}}",
        "{spec: {}}",
        &["spec.a"],
    );
    case(
        "5 a quoted key is named",
        "mutable: [\"spec['a/b'].x\"]",
        "{spec: {}}",
        "{spec: {a/b: {x: 1}}}",
        &[],
    );
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
    case(
        "7 or whole, if nothing in it is",
        "mutable: [spec.a.x, spec.a.b.x]",
        "{spec: {}}",
        "{spec: {a: {y: 1, b: {y: 1}}}}",
        &["spec.a"],
    );
    case(
        "7 whole below what is reported in part",
        "mutable: [spec.a.x, spec.a.b.x]",
        "{spec: {}}",
        "{spec: {a: {x: 1, b: {y: 1}}}}",
        &["spec.a.b"],
    );
}

type By<'a> = &'a mut dyn FnMut(&str, &[&str], &'static str, &str, &str, &str, &[&str]);

fn requesters(by: By<'_>) {
    let (old, new) = ("{spec: {a: 1}}", "{spec: {a: 2}}");
    let rule =
        "mutable: [{path: spec.a, by: {users: [bob], groups: [ops], serviceAccounts: [ns/name]}}]";
    by("alice", &["staff"], "5 by nobody else", rule, old, new, &["spec.a"]);
    by("bob", &[], "5 by a user", rule, old, new, &[]);
    by("alice", &["staff", "ops"], "5 by a group", rule, old, new, &[]);
    by("system:serviceaccount:ns:name", &[], "5 by a service account", rule, old, new, &[]);
    by(
        "system:serviceaccount:other:name",
        &[],
        "5 by one of that namespace",
        rule,
        old,
        new,
        &["spec.a"],
    );
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
        "{metadata: {finalizers: [foregroundDeletion], ownerReferences: [{uid: a}], labels: {a: \
         '1'}}}",
        "{metadata: {ownerReferences: [], labels: {a: '2'}}}",
    );
    let collector = "system:serviceaccount:kube-system:generic-garbage-collector";
    by(collector, &[], "3 the garbage collector", "{}", old, new, &["metadata.labels.a"]);
    by(
        "system:kube-controller-manager",
        &[],
        "3 the controller manager",
        "{}",
        old,
        new,
        &["metadata.labels.a"],
    );
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
