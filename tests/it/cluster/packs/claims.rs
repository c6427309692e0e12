//! Claims are bound, protected, given the default class and owned by their StatefulSet.

use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{
    CLAIMS, PODS, Plane, STATEFUL_SETS, becomes, controller, created, gone, guarded, judged, owned,
    patched, pod, refused, template, trial,
};
use crate::cluster::alone_with_controllers;
use crate::cluster::assets::Assets;
use crate::cluster::control_plane::{ControlPlane, Controllers};
use crate::cluster::ward::Ward;

pub(super) fn trials(plane: &Plane) -> Vec<Trial> {
    vec![
        alone_with_controllers(
            "packs::claims_without_service_accounts",
            are_cared_for_without_service_accounts,
        ),
        trial(plane, "claims_are_bound", are_bound),
        trial(plane, "claims_get_the_default_class_later", get_the_default_class_later),
        trial(plane, "claims_are_protected", are_protected),
        trial(plane, "claims_are_owned_by_their_set", are_owned_by_their_set),
    ]
}

const RULE: &str = "cci-persistentvolumeclaim";
const BINDER: &str = "persistent-volume-binder";
const FINALIZER: &str = "kubernetes.io/pvc-protection";

async fn are_bound(plane: Arc<ControlPlane>) {
    let ward = claims(&plane, "claims-bound").await;
    bound(&ward, &controller(BINDER)).await;
}

async fn get_the_default_class_later(plane: Arc<ControlPlane>) {
    let ward = claims(&plane, "claims-of-default-class").await;
    given_the_default_class(&ward, &controller(BINDER)).await;
}

/// The same where the controller manager writes under its own name.
async fn are_cared_for_without_service_accounts(assets: Assets) {
    const MANAGER: &str = "system:kube-controller-manager";
    const OPTIONS: &[&str] =
        &["--use-service-account-credentials=false", "--pvclaimbinder-sync-period=1s"];
    let plane =
        ControlPlane::start_with(&assets, Controllers::RunningWith(OPTIONS), &[super::UNPROTECTED])
            .await;
    let binding = json!({
        "metadata": {"name": "controller-manager"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
            "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": MANAGER}],
    });
    plane
        .api()
        .create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding)
        .await
        .object();
    let ward = claims(&plane, "claims-by-the-manager").await;
    bound(&ward, MANAGER).await;
    given_the_default_class(&ward, MANAGER).await;
    protected(&ward, MANAGER).await;
    owned_by_their_set(&ward, MANAGER).await;
}

async fn bound(ward: &Ward, binder: &str) {
    let class = format!("{}-disks", ward.namespace);
    let volume = json!({"metadata": {"name": ward.namespace}, "spec": {
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": class,
        "csi": {"driver": "example.com", "volumeHandle": "one"},
    }});
    ward.plane.api().create("/api/v1/persistentvolumes", &volume).await.object();
    let path = created(ward, CLAIMS, &claim("bound", &class)).await;
    let claim_bound =
        becomes(ward, &path, "is bound", |claim| claim["status"]["phase"] == "Bound").await;
    assert_eq!(claim_bound["spec"]["volumeName"], ward.namespace.as_str());
    assert_eq!(claim_bound["metadata"]["annotations"]["pv.kubernetes.io/bind-completed"], "yes");
    judged(ward, RULE, "bound", binder, 1).await;

    let waiting = created(ward, CLAIMS, &claim("waiting", &class)).await;
    refused(ward, &waiting, &json!({"spec": {"volumeName": ward.namespace}}), &["spec.volumeName"])
        .await;
}

