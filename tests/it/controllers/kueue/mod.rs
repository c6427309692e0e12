//! Kueue 0.14 and 0.17 admit, preempt and finish Jobs, JobSets, the jobs of training-operator and
//! KubeRay, and plain pods.

mod kinds;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use self::kinds::{Admitted, JOB, JOBSETS, PYTORCHJOB, RAYJOB, TFJOB, template};
use super::cases::{self, Kept, Which};
use super::expect::denied_by;
use super::jobset::JOBSET;
use super::kubelet::{Ending, items};
use super::kuberay::{self, KUBERAY, KubeRay};
use super::operator::{Certificate, Operator};
use super::results::conclude;
use super::rules::every_grant_is_used;
use super::scene::{Account, Scene};
use super::tally::Guarded;
use super::training_operator::{self, TRAINING_OPERATOR};
use super::typed::Typed;
use super::writes::all_stored;
use super::{Controller, trial};
use crate::cluster::api::MERGE_PATCH;
use crate::cluster::assets::Assets;
use crate::cluster::eventually;
use crate::support::go::{Pins, Program};

pub(crate) fn trials() -> Vec<Trial> {
    let all = [("v0.14", V0_14), ("v0.17", V0_17)].map(|(version, kueue)| {
        [
            trial(&format!("kueue::{version}::documented"), kueue.controller, move |assets| {
                under_the_documented_rules(assets, kueue)
            }),
            trial(&format!("kueue::{version}::packs"), kueue.controller, move |assets| {
                under_the_rules_of_the_kinds(assets, kueue)
            }),
        ]
    });
    [TYPED.trial()].into_iter().chain(all.into_iter().flatten()).collect()
}

/// Kueue writes a TrainJob back as a whole, in the shape that Trainer has since 2.2.
const TYPED: Typed = Typed {
    trial: "kueue::spellings_of_trainjobs",
    controller: V0_17.controller,
    definition: (
        "github.com/kubeflow/trainer/v2",
        "manifests/base/crds/trainer.kubeflow.org_trainjobs.yaml",
    ),
    arguments: &[],
    file: "kueue-v0.17/trainjob-spellings.json",
};

const PROGRAMS: &[Program] = &[("kueue", "sigs.k8s.io/kueue/cmd/kueue")];

const V0_14: Operator = Operator {
    controller: Controller {
        pins: Pins { folder: "controllers/kueue-v0.14", name: "kueue-v0.14", takes: "10 minutes" },
        module: "sigs.k8s.io/kueue",
        programs: PROGRAMS,
        completed: &[],
    },
    account: Account { namespace: "kueue-system", name: "kueue-controller-manager" },
    manifests: &["config/default"],
    api_version: "config.kueue.x-k8s.io/v1beta1",
    configuration: "integrations: {frameworks: [batch/job, pod, jobset.x-k8s.io/jobset, \
                    kubeflow.org/pytorchjob, kubeflow.org/tfjob]}\n",
    // Without one, Kueue reads a certificate for its metrics from a system folder.
    certificate: Certificate::NamedWithOwnCa,
    // Its own API would need a Service.
    options: &["--feature-gates=VisibilityOnDemand=false"],
};

const EVERY_KIND: &str = "integrations: {frameworks: [batch/job, pod, jobset.x-k8s.io/jobset, \
                          kubeflow.org/pytorchjob, kubeflow.org/tfjob, ray.io/rayjob]}\n";

const V0_17: Operator = Operator {
    controller: Controller {
        pins: Pins { folder: "controllers/kueue-v0.17", name: "kueue-v0.17", takes: "15 minutes" },
        ..V0_14.controller
    },
    ..V0_14
};

const PODS: &str = "/api/v1/namespaces/queue/pods";

