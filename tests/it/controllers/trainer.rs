//! Kubeflow Trainer, which makes a JobSet of each TrainJob: of the job itself it writes only
//! status, and of the set what the job says.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::cases::{self, Kept, Suite, Which};
use super::expect::{becomes, denied, gone, is};
use super::jobset::{self, JOBSET, SETS};
use super::kubelet::Ending;
use super::operator::{Certificate, Operator};
use super::results::conclude;
use super::scene::{Account, Scene};
use super::tally::Guarded;
use super::writes::all_stored;
use super::{Controller, trial};
use crate::cluster::api::MERGE_PATCH;
use crate::cluster::assets::Assets;
use crate::cluster::eventually;
use crate::support::go::Pins;

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("trainer::lifecycles", TRAINER.controller, lifecycles)]
}

pub(crate) const TRAINER: Operator = Operator {
    controller: Controller {
        pins: Pins { folder: "controllers/trainer", name: "trainer", takes: "5 to 10 minutes" },
        module: "github.com/kubeflow/trainer/v2",
        programs: &[("trainer", "github.com/kubeflow/trainer/v2/cmd/trainer-controller-manager")],
        completed: &[],
    },
    account: Account { namespace: "kubeflow-system", name: "kubeflow-trainer-controller-manager" },
    manifests: &["manifests/base/crds", "manifests/base/rbac", "manifests/base/webhook"],
    api_version: "config.trainer.kubeflow.org/v1alpha1",
    configuration: "",
    certificate: Certificate::Temporary,
    options: &[],
};

const RULES: [&str; 4] = [
    "deploy/rules/kubeflow/trainjob.yaml",
    "deploy/rules/jobset/jobset.yaml",
    "deploy/rules/kubernetes/job.yaml",
    "deploy/rules/kubernetes/suspended-job.yaml",
];

/// The cases of `TrainJob`s.
pub(crate) const SUITE: Suite = Suite {
    folder: "packs/kubeflow/trainjob",
    rule: Some("deploy/rules/kubeflow/trainjob.yaml"),
    resource: "trainjobs",
};

/// The writes that become cases.
const CASES: &[Kept] = &[Kept {
    name: "directed-by-trainer",
    object: "directed",
    user: TRAINER.account.name,
    which: Which::Sets("/spec/replicatedJobs/0/template/spec/template/spec/nodeSelector"),
    twin: false,
}];

/// A runtime whose jobs do not restart.
pub(crate) const PLAIN: &str = "plain";

const JOBS: &str = "/apis/trainer.kubeflow.org/v1alpha1/namespaces/sets/trainjobs";

async fn lifecycles(assets: Assets) {
    JOBSET.controller.build().unwrap();
    let scene = Scene::start(&assets, &RULES).await;
    let _jobset = JOBSET.start(&scene).await;
    let _trainer = TRAINER.start(&scene).await;
    scene.namespace("sets").await;
    has_runtime(&scene, "sets", &runtime(PLAIN, 0)).await;
    has_runtime(&scene, "sets", &runtime("persistent", 1)).await;
    let probe = create(&scene, "probe", PLAIN, &json!({"suspend": true})).await;
    scene.in_force(&probe, &nodes()).await;
    let counts = &scene.counts;
    tokio::join!(
        counts.lifecycle(succeeds(&scene)),
        counts.lifecycle(fails(&scene)),
        counts.lifecycle(restarts(&scene)),
        counts.lifecycle(is_suspended(&scene)),
        counts.lifecycle(is_directed_at_once(&scene)),
        counts.lifecycle(is_deleted(&scene)),
    );
    counts.lifecycle(goes_with_its_namespace(&scene)).await;
    let user = TRAINER.account.user();
    let jobs =
        all_stored(&scene, Guarded { group: "trainer.kubeflow.org", resource: "trainjobs" }, &user);
    assert!(jobs.of_status > 0, "{jobs:?}");
    let sets = Guarded { group: "jobset.x-k8s.io", resource: "jobsets" };
    let own = all_stored(&scene, sets, &user);
    assert!(own.updates[&user].seen >= 3, "{own:?}");
    let of_jobset = all_stored(&scene, sets, &JOBSET.account.user());
    assert!(of_jobset.of_status > 0, "{of_jobset:?}");
    cases::renew(&scene, jobset::SUITE, CASES).await;
    conclude(&scene, &format!("Kubeflow Trainer {}", TRAINER.controller.version()));
}

async fn succeeds(scene: &Scene) {
    let path = create(scene, "succeeds", PLAIN, &json!({})).await;
    jobset::runs(scene, "succeeds").await;
    denied(scene, &path, &nodes()).await;
    scene
        .user
        .patch(&path, MERGE_PATCH, &json!({"metadata": {"labels": {"team": "a"}}}))
        .await
        .object();
    ends(scene, "succeeds", Ending::Succeeded, "Complete").await;
}

/// Neither the schema nor Trainer's own webhook minds it.
fn nodes() -> Value {
    json!({"spec": {"trainer": {"numNodes": 3}}})
}

async fn fails(scene: &Scene) {
    create(scene, "fails", PLAIN, &json!({})).await;
    ends(scene, "fails", Ending::Failed(1), "Failed").await;
}

/// Its pods are made again once, as the runtime says.
async fn restarts(scene: &Scene) {
    create(scene, "restarts", "persistent", &json!({})).await;
    jobset::restarts_once(scene, &format!("{SETS}/restarts"), "restarts").await;
    ends(scene, "restarts", Ending::Succeeded, "Complete").await;
}

