//! training-operator 1.8 with the kinds that CCI documents: MXJob, TFJob and PyTorchJob.
//!
//! It writes status only, which is a subresource; what else changes such a job comes from users,
//! the garbage collector and Kueue.

use std::fs::{self, File};
use std::path::Path;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::expect::{becomes, denied, gone, is};
use super::kubelet::{Ending, items};
use super::manifests::{asked_nothing, objects, reached_at};
use super::results::conclude;
use super::scene::{Account, Scene, free_port};
use super::serving::Serving;
use super::tally::Guarded;
use super::typed::Typed;
use super::writes::all_stored;
use super::{Controller, trial};
use crate::cluster::api::MERGE_PATCH;
use crate::cluster::assets::Assets;
use crate::cluster::{eventually, process::Process};
use crate::support::go::Pins;

pub(crate) fn trials() -> Vec<Trial> {
    let lives = [
        trial("training_operator::documented", TRAINING_OPERATOR, under_the_documented_rules),
        trial("training_operator::packs", TRAINING_OPERATOR, under_the_rules_for_its_shape),
    ];
    TYPED.map(Typed::trial).into_iter().chain(lives).collect()
}

const TYPED: [Typed; 3] = [
    Typed {
        trial: "training_operator::spellings_of_mxjobs",
        controller: TRAINING_OPERATOR,
        definition: (TRAINING_OPERATOR.module, "manifests/base/crds/kubeflow.org_mxjobs.yaml"),
        arguments: &["MXJob"],
        file: "training-operator/mxjob-spellings.json",
    },
    Typed {
        trial: "training_operator::spellings_of_tfjobs",
        controller: TRAINING_OPERATOR,
        definition: (TRAINING_OPERATOR.module, "manifests/base/crds/kubeflow.org_tfjobs.yaml"),
        arguments: &["TFJob"],
        file: "training-operator/tfjob-spellings.json",
    },
    Typed {
        trial: "training_operator::spellings_of_pytorchjobs",
        controller: TRAINING_OPERATOR,
        definition: (TRAINING_OPERATOR.module, "manifests/base/crds/kubeflow.org_pytorchjobs.yaml"),
        arguments: &["PyTorchJob"],
        file: "training-operator/pytorchjob-spellings.json",
    },
];

pub(crate) const TRAINING_OPERATOR: Controller = Controller {
    pins: Pins {
        folder: "controllers/training-operator",
        name: "training-operator",
        takes: "5 to 10 minutes",
    },
    module: "github.com/kubeflow/training-operator",
    programs: &[(
        "training-operator",
        "github.com/kubeflow/training-operator/cmd/training-operator.v1",
    )],
    completed: &[],
};

const OPERATOR: Account = Account { namespace: "kubeflow", name: "training-operator" };

/// A kind of job.
#[derive(Debug, Clone, Copy)]
struct Kind {
    name: &'static str,
    resource: &'static str,
    replica_specs: &'static str,
    container: &'static str,
    first: &'static str,
}

const KINDS: [Kind; 3] = [
    Kind {
        name: "MXJob",
        resource: "mxjobs",
        replica_specs: "mxReplicaSpecs",
        container: "mxnet",
        first: "Scheduler",
    },
    Kind {
        name: "TFJob",
        resource: "tfjobs",
        replica_specs: "tfReplicaSpecs",
        container: "tensorflow",
        first: "Chief",
    },
    Kind {
        name: "PyTorchJob",
        resource: "pytorchjobs",
        replica_specs: "pytorchReplicaSpecs",
        container: "pytorch",
        first: "Master",
    },
];

/// What the rules let users do beside what all of them do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Suspension {
    Open,
    Closed,
}

/// The built-in rule, and those of the documentation for the other kinds and for the pods.
async fn under_the_documented_rules(assets: Assets) {
    let rules = [
        "deploy/rules/cci/tfjob.yaml",
        "deploy/rules/cci/pytorchjob.yaml",
        "deploy/rules/cci/pod.yaml",
    ];
    Box::pin(lifecycles(&assets, &rules, Suspension::Closed, "documented rules")).await;
}

/// The rules for training-operator's own shape, and those for pods as Kubernetes has them.
async fn under_the_rules_for_its_shape(assets: Assets) {
    let rules = [
        "deploy/rules/kubeflow/mxjob.yaml",
        "deploy/rules/kubeflow/tfjob.yaml",
        "deploy/rules/kubeflow/pytorchjob.yaml",
        "deploy/rules/kubeflow/pytorchjob-scale.yaml",
        "deploy/rules/kubernetes/pod.yaml",
        "deploy/rules/kubernetes/gated-pod.yaml",
    ];
    Box::pin(lifecycles(&assets, &rules, Suspension::Open, "rules for its shape")).await;
}

