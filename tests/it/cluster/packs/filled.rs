//! What controllers fill: the Secret of a service account, the bundle of a namespace.

use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::json;

use super::{
    Plane, SECRETS, becomes, controller, created, guarded, judged, patched, refused, trial,
};
use crate::cluster::control_plane::ControlPlane;
use crate::cluster::ward::CONFIG_MAPS;

pub(super) fn trials(plane: &Plane) -> Vec<Trial> {
    vec![
        trial(plane, "secrets_are_filled_with_a_token", secrets_are_filled_with_a_token),
        trial(plane, "config_maps_are_put_right", config_maps_are_put_right),
    ]
}

async fn secrets_are_filled_with_a_token(plane: Arc<ControlPlane>) {
    let ward = guarded(
        &plane,
        "secrets-filled",
        &["cci/secret"],
        SECRETS,
        json!({"metadata": {"name": "probe"}}),
    )
    .await;
    let account = "kubernetes.io/service-account";
    let secret = json!({
        "metadata": {"name": "token", "annotations": {format!("{account}.name"): "default"}},
        "type": format!("{account}-token"),
    });
    let path = created(&ward, SECRETS, &secret).await;
    let filled =
        becomes(&ward, &path, "is filled", |secret| secret["data"]["token"].is_string()).await;
    for key in ["ca.crt", "namespace"] {
        assert!(filled["data"][key].is_string(), "{key}");
    }
    assert!(filled["metadata"]["annotations"][format!("{account}.uid")].is_string());
    judged(&ward, "cci-secret", "token", "system:kube-controller-manager", 1).await;
    refused(&ward, &path, &json!({"data": {"token": null}}), &["data.token"]).await;
    refused(&ward, &path, &json!({"data": {"other": "eA=="}}), &["data.other"]).await;
}

async fn config_maps_are_put_right(plane: Arc<ControlPlane>) {
    let ward = guarded(
        &plane,
        "config-maps-filled",
        &["cci/configmap"],
        CONFIG_MAPS,
        json!({"metadata": {"name": "probe"}}),
    )
    .await;
    let path = format!("{}/kube-root-ca.crt", ward.collection(CONFIG_MAPS));
    let before = becomes(&ward, &path, "is there", |_| true).await;
    refused(&ward, &path, &json!({"immutable": true}), &["immutable"]).await;
    patched(&ward, &path, &json!({"data": {"ca.crt": "another"}})).await;
    becomes(&ward, &path, "is as before", |bundle| bundle["data"] == before["data"]).await;
    judged(&ward, "cci-configmap", "kube-root-ca.crt", &controller("root-ca-cert-publisher"), 1)
        .await;
}