/// The user suspends the job, directs its pods anew and resumes it; Trainer carries all that over
/// to the set.
async fn is_suspended(scene: &Scene) {
    let path = create(scene, "suspended", PLAIN, &json!({"suspend": true})).await;
    let resume = json!({"spec": {"suspend": false}});
    becomes(scene, &path, "Suspended").await;
    becomes(scene, &format!("{SETS}/suspended"), "Suspended").await;
    scene.user.patch(&path, MERGE_PATCH, &resume).await.object();
    jobset::runs(scene, "suspended").await;
    scene.user.patch(&path, MERGE_PATCH, &json!({"spec": {"suspend": true}})).await.object();
    becomes(scene, &format!("{SETS}/suspended"), "Suspended").await;
    eventually("the job can be directed", async || {
        scene.user.patch(&path, MERGE_PATCH, &directed()).await.is_ok()
    })
    .await;
    set_is_directed(scene, "suspended").await;
    scene.user.patch(&path, MERGE_PATCH, &resume).await.object();
    jobset::runs(scene, "suspended").await;
    denied(
        scene,
        &format!("{SETS}/suspended"),
        &json!({"metadata": {"finalizers": ["example.com/by-a-user"]}}),
    )
    .await;
    ends(scene, "suspended", Ending::Succeeded, "Complete").await;
}

/// The user directs the pods as soon as the job says that it is suspended: the set may not say so
/// yet.
async fn is_directed_at_once(scene: &Scene) {
    let path = create(scene, "directed", PLAIN, &json!({"suspend": true})).await;
    becomes(scene, &path, "Suspended").await;
    scene.user.patch(&path, MERGE_PATCH, &directed()).await.object();
    set_is_directed(scene, "directed").await;
    scene.user.patch(&path, MERGE_PATCH, &json!({"spec": {"suspend": false}})).await.object();
    jobset::runs(scene, "directed").await;
    ends(scene, "directed", Ending::Succeeded, "Complete").await;
}

fn directed() -> Value {
    json!({"spec": {"podTemplateOverrides": [{
        "targetJobs": [{"name": "node"}],
        "spec": {
            "nodeSelector": {"kubernetes.io/hostname": "node"},
            "tolerations": [{"key": "gpu", "operator": "Exists"}],
        },
    }]}})
}

async fn set_is_directed(scene: &Scene, name: &str) {
    let selector = "/spec/replicatedJobs/0/template/spec/template/spec/nodeSelector";
    eventually(&format!("the set {name} is directed"), async || {
        let set = scene.user.get(&format!("{SETS}/{name}")).await.body;
        set.pointer(selector).is_some_and(|selector| selector["kubernetes.io/hostname"] == "node")
    })
    .await;
}

async fn goes_with_its_namespace(scene: &Scene) {
    create(scene, "running", PLAIN, &json!({})).await;
    jobset::runs(scene, "running").await;
    scene.plane.api().delete("/api/v1/namespaces/sets", &Value::Null).await.object();
    gone(scene, "/api/v1/namespaces/sets").await;
}

async fn is_deleted(scene: &Scene) {
    let path = create(scene, "deleted", PLAIN, &json!({})).await;
    jobset::runs(scene, "deleted").await;
    scene.user.delete(&path, &json!({"propagationPolicy": "Foreground"})).await.object();
    gone(scene, &path).await;
}

/// Creates a job with zero values spelled out, which typed clients leave out; its path.
async fn create(scene: &Scene, name: &str, runtime: &str, more: &Value) -> String {
    let trainer = json!({
        "numNodes": 2,
        "args": [],
        "env": [{"name": "A", "value": ""}],
        "resourcesPerNode": {"limits": {"memory": "1024Mi"}, "requests": {}},
    });
    let mut job = json!({
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": name},
        "spec": {"runtimeRef": {"kind": "TrainingRuntime", "name": runtime}, "labels": {},
            "trainer": trainer},
    });
    job["spec"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    scene.user.create(JOBS, &job).await.object();
    format!("{JOBS}/{name}")
}

/// Creates the runtime `PLAIN`.
pub(crate) async fn has_plain_runtime(scene: &Scene, namespace: &str) {
    has_runtime(scene, namespace, &runtime(PLAIN, 0)).await;
}

async fn has_runtime(scene: &Scene, namespace: &str, runtime: &Value) {
    let runtimes =
        format!("/apis/trainer.kubeflow.org/v1alpha1/namespaces/{namespace}/trainingruntimes");
    // The server of the webhooks listens a while before it knows them all.
    eventually("Trainer's webhooks answer", async || {
        scene.user.create(&runtimes, runtime).await.is_ok()
    })
    .await;
}

/// A runtime of one replicated job, which restarts that often.
fn runtime(name: &str, restarts: u32) -> Value {
    let pod = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "node",
        "image": "main:1"}]}});
    let job = json!({
        "metadata": {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}},
        "spec": {"backoffLimit": 0, "template": pod},
    });
    json!({
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainingRuntime",
        "metadata": {"name": name},
        "spec": {
            "mlPolicy": {"numNodes": 1},
            "template": {"spec": {"failurePolicy": {"maxRestarts": restarts},
                "replicatedJobs": [{"name": "node", "template": job}]}},
        },
    })
}

async fn ends(scene: &Scene, name: &str, ending: Ending, condition: &str) {
    eventually(&format!("{name} is {condition}"), async || {
        scene.kubelet.end("sets", |pod| jobset::of(pod, name), ending).await;
        is(&scene.user.get(&format!("{JOBS}/{name}")).await.body, condition)
    })
    .await;
}