async fn under_the_documented_rules(assets: Assets, kueue: Operator) {
    let rules = [
        "deploy/rules/cci/tfjob.yaml",
        "deploy/rules/cci/pytorchjob.yaml",
        "deploy/rules/cci/pod.yaml",
        "deploy/rules/jobset/jobset.yaml",
        "deploy/rules/kubernetes/job.yaml",
        "deploy/rules/kubernetes/suspended-job.yaml",
    ];
    for controller in [TRAINING_OPERATOR, JOBSET.controller] {
        controller.build().unwrap();
    }
    let scene = Scene::start(&assets, &rules).await;
    let _jobset = JOBSET.start(&scene).await;
    let _training_operator = training_operator::install(&scene).await;
    let _kueue = kueue.start(&scene).await;
    queue(&scene, &json!({})).await;
    for kind in [&JOB, &JOBSETS, &PYTORCHJOB, &TFJOB] {
        kind.is_admitted(&scene, None).await;
        writes(&scene, kueue, kind.guarded, 3);
    }
    scene.counts.lifecycle(pods_are_admitted(&scene, Some("cci-pod.fieldward.io"))).await;
    writes(&scene, kueue, Guarded { group: "", resource: "pods" }, 1);
    conclude(&scene, &format!("Kueue {}, documented rules", kueue.controller.version()));
}

/// The pods of all kinds wait until Kueue has placed them on a node.
async fn under_the_rules_of_the_kinds(assets: Assets, kueue: Operator) {
    let rules = [
        "deploy/rules/kubeflow/tfjob.yaml",
        "deploy/rules/kubeflow/pytorchjob.yaml",
        "deploy/rules/ray/rayjob.yaml",
        "deploy/rules/jobset/jobset.yaml",
        "deploy/rules/kubernetes/pod.yaml",
        "deploy/rules/kubernetes/gated-pod.yaml",
        "deploy/rules/kubernetes/job.yaml",
        "deploy/rules/kubernetes/suspended-job.yaml",
    ];
    for controller in [TRAINING_OPERATOR, JOBSET.controller, KUBERAY] {
        controller.build().unwrap();
    }
    let kueue = Operator { configuration: EVERY_KIND, ..kueue };
    let scene = Scene::start(&assets, &rules).await;
    let _jobset = JOBSET.start(&scene).await;
    let _training_operator = training_operator::install(&scene).await;
    kuberay::install_manifests(&scene).await;
    let _kueue = kueue.start(&scene).await;
    queue(&scene, &json!({"topologyName": "nodes"})).await;
    let early = RAYJOB.is_admitted_early(&scene).await;
    let kuberay = KubeRay::start(&scene).await;
    scene.counts.lifecycle(RAYJOB.succeeds(&scene, Some(&kuberay), &early, "early")).await;
    let kinds = [&JOB, &JOBSETS, &PYTORCHJOB, &TFJOB, &RAYJOB];
    for kind in kinds {
        kind.is_admitted(&scene, Some(&kuberay)).await;
        writes(&scene, kueue, kind.guarded, 3);
    }
    scene.counts.lifecycle(pods_are_admitted(&scene, None)).await;
    writes(&scene, kueue, Guarded { group: "", resource: "pods" }, 1);
    for suite in kinds.iter().filter_map(|kind| kind.suite) {
        every_grant_is_used(&scene, suite.rule.unwrap(), kueue.account);
    }
    if kueue.controller.pins.name == V0_17.controller.pins.name {
        renew(&scene, kueue, &kinds).await;
    }
    conclude(&scene, &format!("Kueue {}, rules of the kinds", kueue.controller.version()));
}

/// Kueue's writes become cases.
async fn renew(scene: &Scene, kueue: Operator, kinds: &[&Admitted]) {
    for kind in kinds {
        let Some(suite) = kind.suite else { continue };
        let kept =
            |name, which, twin| Kept { name, object: "low", user: kueue.account.name, which, twin };
        let cases = [
            kept("admitted", Which::Sets(kind.node_selector), kind.admission_is_denied),
            kept("preempted", Which::Clears(kind.node_selector), kind.preemption_is_denied),
        ];
        cases::renew(scene, suite, &cases).await;
    }
}

