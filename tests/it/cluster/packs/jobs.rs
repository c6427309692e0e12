//! A Job's pods are counted before they go, however the Job goes.

use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{
    JOBS, PODS, Plane, becomes, controller, created, gone, guarded, judged, patched, pod, refused,
    template, trial,
};
use crate::cluster::control_plane::ControlPlane;
use crate::cluster::eventually;
use crate::cluster::ward::Ward;

pub(super) fn trials(plane: &Plane) -> Vec<Trial> {
    vec![
        trial(plane, "jobs_count_their_pods", count_their_pods),
        trial(plane, "jobs_are_deleted", are_deleted),
    ]
}

const RULE: &str = "cci-pod";
const TRACKING: &str = "batch.kubernetes.io/job-tracking";

async fn count_their_pods(plane: Arc<ControlPlane>) {
    let ward = jobs(&plane, "jobs-counted").await;
    let (job, pod) = running(&ward, "count").await;
    let path = format!("{}/{pod}", ward.collection(PODS));
    refused(&ward, &path, &json!({"metadata": {"finalizers": null}}), &["metadata.finalizers"])
        .await;
    // What a kubelet says of it.
    patched(&ward, &format!("{path}/status"), &json!({"status": {"phase": "Succeeded"}})).await;
    becomes(&ward, &path, "is let go", |pod| pod["metadata"].get("finalizers").is_none()).await;
    becomes(&ward, &job, "has counted", |job| job["status"]["succeeded"] == 1).await;
    judged(&ward, RULE, &pod, &controller("job-controller"), 1).await;
}

async fn are_deleted(plane: Arc<ControlPlane>) {
    let ward = jobs(&plane, "jobs-deleted").await;
    let (counting, collecting) =
        (controller("job-controller"), controller("generic-garbage-collector"));
    for policy in ["Background", "Foreground", "Orphan"] {
        let name = policy.to_lowercase();
        let (job, pod) = running(&ward, &name).await;
        let path = format!("{}/{pod}", ward.collection(PODS));
        ward.api.delete(&job, &json!({"propagationPolicy": policy})).await.object();
        gone(&ward, &job).await;
        if policy == "Orphan" {
            // It stays, and nobody counts it any more.
            let is_free = |pod: &Value| {
                pod["metadata"].get("finalizers").is_none()
                    && pod["metadata"].get("ownerReferences").is_none()
            };
            becomes(&ward, &path, "is free", is_free).await;
            judged(&ward, RULE, &pod, &collecting, 1).await;
        } else {
            gone(&ward, &path).await;
        }
        judged(&ward, RULE, &pod, &counting, 1).await;
        if policy != "Background" {
            judged(&ward, "job", &name, &collecting, 1).await;
        }
    }
}

/// A Job of one pod, and the pod's name.
async fn running(ward: &Ward, name: &str) -> (String, String) {
    let job =
        json!({"metadata": {"name": name}, "spec": {"template": template(&json!({}), "Never")}});
    let job = created(ward, JOBS, &job).await;
    let pods =
        format!("{}?labelSelector=batch.kubernetes.io/job-name%3D{name}", ward.collection(PODS));
    eventually("the job has a pod", async || {
        ward.api.get(&pods).await.object()["items"].as_array().map_or(0, Vec::len) == 1
    })
    .await;
    let pod = ward.api.get(&pods).await.object()["items"][0].clone();
    assert_eq!(pod["metadata"]["finalizers"], json!([TRACKING]));
    (job, pod["metadata"]["name"].as_str().unwrap().to_owned())
}

async fn jobs(plane: &Arc<ControlPlane>, namespace: &str) -> Ward {
    let rules = ["cci/pod", "kubernetes/job", "kubernetes/suspended-job"];
    guarded(plane, namespace, &rules, PODS, pod("probe", &json!({}))).await
}
