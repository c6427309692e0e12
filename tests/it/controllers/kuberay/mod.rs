//! KubeRay 1.4: it holds each RayJob with a finalizer, and writes the rest to its status.

mod dashboard;
mod spellings;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use self::dashboard::Dashboard;
use super::cases::{self, Kept, Suite, Which};
use super::expect::{denied, gone};
use super::kubelet::Ending;
use super::operator::install;
use super::results::conclude;
use super::rules::every_grant_is_used;
use super::scene::{Account, Scene};
use super::tally::{Guarded, all_let_through};
use super::typed::Typed;
use super::writes::all_stored;
use super::{Controller, trial};
use crate::cluster::api::MERGE_PATCH;
use crate::cluster::assets::Assets;
use crate::cluster::eventually;
use crate::cluster::process::Process;
use crate::support::go::Pins;

pub(crate) fn trials() -> Vec<Trial> {
    vec![TYPED.trial(), trial("kuberay::lifecycles", KUBERAY, lifecycles)]
}

const TYPED: Typed = Typed {
    trial: "kuberay::spellings",
    controller: KUBERAY,
    definition: (KUBERAY.module, "config/crd/bases/ray.io_rayjobs.yaml"),
    arguments: &[],
    file: "kuberay/spellings.json",
};

pub(crate) const KUBERAY: Controller = Controller {
    pins: Pins { folder: "controllers/kuberay", name: "kuberay", takes: "5 to 10 minutes" },
    module: "github.com/ray-project/kuberay/ray-operator",
    programs: &[("kuberay", "github.com/ray-project/kuberay/ray-operator")],
    completed: &[],
};

/// Where KubeRay's own manifests put it.
const OPERATOR: Account = Account { namespace: "default", name: "kuberay-operator" };

const RULES: [&str; 4] = [
    "deploy/rules/ray/rayjob.yaml",
    "deploy/rules/kubernetes/job.yaml",
    "deploy/rules/kubernetes/pod.yaml",
    "deploy/rules/kubernetes/gated-pod.yaml",
];

pub(crate) const SUITE: Suite = Suite {
    folder: "packs/ray/rayjob",
    rule: Some("deploy/rules/ray/rayjob.yaml"),
    resource: "rayjobs",
};

/// The writes that become cases.
const CASES: &[Kept] = &[
    Kept {
        name: "held",
        object: "respelled",
        user: OPERATOR.name,
        which: Which::Sets("/metadata/finalizers"),
        twin: true,
    },
    Kept {
        name: "let-go",
        object: "deleted",
        user: OPERATOR.name,
        which: Which::Sets("/metadata/finalizers"),
        twin: false,
    },
];

const JOBS: &str = "/apis/ray.io/v1/namespaces/rays/rayjobs";

async fn lifecycles(assets: Assets) {
    let scene = &Scene::start(&assets, &RULES).await;
    install_manifests(scene).await;
    let rays = Rays { scene, kuberay: KubeRay::start(scene).await };
    scene.namespace("rays").await;
    let probe =
        rays.create("probe", &json!({"suspend": true, "shutdownAfterJobFinishes": true})).await;
    scene.in_force(&probe, &finalizer()).await;
    let counts = &scene.counts;
    tokio::join!(
        counts.lifecycle(rays.succeeds("K8sJobMode")),
        counts.lifecycle(rays.succeeds("HTTPMode")),
        counts.lifecycle(rays.fails()),
        counts.lifecycle(rays.restarts()),
        counts.lifecycle(rays.is_suspended()),
        counts.lifecycle(rays.exceeds_its_deadline()),
        counts.lifecycle(rays.expires()),
        counts.lifecycle(rays.is_deleted()),
        counts.lifecycle(rays.is_respelled()),
        rays.respell(),
    );
    counts.lifecycle(rays.goes_with_its_namespace()).await;
    let user = OPERATOR.user();
    let guarded = Guarded { group: "ray.io", resource: "rayjobs" };
    all_let_through(scene, guarded, &user);
    let jobs = all_stored(scene, guarded, &user);
    assert!(jobs.of_status > 0, "{jobs:?}");
    every_grant_is_used(scene, RULES[0], OPERATOR);
    cases::renew(scene, SUITE, CASES).await;
    conclude(scene, &format!("KubeRay {}", KUBERAY.version()));
}

/// Applies what KubeRay needs before it starts.
pub(crate) async fn install_manifests(scene: &Scene) {
    install(scene, KUBERAY, OPERATOR.namespace, &["config/default"]).await;
}

/// KubeRay at work.
pub(crate) struct KubeRay {
    dashboard: Dashboard,
    _operator: Process,
}

