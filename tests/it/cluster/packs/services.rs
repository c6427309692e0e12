//! What the API server fills in a Service goes with what a user may change.

use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{
    PODS, Plane, SERVICES, created, eventually, guarded, judged, patched, pod, refused, trial,
};
use crate::cluster::control_plane::ControlPlane;
use crate::cluster::ward::DEVELOPER;

pub(super) fn trials(plane: &Plane) -> Vec<Trial> {
    vec![trial(plane, "services_become_sticky_and_back", become_sticky_and_back)]
}

const RULE: &str = "cci-service";

async fn become_sticky_and_back(plane: Arc<ControlPlane>) {
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    });
    let mut probe = service.clone();
    probe["metadata"]["name"] = "probe".into();
    let ward = guarded(&plane, "services-sticky", &["cci/service"], SERVICES, probe).await;
    let path = created(&ward, SERVICES, &service).await;
    // Whoever writes endpoints wants to know the node of each.
    plane
        .api()
        .create("/api/v1/nodes", &json!({"metadata": {"name": "packs-serving"}}))
        .await
        .object();
    let mut endpoint = pod("web", &json!({"app": "web"}));
    endpoint["spec"]["nodeName"] = "packs-serving".into();
    let endpoint = created(&ward, PODS, &endpoint).await;
    patched(
        &ward,
        &format!("{endpoint}/status"),
        &json!({"status": {"phase": "Running", "podIP": "192.0.2.10",
            "podIPs": [{"ip": "192.0.2.10"}]}}),
    )
    .await;

    let sticky = patched(&ward, &path, &json!({"spec": {"sessionAffinity": "ClientIP"}})).await;
    assert_eq!(sticky["spec"]["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"], 10800);
    let free = patched(
        &ward,
        &path,
        &json!({"spec": {"sessionAffinity": "None", "sessionAffinityConfig": null}}),
    )
    .await;
    assert_eq!(free["spec"].get("sessionAffinityConfig"), None);
    judged(&ward, RULE, "web", DEVELOPER, 2).await;

    // A replace leaves out what was allocated, and the API server puts it back before it asks.
    let mut other = service.clone();
    other["metadata"]["resourceVersion"] = free["metadata"]["resourceVersion"].clone();
    other["spec"]["ports"] =
        json!([{"name": "web", "port": 80, "targetPort": 9090}, {"name": "more", "port": 81}]);
    let replaced = ward.api.replace(&path, &other).await.object();
    assert_eq!(replaced["spec"]["clusterIP"], free["spec"]["clusterIP"]);
    judged(&ward, RULE, "web", DEVELOPER, 3).await;
    let slices = format!(
        "{}?labelSelector=kubernetes.io/service-name%3Dweb",
        ward.collection(("discovery.k8s.io/v1", "endpointslices"))
    );
    let leads_there = |slices: &Value| {
        let slice = &slices["items"][0];
        slice["endpoints"][0]["addresses"] == json!(["192.0.2.10"])
            && slice["ports"].to_string().contains("9090")
    };
    eventually("the endpoints follow", async || leads_there(&ward.api.get(&slices).await.object()))
        .await;

    refused(
        &ward,
        &path,
        &json!({"spec": {"type": "NodePort"}}),
        &["spec.externalTrafficPolicy", "spec.type"],
    )
    .await;
}
