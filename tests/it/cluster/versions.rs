//! A kind of several served versions is judged by the rule of the registered one (`matchPolicy:
//! Equivalent`).

use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::json;

use super::api::MERGE_PATCH;
use super::control_plane::ControlPlane;
use super::objects::{WIDGETS, widget, widget_probe, widget_rule};
use super::shared;
use super::ward::{Resource, Ward};

pub(crate) fn trials() -> Vec<Trial> {
    vec![shared(
        "versions::another_served_version_is_judged_by_the_rule_of_the_registered_one",
        another_served_version,
    )]
}

/// The same widgets in a version that no rule covers.
const WIDGETS_V2: Resource = ("example.com/v2", "widgets");

async fn another_served_version(plane: Arc<ControlPlane>) {
    let ward = Ward::with_rules(
        &plane,
        "versions",
        &[widget_rule("[widgets]", "[\"spec.parts[*].size\"]")],
        &[],
    )
    .await;
    ward.in_force(&widget_probe(&ward)).await;
    let mut object = widget("demo");
    object["apiVersion"] = "example.com/v2".into();
    object = ward.api.create(&ward.collection(WIDGETS_V2), &object).await.object();
    let path = format!("{}/demo", ward.collection(WIDGETS_V2));

    object["spec"]["parts"] = json!([{"name": "arm", "size": 5}, {"name": "leg", "size": 2}]);
    object = ward.api.replace(&path, &object).await.object();
    assert_eq!(
        (&object["apiVersion"], &object["spec"]["parts"][0]["size"]),
        (&json!("example.com/v2"), &json!(5))
    );

    object["spec"]["parts"][1]["name"] = "foot".into();
    object["spec"]["color"] = "blue".into();
    let refused = ward.api.replace(&path, &object).await;
    assert_eq!(refused.code, 403);
    assert_eq!(refused.fields(), ["spec.color", "spec.parts[name=foot]", "spec.parts[name=leg]"]);
    assert!(
        refused
            .message()
            .starts_with("admission webhook \"widget.fieldward.io\" denied the request: "),
        "{}",
        refused.message()
    );

    let patched = ward.api.patch(&path, MERGE_PATCH, &json!({"spec": {"color": "blue"}})).await;
    assert_eq!(patched.fields(), ["spec.color"]);
    assert_eq!(
        ward.api.get(&format!("{}/demo", ward.collection(WIDGETS))).await.object()["spec"]["color"],
        "red"
    );
}