impl KubeRay {
    pub(crate) async fn start(scene: &Scene) -> Self {
        let dashboard = Dashboard::start().await;
        let environment = [
            &format!("HTTP_PROXY={}", dashboard.url),
            // A job whose time is over is deleted with its cluster.
            "DELETE_RAYJOB_CR_AFTER_JOB_FINISHES=true",
            // A cluster that is deleted does not wait until its Redis is cleaned up: there is none.
            "ENABLE_GCS_FT_REDIS_CLEANUP=false",
        ];
        let arguments = [
            "--kubeconfig=KUBECONFIG",
            "--metrics-addr=0",
            "--health-probe-bind-address=0",
            "--enable-leader-election=false",
        ];
        let operator =
            scene.run_with(&environment, &KUBERAY.program("kuberay"), OPERATOR, &arguments).await;
        Self { dashboard, _operator: operator }
    }

    /// Ends a job as often as it takes until it has this status.
    pub(crate) async fn ends(&self, scene: &Scene, path: &str, ending: Ending, status: &str) {
        eventually(&format!("{path} is {status}"), async || {
            self.end_pods(scene, path, ending).await;
            let job = scene.user.get(path).await;
            // A job may end so soon that its time to live is over before the next look.
            job.code == 404 || job.body["status"]["jobDeploymentStatus"] == status
        })
        .await;
    }

    /// Ends the job that runs in the cluster, and the pods that submitted it.
    async fn end_pods(&self, scene: &Scene, path: &str, ending: Ending) {
        let job = scene.user.get(path).await.body;
        if let Some(id) = job["status"]["jobId"].as_str().filter(|id| !id.is_empty()) {
            self.dashboard
                .set(id, if ending == Ending::Succeeded { "SUCCEEDED" } else { "FAILED" });
        }
        let metadata = &job["metadata"];
        // The submitter is a Job with the name of the RayJob.
        scene
            .kubelet
            .end(
                metadata["namespace"].as_str().unwrap_or_default(),
                |pod| pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] == metadata["name"],
                ending,
            )
            .await;
    }
}

/// The lives of jobs.
struct Rays<'a> {
    scene: &'a Scene,
    kuberay: KubeRay,
}