async fn lifecycles(assets: &Assets, rules: &[&str], suspension: Suspension, which: &str) {
    let scene = Scene::start(assets, rules).await;
    let _operator = install(&scene).await;
    scene.namespace("jobs").await;
    for kind in KINDS {
        let probe = kind.create(&scene, &kind.job("probe", &json!({"suspend": true}))).await;
        scene
            .in_force(&probe, &json!({"spec": {kind.replica_specs: {"Worker": {"replicas": 9}}}}))
            .await;
    }
    let [mxjob, tfjob, pytorchjob] =
        KINDS.each_ref().map(|kind| kind.lifecycles(&scene, suspension));
    tokio::join!(mxjob, tfjob, pytorchjob);
    scene.plane.api().delete("/api/v1/namespaces/jobs", &Value::Null).await.object();
    gone(&scene, "/api/v1/namespaces/jobs").await;
    for kind in KINDS {
        let writes = all_stored(
            &scene,
            Guarded { group: "kubeflow.org", resource: kind.resource },
            &OPERATOR.user(),
        );
        assert!(writes.of_status > 0, "{writes:?}");
    }
    conclude(&scene, &format!("training-operator {}, {which}", TRAINING_OPERATOR.version()));
}

/// Installs the kinds, the account and its role, the webhooks at their address, and starts the
/// operator.
pub(crate) async fn install(scene: &Scene) -> Process {
    let read = |path: &str| objects(&TRAINING_OPERATOR.read(format!("manifests/base/{path}")));
    for kind in KINDS {
        scene.apply(&read(&format!("crds/kubeflow.org_{}.yaml", kind.resource))).await;
    }
    scene.namespace(OPERATOR.namespace).await;
    let within = |mut object: Value| {
        object["metadata"]["namespace"] = OPERATOR.namespace.into();
        object
    };
    scene.apply(&read("rbac/role.yaml")).await;
    let mut binding = read("rbac/cluster-role-binding.yaml");
    binding[0]["subjects"][0]["namespace"] = OPERATOR.namespace.into();
    scene.apply(&binding).await;
    scene
        .apply(&read("rbac/service-account.yaml").into_iter().map(within).collect::<Vec<_>>())
        .await;
    let secret = json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "training-operator-webhook-cert"}});
    scene.apply(&[within(secret)]).await;
    let port = free_port();
    let configuration = read("webhook/manifests.yaml").remove(0);
    scene.apply(&[to_be_filled(configuration.clone())]).await;
    let arguments = [
        "--kubeconfig=KUBECONFIG",
        "--metrics-bind-address=0",
        "--health-probe-bind-address=0",
        &format!("--webhook-server-port={port}"),
        "--enable-scheme=mxjob",
        "--enable-scheme=tfjob",
        "--enable-scheme=pytorchjob",
    ];
    // The operator serves with a certificate below the folder for temporary files, but starts only
    // once there is a file in this folder of the system.
    let mounted = Path::new("/tmp/k8s-webhook-server/serving-certs");
    fs::create_dir_all(mounted).unwrap();
    File::options().append(true).create(true).open(mounted.join("tls.crt")).unwrap();
    let own = scene.folder().join("training-operator-files");
    let serving = Serving::new(&own.join("k8s-webhook-server/serving-certs"));
    let temporary = format!("TMPDIR={}", own.display());
    let process = scene
        .run_with(
            &[&temporary],
            &TRAINING_OPERATOR.program("training-operator"),
            OPERATOR,
            &arguments,
        )
        .await;
    eventually("the operator serves its webhooks", async || {
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
    })
    .await;
    let mut registered = reached_at(configuration, &format!("127.0.0.1:{port}"), &serving.ca);
    let served = |webhook: &Value| {
        KINDS.iter().any(|kind| webhook["rules"][0]["resources"][0] == kind.resource)
    };
    registered["webhooks"].as_array_mut().unwrap().retain(served);
    scene.apply(&[registered]).await;
    process
}

/// The configuration that the operator fills, with the name that it knows and a Service.
fn to_be_filled(configuration: Value) -> Value {
    let mut configuration = asked_nothing(configuration);
    configuration["metadata"]["name"] = "validator.training-operator.kubeflow.org".into();
    for webhook in configuration["webhooks"].as_array_mut().unwrap() {
        webhook["clientConfig"]["service"]["name"] = "training-operator".into();
        webhook["clientConfig"]["service"]["namespace"] = OPERATOR.namespace.into();
    }
    configuration
}

