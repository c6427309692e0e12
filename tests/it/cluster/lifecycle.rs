//! Deletion, with the real garbage collector and the real namespace controller: it finishes, and
//! opens nothing.

use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::api::MERGE_PATCH;
use super::control_plane::ControlPlane;
use super::objects::{JOBS, volcano_job, volcano_ward};
use super::ward::{CONFIG_MAPS, Ward};
use super::{eventually, shared, shared_with_controllers};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        shared_with_controllers(
            "lifecycle::foreground_deletion_finishes",
            foreground_deletion_finishes,
        ),
        shared_with_controllers("lifecycle::orphaning_finishes", orphaning_finishes),
        shared_with_controllers(
            "lifecycle::a_guarded_dependent_is_orphaned",
            a_guarded_dependent_is_orphaned,
        ),
        shared_with_controllers(
            "lifecycle::namespace_deletion_finishes",
            namespace_deletion_finishes,
        ),
        shared(
            "lifecycle::a_finalizer_goes_while_deleting_and_nothing_else_does",
            a_finalizer_goes_while_deleting,
        ),
    ]
}

const COLLECTOR: &str = "system:serviceaccount:kube-system:generic-garbage-collector";

async fn foreground_deletion_finishes(plane: Arc<ControlPlane>) {
    let ward = volcano_ward(&plane, "foreground").await;
    let path = created(&ward, &volcano_job("owner")).await;
    let dependent = dependent_of(&ward, &path).await;
    ward.api.delete(&path, &json!({"propagationPolicy": "Foreground"})).await.object();
    gone(&ward, &dependent).await;
    gone(&ward, &path).await;
    asked_for_the_collector(&plane, &ward, "owner").await;
}

async fn orphaning_finishes(plane: Arc<ControlPlane>) {
    let ward = volcano_ward(&plane, "orphaning").await;
    let path = created(&ward, &volcano_job("owner")).await;
    let dependent = dependent_of(&ward, &path).await;
    ward.api.delete(&path, &json!({"propagationPolicy": "Orphan"})).await.object();
    gone(&ward, &path).await;
    assert_eq!(ward.api.get(&dependent).await.object()["metadata"].get("ownerReferences"), None);
    asked_for_the_collector(&plane, &ward, "owner").await;
}

/// The collector takes the owner out of an object that only it may take it out of.
async fn a_guarded_dependent_is_orphaned(plane: Arc<ControlPlane>) {
    let ward = volcano_ward(&plane, "guarded-dependent").await;
    let owner = ward
        .api
        .create(&ward.collection(CONFIG_MAPS), &json!({"metadata": {"name": "owner"}}))
        .await
        .object();
    let mut job = volcano_job("dependent");
    job["metadata"]["ownerReferences"] = json!([reference("v1", "ConfigMap", &owner)]);
    let path = created(&ward, &job).await;
    let orphaned = json!({"metadata": {"ownerReferences": null}});
    let refused = ward.api.patch(&path, MERGE_PATCH, &orphaned).await;
    assert_eq!((refused.code, refused.fields()), (403, vec!["metadata.ownerReferences"]));
    let owner = format!("{}/owner", ward.collection(CONFIG_MAPS));
    ward.api.delete(&owner, &json!({"propagationPolicy": "Orphan"})).await.object();
    gone(&ward, &owner).await;
    assert_eq!(ward.api.get(&path).await.object()["metadata"].get("ownerReferences"), None);
    asked_for_the_collector(&plane, &ward, "dependent").await;
}

async fn namespace_deletion_finishes(plane: Arc<ControlPlane>) {
    let ward = volcano_ward(&plane, "namespace-deletion").await;
    let job = created(&ward, &volcano_job("one")).await;
    dependent_of(&ward, &job).await;
    let mut held = volcano_job("held");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    let held = created(&ward, &held).await;
    let namespace = format!("/api/v1/namespaces/{}", ward.namespace);
    // The developer's rights go with the namespace.
    let api = plane.api();
    api.delete(&namespace, &Value::Null).await.object();
    eventually("the held job is being deleted", async || {
        api.get(&held).await.body["metadata"]["deletionTimestamp"].is_string()
    })
    .await;
    // Its controller lets it go, as controllers do, with a patch.
    api.patch(&held, MERGE_PATCH, &json!({"metadata": {"finalizers": null}})).await.object();
    eventually("the namespace is gone", async || api.get(&namespace).await.code == 404).await;
}

