//! A denial names the field manager whose value a manifest would clear. Volcano's controller writes
//! the name of the claim into the object, so whoever sends the manifest of a job once more, in
//! whatever way, clears that name.

use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::api::JSON_PATCH;
use super::control_plane::ControlPlane;
use super::eventually;
use super::kubectl::Printed;
use super::objects::{JOBS, volcano_job, volcano_ward};
use super::shared;
use super::ward::Ward;

pub(crate) fn trials() -> Vec<Trial> {
    vec![shared(
        "ownership::a_claim_name_that_a_manifest_clears",
        a_claim_name_that_a_manifest_clears,
    )]
}

const CONTROLLER: &str = "system:serviceaccount:volcano-system:volcano-controllers";

async fn a_claim_name_that_a_manifest_clears(plane: Arc<ControlPlane>) {
    let ward = volcano_ward(&plane, "ownership").await;
    let binding = json!({
        "metadata": {"name": "controller"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
            "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": CONTROLLER}],
    });
    plane
        .api()
        .create(&ward.collection(("rbac.authorization.k8s.io/v1", "rolebindings")), &binding)
        .await
        .object();

    for (name, create, again) in [
        ("by-apply", &["apply"][..], &["apply"][..]),
        (
            "by-server-side-apply",
            &["apply", "--server-side"],
            &["apply", "--server-side", "--force-conflicts"],
        ),
        ("by-replace", &["create"], &["replace"]),
    ] {
        let mut job = volcano_job(name);
        job["spec"]["volumes"] =
            json!([{"mountPath": "/data", "volumeClaim": {"accessModes": ["ReadWriteOnce"]}}]);
        send(&ward, create, &job).ok();
        let claim = format!("{name}-volume-1");
        claimed(&ward, name, &claim).await;

        if create.contains(&"--server-side") {
            let conflict = send(&ward, create, &job);
            assert!(
                conflict.err.contains("conflict with \"vc-controller-manager\""),
                "the API server's own refusal: {}",
                conflict.err
            );
        }
        let refused = send(&ward, again, &job);
        eprintln!("ownership: kubectl {} says:\n{}", again.join(" "), refused.err);
        let line = format!(
            "\n  spec.volumes[0].volumeClaimName: cleared; was \"{claim}\"\n    \
             last written by field manager vc-controller-manager as part of spec.volumes; \
             may be updated by service account volcano-system/volcano-controllers"
        );
        assert!(refused.code == 1 && refused.err.contains(&line), "{}", refused.err);
        assert!(
            refused.err.contains("; to keep the value, take it from the live object\n"),
            "{}",
            refused.err
        );

        // What the message says to do is enough.
        job["spec"]["volumes"][0]["volumeClaimName"] = claim.into();
        send(&ward, again, &job).ok();
    }
}

fn send(ward: &Ward, verb: &[&str], job: &Value) -> Printed {
    ward.kubectl.run_with(&[verb, &["-f", "-"]].concat(), &job.to_string())
}

/// Writes the name of a claim as Volcano's controller does.
async fn claimed(ward: &Ward, name: &str, claim: &str) {
    let api = ward
        .plane
        .api()
        .impersonating(CONTROLLER, &["system:serviceaccounts", "system:authenticated"]);
    let path = format!("{}/{name}?fieldManager=vc-controller-manager", ward.collection(JOBS));
    let added = json!([{"op": "add", "path": "/spec/volumes/0/volumeClaimName", "value": claim}]);
    eventually("RBAC knows the controller", async || {
        api.patch(&path, JSON_PATCH, &added).await.is_ok()
    })
    .await;
}
