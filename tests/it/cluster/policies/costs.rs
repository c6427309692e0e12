//! What the API server lets a policy cost, in sizes of objects: the largest of each shape that is
//! still judged.

use std::sync::Arc;

use serde_json::{Value, json};

use super::scene::{GROUP, KIND};
use super::{at_last, exported, take};
use crate::cluster::api::Api;
use crate::cluster::control_plane::ControlPlane;
use crate::cluster::objects::define_untyped;
use crate::cluster::ward::rule;

const NAMESPACE: &str = "policy-costs";

/// An object of a size, and an update that makes its rule look at all of it.
struct Shape {
    name: &'static str,
    rule: &'static str,
    make: fn(usize) -> (Value, Value),
    /// What must still be judged; docs/policies.md says so.
    least: usize,
}

const SHAPES: [Shape; 4] = [
    Shape {
        name: "tasks, each with other replicas",
        rule: "deploy/rules/volcano-job.yaml",
        make: scaled,
        least: 1_000,
    },
    Shape {
        name: "tasks, the first of which goes",
        rule: "deploy/rules/volcano-job.yaml",
        make: removed,
        least: 100,
    },
    Shape {
        name: "containers, each with respelled limits",
        rule: "deploy/rules/mxjob.yaml",
        make: respelled,
        least: 300,
    },
    Shape {
        name: "members of spec, the last of which changes",
        rule: "deploy/rules/cci/statefulset.yaml",
        make: wide,
        least: 4_000,
    },
];

/// Half a megabyte of tasks; more takes long on a busy machine.
const MOST: usize = 1 << 12;

pub(super) async fn cost_less_than_the_budget(plane: Arc<ControlPlane>) {
    let api = plane.api();
    define_untyped(&plane, GROUP, KIND).await;
    api.create("/api/v1/namespaces", &json!({"metadata": {"name": NAMESPACE}})).await.object();
    for (number, shape) in SHAPES.iter().enumerate() {
        let name = format!("costs-{number}");
        let mut document: Value = serde_saphyr::from_str(&rule(shape.rule)).unwrap();
        document["metadata"]["name"] = name.clone().into();
        document["spec"]["validationActions"] = json!(["Warn"]);
        document["spec"]["matchConstraints"] = json!({
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}},
            "resourceRules": [{"apiGroups": [GROUP], "apiVersions": ["v1"],
                "resources": ["things"]}],
        });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("rule.yaml"), document.to_string()).unwrap();
        let manifests = exported(folder.path(), "yaml");
        take(&plane, &manifests).await;
        let probe = api.create(COLLECTION, &thing("probe", &json!({}))).await.object();
        let mut changed = probe.clone();
        changed["nobody"] = "knows".into();
        at_last(async || {
            api.replace(&format!("{COLLECTION}/probe?dryRun=All"), &changed)
                .await
                .warnings
                .iter()
                .any(|warning| warning.contains(&name))
        })
        .await;
        api.delete(&format!("{COLLECTION}/probe"), &Value::Null).await.object();

        let (mut judged, mut beyond) = (0, None);
        let mut size = 16;
        // Doubled until it is too much, and then halved in between.
        while size <= MOST && beyond.is_none_or(|beyond| (beyond - judged) * 8 > judged) {
            match is_judged(&api, shape, &name, size).await {
                Some(true) => judged = size,
                Some(false) => beyond = Some(size),
                None => break,
            }
            size = beyond.map_or(size * 2, |beyond| judged.midpoint(beyond));
        }
        let bytes = (shape.make)(judged).0.to_string().len();
        let limit = beyond.map_or_else(
            || "no more are tried".to_owned(),
            |beyond| format!("{beyond} cost too much"),
        );
        eprintln!(
            "{}: {judged} {} ({} KiB) are judged; {limit}",
            shape.rule,
            shape.name,
            bytes / 1024
        );
        plane.kubectl().run_with(&["delete", "-f", "-"], &manifests).ok();
        assert!(judged >= shape.least, "{}", shape.name);
    }
    api.delete(&format!("/api/v1/namespaces/{NAMESPACE}"), &Value::Null).await.object();
}

/// None where the object is more than the API server stores.
async fn is_judged(api: &Api, shape: &Shape, policy: &str, size: usize) -> Option<bool> {
    let (old, new) = (shape.make)(size);
    let name = format!("thing-{size}");
    let created = api.create(COLLECTION, &thing(&name, &old)).await;
    if !created.is_ok() {
        return None;
    }
    let path = format!("{COLLECTION}/{name}");
    let mut update = created.object();
    update["spec"] = new;
    let answer = api.replace(&format!("{path}?dryRun=All"), &update).await;
    // The policy of the shape before may still be in force.
    let mut warnings = answer.warnings.iter().filter(|warning| warning.contains(policy));
    let undecided =
        warnings.any(|warning| warning.contains("resulted in error") || warning.contains("budget"));
    api.delete(&path, &Value::Null).await.object();
    answer.is_ok().then_some(!undecided)
}

const COLLECTION: &str = "/apis/policies.example.com/v1/namespaces/policy-costs/things";

fn thing(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": format!("{GROUP}/v1"), "kind": KIND, "metadata": {"name": name},
        "spec": spec})
}

fn tasks(count: usize, replicas: usize) -> Vec<Value> {
    let template = json!({"spec": {"containers": [{"name": "main", "image": "mpi:1"}],
        "restartPolicy": "OnFailure"}});
    (0..count)
        .map(|number| {
            json!({"name": format!("task-{number}"), "replicas": replicas,
        "template": template})
        })
        .collect()
}

fn scaled(count: usize) -> (Value, Value) {
    (json!({"tasks": tasks(count, 1)}), json!({"tasks": tasks(count, 2)}))
}

fn removed(count: usize) -> (Value, Value) {
    (json!({"tasks": tasks(count, 1)}), json!({"tasks": tasks(count, 1)[1..]}))
}

fn respelled(count: usize) -> (Value, Value) {
    let of = |memory: &str| {
        let container = |number: usize| {
            json!({"name": format!("c-{number}"), "image": "i:1",
            "resources": {"limits": {"memory": memory}}})
        };
        let containers: Vec<Value> = (0..count).map(container).collect();
        json!({"mxReplicaSpecs": {"Worker": {"replicas": 1,
            "template": {"spec": {"containers": containers}}}}})
    };
    (of("1Gi"), of("1024Mi"))
}

fn wide(count: usize) -> (Value, Value) {
    let of = |last: usize| {
        let members = (0..count).map(|number| {
            (format!("field-{number:05}"), json!(if number + 1 == count { last } else { 0 }))
        });
        Value::Object(members.collect())
    };
    (of(0), of(1))
}