impl Kind {
    /// The lives that a job may have, all at once.
    async fn lifecycles(&self, scene: &Scene, suspension: Suspension) {
        let counts = &scene.counts;
        tokio::join!(
            counts.lifecycle(self.succeeds(scene)),
            counts.lifecycle(self.fails(scene)),
            counts.lifecycle(self.restarts(scene)),
            counts.lifecycle(self.is_suspended(scene, suspension)),
            counts.lifecycle(self.expires(scene)),
            counts.lifecycle(self.is_deleted(scene)),
            self.scales(scene, suspension),
        );
        // Left to the deletion of the namespace.
        counts.lifecycle(self.runs(scene, "running", &json!({}))).await;
    }

    async fn succeeds(&self, scene: &Scene) {
        let job = self.runs(scene, "succeeds", &json!({})).await;
        denied(
            scene,
            &job,
            &json!({"spec": {self.replica_specs: {"Worker": {"restartPolicy": "OnFailure"}}}}),
        )
        .await;
        denied(scene, &job, &json!({"spec": {"runPolicy": {"backoffLimit": 5}}})).await;
        scene
            .user
            .patch(&job, MERGE_PATCH, &json!({"metadata": {"labels": {"team": "a"}}}))
            .await
            .object();
        self.ends(scene, "succeeds", Ending::Succeeded, "Succeeded").await;
    }

    async fn fails(&self, scene: &Scene) {
        self.runs(scene, "fails", &json!({"backoffLimit": 0})).await;
        self.ends(scene, "fails", Ending::Failed(1), "Failed").await;
    }

    /// A pod that ends with an exit code of the system is made again.
    async fn restarts(&self, scene: &Scene) {
        let mut job = self.job("restarts", &json!({}));
        job["spec"][self.replica_specs]["Worker"]["restartPolicy"] = "ExitCode".into();
        let path = self.create(scene, &job).await;
        becomes(scene, &path, "Running").await;
        let worker = format!("{}-worker-0", self.named("restarts"));
        let uid = |pods: &[Value]| {
            pods.iter()
                .find(|pod| pod["metadata"]["name"] == *worker)
                .map(|pod| pod["metadata"]["uid"].clone())
        };
        let first = uid(&items(&scene.user, PODS).await).unwrap();
        eventually("the worker fails", async || {
            scene
                .kubelet
                .end("jobs", |pod| pod["metadata"]["name"] == *worker, Ending::Failed(137))
                .await
                > 0
        })
        .await;
        eventually("the worker is made again", async || {
            uid(&items(&scene.user, PODS).await).is_some_and(|uid| uid != first)
        })
        .await;
        self.ends(scene, "restarts", Ending::Succeeded, "Succeeded").await;
    }

    async fn is_suspended(&self, scene: &Scene, suspension: Suspension) {
        let resume = json!({"spec": {"runPolicy": {"suspend": false}}});
        let suspend = json!({"spec": {"runPolicy": {"suspend": true}}});
        let path = self.create(scene, &self.job("suspended", &json!({"suspend": true}))).await;
        becomes(scene, &path, "Suspended").await;
        if suspension == Suspension::Closed {
            denied(scene, &path, &resume).await;
            return;
        }
        scene.user.patch(&path, MERGE_PATCH, &resume).await.object();
        becomes(scene, &path, "Running").await;
        scene.user.patch(&path, MERGE_PATCH, &suspend).await.object();
        becomes(scene, &path, "Suspended").await;
        // A pod that is still there when the job is resumed keeps the operator waiting for five
        // minutes.
        eventually("the pods go", async || {
            !items(&scene.user, PODS)
                .await
                .iter()
                .any(|pod| of(pod, "suspended") && of_kind(pod, self.name))
        })
        .await;
        scene.user.patch(&path, MERGE_PATCH, &resume).await.object();
        becomes(scene, &path, "Running").await;
        self.ends(scene, "suspended", Ending::Succeeded, "Succeeded").await;
    }

    /// The operator deletes a job when its time is over.
    async fn expires(&self, scene: &Scene) {
        let path = self
            .runs(scene, "expires", &json!({"ttlSecondsAfterFinished": 5, "cleanPodPolicy": "All"}))
            .await;
        self.ends(scene, "expires", Ending::Succeeded, "Succeeded").await;
        gone(scene, &path).await;
    }

    /// The garbage collector removes the finalizer of foreground deletion once the pods are gone.
    async fn is_deleted(&self, scene: &Scene) {
        let path = self.runs(scene, "deleted", &json!({})).await;
        scene.user.delete(&path, &json!({"propagationPolicy": "Foreground"})).await.object();
        gone(scene, &path).await;
    }

