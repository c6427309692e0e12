//! Volcano 1.15: its controller manager and its webhooks, under the built-in rule for its jobs.

mod lifecycles;
mod spellings;

use std::time::Duration;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use self::spellings::{Webhooks, every_spelling};
use super::cases::{self, Suite};
use super::kubelet::items;
use super::manifests::{named, objects, of_kinds, reached_at};
use super::results::conclude;
use super::rules::every_grant_is_used;
use super::scene::{Account, Scene, free_port};
use super::tally::{self, Guarded};
use super::{Controller, trial};
use crate::cluster::api::{Api, MERGE_PATCH};
use crate::cluster::assets::Assets;
use crate::cluster::eventually;
use crate::cluster::process::Process;
use crate::support::certificates::{Authority, ecdsa, write};
use crate::support::go::Pins;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        spellings::TYPED.trial(),
        trial("volcano::without_its_webhooks", VOLCANO, without_its_webhooks),
        trial("volcano::with_its_webhooks", VOLCANO, with_its_webhooks),
    ]
}

const VOLCANO: Controller = Controller {
    pins: Pins { folder: "controllers/volcano", name: "volcano", takes: "10 to 20 minutes" },
    module: "volcano.sh/volcano",
    programs: &[
        ("controller-manager", "volcano.sh/volcano/cmd/controller-manager"),
        ("webhook-manager", "volcano.sh/volcano/cmd/webhook-manager"),
    ],
    // Volcano 1.15 needs one name that the newest published version of its API module lacks.
    completed: &["volcano.sh/apis"],
};

const CONTROLLERS: Account = Account { namespace: "volcano-system", name: "volcano-controllers" };
const ADMISSION: Account = Account { namespace: "volcano-system", name: "volcano-admission" };

/// Volcano's own manifests.
const MANIFESTS: &str = "installer/volcano-development.yaml";

const JOBS: Guarded<'_> = Guarded { group: "batch.volcano.sh", resource: "jobs" };

const QUEUES: &str = "/apis/scheduling.volcano.sh/v1beta1/queues";

/// A queue that hands its jobs on to another cluster, which the controller notes in their
/// annotations.
const FORWARDING: &str = "forwarding";

async fn without_its_webhooks(assets: Assets) {
    let scene = Scene::start(&assets, &[]).await;
    let _controller = install(&scene).await;
    every_spelling(&scene, Webhooks::Absent).await;
    lifecycles::all(&scene, "without").await;
    ends(&scene, "without its webhooks");
    every_grant_is_used(&scene, "deploy/rules/volcano-job.yaml", CONTROLLERS);
    cases::renew(
        &scene,
        Suite { folder: "cases/volcano-controller", rule: None, resource: JOBS.resource },
        lifecycles::CASES,
    )
    .await;
}

async fn with_its_webhooks(assets: Assets) {
    let scene = Scene::start(&assets, &[]).await;
    let _controller = install(&scene).await;
    let _webhooks = start_webhooks(&scene).await;
    every_spelling(&scene, Webhooks::Present).await;
    lifecycles::all(&scene, "with").await;
    ends(&scene, "with its webhooks");
}

/// No write of the controller was denied, and nothing was stored that a rule denies.
fn ends(scene: &Scene, which: &str) {
    tally::all_let_through(scene, JOBS, &CONTROLLERS.user());
    conclude(scene, &format!("Volcano {}, {which}", VOLCANO.version()));
}

/// Installs Volcano's kinds, accounts and roles, starts its controller manager, and opens its
/// queues.
async fn install(scene: &Scene) -> Process {
    let manifests = objects(&VOLCANO.read(MANIFESTS));
    scene.apply(&of_kinds(&manifests, &["Namespace", "CustomResourceDefinition"])).await;
    let accounts = of_kinds(&manifests, &["ServiceAccount", "ClusterRole", "ClusterRoleBinding"]);
    let names = [
        "volcano-controllers",
        "volcano-controllers-role",
        "volcano-admission",
        "volcano-admission-role",
    ];
    scene.apply(&named(&accounts, &names)).await;
    let health = format!("--healthz-address=127.0.0.1:{}", free_port());
    let arguments =
        ["--kubeconfig=KUBECONFIG", "--leader-elect=false", "--logtostderr", "-v=3", &health];
    let process = scene.run(&VOLCANO.program("controller-manager"), CONTROLLERS, &arguments).await;
    for (name, clusters) in
        [("root", json!([])), ("default", json!([])), (FORWARDING, json!([{"name": "elsewhere"}]))]
    {
        let spec = json!({"weight": 1, "reclaimable": true, "extendClusters": clusters});
        let queue = json!({"apiVersion": "scheduling.volcano.sh/v1beta1", "kind": "Queue",
            "metadata": {"name": name}, "spec": spec});
        let api = scene.plane.api();
        // The controller may have made the first two.
        let created = api.create(QUEUES, &queue).await;
        assert!(created.is_ok() || created.code == 409, "{created:?}");
        let open = json!({"status": {"state": "Open"}});
        let path = format!("{QUEUES}/{name}");
        eventually("the queue is open", async || {
            api.patch(&format!("{path}/status"), MERGE_PATCH, &open).await;
            api.get(&path).await.body["status"]["state"] == "Open"
        })
        .await;
    }
    tokio::spawn(admit_pod_groups(scene.plane.api()));
    let namespace = "in-force";
    scene.namespace(namespace).await;
    scene.user.create(&jobs(namespace), &job("probe")).await.object();
    let path = format!("{}/probe", jobs(namespace));
    scene.in_force(&path, &json!({"spec": {"minAvailable": 7}})).await;
    scene.user.delete(&path, &Value::Null).await.object();
    process
}

