//! Kueue 0.14 and 0.17 admit, preempt, stop, resume and finish Jobs, JobSets, `TrainJob`s, the jobs
//! of training-operator and KubeRay, plain pods and groups of them.

mod kinds;
mod lives;
mod pods;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use self::kinds::{Admitted, JOB, JOBSETS, PYTORCHJOB, QUEUE, RAYJOB, TFJOB, TRAINJOB};
use self::lives::{LIVES, Suspension, go_with_their_namespace};
use super::cases::{self, Kept, Which};
use super::jobset::JOBSET;
use super::kuberay::{self, KUBERAY, KubeRay};
use super::operator::{Certificate, Operator};
use super::results::conclude;
use super::rules::every_grant_is_used;
use super::scene::{Account, Scene};
use super::tally::Guarded;
use super::trainer::{self, TRAINER};
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
    let trainjobs = trial("kueue::v0.17::trainjobs", V0_17.controller, trainjobs);
    [TYPED.trial(), trainjobs].into_iter().chain(all.into_iter().flatten()).collect()
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

/// Kueue 0.17 requires this version.
const TRAINER_2_2: Operator = Operator {
    controller: Controller { pins: V0_17.controller.pins, ..TRAINER.controller },
    ..TRAINER
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
    let kinds = [&JOB, &JOBSETS, &PYTORCHJOB, &TFJOB];
    for kind in kinds {
        Box::pin(kind.is_admitted(&scene, None)).await;
        writes(&scene, kueue, kind.guarded, 3);
    }
    // The pages of PyTorchJob and TFJob do not list the suspension.
    let [alone, everybody] = [Suspension::KueueAlone, Suspension::Everybody];
    tokio::join!(
        Box::pin(JOB.lives(&scene, None, everybody)),
        Box::pin(JOBSETS.lives(&scene, None, everybody)),
        Box::pin(PYTORCHJOB.lives(&scene, None, alone)),
        Box::pin(TFJOB.lives(&scene, None, alone)),
    );
    let counts = &scene.counts;
    let gate_keeper = Some("cci-pod.fieldward.io");
    counts.lifecycle(Box::pin(pods::are_admitted(&scene, gate_keeper))).await;
    counts.lifecycle(Box::pin(pods::groups_are_admitted(&scene, gate_keeper))).await;
    counts.lifecycle(Box::pin(pods::a_running_group_is_deleted(&scene))).await;
    counts.lifecycle(Box::pin(go_with_their_namespace(&scene, &kinds))).await;
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
    scene.counts.lifecycle(RAYJOB.succeeds(&scene, Some(&kuberay), &early)).await;
    let kinds = [&JOB, &JOBSETS, &PYTORCHJOB, &TFJOB, &RAYJOB];
    for kind in kinds {
        Box::pin(kind.is_admitted(&scene, Some(&kuberay))).await;
        writes(&scene, kueue, kind.guarded, 3);
    }
    let [job, jobset, pytorchjob, tfjob, rayjob] =
        kinds.map(|kind| Box::pin(kind.lives(&scene, Some(&kuberay), Suspension::Everybody)));
    tokio::join!(job, jobset, pytorchjob, tfjob, rayjob);
    let counts = &scene.counts;
    counts.lifecycle(Box::pin(pods::are_admitted(&scene, None))).await;
    counts.lifecycle(Box::pin(pods::groups_are_admitted(&scene, None))).await;
    counts.lifecycle(Box::pin(pods::a_running_group_is_deleted(&scene))).await;
    counts.lifecycle(Box::pin(go_with_their_namespace(&scene, &kinds))).await;
    writes(&scene, kueue, Guarded { group: "", resource: "pods" }, 1);
    for suite in kinds.iter().filter_map(|kind| kind.suite) {
        every_grant_is_used(&scene, suite.rule.unwrap(), kueue.account);
    }
    if kueue.controller.pins.name == V0_17.controller.pins.name {
        renew(&scene, kueue, &kinds).await;
    }
    conclude(&scene, &format!("Kueue {}, rules of the kinds", kueue.controller.version()));
}

/// Kueue admits `TrainJob`s in the shape that Trainer has since 2.2.
async fn trainjobs(assets: Assets) {
    let rules = [
        "deploy/rules/kubeflow/trainjob.yaml",
        "deploy/rules/jobset/jobset.yaml",
        "deploy/rules/kubernetes/job.yaml",
        "deploy/rules/kubernetes/suspended-job.yaml",
    ];
    for controller in [JOBSET.controller, TRAINER_2_2.controller] {
        controller.build().unwrap();
    }
    let kueue = Operator {
        configuration: "integrations: {frameworks: [batch/job, jobset.x-k8s.io/jobset, \
                        trainer.kubeflow.org/trainjob]}\n",
        ..V0_17
    };
    let scene = Scene::start(&assets, &rules).await;
    let _jobset = JOBSET.start(&scene).await;
    let _trainer = TRAINER_2_2.start(&scene).await;
    let _kueue = kueue.start(&scene).await;
    queue(&scene, &json!({})).await;
    for namespace in [QUEUE, LIVES] {
        trainer::has_plain_runtime(&scene, namespace).await;
    }
    Box::pin(TRAINJOB.is_admitted(&scene, None)).await;
    writes(&scene, kueue, TRAINJOB.guarded, 3);
    Box::pin(TRAINJOB.lives(&scene, None, Suspension::Everybody)).await;
    let counts = &scene.counts;
    counts.lifecycle(Box::pin(go_with_their_namespace(&scene, &[&TRAINJOB]))).await;
    every_grant_is_used(&scene, trainer::SUITE.rule.unwrap(), kueue.account);
    renew(&scene, kueue, &[&TRAINJOB]).await;
    let versions =
        [kueue.controller.version(), TRAINER_2_2.controller.version()].join(" and Trainer ");
    conclude(&scene, &format!("Kueue {versions}"));
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

/// A queue in which one job has room and one in which all have, on nodes that their flavor names.
async fn queue(scene: &Scene, placement: &Value) {
    for namespace in [QUEUE, LIVES] {
        scene.namespace(namespace).await;
    }
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
    let cluster_queue = |name: &str, cpu: u32| {
        let quota = json!([{"name": "gpu", "resources": [{"name": "cpu", "nominalQuota": cpu}]}]);
        let spec = json!({
            "namespaceSelector": {},
            "preemption": {"withinClusterQueue": "LowerPriority"},
            "resourceGroups": [{"coveredResources": ["cpu"], "flavors": quota}],
        });
        named("ClusterQueue", name, spec)
    };
    let local_queue = |namespace: &str| {
        let mut local = named("LocalQueue", "team", json!({"clusterQueue": namespace}));
        local["metadata"]["namespace"] = namespace.into();
        local
    };
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
            cluster_queue(QUEUE, 1),
            cluster_queue(LIVES, 1000),
            local_queue(QUEUE),
            local_queue(LIVES),
            json!({"apiVersion": version, "kind": "WorkloadPriorityClass",
                "metadata": {"name": "high"}, "value": 1000}),
        ])
        .await;
}