    /// A PyTorchJob has a scale, which is the autoscaler's.
    async fn scales(&self, scene: &Scene, suspension: Suspension) {
        if self.name == "PyTorchJob" && suspension == Suspension::Open {
            scene.counts.lifecycle(self.is_scaled(scene)).await;
        }
    }

    async fn is_scaled(&self, scene: &Scene) {
        let mut job = self.job("scales", &json!({}));
        job["spec"]["elasticPolicy"] =
            json!({"minReplicas": 1, "maxReplicas": 3, "rdzvBackend": "c10d"});
        let specs = job["spec"][self.replica_specs].as_object_mut().unwrap();
        specs.remove(self.first);
        let path = self.create(scene, &job).await;
        becomes(scene, &path, "Running").await;
        let scale = json!({"spec": {"replicas": 2}});
        denied(scene, &format!("{path}/scale"), &scale).await;
        let autoscaler = scene.plane.api().impersonating(
            "system:serviceaccount:kube-system:horizontal-pod-autoscaler",
            &["system:masters"],
        );
        autoscaler.patch(&format!("{path}/scale"), MERGE_PATCH, &scale).await.object();
        let workers =
            async || items(&scene.user, PODS).await.iter().filter(|pod| of(pod, "scales")).count();
        eventually("a worker is added", async || workers().await == 2).await;
        self.ends(scene, "scales", Ending::Succeeded, "Succeeded").await;
    }

    /// Creates a job and waits until its pods run; its path.
    async fn runs(&self, scene: &Scene, name: &str, run_policy: &Value) -> String {
        let path = self.create(scene, &self.job(name, run_policy)).await;
        becomes(scene, &path, "Running").await;
        path
    }

    /// Ends the pods of a job as often as it takes until the job has this condition.
    async fn ends(&self, scene: &Scene, name: &str, ending: Ending, condition: &str) {
        let path = self.path(name);
        eventually(&format!("{} {name} is {condition}", self.name), async || {
            scene.kubelet.end("jobs", |pod| of(pod, name) && of_kind(pod, self.name), ending).await;
            let job = scene.user.get(&path).await;
            // A job may be over so soon that its time to live is, too.
            job.code == 404 || is(&job.body, condition)
        })
        .await;
    }

    async fn create(&self, scene: &Scene, job: &Value) -> String {
        let collection = self.path("");
        // The webhooks are registered a moment before the API server asks them.
        scene.user.create(collection.trim_end_matches('/'), job).await.object();
        self.path(job["metadata"]["name"].as_str().unwrap())
    }

    fn path(&self, name: &str) -> String {
        let prefix = "/apis/kubeflow.org/v1/namespaces/jobs";
        if name.is_empty() {
            format!("{prefix}/{}/", self.resource)
        } else {
            format!("{prefix}/{}/{}", self.resource, self.named(name))
        }
    }

    /// Pods of all kinds are in one namespace, and are named after their jobs.
    fn named(&self, name: &str) -> String {
        let kind = self.name.to_lowercase();
        if name.starts_with(&kind) { name.to_owned() } else { format!("{kind}-{name}") }
    }

    fn job(&self, name: &str, run_policy: &Value) -> Value {
        let template = json!({"spec": {"containers": [{
            "name": self.container,
            "image": "main:1",
            "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
        }]}});
        let replicas = json!({"replicas": 1, "restartPolicy": "Never", "template": template});
        let mut job = json!({
            "apiVersion": "kubeflow.org/v1",
            "kind": self.name,
            "metadata": {"name": self.named(name)},
            "spec": {"runPolicy": run_policy, self.replica_specs: {self.first: replicas,
                "Worker": replicas}},
        });
        // Zero values, which typed clients leave out.
        job["spec"]["runPolicy"]["schedulingPolicy"] =
            json!({"queue": "", "priorityClass": "", "minResources": {"memory": "1024Mi"}});
        match self.name {
            "MXJob" => job["spec"]["jobMode"] = "MXTrain".into(),
            "TFJob" => job["spec"]["enableDynamicWorker"] = false.into(),
            _ => {}
        }
        job
    }
}

const PODS: &str = "/api/v1/namespaces/jobs/pods";

/// Whether a pod belongs to the job of this name, of whatever kind.
fn of(pod: &Value, name: &str) -> bool {
    pod["metadata"]["labels"]["training.kubeflow.org/job-name"]
        .as_str()
        .is_some_and(|job| job.ends_with(&format!("-{name}")))
}

fn of_kind(pod: &Value, kind: &str) -> bool {
    pod["metadata"]["ownerReferences"][0]["kind"] == kind
}
