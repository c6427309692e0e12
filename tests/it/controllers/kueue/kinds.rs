//! The kinds that Kueue admits, and the life of one job of each.

use serde_json::{Value, json};

use crate::cluster::eventually;
use crate::controllers::cases::Suite;
use crate::controllers::expect::{denied, gone, is};
use crate::controllers::jobset;
use crate::controllers::kubelet::{Ending, items};
use crate::controllers::kuberay::{self, KubeRay};
use crate::controllers::scene::Scene;
use crate::controllers::tally::Guarded;
use crate::controllers::trainer;

/// The namespace whose queue has room for one job.
pub(super) const QUEUE: &str = "queue";

/// A kind that Kueue admits.
pub(super) struct Admitted {
    pub(super) guarded: Guarded<'static>,
    /// Where its API is.
    api: &'static str,
    job: fn() -> Value,
    /// JSON pointers.
    suspend: &'static str,
    pub(super) node_selector: &'static str,
    end: End,
    /// Where the writes of Kueue become cases.
    pub(super) suite: Option<Suite>,
    /// Whether the rules deny a user the changes that Kueue makes when it admits a job.
    pub(super) admission_is_denied: bool,
    /// Whether the rules deny a user the changes that Kueue makes when it preempts the job.
    pub(super) preemption_is_denied: bool,
    /// Whether the kind has `ttlSecondsAfterFinished`.
    pub(super) expires: bool,
}

/// How a job succeeds.
enum End {
    /// Its pods succeed. This label of a pod names the job, which then has this condition.
    Pods { label: &'static str, condition: &'static str },
    /// KubeRay learns it from the cluster's dashboard.
    Dashboard,
}

pub(super) const JOB: Admitted = Admitted {
    guarded: Guarded { group: "batch", resource: "jobs" },
    api: "/apis/batch/v1",
    job: || {
        let template = template("main", "Never");
        json!({"kind": "Job", "spec": {"backoffLimit": 0, "template": template}})
    },
    suspend: "/spec/suspend",
    node_selector: "/spec/template/spec/nodeSelector",
    end: End::Pods { label: "batch.kubernetes.io/job-name", condition: "Complete" },
    suite: None,
    admission_is_denied: false,
    preemption_is_denied: false,
    expires: true,
};

pub(super) const JOBSETS: Admitted = Admitted {
    guarded: Guarded { group: "jobset.x-k8s.io", resource: "jobsets" },
    api: "/apis/jobset.x-k8s.io/v1alpha2",
    job: || {
        let job = json!({"spec": {"backoffLimit": 0, "template": template("main", "Never")}});
        json!({"kind": "JobSet", "spec": {"replicatedJobs": [{"name": "workers", "replicas": 1,
            "template": job}]}})
    },
    suspend: "/spec/suspend",
    node_selector: "/spec/replicatedJobs/0/template/spec/template/spec/nodeSelector",
    end: End::Pods { label: "jobset.sigs.k8s.io/jobset-name", condition: "Completed" },
    suite: Some(jobset::SUITE),
    admission_is_denied: false,
    preemption_is_denied: true,
    expires: true,
};

pub(super) const PYTORCHJOB: Admitted = Admitted {
    guarded: Guarded { group: "kubeflow.org", resource: "pytorchjobs" },
    api: "/apis/kubeflow.org/v1",
    job: || {
        let master = json!({"replicas": 1, "restartPolicy": "Never",
            "template": template("pytorch", "Never")});
        json!({"kind": "PyTorchJob", "spec": {"pytorchReplicaSpecs": {"Master": master}}})
    },
    suspend: "/spec/runPolicy/suspend",
    node_selector: "/spec/pytorchReplicaSpecs/Master/template/spec/nodeSelector",
    end: TRAINED,
    suite: Some(Suite {
        folder: "packs/kubeflow/pytorchjob",
        rule: Some("deploy/rules/kubeflow/pytorchjob.yaml"),
        resource: "pytorchjobs",
    }),
    admission_is_denied: true,
    preemption_is_denied: true,
    expires: true,
};

pub(super) const TFJOB: Admitted = Admitted {
    guarded: Guarded { group: "kubeflow.org", resource: "tfjobs" },
    api: "/apis/kubeflow.org/v1",
    job: || {
        let worker = json!({"replicas": 1, "restartPolicy": "Never",
            "template": template("tensorflow", "Never")});
        json!({"kind": "TFJob", "spec": {"tfReplicaSpecs": {"Worker": worker}}})
    },
    suspend: "/spec/runPolicy/suspend",
    node_selector: "/spec/tfReplicaSpecs/Worker/template/spec/nodeSelector",
    end: TRAINED,
    suite: Some(Suite {
        folder: "packs/kubeflow/tfjob",
        rule: Some("deploy/rules/kubeflow/tfjob.yaml"),
        resource: "tfjobs",
    }),
    admission_is_denied: true,
    preemption_is_denied: true,
    expires: true,
};

const TRAINED: End = End::Pods { label: "training.kubeflow.org/job-name", condition: "Succeeded" };

