//! deploy/ as it is, applied by kubectl.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::api::{Api, MERGE_PATCH};
use super::assets::Assets;
use super::control_plane::ControlPlane;
use super::objects::{define_kinds, define_untyped, volcano_job};
use super::{alone_with_controllers, eventually};
use crate::corpus::root;

pub(crate) fn trials() -> Vec<Trial> {
    vec![alone_with_controllers("deploy::the_base_is_applied_as_it_is", the_base_is_applied_as_it_is)]
}

async fn the_base_is_applied_as_it_is(assets: Assets) {
    let plane = ControlPlane::start(&assets).await;
    define_kinds(&plane).await;
    // cert-manager is not there; the base only needs its kinds.
    for kind in ["Certificate", "Issuer"] {
        define_untyped(&plane, "cert-manager.io", kind).await;
    }
    let api = plane.api();
    let jobs = "/apis/batch.volcano.sh/v1alpha1/namespaces/default/jobs";
    api.create(jobs, &volcano_job("demo")).await.object();

    let base = root().join("deploy/kustomize");
    let applied = plane.kubectl().run(&["apply", "-k", base.to_str().unwrap()]);
    assert_eq!(applied.err, "", "no warning, of Pod Security or other");
    let created = applied.ok();
    assert!(created.lines().count() > 5 && created.lines().all(|line| line.ends_with(" created")), "{created}");
    let differing = plane.kubectl().run(&["diff", "-k", base.to_str().unwrap()]);
    assert_eq!((differing.out.as_str(), differing.code), ("", 0), "what is stored is what the base says");
    the_pods_are_admitted(&api).await;

    // Nobody answers yet, so updates of the registered kinds are refused, and nothing else is.
    let (job, label) = (format!("{jobs}/demo"), json!({"metadata": {"labels": {"team": "a"}}}));
    let refusal = "failed calling webhook \"volcano-job.fieldward.io\"";
    eventually("updates are refused", async || api.patch(&job, MERGE_PATCH, &label).await.message().contains(refusal)).await;
    api.patch("/api/v1/namespaces/default", MERGE_PATCH, &label).await.object();
    let excluded = "/apis/batch.volcano.sh/v1alpha1/namespaces/kube-system/jobs";
    api.create(excluded, &volcano_job("demo")).await.object();
    api.patch(&format!("{excluded}/demo"), MERGE_PATCH, &label).await.object();

    // The way out that README names.
    plane.kubectl().run(&["delete", "validatingwebhookconfiguration", "fieldward"]).ok();
    eventually("the gate is open", async || api.patch(&job, MERGE_PATCH, &label).await.is_ok()).await;
}

/// The namespace enforces the restricted Pod Security Standard.
async fn the_pods_are_admitted(api: &Api) {
    let pods = "/api/v1/namespaces/fieldward/pods";
    eventually("there are two pods", async || api.get(pods).await.object()["items"].as_array().map_or(0, Vec::len) == 2).await;
    let namespace = api.get("/api/v1/namespaces/fieldward").await.object();
    assert_eq!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], Value::from("restricted"));
}
