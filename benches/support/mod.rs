//! Reviews of Volcano jobs as an API server sends them, of every size, and rules to judge them by.
//! The same bytes each time.
//!
//! Keys are sorted and `&` is `\u0026`, as Go's encoder writes them; old and new come from one
//! encoder.
#![allow(dead_code, reason = "each benchmark uses its part")]

use std::fmt;

use fieldward::engine::{Builtin, Decision, RuleErrors, RuleFile, RuleSet};
use serde_json::{Value, json};

/// A job of so many tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) name: &'static str,
    tasks: usize,
}

/// Objects of 1 KB.
pub(crate) const TINY: Size = Size { name: "1KB", tasks: 1 };
/// A review of 5 KB: what most are.
pub(crate) const SMALL: Size = Size { name: "5KB", tasks: 3 };
/// A review of half a megabyte.
pub(crate) const MEDIUM: Size = Size { name: "500KB", tasks: 557 };
/// Objects of 3 MiB less a little, the most that an API server takes; the review holds two.
pub(crate) const LARGE: Size = Size { name: "3MB", tasks: 6_500 };

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

/// How the new object differs from the old one. Whatever an update changes, `generation` and
/// `managedFields` change with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Byte for byte the same.
    Nothing,
    /// Another number of replicas of a task in the middle.
    LeafAllowed,
    /// Another number of retries of that task.
    LeafDenied,
    /// Another image in every task.
    ManyAllowed,
    /// Another number of retries of every task.
    ManyDenied,
    /// The first task is the last now; tasks pair by name.
    Moved,
    /// The task in the middle is gone.
    Removed,
}

impl Change {
    pub(crate) fn verdict(self) -> Decision {
        match self {
            Self::Nothing | Self::LeafAllowed | Self::ManyAllowed => Decision::Allow,
            Self::LeafDenied | Self::ManyDenied | Self::Moved | Self::Removed => Decision::Deny,
        }
    }
}

/// The review of an update of such a job.
pub(crate) fn review(size: Size, change: Change) -> String {
    let old = job(size.tasks);
    let mut new = old.clone();
    apply(change, &mut new);
    reviewed("UPDATE", &encoded(new), &encoded(old))
}

/// The same review, of a creation, which no rule covers.
pub(crate) fn creation(size: Size) -> String {
    reviewed("CREATE", &encoded(job(size.tasks)), "null")
}

/// The same review, of a kind that no rule covers.
pub(crate) fn stranger(size: Size) -> String {
    review(size, Change::LeafAllowed).replace("batch.volcano.sh", "batch.example.com")
}

/// So many rules: the built-in one for Volcano jobs, the others for other kinds.
pub(crate) fn rules(count: usize) -> Result<RuleSet, RuleErrors> {
    RuleSet::load(Builtin::Excluded, &documents(count))
}

/// The files of so many rules.
pub(crate) fn documents(count: usize) -> Vec<RuleFile> {
    let volcano = include_str!("../../deploy/rules/volcano-job.yaml").to_owned();
    let others = (1..count)
        .map(|number| RuleFile { origin: format!("rule-{number:05}.yaml"), text: rule(number) });
    std::iter::once(RuleFile { origin: "volcano-job.yaml".to_owned(), text: volcano })
        .chain(others)
        .collect()
}

fn rule(number: usize) -> String {
    format!(
        "apiVersion: fieldward.io/v1alpha1
kind: UpdateRule
metadata:
  name: kind-{number}
spec:
  matchConstraints:
    resourceRules:
      - {{apiGroups: [example.com], apiVersions: [v1], resources: [kind{number}s], kinds: \
      [Kind{number}]}}
  mutable: [metadata.labels, metadata.annotations, spec.replicas, 'spec.tasks[*].template']
  equality:
    - {{path: spec.tasks, key: name}}
"
    )
}

fn reviewed(operation: &str, new: &str, old: &str) -> String {
    let kind = r#"{"group":"batch.volcano.sh","version":"v1alpha1","kind":"Job"}"#;
    let resource = r#"{"group":"batch.volcano.sh","version":"v1alpha1","resource":"jobs"}"#;
    let user = r#"{"username":"kubernetes-admin","groups":["kubeadm:cluster-admins","system:authenticated"]}"#;
    let options = r#"{"kind":"UpdateOptions","apiVersion":"meta.k8s.io/v1","fieldManager":"kubectl-replace","fieldValidation":"Strict"}"#;
    format!(
        r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{"uid":"705ab4f5-6393-11e8-b7cc-42010a800002","kind":{kind},"resource":{resource},"requestKind":{kind},"requestResource":{resource},"name":"openmpi-hello","namespace":"default","operation":"{operation}","userInfo":{user},"object":{new},"oldObject":{old},"dryRun":false,"options":{options}}}}}
