//! The kinds that trials use, and objects of them.

use serde_json::{Value, json};

use super::control_plane::ControlPlane;
use super::ward::{Probe, Ward};
use crate::corpus::root;
use crate::support::until;

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
    plane.kubectl().run_with(&["apply", "-f", "-"], crd).ok();
    let api = plane.api();
    until("the kind is served", async || api.get(collection).await.is_ok()).await;
}

/// A CRD of the tests, as text.
pub(crate) fn definition(file: &str) -> String {
    std::fs::read_to_string(root().join("tests/control-plane/crds").join(file)).unwrap()
}

/// A Volcano job of two tasks.
pub(crate) fn volcano_job(name: &str) -> Value {
    let template = json!({"spec": {"containers": [{"name": "main", "image": "mpi:1"}], "restartPolicy": "OnFailure"}});
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
        collection: ward.collection("batch.volcano.sh/v1alpha1", "jobs"),
        object: volcano_job("probe"),
        forbidden: json!({"spec": {"queue": "probed"}}),
    }
}
