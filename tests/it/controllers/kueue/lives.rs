//! How jobs end, and who stops and resumes them, in a queue that has room for all of them.

use serde_json::{Value, json};

use super::kinds::{Admitted, Job};
use crate::cluster::api::MERGE_PATCH;
use crate::cluster::eventually;
use crate::controllers::expect::{denied, gone};
use crate::controllers::kubelet::{Ending, items};
use crate::controllers::kuberay::KubeRay;
use crate::controllers::scene::Scene;

/// The namespace whose queue has room for all jobs.
pub(super) const LIVES: &str = "lives";

/// Who may suspend a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suspension {
    Everybody,
    KueueAlone,
}

impl Admitted {
    /// Jobs of the kind at the same time: each is admitted and ends in another way.
    pub(super) async fn lives(
        &self,
        scene: &Scene,
        kuberay: Option<&KubeRay>,
        suspension: Suspension,
    ) {
        let counts = &scene.counts;
        tokio::join!(
            counts.lifecycle(Box::pin(self.fails(scene, kuberay))),
            counts.lifecycle(Box::pin(self.is_suspended(scene, kuberay, suspension))),
            counts.lifecycle(Box::pin(self.is_deactivated(scene, kuberay))),
            async {
                if self.expires {
                    counts.lifecycle(Box::pin(self.expires(scene, kuberay))).await;
                }
            },
        );
    }

    async fn fails(&self, scene: &Scene, kuberay: Option<&KubeRay>) {
        let job = self.submit(scene, LIVES, "fails").await;
        self.ends(scene, kuberay, &job, Ending::Failed(1)).await;
        self.is_deleted(scene, &job).await;
    }

    /// The user gives the job a time to live while it runs, and its own controller deletes it.
    async fn expires(&self, scene: &Scene, kuberay: Option<&KubeRay>) {
        let job = self.submit(scene, LIVES, "expires").await;
        scene.user.patch(&job.path, MERGE_PATCH, &self.living_for(2)).await.object();
        self.ends(scene, kuberay, &job, Ending::Succeeded).await;
        gone(scene, &job.path).await;
    }

    /// Kueue resumes a job that it has admitted and a user has suspended.
    async fn is_suspended(&self, scene: &Scene, kuberay: Option<&KubeRay>, suspension: Suspension) {
        let job = self.submit(scene, LIVES, "suspended").await;
        match suspension {
            Suspension::Everybody => {
                scene.user.patch(&job.path, MERGE_PATCH, &self.suspended()).await.object();
                self.runs(scene, &job).await;
            }
            Suspension::KueueAlone => denied(scene, &job.path, &self.suspended()).await,
        }
        self.succeeds(scene, kuberay, &job).await;
    }

    /// A user stops a job through its Workload and lets it run again.
    async fn is_deactivated(&self, scene: &Scene, kuberay: Option<&KubeRay>) {
        let job = self.submit(scene, LIVES, "deactivated").await;
        let workload = workload(scene, &job).await;
        let active = |active: bool| json!({"spec": {"active": active}});
        scene.user.patch(&workload, MERGE_PATCH, &active(false)).await.object();
        self.is_stopped(scene, &job).await;
        self.has_no_pods(scene, &job).await;
        if self.admission_is_denied {
            denied(scene, &job.path, &self.directed_elsewhere()).await;
        }
        scene.user.patch(&workload, MERGE_PATCH, &active(true)).await.object();
        self.runs(scene, &job).await;
        self.succeeds(scene, kuberay, &job).await;
    }
}

/// The Workload that Kueue has made of a job.
async fn workload(scene: &Scene, job: &Job) -> String {
    let group = scene.user.get("/apis/kueue.x-k8s.io").await.object();
    let version = group["preferredVersion"]["groupVersion"].as_str().unwrap();
    let uid = scene.user.get(&job.path).await.object()["metadata"]["uid"].clone();
    let workloads = format!("/apis/{version}/namespaces/{LIVES}/workloads");
    let of_job = |workload: &Value| {
        let owners = workload["metadata"]["ownerReferences"].as_array();
        owners.into_iter().flatten().any(|owner| owner["uid"] == uid)
    };
    let all = items(&scene.user, &workloads).await;
    let own = all.into_iter().find(of_job).unwrap_or_else(|| panic!("{} has none", job.path));
    format!("{workloads}/{}", own["metadata"]["name"].as_str().unwrap())
}

/// A namespace is deleted in which a job of each kind runs.
pub(super) async fn go_with_their_namespace(scene: &Scene, kinds: &[&Admitted]) {
    for kind in kinds {
        kind.submit(scene, LIVES, "running").await;
    }
    let namespace = format!("/api/v1/namespaces/{LIVES}");
    scene.plane.api().delete(&namespace, &Value::Null).await.object();
    eventually("the namespace goes", async || scene.user.get(&namespace).await.code == 404).await;
}
