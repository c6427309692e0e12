//! JobSet 0.10: it writes the Jobs of a set, and of the set itself only status.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::cases::Suite;
use super::expect::{becomes, denied, gone, is};
use super::kubelet::Ending;
use super::operator::{Certificate, Operator};
use super::results::conclude;
use super::scene::{Account, Scene};
use super::tally::Guarded;
use super::typed::Typed;
use super::writes::all_stored;
use super::{Controller, trial};
use crate::cluster::api::MERGE_PATCH;
use crate::cluster::assets::Assets;
use crate::cluster::eventually;
use crate::support::go::Pins;

pub(crate) fn trials() -> Vec<Trial> {
    vec![TYPED.trial(), trial("jobset::lifecycles", CONTROLLER, lifecycles)]
}

const TYPED: Typed = Typed {
    trial: "jobset::spellings",
    controller: CONTROLLER,
    definition: (CONTROLLER.module, "config/components/crd/bases/jobset.x-k8s.io_jobsets.yaml"),
    arguments: &[],
    file: "jobset/spellings.json",
};

const CONTROLLER: Controller = Controller {
    pins: Pins { folder: "controllers/jobset", name: "jobset", takes: "5 to 10 minutes" },
    module: "sigs.k8s.io/jobset",
    programs: &[("jobset", "sigs.k8s.io/jobset")],
    completed: &[],
};

pub(crate) const JOBSET: Operator = Operator {
    controller: CONTROLLER,
    account: Account { namespace: "jobset-system", name: "jobset-controller-manager" },
    manifests: &["config/default"],
    api_version: "config.jobset.x-k8s.io/v1alpha1",
    configuration: "",
    certificate: Certificate::Named,
    options: &[],
};

const RULES: [&str; 5] = [
    "deploy/rules/jobset/jobset.yaml",
    "deploy/rules/kubernetes/job.yaml",
    "deploy/rules/kubernetes/suspended-job.yaml",
    "deploy/rules/kubernetes/pod.yaml",
    "deploy/rules/kubernetes/gated-pod.yaml",
];

/// The cases of JobSets.
pub(crate) const SUITE: Suite = Suite {
    folder: "packs/jobset/jobset",
    rule: Some("deploy/rules/jobset/jobset.yaml"),
    resource: "jobsets",
};

pub(crate) const SETS: &str = "/apis/jobset.x-k8s.io/v1alpha2/namespaces/sets/jobsets";

async fn lifecycles(assets: Assets) {
    let scene = Scene::start(&assets, &RULES).await;
    let _controller = JOBSET.start(&scene).await;
    scene.namespace("sets").await;
    let probe = create(&scene, "probe", &json!({"suspend": true})).await;
    scene.in_force(&probe, &finalizer()).await;
    let counts = &scene.counts;
    tokio::join!(
        counts.lifecycle(succeeds(&scene)),
        counts.lifecycle(fails(&scene)),
        counts.lifecycle(restarts(&scene)),
        counts.lifecycle(is_suspended(&scene)),
        counts.lifecycle(expires(&scene)),
        counts.lifecycle(is_deleted(&scene)),
    );
    counts.lifecycle(goes_with_its_namespace(&scene)).await;
    let user = JOBSET.account.user();
    let sets = all_stored(&scene, Guarded { group: "jobset.x-k8s.io", resource: "jobsets" }, &user);
    assert!(sets.of_status > 0, "{sets:?}");
    let jobs = all_stored(&scene, Guarded { group: "batch", resource: "jobs" }, &user);
    assert!(jobs.updates[&user].seen > 0, "{jobs:?}");
    conclude(&scene, &format!("JobSet {}", CONTROLLER.version()));
}

async fn succeeds(scene: &Scene) {
    let path = create(scene, "succeeds", &json!({})).await;
    runs(scene, "succeeds").await;
    for change in [finalizer(), json!({"spec": {"coordinator": {"replicatedJob": "workers"}}})] {
        denied(scene, &path, &change).await;
    }
    scene
        .user
        .patch(&path, MERGE_PATCH, &json!({"metadata": {"labels": {"team": "a"}}}))
        .await
        .object();
    ends(scene, "succeeds", Ending::Succeeded, "Completed").await;
}

/// Neither the schema nor JobSet's own webhook minds it.
fn finalizer() -> Value {
    json!({"metadata": {"finalizers": ["example.com/by-a-user"]}})
}

async fn fails(scene: &Scene) {
    create(scene, "fails", &json!({})).await;
    ends(scene, "fails", Ending::Failed(1), "Failed").await;
}

