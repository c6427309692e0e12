//! The kinds that trials use, and objects of them.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::control_plane::ControlPlane;
use super::eventually;
use super::ward::{Probe, Resource, VOLCANO_JOB, Ward};
use crate::corpus::root;

/// Volcano jobs.
pub(crate) const JOBS: Resource = ("batch.volcano.sh/v1alpha1", "jobs");

/// Defines the kinds of tests/control-plane/crds that all trials share.
pub(crate) async fn define_kinds(plane: &ControlPlane) {
    for (file, collection) in [
        ("volcano-job.yaml", "/apis/batch.volcano.sh/v1alpha1/jobs"),
        ("mxjob.yaml", "/apis/kubeflow.org/v1/mxjobs"),
        ("widget.yaml", "/apis/example.com/v1/widgets"),
    ] {
        define(plane, &definition(file), collection).await;
    }
}

/// Applies a CRD and waits until it is served.
pub(crate) async fn define(plane: &ControlPlane, crd: &str, collection: &str) {
    // Trials share control planes, and kubectl cannot apply what somebody else creates meanwhile.
    static DEFINING: Mutex<()> = Mutex::new(());
    {
        let _defining = DEFINING.lock().unwrap_or_else(PoisonError::into_inner);
        plane.kubectl().run_with(&["apply", "-f", "-"], crd).ok();
    }
    let api = plane.api();
    eventually("the kind is served", async || api.get(collection).await.is_ok()).await;
}

/// Defines a kind of which everything is kept as it comes.
pub(crate) async fn define_untyped(plane: &ControlPlane, group: &str, kind: &str) {
    let plural = format!("{}s", kind.to_lowercase());
    let crd = definition("untyped.yaml")
        .replace("GROUP", group)
        .replace("KIND", kind)
        .replace("PLURAL", &plural);
    define(plane, &crd, &format!("/apis/{group}/v1/{plural}")).await;
}

/// A CRD of the tests, as text.
pub(crate) fn definition(file: &str) -> String {
    std::fs::read_to_string(root().join("tests/control-plane/crds").join(file)).unwrap()
}

/// A Volcano job of two tasks.
pub(crate) fn volcano_job(name: &str) -> Value {
    let template = json!({"spec": {"containers": [{"name": "main", "image": "mpi:1"}],
        "restartPolicy": "OnFailure"}});
    json!({
        "apiVersion": "batch.volcano.sh/v1alpha1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {
            "minAvailable": 2,
            "queue": "default",
            "schedulerName": "volcano",
            "plugins": {"env": [], "ssh": [], "svc": []},
            "tasks": [
                {"name": "mpimaster", "replicas": 1, "template": template},
                {"name": "mpiworker", "replicas": 2, "template": template},
            ],
        },
    })
}

/// How to see that a ward's rule for Volcano jobs is in force.
pub(crate) fn volcano_probe(ward: &Ward) -> Probe {
    Probe {
        collection: ward.collection(JOBS),
        object: volcano_job("probe"),
        forbidden: json!({"spec": {"queue": "probed"}}),
    }
}

/// A namespace that guards Volcano jobs by the built-in rule.
pub(crate) async fn volcano_ward(plane: &Arc<ControlPlane>, namespace: &str) -> Ward {
    let ward = Ward::new(plane, namespace, &[VOLCANO_JOB]).await;
    ward.in_force(&volcano_probe(&ward)).await;
    ward
}

/// MXJobs.
pub(crate) const MXJOBS: Resource = ("kubeflow.org/v1", "mxjobs");

/// An MXJob of the documented shape.
pub(crate) fn mxjob(name: &str) -> Value {
    let replica = json!({"replicas": 1, "restartPolicy": "Never",
        "template": {"spec": {"containers": [{"name": "mxnet", "image": "mxnet:1"}]}}});
    json!({
        "apiVersion": "kubeflow.org/v1",
        "kind": "MXJob",
        "metadata": {"name": name},
        "spec": {
            "cleanPodPolicy": "Running",
            "jobMode": "MXTrain",
            "mxReplicaSpecs": {"Scheduler": replica, "Server": replica, "Worker": replica},
        },
    })
}

/// How to see that a ward's rule for MXJobs is in force.
pub(crate) fn mxjob_probe(ward: &Ward) -> Probe {
    Probe {
        collection: ward.collection(MXJOBS),
        object: mxjob("probe"),
        forbidden: json!({"spec": {"jobMode": "probed"}}),
    }
}

/// Widgets, in the version that the rule registers.
pub(crate) const WIDGETS: Resource = ("example.com/v1", "widgets");

/// A widget.
pub(crate) fn widget(name: &str) -> Value {
    json!({
        "apiVersion": "example.com/v1",
        "kind": "Widget",
        "metadata": {"name": name},
        "spec": {"color": "red", "replicas": 1, "parts": [{"name": "arm", "size": 1},
            {"name": "leg", "size": 2}]},
    })
}

/// A rule for widgets: of these resources, these fields may change.
pub(crate) fn widget_rule(resources: &str, mutable: &str) -> String {
    format!(
        "apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata:\n  name: \
         widget\nspec:\n  matchConstraints:\n    resourceRules:\n\
         \x20     - {{apiGroups: [example.com], apiVersions: [v1], resources: \
         {resources}}}\n  mutable: {mutable}\n  equality:\n\
         \x20   - {{path: spec.parts, key: name}}\n"
    )
}

/// How to see that a ward's rule for widgets is in force.
pub(crate) fn widget_probe(ward: &Ward) -> Probe {
    Probe {
        collection: ward.collection(WIDGETS),
        object: widget("probe"),
        forbidden: json!({"spec": {"color": "probed"}}),
    }
}