impl Rays<'_> {
    async fn succeeds(&self, mode: &str) {
        let path = self
            .create(&format!("succeeds-{}", mode.to_lowercase()), &json!({"submissionMode": mode}))
            .await;
        self.runs(&path).await;
        let workers = json!({"spec": {"rayClusterSpec": {"rayVersion": "2.47.0"}}});
        for change in [finalizer(), json!({"metadata": {"finalizers": null}}), workers] {
            denied(self.scene, &path, &change).await;
        }
        self.scene
            .user
            .patch(&path, MERGE_PATCH, &json!({"metadata": {"labels": {"team": "a"}}}))
            .await
            .object();
        self.ends(&path, Ending::Succeeded, "Complete").await;
    }

    async fn fails(&self) {
        let path = self.create("fails", &json!({})).await;
        self.runs(&path).await;
        self.ends(&path, Ending::Failed(1), "Failed").await;
    }

    /// Its cluster is made again once.
    async fn restarts(&self) {
        let path = self.create("restarts", &json!({"backoffLimit": 1})).await;
        self.runs(&path).await;
        let cluster = self.status(&path).await["rayClusterName"].clone();
        eventually("the job restarts", async || {
            self.kuberay.end_pods(self.scene, &path, Ending::Failed(1)).await;
            let status = self.status(&path).await;
            status["failed"] == 1
                && status["rayClusterName"] != cluster
                && status["jobDeploymentStatus"] == "Running"
        })
        .await;
        self.ends(&path, Ending::Succeeded, "Complete").await;
    }

    async fn is_suspended(&self) {
        let path = self
            .create(
                "suspended",
                &json!({"suspend": true, "shutdownAfterJobFinishes": true,
                "ttlSecondsAfterFinished": 600}),
            )
            .await;
        let suspend = |suspend: bool| json!({"spec": {"suspend": suspend}});
        self.reaches(&path, "Suspended").await;
        self.scene.user.patch(&path, MERGE_PATCH, &suspend(false)).await.object();
        self.runs(&path).await;
        self.scene.user.patch(&path, MERGE_PATCH, &suspend(true)).await.object();
        self.reaches(&path, "Suspended").await;
        self.scene.user.patch(&path, MERGE_PATCH, &suspend(false)).await.object();
        self.runs(&path).await;
        self.ends(&path, Ending::Succeeded, "Complete").await;
    }

    /// The limit may be changed while the job runs.
    async fn exceeds_its_deadline(&self) {
        let path = self.create("exceeds", &json!({"activeDeadlineSeconds": 600})).await;
        self.runs(&path).await;
        self.scene
            .user
            .patch(&path, MERGE_PATCH, &json!({"spec": {"activeDeadlineSeconds": 1}}))
            .await
            .object();
        self.reaches(&path, "Failed").await;
        assert_eq!(self.status(&path).await["reason"], "DeadlineExceeded");
    }

    /// The operator deletes the job when its time is over.
    async fn expires(&self) {
        let path = self
            .create(
                "expires",
                &json!({"shutdownAfterJobFinishes": true, "ttlSecondsAfterFinished": 2}),
            )
            .await;
        self.runs(&path).await;
        self.ends(&path, Ending::Succeeded, "Complete").await;
        gone(self.scene, &path).await;
    }

    /// The operator lets go of a job that it has stopped, and then so does the garbage collector.
    async fn is_deleted(&self) {
        let path = self.create("deleted", &json!({})).await;
        self.runs(&path).await;
        self.scene.user.delete(&path, &json!({"propagationPolicy": "Foreground"})).await.object();
        gone(self.scene, &path).await;
    }

    /// The operator's client leaves out zeros that the schema does not, and the defaults take their
    /// place.
    async fn is_respelled(&self) {
        let mut job = Self::job(
            "respelled",
            &json!({"suspend": true, "shutdownAfterJobFinishes": true, "submissionMode": ""}),
        );
        let cluster = &mut job["spec"]["rayClusterSpec"];
        cluster["workerGroupSpecs"][0]["numOfHosts"] = 0.into();
        let disk = json!({"name": "disk", "rbd": {"image": "a", "monitors": ["a"], "keyring": ""}});
        for group in ["/headGroupSpec", "/workerGroupSpecs/0"] {
            let group = cluster.pointer_mut(group).unwrap();
            group["template"]["spec"]["volumes"] = json!([disk]);
        }
        let mut submitter = cluster["headGroupSpec"]["template"].clone();
        submitter["spec"]["restartPolicy"] = "Never".into();
        job["spec"]["submitterPodTemplate"] = submitter;
        self.scene.user.create(JOBS, &job).await.object();
        let path = format!("{JOBS}/respelled");
        self.reaches(&path, "Suspended").await;
        assert_eq!(self.scene.user.get(&path).await.body["spec"]["submissionMode"], "K8sJobMode");
    }

    async fn create(&self, name: &str, more: &Value) -> String {
        self.scene.user.create(JOBS, &Self::job(name, more)).await.object();
        format!("{JOBS}/{name}")
    }

    /// A job with zero values spelled out, which typed clients leave out.
    fn job(name: &str, more: &Value) -> Value {
        let template = |container: &str| {
            let container = json!({
                "name": container,
                "image": "ray:1",
                "args": [],
                "env": [{"name": "A", "value": ""}],
                "tty": false,
                "ports": [{"name": "dashboard", "containerPort": 8265, "protocol": ""}],
                "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}, "requests": {}},
            });
            json!({"spec": {"hostNetwork": false, "volumes": [], "containers": [container]}})
        };
        let workers = json!({
            "groupName": "workers",
            "replicas": 1,
            "minReplicas": 1,
            "maxReplicas": 1,
            "rayStartParams": {},
            "template": template("ray-worker"),
        });
        let cluster = json!({
            "rayVersion": "2.46.0",
            "headGroupSpec": {"serviceType": "ClusterIP", "rayStartParams": {},
                "template": template("ray-head")},
            "workerGroupSpecs": [workers],
        });
        let mut job = json!({
            "apiVersion": "ray.io/v1",
            "kind": "RayJob",
            "metadata": {"name": name},
            "spec": {"entrypoint": "true", "runtimeEnvYAML": "", "entrypointNumCpus": 0,
                "rayClusterSpec": cluster},
        });
        job["spec"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        job
    }

    async fn status(&self, path: &str) -> Value {
        self.scene.user.get(path).await.body["status"].take()
    }

    async fn runs(&self, path: &str) {
        self.reaches(path, "Running").await;
    }

    async fn reaches(&self, path: &str, status: &str) {
        eventually(&format!("{path} is {status}"), async || {
            self.status(path).await["jobDeploymentStatus"] == status
        })
        .await;
    }

    async fn ends(&self, path: &str, ending: Ending, status: &str) {
        self.kuberay.ends(self.scene, path, ending, status).await;
    }

    async fn goes_with_its_namespace(&self) {
        self.runs(&self.create("running", &json!({})).await).await;
        let namespace = "/api/v1/namespaces/rays";
        self.scene.plane.api().delete(namespace, &Value::Null).await.object();
        gone(self.scene, namespace).await;
    }
}

/// Neither the schema nor KubeRay minds it.
fn finalizer() -> Value {
    json!({"metadata": {"finalizers": ["example.com/by-a-user"]}})
}