async fn given_the_default_class(ward: &Ward, binder: &str) {
    let mut classless = claim("classless", "");
    classless["spec"].as_object_mut().unwrap().remove("storageClassName");
    let path = created(ward, CLAIMS, &classless).await;
    refused(
        ward,
        &path,
        &json!({"spec": {"storageClassName": "later"}}),
        &["spec.storageClassName"],
    )
    .await;
    let annotations = json!({"storageclass.kubernetes.io/is-default-class": "true"});
    let class = json!({"metadata": {"name": "later", "annotations": annotations},
        "provisioner": "example.com/disks"});
    ward.plane.api().create("/apis/storage.k8s.io/v1/storageclasses", &class).await.object();
    becomes(ward, &path, "has the default class", |claim| {
        claim["spec"]["storageClassName"] == "later"
    })
    .await;
    judged(ward, RULE, "classless", binder, 1).await;
}

async fn are_protected(plane: Arc<ControlPlane>) {
    let ward = claims(&plane, "claims-protected").await;
    protected(&ward, &controller("pvc-protection-controller")).await;
}

async fn protected(ward: &Ward, protector: &str) {
    let path = created(ward, CLAIMS, &claim("protected", "nowhere")).await;
    let is_protected = |claim: &Value| claim["metadata"]["finalizers"] == json!([FINALIZER]);
    becomes(ward, &path, "is protected", is_protected).await;
    judged(ward, RULE, "protected", protector, 1).await;
    refused(ward, &path, &json!({"metadata": {"finalizers": null}}), &["metadata.finalizers"])
        .await;

    let mut user = pod("user", &json!({}));
    user["spec"]["nodeName"] = "somewhere".into();
    user["spec"]["volumes"] =
        json!([{"name": "data", "persistentVolumeClaim": {"claimName": "protected"}}]);
    let user = created(ward, PODS, &user).await;
    ward.api.delete(&path, &Value::Null).await.object();
    refused(ward, &path, &owned(), &["metadata.ownerReferences"]).await;
    ward.api.delete(&user, &json!({"gracePeriodSeconds": 0})).await.object();
    gone(ward, &path).await;
    judged(ward, RULE, "protected", protector, 2).await;
}

async fn are_owned_by_their_set(plane: Arc<ControlPlane>) {
    let ward = claims(&plane, "claims-owned").await;
    owned_by_their_set(&ward, &controller("statefulset-controller")).await;
}

async fn owned_by_their_set(ward: &Ward, by: &str) {
    let labels = json!({"app": "web"});
    let mut template_of_claims = claim("data", "nowhere");
    template_of_claims["metadata"] = json!({"name": "data"});
    let set = json!({"metadata": {"name": "web"}, "spec": {
        "replicas": 1, "serviceName": "web", "selector": {"matchLabels": labels},
        "template": template(&labels, "Always"),
        "volumeClaimTemplates": [template_of_claims],
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Delete"},
    }});
    let set = created(ward, STATEFUL_SETS, &set).await;
    let path = format!("{}/data-web-0", ward.collection(CLAIMS));
    becomes(ward, &path, "is there", |_| true).await;
    refused(ward, &path, &owned(), &["metadata.ownerReferences"]).await;
    patched(ward, &set, &json!({"spec": {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Delete"}}}))
        .await;
    let owner = |claim: &Value, kind: &str| claim["metadata"]["ownerReferences"][0]["kind"] == kind;
    becomes(ward, &path, "has the set as its owner", |claim| owner(claim, "StatefulSet")).await;
    judged(ward, RULE, "data-web-0", by, 1).await;
    refused(
        ward,
        &path,
        &json!({"metadata": {"ownerReferences": null}}),
        &["metadata.ownerReferences"],
    )
    .await;
    // Then its pod is the owner, and it goes with it.
    patched(ward, &set, &json!({"spec": {"replicas": 0}})).await;
    gone(ward, &path).await;
    judged(ward, RULE, "data-web-0", by, 2).await;
}

async fn claims(plane: &Arc<ControlPlane>, namespace: &str) -> Ward {
    guarded(plane, namespace, &["cci/persistentvolumeclaim"], CLAIMS, claim("probe", "nowhere"))
        .await
}

fn claim(name: &str, class: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": class,
        "resources": {"requests": {"storage": "1Gi"}},
    }})
}
