//! Plays the scheduler and the kubelet for the pods of all namespaces: binds them, reports them as
//! running and removes them when they are deleted. How a pod ends is up to the trial.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::cluster::api::{Api, MERGE_PATCH};

const NODE: &str = "node";

const EVERY: Duration = Duration::from_millis(100);

/// How a pod's containers end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Succeeded,
    /// With this exit code.
    Failed(i32),
}

/// A node that runs until its handle is dropped.
pub(crate) struct Kubelet {
    api: Api,
    stop: Arc<AtomicBool>,
}

impl Kubelet {
    pub(crate) async fn start(api: Api) -> Self {
        let amounts = json!({"cpu": "1k", "memory": "1Ti", "pods": "10k"});
        let node = json!({"metadata": {"name": NODE, "labels": {"kubernetes.io/hostname": NODE}}});
        api.create("/api/v1/nodes", &node).await.object();
        let status = json!({"status": {
            "capacity": amounts,
            "allocatable": amounts,
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady",
                "message": "it is"}],
        }});
        api.patch(&format!("/api/v1/nodes/{NODE}/status"), MERGE_PATCH, &status).await.object();
        let kubelet = Self { api, stop: Arc::default() };
        tokio::spawn(play(kubelet.api.clone(), Arc::clone(&kubelet.stop)));
        kubelet
    }

    /// Ends the running pods of a namespace that this filter selects; how many there were.
    pub(crate) async fn end(
        &self,
        namespace: &str,
        selected: impl Fn(&Value) -> bool,
        ending: Ending,
    ) -> usize {
        let mut ended = 0;
        for pod in items(&self.api, &format!("/api/v1/namespaces/{namespace}/pods")).await {
            if pod["status"]["phase"] == "Running"
                && pod["metadata"]["deletionTimestamp"].is_null()
                && selected(&pod)
            {
                let status = ended_status(&pod, ending);
                ended += usize::from(
                    self.api
                        .patch(&format!("{}/status", path(&pod)), MERGE_PATCH, &status)
                        .await
                        .is_ok(),
                );
            }
        }
        ended
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

async fn play(api: Api, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        for pod in items(&api, "/api/v1/pods").await {
            // A pod may be gone by now, or have changed: the next round sees it as it is.
            let _ = step(&api, &pod).await;
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Takes a pod one step further.
async fn step(api: &Api, pod: &Value) -> Option<()> {
    let path = path(pod);
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        if pod["spec"]["nodeName"] == NODE {
            if pod["status"]["phase"] == "Running" {
                let killed = ended_status(pod, Ending::Failed(143));
                let status = format!("{path}/status");
                api.try_send(reqwest::Method::PATCH, &status, MERGE_PATCH, &killed).await.ok()?;
            }
            let options =
                json!({"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}});
            api.try_send(reqwest::Method::DELETE, &path, "application/json", &options)
                .await
                .ok()?;
        }
        return Some(());
    }
    let gated = pod["spec"]["schedulingGates"].as_array().is_some_and(|gates| !gates.is_empty());
    if pod["spec"]["nodeName"].is_null() && !gated {
        let binding = json!({"metadata": {"name": pod["metadata"]["name"]},
            "target": {"kind": "Node", "name": NODE}});
        api.try_send(
            reqwest::Method::POST,
            &format!("{path}/binding"),
            "application/json",
            &binding,
        )
        .await
        .ok()?;
    } else if pod["spec"]["nodeName"] == NODE && pod["status"]["phase"] == "Pending" {
        api.try_send(
            reqwest::Method::PATCH,
            &format!("{path}/status"),
            MERGE_PATCH,
            &running_status(pod),
        )
        .await
        .ok()?;
    }
    Some(())
}

fn running_status(pod: &Value) -> Value {
    let conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"]
        .map(|condition| json!({"type": condition, "status": "True"}));
    let state = json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}});
    json!({"status": {
        "phase": "Running",
        "podIP": "192.0.2.7",
        "podIPs": [{"ip": "192.0.2.7"}],
        "startTime": "2026-01-01T00:00:00Z",
        "conditions": conditions,
        "containerStatuses": container_statuses(pod, &state, true),
    }})
}

fn ended_status(pod: &Value, ending: Ending) -> Value {
    let (phase, reason, code) = match ending {
        Ending::Succeeded => ("Succeeded", "Completed", 0),
        Ending::Failed(code) => ("Failed", "Error", code),
    };
    let times = ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z");
    let state = json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": times.0,
        "finishedAt": times.1}});
    json!({"status": {"phase": phase, "containerStatuses": container_statuses(pod, &state, false)}})
}

fn container_statuses(pod: &Value, state: &Value, ready: bool) -> Value {
    let status = |container: &Value| {
        json!({
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "ready": ready,
            "started": ready,
            "restartCount": 0,
            "state": state,
        })
    };
    pod["spec"]["containers"].as_array().into_iter().flatten().map(status).collect()
}

fn path(pod: &Value) -> String {
    let text = |field: &str| pod["metadata"][field].as_str().unwrap().to_owned();
    format!("/api/v1/namespaces/{}/pods/{}", text("namespace"), text("name"))
}

/// The items of a list; none if the list cannot be read just now.
pub(crate) async fn items(api: &Api, path: &str) -> Vec<Value> {
    let answer = api.try_send(reqwest::Method::GET, path, "application/json", &Value::Null).await;
    answer
        .ok()
        .and_then(|mut answer| serde_json::from_value(answer.body["items"].take()).ok())
        .unwrap_or_default()
}