async fn a_finalizer_goes_while_deleting(plane: Arc<ControlPlane>) {
    let ward = volcano_ward(&plane, "finalizer").await;
    let mut job = volcano_job("held");
    job["metadata"]["finalizers"] = json!(["example.com/one", "example.com/two"]);
    let path = created(&ward, &job).await;
    let only_two = json!({"metadata": {"finalizers": ["example.com/two"]}});
    let refused = ward.api.patch(&path, MERGE_PATCH, &only_two).await;
    assert_eq!(
        (refused.code, refused.fields()),
        (403, vec!["metadata.finalizers[0]", "metadata.finalizers[1]"])
    );

    ward.api.delete(&path, &Value::Null).await.object();
    for (forbidden, field) in [
        (json!({"spec": {"queue": "gold"}}), "spec.queue"),
        (
            json!({"metadata": {"finalizers": null}, "spec": {"minAvailable": 1}}),
            "spec.minAvailable",
        ),
    ] {
        let refused = ward.api.patch(&path, MERGE_PATCH, &forbidden).await;
        assert_eq!((refused.code, refused.fields()), (403, vec![field]));
    }
    ward.api.patch(&path, MERGE_PATCH, &only_two).await.object();
    ward.api.patch(&path, MERGE_PATCH, &json!({"metadata": {"finalizers": null}})).await.object();
    gone(&ward, &path).await;
}

/// Creates a job; its path.
async fn created(ward: &Ward, job: &Value) -> String {
    ward.api.create(&ward.collection(JOBS), job).await.object();
    format!("{}/{}", ward.collection(JOBS), job["metadata"]["name"].as_str().unwrap())
}

/// Creates a config map that blocks the deletion of its owner; its path.
async fn dependent_of(ward: &Ward, owner: &str) -> String {
    let owner = ward.api.get(owner).await.object();
    let references = [reference("batch.volcano.sh/v1alpha1", "Job", &owner)];
    let dependent = json!({"metadata": {"name": "dependent", "ownerReferences": references}});
    ward.api.create(&ward.collection(CONFIG_MAPS), &dependent).await.object();
    format!("{}/dependent", ward.collection(CONFIG_MAPS))
}

fn reference(group_version: &str, kind: &str, owner: &Value) -> Value {
    let (name, uid) = (&owner["metadata"]["name"], &owner["metadata"]["uid"]);
    json!({"apiVersion": group_version, "kind": kind, "name": name, "uid": uid,
        "blockOwnerDeletion": true})
}

async fn gone(ward: &Ward, path: &str) {
    eventually(path, async || ward.api.get(path).await.code == 404).await;
}

/// Waits until fieldward was asked about an update by the collector, and asserts that it allowed
/// it: the trial would else show nothing. An object is gone a moment before the API server writes
/// the event of what removed it.
async fn asked_for_the_collector(plane: &ControlPlane, ward: &Ward, name: &str) {
    let decisions = || -> Vec<Value> {
        let decided = plane.audit_events().into_iter().filter(|event| {
            let object = &event["objectRef"];
            (&object["namespace"], &object["name"]) == (&json!(ward.namespace), &json!(name))
                && event["user"]["username"] == COLLECTOR
        });
        let decisions =
            decided.map(|event| event["annotations"]["volcano-job.fieldward.io/decision"].clone());
        decisions.filter(|decision| !decision.is_null()).collect()
    };
    eventually("fieldward was asked for the collector", async || !decisions().is_empty()).await;
    assert!(decisions().iter().all(|decision| decision == "allow"), "{:?}", decisions());
}
