//! Pods are adopted, released and evicted.

use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{
    JOBS, PODS, Plane, STATEFUL_SETS, becomes, controller, created, guarded, judged, owned,
    patched, pod, refused, template, trial,
};
use crate::cluster::control_plane::ControlPlane;
use crate::cluster::ward::{Resource, Ward};

pub(super) fn trials(plane: &Plane) -> Vec<Trial> {
    vec![
        trial(plane, "pods_are_adopted_and_released", are_adopted_and_released),
        trial(plane, "pods_are_evicted", are_evicted),
    ]
}

const RULE: &str = "cci-pod";

async fn are_adopted_and_released(plane: Arc<ControlPlane>) {
    let ward = guarded(&plane, "pods-adopted", &["cci/pod"], PODS, pod("probe", &json!({}))).await;
    tokio::join!(
        adopts_and_releases(
            &ward,
            "replicaset-controller",
            ("apps/v1", "replicasets"),
            json!({"replicas": 1})
        ),
        adopts_and_releases(
            &ward,
            "replication-controller",
            ("v1", "replicationcontrollers"),
            json!({"replicas": 1})
        ),
        // They leave a pod alone that their template would not have made.
        adopts_and_releases(
            &ward,
            "statefulset-controller",
            STATEFUL_SETS,
            json!({"replicas": 1, "updateStrategy": {"type": "OnDelete"}})
        ),
        adopts_and_releases(
            &ward,
            "daemon-set-controller",
            ("apps/v1", "daemonsets"),
            json!({"updateStrategy": {"type": "OnDelete"}})
        ),
        adopts_and_releases(&ward, "job-controller", JOBS, json!({"manualSelector": true})),
    );
}

/// A controller takes a pod that was there before, and lets it go when its labels no longer match.
async fn adopts_and_releases(ward: &Ward, name: &str, resource: Resource, mut spec: Value) {
    let labels = json!({"app": name});
    // A StatefulSet's pods are told by their names.
    let orphan = format!("{name}-0");
    let path = created(ward, PODS, &pod(&orphan, &labels)).await;
    refused(ward, &path, &owned(), &["metadata.ownerReferences"]).await;
    let is_of_the_core = resource.0 == "v1";
    spec["selector"] = if is_of_the_core { labels.clone() } else { json!({"matchLabels": labels}) };
    spec["template"] = template(&labels, if name == "job-controller" { "Never" } else { "Always" });
    let controller_of =
        created(ward, resource, &json!({"metadata": {"name": name}, "spec": spec})).await;
    let is_owned = |pod: &Value| pod["metadata"]["ownerReferences"][0]["name"] == name;
    let adopted = becomes(ward, &path, "is adopted", is_owned).await;
    let by = controller(name);
    judged(ward, RULE, &orphan, &by, 1).await;
    refused(
        ward,
        &path,
        &json!({"metadata": {"ownerReferences": null}}),
        &["metadata.ownerReferences"],
    )
    .await;
    if name == "job-controller" {
        assert_eq!(adopted["metadata"]["finalizers"], json!(["batch.kubernetes.io/job-tracking"]));
    }
    patched(ward, &path, &json!({"metadata": {"labels": {"app": "other"}}})).await;
    becomes(ward, &path, "is released", |pod| pod["metadata"].get("ownerReferences").is_none())
        .await;
    judged(ward, RULE, &orphan, &by, 2).await;
    ward.api.delete(&controller_of, &Value::Null).await.object();
}

async fn are_evicted(plane: Arc<ControlPlane>) {
    let ward = guarded(&plane, "pods-evicted", &["cci/pod"], PODS, pod("probe", &json!({}))).await;
    let nodes = "/api/v1/nodes";
    plane.api().create(nodes, &json!({"metadata": {"name": "packs-leaving"}})).await.object();
    let mut tolerating_nothing = pod("evicted", &json!({}));
    tolerating_nothing["spec"]["nodeName"] = "packs-leaving".into();
    let path = created(&ward, PODS, &tolerating_nothing).await;
    let taint =
        json!({"spec": {"taints": [{"key": "example.com/leaving", "effect": "NoExecute"}]}});
    plane.api().patch(&format!("{nodes}/packs-leaving"), super::MERGE_PATCH, &taint).await.object();
    // By its status and by its deletion, which are not updates of the pod: nothing is granted for
    // it.
    let evicted =
        becomes(&ward, &path, "is evicted", |pod| pod["metadata"]["deletionTimestamp"].is_string())
            .await;
    let conditions = evicted["status"]["conditions"].as_array().unwrap();
    assert!(
        conditions.iter().any(|condition| condition["reason"] == "DeletionByTaintManager"),
        "{conditions:?}"
    );
    ward.api.delete(&path, &json!({"gracePeriodSeconds": 0})).await.object();
}
