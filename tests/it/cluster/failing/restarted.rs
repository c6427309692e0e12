//! Two replicas behind a Service that are replaced, one after the other.

use std::collections::BTreeSet;
use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::cluster::api::Api;
use crate::cluster::assets::Assets;
use crate::cluster::control_plane::{ControlPlane, Controllers};
use crate::cluster::eventually;
use crate::cluster::load::Load;
use crate::cluster::network::{TO_ENDPOINTS, address, isolated};
use crate::cluster::node::Node;
use crate::cluster::objects::{define_kinds, volcano_job};
use crate::cluster::ward::Probe;
use crate::support::certificates::{Authority, ecdsa, write};
use crate::support::server::fieldward;

pub(super) fn trials() -> Vec<Trial> {
    vec![isolated("failing::a_rolling_restart_under_load_loses_no_update", restarted)]
}

/// That a pod leaves is known this late, as it may be in a large cluster: until then connections
/// are opened to it.
const LATE_ENDPOINTS: &[&str] =
    &["--endpointslice-updates-batch-period=4s", "--endpoint-updates-batch-period=4s"];

async fn restarted(assets: Assets) {
    let controllers = Controllers::RunningWith(LATE_ENDPOINTS);
    let plane = ControlPlane::start_with(&assets, controllers, &[TO_ENDPOINTS]).await;
    define_kinds(&plane).await;
    install(&plane).await;
    let api = plane.api();
    let node = Node::start(&plane, "fieldward", address);
    eventually("both replicas are in service", async || ready_endpoints(&api).await == 2).await;
    let probe = Probe {
        collection: "/apis/batch.volcano.sh/v1alpha1/namespaces/default/jobs".to_owned(),
        object: volcano_job("probe"),
        forbidden: json!({"spec": {"queue": "probed"}}),
    };
    probe.refused_with(&api, 403).await;
    let load = Load::start(&api, "default", 3).await;
    load.served(10).await;

    let before = pods(&api).await;
    in_namespace(&plane, &["rollout", "restart", "deployment/fieldward"]).await;
    in_namespace(&plane, &["rollout", "status", "deployment/fieldward", "--timeout=120s"]).await;
    for pod in &before {
        in_namespace(&plane, &["wait", "--for=delete", &format!("pod/{pod}"), "--timeout=120s"])
            .await;
    }
    load.served(10).await;

    let sum = load.stop(&plane).await;
    sum.assert_none_lost();
    let after = pods(&api).await;
    assert_eq!(
        (before.len(), after.len(), before.intersection(&after).count()),
        (2, 2, 0),
        "all are replaced: {before:?} {after:?}"
    );
    let ended = node.stop().await;
    assert_eq!(
        ended,
        before.into_iter().map(|pod| (pod, Some(0))).collect(),
        "all have left cleanly"
    );
    eprintln!("cluster: rolling restart under load: {sum}, {} pods replaced", ended.len());
}

/// Applies what `fieldward manifests` prints, as it is, and makes the Secret that it names.
pub(crate) async fn install(plane: &ControlPlane) {
    let (authority, key, folder) = (Authority::new(), ecdsa(), tempfile::tempdir().unwrap());
    let ca = write(folder.path(), "webhook-ca.pem", &authority.pem);
    let printed = fieldward().args(["manifests", "--ca-bundle", &ca]).output().unwrap();
    plane
        .kubectl()
        .run_with(&["apply", "-f", "-"], &String::from_utf8(printed.stdout).unwrap())
        .ok();
    let secret = json!({
        "metadata": {"name": "fieldward-tls"},
        "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": authority.server_at(&["fieldward.fieldward.svc"], &key),
            "tls.key": key.serialize_pem()},
    });
    plane.api().create("/api/v1/namespaces/fieldward/secrets", &secret).await.object();
}

pub(crate) async fn ready_endpoints(api: &Api) -> usize {
    let slices =
        api.get("/apis/discovery.k8s.io/v1/namespaces/fieldward/endpointslices").await.object();
    let endpoints = slices["items"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|slice| slice["endpoints"].as_array().cloned().unwrap_or_default());
    endpoints.filter(|endpoint| endpoint["conditions"]["ready"] == true).count()
}

pub(crate) async fn pods(api: &Api) -> BTreeSet<String> {
    let pods = api.get("/api/v1/namespaces/fieldward/pods").await.object();
    let names = pods["items"].as_array().unwrap().iter().map(|pod| &pod["metadata"]["name"]);
    names.map(|name: &Value| name.as_str().unwrap().to_owned()).collect()
}

/// Runs kubectl in fieldward's namespace, while the load goes on.
pub(crate) async fn in_namespace(plane: &Arc<ControlPlane>, args: &[&str]) {
    let kubectl = plane.kubectl();
    let args: Vec<String> =
        ["-n", "fieldward"].iter().chain(args).map(|arg| (*arg).to_owned()).collect();
    let run = move || kubectl.run(&args.iter().map(String::as_str).collect::<Vec<_>>()).ok();
    tokio::task::spawn_blocking(run).await.unwrap();
}