pub(super) const RAYJOB: Admitted = Admitted {
    guarded: Guarded { group: "ray.io", resource: "rayjobs" },
    api: "/apis/ray.io/v1",
    job: || {
        let mut job = ray("K8sJobMode");
        job["spec"]["submitterPodTemplate"] = with_cpu(template("ray-job-submitter", "Never"), 0.2);
        job
    },
    suspend: "/spec/suspend",
    node_selector: "/spec/rayClusterSpec/headGroupSpec/template/spec/nodeSelector",
    end: End::Dashboard,
    suite: Some(kuberay::SUITE),
    admission_is_denied: true,
    preemption_is_denied: true,
    expires: true,
};

/// The trials create its runtime.
pub(super) const TRAINJOB: Admitted = Admitted {
    guarded: Guarded { group: "trainer.kubeflow.org", resource: "trainjobs" },
    api: "/apis/trainer.kubeflow.org/v1alpha1",
    job: || {
        // The schema refuses each change here, and with it what Kueue writes of a zero value.
        let trainer = json!({"numNodes": 1, "resourcesPerNode": {"requests": {"cpu": "1"}}});
        let runtime = json!({"kind": "TrainingRuntime", "name": trainer::PLAIN});
        json!({"kind": "TrainJob", "spec": {"runtimeRef": runtime, "trainer": trainer}})
    },
    suspend: "/spec/suspend",
    node_selector: "/spec/runtimePatches/0/trainingRuntimeSpec/template/spec/replicatedJobs/0\
                    /template/spec/template/spec/nodeSelector",
    end: End::Pods { label: "jobset.sigs.k8s.io/jobset-name", condition: "Complete" },
    suite: Some(trainer::SUITE),
    // Whether the rule lets a user direct a job depends on its status.
    admission_is_denied: false,
    preemption_is_denied: false,
    expires: false,
};

/// A job that a trial has created.
pub(super) struct Job {
    namespace: &'static str,
    name: &'static str,
    pub(super) path: String,
}

impl Admitted {
    /// A job is admitted, preempted by one that is more urgent, admitted again, and succeeds, as
    /// the other one did before.
    pub(super) async fn is_admitted(&self, scene: &Scene, kuberay: Option<&KubeRay>) {
        let low = self.create(scene, QUEUE, "low", &json!({}), (self.job)()).await;
        self.runs(scene, &low).await;
        if self.guarded.group != "batch" {
            let finalizer = json!({"metadata": {"finalizers": ["example.com/by-a-user"]}});
            denied(scene, &low.path, &finalizer).await;
        }
        if self.admission_is_denied {
            denied(scene, &low.path, &self.directed_elsewhere()).await;
        }
        let urgent = json!({"kueue.x-k8s.io/priority-class": "high"});
        let high = self.create(scene, QUEUE, "high", &urgent, (self.job)()).await;
        self.is_stopped(scene, &low).await;
        self.runs(scene, &high).await;
        scene.counts.lifecycle(self.succeeds(scene, kuberay, &high)).await;
        self.runs(scene, &low).await;
        scene.counts.lifecycle(self.succeeds(scene, kuberay, &low)).await;
    }

