//! What Kubernetes' own controllers write goes through the rules of the packs, and the same change
//! by anybody else does not.
//!
//! The controllers are real and do their work through the registered rules. Of each write the audit
//! log must say that fieldward judged it for that controller, so that nothing passes which was
//! never asked about.

mod claims;
mod commands;
mod filled;
mod jobs;
mod pods;
mod services;

use std::future::Future;
use std::sync::{Arc, Mutex};

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::api::{Answer, MERGE_PATCH};
use super::assets::Assets;
use super::control_plane::{ControlPlane, Controllers};
use super::ward::{Probe, Resource, Ward};
use super::{eventually, on_cluster, started, within_time};

/// The trials here share a control plane: a cluster has one default storage class for all.
pub(crate) fn trials() -> Vec<Trial> {
    let plane = Arc::new(Mutex::new(None));
    [
        claims::trials(&plane),
        commands::trials(&plane),
        filled::trials(&plane),
        jobs::trials(&plane),
        pods::trials(&plane),
        services::trials(&plane),
    ]
    .into_iter()
    .flatten()
    .collect()
}

type Plane = Arc<Mutex<Option<Arc<ControlPlane>>>>;

/// A trial in the control plane of the packs.
fn trial<F>(plane: &Plane, name: &str, case: fn(Arc<ControlPlane>) -> F) -> Trial
where
    F: Future<Output = ()> + 'static,
{
    let plane = Arc::clone(plane);
    on_cluster(&format!("packs::{name}"), move |assets| {
        assets.controller_manager()?;
        within_time(case(started(&plane, start(&assets))));
        Ok(())
    })
}

/// Beyond those that all trials have.
const CONTROLLERS: &str = "--controllers=serviceaccount-token-controller,horizontal-pod-autoscaler-controller,replicationcontroller-controller,\
                           daemonset-controller,taint-eviction-controller";

/// Without this plugin, as in a cluster that is older than it, it is the controller that puts the
/// finalizer on a claim.
const UNPROTECTED: &str = "--disable-admission-plugins=StorageObjectInUseProtection";

async fn start(assets: &Assets) -> Arc<ControlPlane> {
    const OPTIONS: &[&str] = &[
        CONTROLLERS,
        "--pvclaimbinder-sync-period=1s",
        "--horizontal-pod-autoscaler-sync-period=1s",
    ];
    ControlPlane::start_with(assets, Controllers::RunningWith(OPTIONS), &[UNPROTECTED]).await
}

const CLAIMS: Resource = ("v1", "persistentvolumeclaims");
const JOBS: Resource = ("batch/v1", "jobs");
const PODS: Resource = ("v1", "pods");
const SECRETS: Resource = ("v1", "secrets");
const SERVICES: Resource = ("v1", "services");
const DEPLOYMENTS: Resource = ("apps/v1", "deployments");
const STATEFUL_SETS: Resource = ("apps/v1", "statefulsets");

/// Which all rules of the packs leave to controllers.
fn owned() -> Value {
    json!({"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap",
        "name": "owner", "uid": "1"}]}})
}

/// A new namespace in which these rules of the packs are in force; the object is one of a guarded
/// kind.
async fn guarded(
    plane: &Arc<ControlPlane>,
    namespace: &str,
    rules: &[&str],
    resource: Resource,
    object: Value,
) -> Ward {
    let paths: Vec<String> = rules.iter().map(|rule| format!("deploy/rules/{rule}.yaml")).collect();
    let ward =
        Ward::new(plane, namespace, &paths.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let account = ward.collection(("v1", "serviceaccounts/default"));
    eventually("pods may be made", async || plane.api().get(&account).await.is_ok()).await;
    ward.in_force(&Probe { collection: ward.collection(resource), object, forbidden: owned() })
        .await;
    ward
}

/// The name of a controller.
fn controller(name: &str) -> String {
    format!("system:serviceaccount:kube-system:{name}")
}

/// What fieldward decided by a rule when somebody updated an object.
fn decisions(ward: &Ward, rule: &str, name: &str, user: &str) -> Vec<String> {
    let events = ward.plane.audit_events_in(&ward.namespace).into_iter();
    let by = |event: &Value| {
        event["impersonatedUser"]["username"].as_str().or(event["user"]["username"].as_str())
            == Some(user)
    };
    let updates = events.filter(|event| event["objectRef"]["name"] == name && by(event));
    updates
        .filter_map(|event| {
            event["annotations"][format!("{rule}.fieldward.io/decision")]
                .as_str()
                .map(str::to_owned)
        })
        .collect()
}

/// Asserts that somebody's updates of an object, at least so many, were judged by this rule and
/// allowed.
async fn judged(ward: &Ward, rule: &str, name: &str, user: &str, times: usize) {
    eventually(&format!("{times} reviews of {name} for {user}"), async || {
        decisions(ward, rule, name, user).len() >= times
    })
    .await;
    let decisions = decisions(ward, rule, name, user);
    assert!(
        decisions.iter().all(|decision| decision == "allow"),
        "{rule}, {name}, {user}: {decisions:?}"
    );
}

/// Asserts that fieldward refuses what the developer changes, for these fields.
async fn refused(ward: &Ward, path: &str, change: &Value, fields: &[&str]) {
    let answer = ward.api.patch(path, MERGE_PATCH, change).await;
    assert_eq!((answer.code, answer.fields()), (403, fields.to_vec()), "{answer:?}");
    assert!(answer.message().contains(".fieldward.io\" denied the request: "), "{answer:?}");
}

/// Creates an object as the developer; its path.
async fn created(ward: &Ward, resource: Resource, object: &Value) -> String {
    let collection = ward.collection(resource);
    ward.api.create(&collection, object).await.object();
    format!("{collection}/{}", object["metadata"]["name"].as_str().unwrap())
}

async fn patched(ward: &Ward, path: &str, change: &Value) -> Value {
    ward.api.patch(path, MERGE_PATCH, change).await.object()
}

/// Waits until the object has become what it must.
async fn becomes(ward: &Ward, path: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    eventually(&format!("{path} {what}"), async || ward.api.get(path).await.is(&is)).await;
    ward.api.get(path).await.object()
}

impl Answer {
    fn is(&self, like: impl Fn(&Value) -> bool) -> bool {
        self.is_ok() && like(&self.body)
    }
}

async fn gone(ward: &Ward, path: &str) {
    eventually(&format!("{path} goes"), async || ward.api.get(path).await.code == 404).await;
}

/// A pod with these labels, which no scheduler binds.
fn pod(name: &str, labels: &Value) -> Value {
    let container = json!({"name": "main", "image": "registry.example.com/main:1"});
    json!({"metadata": {"name": name, "labels": labels}, "spec": {"containers": [container]}})
}

/// The template of such pods.
fn template(labels: &Value, restart: &str) -> Value {
    let container = json!({"name": "main", "image": "registry.example.com/main:1"});
    json!({"metadata": {"labels": labels}, "spec": {"containers": [container],
        "restartPolicy": restart}})
}