/// Starts Volcano's webhooks for jobs and queues at an address of their own.
async fn start_webhooks(scene: &Scene) -> Process {
    let authority = Authority::new();
    let key = ecdsa();
    let file = |name: &str, text: &str| write(scene.folder(), name, text);
    let (certificate, key, ca) = (
        file("webhooks.crt", &authority.server(&key)),
        file("webhooks.key", &key.serialize_pem()),
        file("webhooks-ca.pem", &authority.pem),
    );
    let address = format!("127.0.0.1:{}", free_port());
    let manifests = objects(&VOLCANO.read(MANIFESTS));
    let configurations =
        of_kinds(&manifests, &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"]);
    let reached: Vec<Value> = configurations
        .into_iter()
        .map(|webhooks| reached_at(webhooks, &address, &authority.pem))
        .collect();
    scene.apply(&reached).await;
    let (host, port) = address.split_once(':').unwrap();
    let arguments = [
        "--kubeconfig=KUBECONFIG".to_owned(),
        "--enabled-admission=/jobs/mutate,/jobs/validate,/podgroups/validate,/queues/mutate,/queues/validate,/hypernodes/validate,/cronjobs/validate"
            .to_owned(),
        format!("--tls-cert-file={certificate}"),
        format!("--tls-private-key-file={key}"),
        format!("--ca-cert-file={ca}"),
        "--webhook-namespace=volcano-system".to_owned(),
        "--webhook-service-name=volcano-admission-service".to_owned(),
        format!("--listen-address={host}"),
        format!("--port={port}"),
        "--logtostderr".to_owned(),
    ];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let process = scene.run(&VOLCANO.program("webhook-manager"), ADMISSION, &arguments).await;
    scene.namespace("webhooks").await;
    let api = scene.plane.api();
    let mut bare = job("probe");
    bare["spec"].as_object_mut().unwrap().remove("schedulerName");
    eventually("Volcano's webhooks fill in what is left out", async || {
        let answer = api.create(&format!("{}?dryRun=All", jobs("webhooks")), &bare).await;
        answer.body["spec"]["schedulerName"] == "volcano"
    })
    .await;
    process
}

/// Plays Volcano's scheduler: lets the jobs of waiting `PodGroup`s have their pods.
async fn admit_pod_groups(api: Api) {
    loop {
        for group in items(&api, "/apis/scheduling.volcano.sh/v1beta1/podgroups").await {
            if matches!(group["status"]["phase"].as_str(), None | Some("Pending")) {
                let (namespace, name) = (
                    group["metadata"]["namespace"].as_str().unwrap(),
                    group["metadata"]["name"].as_str().unwrap(),
                );
                let path = format!(
                    "/apis/scheduling.volcano.sh/v1beta1/namespaces/{namespace}/podgroups/{name}"
                );
                for path in [path.clone(), format!("{path}/status")] {
                    let admitted = json!({"status": {"phase": "Inqueue"}});
                    let _ =
                        api.try_send(reqwest::Method::PATCH, &path, MERGE_PATCH, &admitted).await;
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The path of the jobs in a namespace.
fn jobs(namespace: &str) -> String {
    format!("/apis/batch.volcano.sh/v1alpha1/namespaces/{namespace}/jobs")
}

/// A job with a claim to be made.
fn job(name: &str) -> Value {
    let template = json!({"spec": {"containers": [{"name": "main", "image": "main:1"}],
        "restartPolicy": "Never"}});
    json!({
        "apiVersion": "batch.volcano.sh/v1alpha1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {
            "minAvailable": 1,
            "schedulerName": "volcano",
            "queue": "default",
            "tasks": [{"name": "worker", "replicas": 1, "template": template}],
            "volumes": [{
                "mountPath": "/data",
                "volumeClaim": {"accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Gi"}}},
            }],
        },
    })
}