"#
    )
}

/// As Go's `encoding/json` writes a map.
fn encoded(mut object: Value) -> String {
    object.sort_all_objects();
    object.to_string().replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e")
}

fn job(tasks: usize) -> Value {
    let owned = json!({"f:spec": {".": {}, "f:maxRetry": {}, "f:minAvailable": {},
        "f:plugins": {".": {}, "f:ssh": {}, "f:svc": {}},
        "f:queue": {}, "f:schedulerName": {}, "f:tasks": {}}});
    json!({
        "apiVersion": "batch.volcano.sh/v1alpha1",
        "kind": "Job",
        "metadata": {
            "creationTimestamp": "2026-01-12T09:30:11Z", "generation": 1,
            "labels": {"app": "openmpi"}, "name": "openmpi-hello",
            "namespace": "default", "resourceVersion": "447",
            "uid": "b1b0a02a-5b4c-4b53-a3d4-2f8f0d8f6c11",
            "managedFields": [{"apiVersion": "batch.volcano.sh/v1alpha1", "fieldsType": "FieldsV1",
                "fieldsV1": owned,
                "manager": "kubectl-create", "operation": "Update",
                "time": "2026-01-12T09:30:11Z"}],
        },
        "spec": {
            "maxRetry": 3, "minAvailable": tasks, "plugins": {"ssh": [], "svc": []},
            "queue": "default", "schedulerName": "volcano",
            "tasks": (0..tasks).map(task).collect::<Vec<_>>(),
        },
    })
}

fn task(number: usize) -> Value {
    let resources = json!({"cpu": "250m", "memory": "1Gi"});
    let container = json!({
        "command": ["/bin/sh", "-c", "mkdir -p /var/run/sshd && /usr/sbin/sshd -D"],
        "image": "registry.example.com/openmpi-hello:3.28",
        "name": "worker", "ports": [{"containerPort": 22, "name": "ssh"}],
        "resources": {"limits": resources, "requests": resources},
    });
    json!({
        "maxRetry": 3, "minAvailable": 1, "name": format!("worker-{number}"), "replicas": 1,
        "policies": [{"action": "CompleteJob", "event": "TaskCompleted"}],
        "template": {"spec": {"containers": [container], "restartPolicy": "OnFailure"}},
    })
}

fn apply(change: Change, job: &mut Value) {
    if change == Change::Nothing {
        return;
    }
    set(job, "/metadata/generation", json!(2));
    set(job, "/metadata/managedFields/0/manager", json!("kubectl-replace"));
    set(job, "/metadata/managedFields/0/time", json!("2026-01-12T10:02:47Z"));
    let Some(tasks) = job.pointer_mut("/spec/tasks").and_then(Value::as_array_mut) else { return };
    let middle = tasks.len() / 2;
    match change {
        Change::Nothing => {}
        Change::LeafAllowed => {
            set_in(tasks.iter_mut().skip(middle).take(1), "/replicas", &json!(2));
        }
        Change::LeafDenied => set_in(tasks.iter_mut().skip(middle).take(1), "/maxRetry", &json!(5)),
        Change::ManyAllowed => {
            set_in(
                tasks.iter_mut(),
                "/template/spec/containers/0/image",
                &json!("registry.example.com/openmpi-hello:3.29"),
            );
        }
        Change::ManyDenied => set_in(tasks.iter_mut(), "/maxRetry", &json!(5)),
        Change::Moved => tasks.rotate_left(1),
        Change::Removed => drop(tasks.remove(middle)),
    }
}

fn set_in<'a>(tasks: impl Iterator<Item = &'a mut Value>, pointer: &str, value: &Value) {
    for task in tasks {
        set(task, pointer, value.clone());
    }
}

fn set(object: &mut Value, pointer: &str, value: Value) {
    if let Some(place) = object.pointer_mut(pointer) {
        *place = value;
    }
}