/// Fails unless Kueue has written to a kind that often, and all was stored.
fn writes(scene: &Scene, kueue: Operator, guarded: Guarded<'_>, least: usize) {
    let user = kueue.account.user();
    let writes = all_stored(scene, guarded, &user);
    assert!(writes.updates.get(&user).is_some_and(|own| own.seen >= least), "{writes:?}");
}

/// A queue in which one job has room, on nodes that its flavor names.
async fn queue(scene: &Scene, placement: &Value) {
    scene.namespace("queue").await;
    // The API server taints each new node as not ready, and nobody here takes that back.
    let ready = json!({"metadata": {"labels": {"pool": "gpu"}}, "spec": {"taints": null}});
    scene.plane.api().patch("/api/v1/nodes/node", MERGE_PATCH, &ready).await.object();
    // The version that Kueue prefers is the one that it stores: no object needs its conversion
    // webhook.
    let group = scene.user.get("/apis/kueue.x-k8s.io").await.object();
    let version = group["preferredVersion"]["groupVersion"].as_str().unwrap();
    let named = |kind: &str, name: &str, spec: Value| {
        let metadata = json!({"name": name});
        json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})
    };
    let mut flavor = json!({
        "nodeLabels": {"pool": "gpu"},
        "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
    });
    flavor.as_object_mut().unwrap().extend(placement.as_object().unwrap().clone());
    let quota = json!([{"name": "gpu", "resources": [{"name": "cpu", "nominalQuota": 1}]}]);
    let cluster_queue = json!({
        "namespaceSelector": {},
        "preemption": {"withinClusterQueue": "LowerPriority"},
        "resourceGroups": [{"coveredResources": ["cpu"], "flavors": quota}],
    });
    let mut local = named("LocalQueue", "team", json!({"clusterQueue": "team"}));
    local["metadata"]["namespace"] = "queue".into();
    let (flavors, flavor) = (
        format!("/apis/{version}/resourceflavors?dryRun=All"),
        named("ResourceFlavor", "gpu", flavor),
    );
    // The server of the webhooks listens a while before it knows them all.
    eventually("Kueue's webhooks answer", async || {
        scene.user.create(&flavors, &flavor).await.is_ok()
    })
    .await;
    let levels = json!({"levels": [{"nodeLabel": "kubernetes.io/hostname"}]});
    scene
        .apply(&[
            named("Topology", "nodes", levels),
            flavor,
            named("ClusterQueue", "team", cluster_queue),
            local,
            json!({"apiVersion": version, "kind": "WorkloadPriorityClass",
                "metadata": {"name": "high"}, "value": 1000}),
        ])
        .await;
}

/// Pods wait at a gate, which Kueue takes away, and a user does not.
async fn pods_are_admitted(scene: &Scene, gate_keeper: Option<&str>) {
    let create = async |name: &str| {
        let mut pod = template("main", "Never");
        pod["metadata"] = json!({"name": name, "labels": {"kueue.x-k8s.io/queue-name": "team"}});
        scene.user.create(PODS, &pod).await.object();
        format!("{PODS}/{name}")
    };
    let first = create("first").await;
    eventually("the first pod runs", async || {
        scene.user.get(&first).await.body["status"]["phase"] == "Running"
    })
    .await;
    assert_eq!(scene.user.get(&first).await.body["spec"]["nodeSelector"]["pool"], "gpu");
    let second = create("second").await;
    if let Some(webhook) = gate_keeper {
        denied_by(scene, webhook, &second, &json!({"spec": {"schedulingGates": null}})).await;
    }
    let ends = async |name: &str| {
        scene.kubelet.end("queue", |pod| pod["metadata"]["name"] == *name, Ending::Succeeded).await;
        scene.user.delete(&format!("{PODS}/{name}"), &Value::Null).await
    };
    ends("first").await.object();
    eventually("the second pod runs", async || {
        scene.user.get(&second).await.body["status"]["phase"] == "Running"
    })
    .await;
    ends("second").await.object();
    eventually("the pods go", async || items(&scene.user, PODS).await.is_empty()).await;
}