    /// A RayJob that Kueue writes before KubeRay does.
    pub(super) async fn is_admitted_early(&self, scene: &Scene) -> Job {
        let mut job = ray("HTTPMode");
        let workers = &mut job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0];
        // Kueue's client leaves it out, and the schema's default takes its place.
        workers["numOfHosts"] = 0.into();
        let early = self.create(scene, QUEUE, "early", &json!({}), job).await;
        self.runs(scene, &early).await;
        early
    }

    /// Creates a job of the kind in a namespace that has a queue.
    pub(super) async fn submit(
        &self,
        scene: &Scene,
        namespace: &'static str,
        name: &'static str,
    ) -> Job {
        let job = self.create(scene, namespace, name, &json!({}), (self.job)()).await;
        self.runs(scene, &job).await;
        job
    }

    async fn create(
        &self,
        scene: &Scene,
        namespace: &'static str,
        name: &'static str,
        more: &Value,
        mut job: Value,
    ) -> Job {
        job["apiVersion"] = self.api.trim_start_matches("/apis/").into();
        job["metadata"] = json!({"name": name, "labels": {"kueue.x-k8s.io/queue-name": "team"}});
        job["metadata"]["labels"]
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let collection = format!("{}/namespaces/{namespace}/{}", self.api, self.guarded.resource);
        eventually(&format!("{collection}/{name} can be created"), async || {
            scene.user.create(&format!("{collection}?dryRun=All"), &job).await.is_ok()
        })
        .await;
        scene.user.create(&collection, &job).await.object();
        Job { namespace, name, path: format!("{collection}/{name}") }
    }

    pub(super) async fn runs(&self, scene: &Scene, job: &Job) {
        eventually(&format!("{} is admitted", job.path), async || {
            let job = scene.user.get(&job.path).await.body;
            // KubeRay's types leave out false.
            job.pointer(self.suspend) != Some(&Value::Bool(true)) && self.pool(&job) == Some("gpu")
        })
        .await;
    }

    /// Waits until Kueue has suspended a job and no longer directs its pods.
    pub(super) async fn is_stopped(&self, scene: &Scene, job: &Job) {
        eventually(&format!("{} is stopped", job.path), async || {
            let job = scene.user.get(&job.path).await.body;
            job.pointer(self.suspend) == Some(&Value::Bool(true)) && self.pool(&job).is_none()
        })
        .await;
    }

    /// Ends a job, and waits until it is deleted.
    pub(super) async fn succeeds(&self, scene: &Scene, kuberay: Option<&KubeRay>, job: &Job) {
        self.ends(scene, kuberay, job, Ending::Succeeded).await;
        self.is_deleted(scene, job).await;
    }

    /// Deletes a job that has ended; KubeRay itself deletes a job that has no time to live.
    pub(super) async fn is_deleted(&self, scene: &Scene, job: &Job) {
        if let End::Pods { .. } = self.end {
            let foreground = json!({"propagationPolicy": "Foreground"});
            scene.user.delete(&job.path, &foreground).await.object();
        }
        gone(scene, &job.path).await;
    }

    /// Ends the pods of a job until it has ended, or is gone because its time to live is over.
    pub(super) async fn ends(
        &self,
        scene: &Scene,
        kuberay: Option<&KubeRay>,
        job: &Job,
        ending: Ending,
    ) {
        match self.end {
            End::Pods { label, condition } => {
                let condition = if ending == Ending::Succeeded { condition } else { "Failed" };
                eventually(&format!("{} is {condition}", job.path), async || {
                    let of_job = |pod: &Value| pod["metadata"]["labels"][label] == job.name;
                    scene.kubelet.end(job.namespace, of_job, ending).await;
                    let answer = scene.user.get(&job.path).await;
                    answer.code == 404 || is(&answer.body, condition)
                })
                .await;
            }
            End::Dashboard => {
                let status = if ending == Ending::Succeeded { "Complete" } else { "Failed" };
                kuberay.unwrap().ends(scene, &job.path, ending, status).await;
            }
        }
    }

    /// Waits until no pod of a job is left; KubeRay deletes its cluster as a whole.
    pub(super) async fn has_no_pods(&self, scene: &Scene, job: &Job) {
        let End::Pods { label, .. } = self.end else { return };
        let pods = format!("/api/v1/namespaces/{}/pods", job.namespace);
        eventually(&format!("the pods of {} go", job.path), async || {
            let all = items(&scene.user, &pods).await;
            all.iter().all(|pod| pod["metadata"]["labels"][label] != job.name)
        })
        .await;
    }

    fn pool<'a>(&self, job: &'a Value) -> Option<&'a str> {
        job.pointer(self.node_selector)?["pool"].as_str()
    }

    /// A change of the node selector that Kueue writes.
    pub(super) fn directed_elsewhere(&self) -> Value {
        changed(self.node_selector, json!({"pool": "elsewhere"}))
    }

    pub(super) fn suspended(&self) -> Value {
        changed(self.suspend, true.into())
    }

    /// The time to live stands beside the suspension.
    pub(super) fn living_for(&self, seconds: u64) -> Value {
        changed(&self.suspend.replace("suspend", "ttlSecondsAfterFinished"), seconds.into())
    }
}

/// A merge patch that sets what a JSON pointer names.
fn changed(pointer: &str, value: Value) -> Value {
    let members = pointer.trim_start_matches('/').rsplit('/');
    members.fold(value, |change, member| json!({member: change}))
}

/// A RayJob whose cluster has a head and a worker.
fn ray(mode: &str) -> Value {
    let workers = json!({
        "groupName": "workers",
        "replicas": 1,
        "minReplicas": 1,
        "maxReplicas": 1,
        "rayStartParams": {},
        "template": with_cpu(template("ray-worker", "Always"), 0.4),
    });
    let head = json!({"rayStartParams": {},
        "template": with_cpu(template("ray-head", "Always"), 0.4)});
    json!({"kind": "RayJob", "spec": {
        "entrypoint": "true",
        "submissionMode": mode,
        "shutdownAfterJobFinishes": true,
        "rayClusterSpec": {"rayVersion": "2.46.0", "headGroupSpec": head,
            "workerGroupSpecs": [workers]},
    }})
}

fn with_cpu(mut template: Value, cpu: f64) -> Value {
    template["spec"]["containers"][0]["resources"]["requests"]["cpu"] = cpu.to_string().into();
    template
}

/// A template whose pod takes all of the queue's quota.
pub(super) fn template(container: &str, restart: &str) -> Value {
    let container = json!({
        "name": container,
        "image": "main:1",
        "args": [],
        "env": [{"name": "A", "value": ""}],
        "resources": {"requests": {"cpu": "1000m"}},
    });
    json!({"spec": {"restartPolicy": restart, "hostNetwork": false, "containers": [container]}})
}
