//! Pods that Kueue holds at a gate: alone and in groups.

use serde_json::{Value, json};

use super::kinds::{QUEUE, template};
use crate::cluster::eventually;
use crate::controllers::expect::{denied_by, gone};
use crate::controllers::kubelet::Ending;
use crate::controllers::scene::Scene;

/// How many pods a group has.
const MEMBERS: usize = 2;

/// Pods wait at a gate, which Kueue takes away, and a user does not.
pub(super) async fn are_admitted(scene: &Scene, gate_keeper: Option<&str>) {
    let alone = |name| pod(name, 1.0, &json!({}));
    let first = create(scene, &alone("first")).await;
    runs(scene, &first).await;
    let second = create(scene, &alone("second")).await;
    if let Some(webhook) = gate_keeper {
        denied_by(scene, webhook, &second, &json!({"spec": {"schedulingGates": null}})).await;
    }
    succeed(scene, &["first"]).await;
    delete(scene, &[first]).await;
    runs(scene, &second).await;
    succeed(scene, &["second"]).await;
    delete(scene, &[second]).await;
}

/// A group fills the queue, replaces a pod that has failed, and ends. Another one waits until then.
pub(super) async fn groups_are_admitted(scene: &Scene, gate_keeper: Option<&str>) {
    let first = create_group(scene, "first-group").await;
    for pod in &first {
        runs(scene, pod).await;
    }
    let second = create_group(scene, "second-group").await;
    if let Some(webhook) = gate_keeper {
        for change in [
            json!({"spec": {"schedulingGates": null}}),
            json!({"spec": {"nodeSelector": {"pool": "elsewhere"}}}),
            json!({"metadata": {"finalizers": null}}),
        ] {
            denied_by(scene, webhook, &second[0], &change).await;
        }
    }
    let failed = "first-group-0";
    eventually("a pod of the group fails", async || {
        scene.kubelet.end(QUEUE, named(&[failed]), Ending::Failed(1)).await == 1
    })
    .await;
    let replacement = create(scene, &member("first-group", "first-group-2")).await;
    runs(scene, &replacement).await;
    succeed(scene, &["first-group-1", "first-group-2"]).await;
    delete(scene, &first).await;
    delete(scene, &[replacement]).await;
    for pod in &second {
        runs(scene, pod).await;
    }
    succeed(scene, &["second-group-0", "second-group-1"]).await;
    delete(scene, &second).await;
}

/// Kueue holds the pods of a group until somebody deletes its Workload.
pub(super) async fn a_running_group_is_deleted(scene: &Scene) {
    let pods = create_group(scene, "third-group").await;
    for pod in &pods {
        runs(scene, pod).await;
    }
    let group = scene.user.get("/apis/kueue.x-k8s.io").await.object();
    let version = group["preferredVersion"]["groupVersion"].as_str().unwrap();
    let workload = format!("/apis/{version}/namespaces/{QUEUE}/workloads/third-group");
    for path in pods.iter().chain([&workload]) {
        scene.user.delete(path, &Value::Null).await.object();
    }
    for path in pods.iter().chain([&workload]) {
        gone(scene, path).await;
    }
}

/// Creates a group of pods; their paths.
async fn create_group(scene: &Scene, group: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for index in 0..MEMBERS {
        let pod = member(group, &format!("{group}-{index}"));
        paths.push(create(scene, &pod).await);
    }
    paths
}

/// A pod of a group that takes all of a small queue's quota.
fn member(group: &str, name: &str) -> Value {
    let of_group = json!({
        "labels": {"kueue.x-k8s.io/pod-group-name": group},
        "annotations": {"kueue.x-k8s.io/pod-group-total-count": MEMBERS.to_string()},
    });
    pod(name, 0.5, &of_group)
}

fn pod(name: &str, cpu: f64, more: &Value) -> Value {
    let mut pod = template("main", "Never");
    pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] = cpu.to_string().into();
    pod["metadata"] = json!({"name": name, "labels": {"kueue.x-k8s.io/queue-name": "team"}});
    json_patch::merge(&mut pod["metadata"], more);
    pod
}

async fn create(scene: &Scene, pod: &Value) -> String {
    let pods = format!("/api/v1/namespaces/{QUEUE}/pods");
    let pod = scene.user.create(&pods, pod).await.object();
    format!("{pods}/{}", pod["metadata"]["name"].as_str().unwrap())
}

/// Waits until Kueue has let a pod go to the nodes that it has reserved.
async fn runs(scene: &Scene, path: &str) {
    eventually(&format!("{path} runs"), async || {
        scene.user.get(path).await.body["status"]["phase"] == "Running"
    })
    .await;
    assert_eq!(scene.user.get(path).await.body["spec"]["nodeSelector"]["pool"], "gpu");
}

fn named(names: &[&str]) -> impl Fn(&Value) -> bool {
    |pod| names.iter().any(|name| pod["metadata"]["name"] == *name)
}

async fn succeed(scene: &Scene, names: &[&str]) {
    scene.kubelet.end(QUEUE, named(names), Ending::Succeeded).await;
}

/// Kueue lets go of the pods once it has accounted for them.
async fn delete(scene: &Scene, pods: &[String]) {
    for pod in pods {
        scene.user.delete(pod, &Value::Null).await.object();
    }
    for pod in pods {
        gone(scene, pod).await;
    }
}