/// Its Jobs are made again once, as its policy says.
async fn restarts(scene: &Scene) {
    let path = create(scene, "restarts", &json!({"failurePolicy": {"maxRestarts": 1}})).await;
    restarts_once(scene, &path, "restarts").await;
    ends(scene, "restarts", Ending::Succeeded, "Completed").await;
}

/// Waits until the pods of a set run, and ends them until the set has restarted.
pub(crate) async fn restarts_once(scene: &Scene, path: &str, name: &str) {
    runs(scene, name).await;
    eventually(&format!("the set {name} restarts"), async || {
        let restarted = scene.user.get(path).await.body["status"]["restarts"] == 1;
        if !restarted {
            scene.kubelet.end("sets", |pod| of(pod, name), Ending::Failed(1)).await;
        }
        restarted
    })
    .await;
}

/// The controller suspends and resumes the Jobs of the set, and directs their pods anew.
async fn is_suspended(scene: &Scene) {
    let path = create(scene, "suspended", &json!({"suspend": true})).await;
    becomes(scene, &path, "Suspended").await;
    let resume = json!({"spec": {"suspend": false}});
    scene.user.patch(&path, MERGE_PATCH, &resume).await.object();
    runs(scene, "suspended").await;
    scene.user.patch(&path, MERGE_PATCH, &json!({"spec": {"suspend": true}})).await.object();
    becomes(scene, &path, "Suspended").await;
    let mut sets = scene.user.get(&path).await.object();
    sets["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]["nodeSelector"] =
        json!({"kubernetes.io/hostname": "node"});
    scene
        .user
        .patch(
            &path,
            MERGE_PATCH,
            &json!({"spec": {"replicatedJobs": sets["spec"]["replicatedJobs"]}}),
        )
        .await
        .object();
    scene.user.patch(&path, MERGE_PATCH, &resume).await.object();
    runs(scene, "suspended").await;
    ends(scene, "suspended", Ending::Succeeded, "Completed").await;
}

async fn expires(scene: &Scene) {
    let path = create(scene, "expires", &json!({"ttlSecondsAfterFinished": 2})).await;
    ends(scene, "expires", Ending::Succeeded, "Completed").await;
    gone(scene, &path).await;
}

async fn goes_with_its_namespace(scene: &Scene) {
    create(scene, "running", &json!({})).await;
    scene.plane.api().delete("/api/v1/namespaces/sets", &Value::Null).await.object();
    gone(scene, "/api/v1/namespaces/sets").await;
}

async fn is_deleted(scene: &Scene) {
    let path = create(scene, "deleted", &json!({})).await;
    runs(scene, "deleted").await;
    scene.user.delete(&path, &json!({"propagationPolicy": "Foreground"})).await.object();
    gone(scene, &path).await;
}

/// Creates a set whose template has zero values spelled out, which typed clients leave out; its
/// path.
async fn create(scene: &Scene, name: &str, more: &Value) -> String {
    let container = json!({
        "name": "main",
        "image": "main:1",
        "args": [],
        "env": [{"name": "A", "value": ""}],
        "tty": false,
        "resources": {"limits": {"memory": "1024Mi"}, "requests": {}},
    });
    let template = json!({"spec": {"restartPolicy": "Never", "hostNetwork": false, "volumes": [],
        "containers": [container]}});
    let job = json!({"spec": {"parallelism": 1, "completions": 1, "backoffLimit": 0,
        "template": template}});
    let mut set = json!({
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": name},
        "spec": {"replicatedJobs": [{"name": "workers", "replicas": 2, "template": job}]},
    });
    set["spec"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    scene.user.create(SETS, &set).await.object();
    format!("{SETS}/{name}")
}

/// Waits until both pods of a set run.
pub(crate) async fn runs(scene: &Scene, name: &str) {
    let path = "/api/v1/namespaces/sets/pods";
    eventually(&format!("{name} runs"), async || {
        let running = |pod: &&Value| {
            of(pod, name)
                && pod["status"]["phase"] == "Running"
                && pod["metadata"]["deletionTimestamp"].is_null()
        };
        super::kubelet::items(&scene.user, path).await.iter().filter(running).count() == 2
    })
    .await;
}

async fn ends(scene: &Scene, name: &str, ending: Ending, condition: &str) {
    let path = format!("{SETS}/{name}");
    eventually(&format!("{name} is {condition}"), async || {
        scene.kubelet.end("sets", |pod| of(pod, name), ending).await;
        let set = scene.user.get(&path).await;
        // A set may be over so soon that its time to live is, too.
        set.code == 404 || is(&set.body, condition)
    })
    .await;
}

/// Whether a pod belongs to a set.
pub(crate) fn of(pod: &Value, set: &str) -> bool {
    pod["metadata"]["labels"]["jobset.sigs.k8s.io/jobset-name"] == set
}
