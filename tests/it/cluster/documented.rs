//! The example requests of the pages that document the built-in rules.
//!
//! Each is sent twice. As it is printed it meets 409, since its uid and resourceVersion are those
//! of an object in another cluster. What is then allowed has no uid and creationTimestamp, and the
//! resourceVersion of the object here; all else is as it is printed.

use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::control_plane::ControlPlane;
use super::objects::{JOBS, MXJOBS, mxjob_probe, volcano_ward};
use super::shared;
use super::ward::{MXJOB, Resource, Ward};
use crate::corpus::root;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        shared("documented::volcano_job_with_one_more_replica", volcano_job_with_one_more_replica),
        shared("documented::mxjob_kept_for_longer", mxjob_kept_for_longer),
    ]
}

async fn volcano_job_with_one_more_replica(plane: Arc<ControlPlane>) {
    // The namespaces are those of the pages.
    let ward = volcano_ward(&plane, "cci-gpu").await;
    let body = documented("volcano-job.json");
    let mut before = body.clone();
    before["spec"]["tasks"][1]["replicas"] = 1.into();
    let after = replaced(&ward, JOBS, &before, &body).await;
    assert_eq!(after["spec"]["tasks"][1]["replicas"], 2);
}

async fn mxjob_kept_for_longer(plane: Arc<ControlPlane>) {
    let ward = Ward::new(&plane, "kube-test", &[MXJOB]).await;
    ward.in_force(&mxjob_probe(&ward)).await;
    let body = documented("mxjob.json");
    let mut before = body.clone();
    before["spec"]["ttlSecondsAfterFinished"] = 3600.into();
    let after = replaced(&ward, MXJOBS, &before, &body).await;
    assert_eq!(after["spec"]["ttlSecondsAfterFinished"], 10000);
}

/// The object after the documented PUT.
async fn replaced(ward: &Ward, resource: Resource, before: &Value, body: &Value) -> Value {
    let collection = ward.collection(resource);
    let path = format!("{collection}/{}", body["metadata"]["name"].as_str().unwrap());
    let created = ward.api.create(&collection, &without_identity(before)).await.object();
    // It says which object of which cluster it is for: the API server refuses it for any other,
    // before it asks anybody.
    let elsewhere = ward.api.replace(&path, body).await;
    assert_eq!((elsewhere.code, &elsewhere.body["reason"]), (409, &json!("Conflict")));
    let mut body = without_identity(body);
    body["metadata"]["resourceVersion"] = created["metadata"]["resourceVersion"].clone();
    ward.api.replace(&path, &body).await.object()
}

/// The body without what only the object on the page has.
fn without_identity(body: &Value) -> Value {
    let mut body = body.clone();
    let metadata = body["metadata"].as_object_mut().unwrap();
    for own in ["uid", "resourceVersion", "creationTimestamp"] {
        metadata.remove(own);
    }
    body
}

fn documented(file: &str) -> Value {
    serde_json::from_str(
        &std::fs::read_to_string(root().join("tests/control-plane/documented").join(file)).unwrap(),
    )
    .unwrap()
}
