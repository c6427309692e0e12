//! What trials expect of objects.

use serde_json::Value;

use super::scene::Scene;
use crate::cluster::api::MERGE_PATCH;
use crate::cluster::eventually;

/// Asserts that fieldward denies the user's update.
pub(crate) async fn denied(scene: &Scene, path: &str, change: &Value) {
    denied_by(scene, ".fieldward.io", path, change).await;
}

/// Asserts that a webhook whose name ends so denies the user's update.
pub(crate) async fn denied_by(scene: &Scene, webhook: &str, path: &str, change: &Value) {
    scene.counts.forbidden();
    let answer = scene.user.patch(path, MERGE_PATCH, change).await;
    assert_eq!(answer.code, 403, "{path} {change}: {answer:?}");
    assert!(answer.message().contains(&format!("{webhook}\" denied the request: ")), "{answer:?}");
}

/// Whether an object's status has a condition.
pub(crate) fn is(object: &Value, condition: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|known| known["type"] == condition && known["status"] == "True")
}

/// Waits until an object has a condition.
pub(crate) async fn becomes(scene: &Scene, path: &str, condition: &str) {
    eventually(&format!("{path} is {condition}"), async || {
        is(&scene.user.get(path).await.body, condition)
    })
    .await;
}

/// Waits until an object is deleted.
pub(crate) async fn gone(scene: &Scene, path: &str) {
    eventually(&format!("{path} goes"), async || scene.user.get(path).await.code == 404).await;
}
