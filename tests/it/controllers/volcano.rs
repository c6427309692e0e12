//! Volcano 1.15: its controller manager and its webhooks, under the built-in rule for its jobs.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::kubelet::items;
use super::manifests::{named, objects, of_kinds};
use super::scene::{Account, Scene, free_port};
use super::tally::{Guarded, all_let_through};
use super::{Controller, trial};
use crate::cluster::api::{Api, MERGE_PATCH};
use crate::cluster::assets::Assets;
use crate::cluster::{eventually, process::Process};
use crate::support::go::Pins;

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("volcano::claims", VOLCANO, claims)]
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

const JOBS: Guarded = Guarded { group: "batch.volcano.sh", resource: "jobs" };

async fn claims(assets: Assets) {
    let scene = Scene::start(&assets, &[]).await;
    let _controller = install(&scene).await;
    scene.namespace("claims").await;
    let jobs = "/apis/batch.volcano.sh/v1alpha1/namespaces/claims/jobs";
    scene.user.create(jobs, &job("plain")).await.object();
    scene.in_force(&format!("{jobs}/plain"), &json!({"spec": {"queue": "other"}})).await;
    eventually("the claim is named", async || {
        !scene.user.get(&format!("{jobs}/plain")).await.body["spec"]["volumes"][0]["volumeClaimName"].is_null()
    })
    .await;
    eprintln!("controllers: volcano: {:?}", all_let_through(&scene, JOBS, &CONTROLLERS.user()));
}

/// Installs Volcano's kinds, accounts and roles, starts its controller manager, and opens its queues.
async fn install(scene: &Scene) -> Process {
    let manifests = objects(&VOLCANO.read("installer/volcano-development.yaml"));
    scene.apply(&of_kinds(&manifests, &["Namespace", "CustomResourceDefinition"])).await;
    let accounts = of_kinds(&manifests, &["ServiceAccount", "ClusterRole", "ClusterRoleBinding"]);
    scene
        .apply(&named(&accounts, &["volcano-controllers", "volcano-controllers-role", "volcano-admission", "volcano-admission-role"]))
        .await;
    let health = format!("--healthz-address=127.0.0.1:{}", free_port());
    let arguments = ["--kubeconfig=KUBECONFIG", "--leader-elect=false", "--logtostderr", "-v=3", &health];
    let process = scene.run(&VOLCANO.program("controller-manager"), CONTROLLERS, &arguments).await;
    for name in ["root", "default"] {
        let queue = json!({"apiVersion": "scheduling.volcano.sh/v1beta1", "kind": "Queue", "metadata": {"name": name}, "spec": {"weight": 1, "reclaimable": true}});
        scene.plane.api().create("/apis/scheduling.volcano.sh/v1beta1/queues", &queue).await;
    }
    tokio::spawn(admit_pod_groups(scene.plane.api()));
    process
}

/// Plays Volcano's scheduler: a PodGroup that waits may have its pods.
async fn admit_pod_groups(api: Api) {
    loop {
        for group in items(&api, "/apis/scheduling.volcano.sh/v1beta1/podgroups").await {
            if matches!(group["status"]["phase"].as_str(), None | Some("Pending")) {
                let (namespace, name) = (group["metadata"]["namespace"].as_str().unwrap(), group["metadata"]["name"].as_str().unwrap());
                let path = format!("/apis/scheduling.volcano.sh/v1beta1/namespaces/{namespace}/podgroups/{name}");
                for path in [path.clone(), format!("{path}/status")] {
                    let inqueue = json!({"status": {"phase": "Inqueue"}});
                    let _ = api.try_send(reqwest::Method::PATCH, &path, MERGE_PATCH, &inqueue).await;
                }
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// A job with a claim to be made.
fn job(name: &str) -> Value {
    let template = json!({"spec": {"containers": [{"name": "main", "image": "main:1"}], "restartPolicy": "Never"}});
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
                "volumeClaim": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            }],
        },
    })
}
