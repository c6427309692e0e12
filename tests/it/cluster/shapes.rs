//! MXJobs as clusters serve them: in the documented shape and in training-operator's, with the
//! status subresource and without.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::api::{Answer, MERGE_PATCH};
use super::assets::Assets;
use super::control_plane::ControlPlane;
use super::objects::{MXJOBS, define, definition, mxjob, mxjob_probe};
use super::ward::{MXJOB, Ward};
use super::{alone, eventually};

pub(crate) fn trials() -> Vec<Trial> {
    vec![alone("shapes::an_mxjob_in_every_shape", an_mxjob_in_every_shape)]
}

const OPERATOR: &str = "system:serviceaccount:kubeflow:training-operator";

async fn an_mxjob_in_every_shape(assets: Assets) {
    let plane = ControlPlane::start(&assets).await;
    let list = "/apis/kubeflow.org/v1/mxjobs";
    for (file, namespace) in
        [("mxjob.yaml", "documented"), ("mxjob-training-operator.yaml", "training-operator")]
    {
        for subresource in [false, true] {
            define(&plane, &with_status(&definition(file), subresource), list).await;
            let ward = Ward::new(&plane, &format!("{namespace}-{subresource}"), &[MXJOB]).await;
            ward.in_force(&mxjob_probe(&ward)).await;
            let path = format!("{}/demo", ward.collection(MXJOBS));
            ward.api.create(&ward.collection(MXJOBS), &mxjob("demo")).await.object();
            metadata_and_the_rest(&ward, &path).await;
            match namespace {
                "documented" => documented_fields(&ward, &path).await,
                _ => fields_of_the_run_policy(&ward, &path).await,
            }
            status(&ward, &path, subresource).await;
            plane
                .api()
                .delete(
                    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/mxjobs.kubeflow.org",
                    &Value::Null,
                )
                .await
                .object();
            let api = plane.api();
            eventually("the kind is served no more", async || api.get(list).await.code == 404)
                .await;
        }
    }
}

async fn metadata_and_the_rest(ward: &Ward, path: &str) {
    let labels = json!({"metadata": {"labels": {"team": "a"},
        "annotations": {"example.com/note": "hello"}}});
    ward.api.patch(path, MERGE_PATCH, &labels).await.object();
    let more =
        json!({"spec": {"mxReplicaSpecs": {"Worker": {"replicas": 4}}, "jobMode": "MXTune"}});
    refused(
        &ward.api.patch(path, MERGE_PATCH, &more).await,
        &["spec.jobMode", "spec.mxReplicaSpecs.Worker.replicas"],
    );
}

async fn documented_fields(ward: &Ward, path: &str) {
    let fields = json!({"spec": {"activeDeadlineSeconds": 60, "ttlSecondsAfterFinished": 10,
        "cleanPodPolicy": "All"}});
    let stored = ward.api.patch(path, MERGE_PATCH, &fields).await.object();
    assert_eq!(
        (&stored["spec"]["activeDeadlineSeconds"], &stored["spec"]["cleanPodPolicy"]),
        (&json!(60), &json!("All"))
    );
}

/// The list is of the documented shape: where the fields are elsewhere, they are not in it.
async fn fields_of_the_run_policy(ward: &Ward, path: &str) {
    let fields =
        json!({"spec": {"runPolicy": {"activeDeadlineSeconds": 60, "cleanPodPolicy": "All"}}});
    refused(&ward.api.patch(path, MERGE_PATCH, &fields).await, &["spec.runPolicy"]);
    // The schema does not have them where the list says, so the API server drops them: nothing
    // changes.
    let pruned = json!({"spec": {"activeDeadlineSeconds": 60}});
    let stored = ward.api.patch(path, MERGE_PATCH, &pruned).await.object();
    assert_eq!(stored["spec"].get("activeDeadlineSeconds"), None);
}

async fn status(ward: &Ward, path: &str, subresource: bool) {
    let running = json!({"status": {"startTime": "2026-01-01T00:00:00Z"}});
    let operator = ward.plane.api().impersonating(OPERATOR, &["system:masters"]);
    if subresource {
        // Through the main resource it does not differ; through its own nobody is asked.
        assert_eq!(ward.api.patch(path, MERGE_PATCH, &running).await.object().get("status"), None);
        let stored =
            operator.patch(&format!("{path}/status"), MERGE_PATCH, &running).await.object();
        assert_eq!(stored["status"], running["status"]);
        return;
    }
    refused(&ward.api.patch(path, MERGE_PATCH, &running).await, &["status"]);
    let stored = operator.patch(path, MERGE_PATCH, &running).await.object();
    assert_eq!(stored["status"], running["status"]);
}

fn with_status(crd: &str, subresource: bool) -> String {
    if !subresource {
        return crd.to_owned();
    }
    let with = crd.replacen(
        "      storage: true\n",
        "      storage: true\n      subresources: {status: {}}\n",
        1,
    );
    assert_ne!(with, crd);
    with
}

fn refused(answer: &Answer, fields: &[&str]) {
    assert_eq!((answer.code, answer.fields()), (403, fields.to_vec()), "{}", answer.body);
}
