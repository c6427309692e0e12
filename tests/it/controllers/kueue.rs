//! Kueue 0.14 and 0.17 admit, preempt and finish Jobs, JobSets, the jobs of training-operator and
//! plain pods.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::cases::{self, Kept, Suite, Which};
use super::jobset::{self, JOBSET};
use super::kubelet::{Ending, items};
use super::operator::{Certificate, Operator};
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
    // Without, it reads a certificate for its metrics in a folder of the system.
    certificate: Certificate::NamedWithOwnCa,
    // Its own API would need a Service.
    options: &["--feature-gates=VisibilityOnDemand=false"],
};

const V0_17: Operator = Operator {
    controller: Controller {
        pins: Pins { folder: "controllers/kueue-v0.17", name: "kueue-v0.17", takes: "15 minutes" },
        ..V0_14.controller
    },
    ..V0_14
};

/// A kind that Kueue admits.
struct Admitted {
    guarded: Guarded,
    /// Where its API is.
    api: &'static str,
    job: fn() -> Value,
    /// JSON pointers.
    suspend: &'static str,
    node_selector: &'static str,
    /// Which pods belong to a job.
    label: &'static str,
    /// The condition of success.
    finished: &'static str,
    /// Where the writes of Kueue become cases.
    suite: Option<Suite>,
}

const KINDS: [Admitted; 4] = [
    Admitted {
        guarded: Guarded { group: "batch", resource: "jobs" },
        api: "/apis/batch/v1",
        job: || {
            json!({"kind": "Job", "spec": {"backoffLimit": 0, "template": template("main",
            "Never")}})
        },
        suspend: "/spec/suspend",
        node_selector: "/spec/template/spec/nodeSelector",
        label: "batch.kubernetes.io/job-name",
        finished: "Complete",
        suite: None,
    },
    Admitted {
        guarded: Guarded { group: "jobset.x-k8s.io", resource: "jobsets" },
        api: "/apis/jobset.x-k8s.io/v1alpha2",
        job: || {
            let job = json!({"spec": {"backoffLimit": 0, "template": template("main", "Never")}});
            json!({"kind": "JobSet", "spec": {"replicatedJobs": [{"name": "workers", "replicas": 1,
                "template": job}]}})
        },
        suspend: "/spec/suspend",
        node_selector: "/spec/replicatedJobs/0/template/spec/template/spec/nodeSelector",
        label: "jobset.sigs.k8s.io/jobset-name",
        finished: "Completed",
        suite: Some(jobset::SUITE),
    },
    Admitted {
        guarded: Guarded { group: "kubeflow.org", resource: "pytorchjobs" },
        api: "/apis/kubeflow.org/v1",
        job: || {
            let master = json!({"replicas": 1, "restartPolicy": "Never",
                "template": template("pytorch", "Never")});
            json!({"kind": "PyTorchJob", "spec": {"pytorchReplicaSpecs": {"Master": master}}})
        },
        suspend: "/spec/runPolicy/suspend",
        node_selector: "/spec/pytorchReplicaSpecs/Master/template/spec/nodeSelector",
        label: "training.kubeflow.org/job-name",
        finished: "Succeeded",
        suite: Some(Suite {
            folder: "packs/kubeflow/pytorchjob",
            rule: Some("deploy/rules/kubeflow/pytorchjob.yaml"),
            resource: "pytorchjobs",
        }),
    },
    Admitted {
        guarded: Guarded { group: "kubeflow.org", resource: "tfjobs" },
        api: "/apis/kubeflow.org/v1",
        job: || {
            let worker = json!({"replicas": 1, "restartPolicy": "Never",
                "template": template("tensorflow", "Never")});
            json!({"kind": "TFJob", "spec": {"tfReplicaSpecs": {"Worker": worker}}})
        },
        suspend: "/spec/runPolicy/suspend",
        node_selector: "/spec/tfReplicaSpecs/Worker/template/spec/nodeSelector",
        label: "training.kubeflow.org/job-name",
        finished: "Succeeded",
        suite: Some(Suite {
            folder: "packs/kubeflow/tfjob",
            rule: Some("deploy/rules/kubeflow/tfjob.yaml"),
            resource: "tfjobs",
        }),
    },
];

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
    admissions(&assets, kueue, &rules, "cci-pod.fieldward.io").await;
}

async fn under_the_rules_of_the_kinds(assets: Assets, kueue: Operator) {
    let rules = [
        "deploy/rules/kubeflow/tfjob.yaml",
        "deploy/rules/kubeflow/pytorchjob.yaml",
        "deploy/rules/kubernetes/pod.yaml",
        "deploy/rules/kubernetes/gated-pod.yaml",
        "deploy/rules/jobset/jobset.yaml",
        "deploy/rules/kubernetes/job.yaml",
        "deploy/rules/kubernetes/suspended-job.yaml",
    ];
    let scene = admissions(&assets, kueue, &rules, "").await;
    if kueue.controller.pins.name == V0_17.controller.pins.name {
        for kind in KINDS {
            let Some(suite) = kind.suite else { continue };
            let kept = |name, which, twin| Kept {
                name,
                object: "low",
                user: kueue.account.name,
                which,
                twin,
            };
            let cases = [
                // Whoever asks may direct the pods of a set that is suspended.
                kept(
                    "admitted",
                    Which::Sets(kind.node_selector),
                    kind.guarded.resource != "jobsets",
                ),
                kept("preempted", Which::Clears(kind.node_selector), true),
            ];
            cases::renew(&scene, suite, &cases).await;
        }
    }
}

/// Lets Kueue admit each kind in turn. A user may not take the gate of a pod away if a rule of this
/// name is there.
async fn admissions(assets: &Assets, kueue: Operator, rules: &[&str], gate_keeper: &str) -> Scene {
    for controller in [TRAINING_OPERATOR, JOBSET.controller] {
        controller.build().unwrap();
    }
    let scene = Scene::start(assets, rules).await;
    let _jobset = JOBSET.start(&scene).await;
    let _training_operator = training_operator::install(&scene).await;
    let _kueue = kueue.start(&scene).await;
    scene.namespace("queue").await;
    queue(&scene).await;
    let user = kueue.account.user();
    for kind in KINDS {
        kind.is_admitted(&scene).await;
        let writes = all_stored(&scene, kind.guarded, &user);
        assert!(writes.updates.get(&user).is_some_and(|own| own.seen >= 3), "{writes:?}");
        eprintln!(
            "controllers: {}: {}: {writes:?}",
            kueue.controller.pins.name, kind.guarded.resource
        );
    }
    pods_are_admitted(&scene, gate_keeper).await;
    let writes = all_stored(&scene, Guarded { group: "", resource: "pods" }, &user);
    assert!(writes.updates.get(&user).is_some_and(|own| own.seen > 0), "{writes:?}");
    eprintln!("controllers: {}: pods: {writes:?}", kueue.controller.pins.name);
    scene
}

/// A queue in which one job has room, on nodes that its flavor names.
async fn queue(scene: &Scene) {
    // The version that Kueue prefers is the one that it stores: no object needs its conversion
    // webhook.
    let group = scene.user.get("/apis/kueue.x-k8s.io").await.object();
    let version = group["preferredVersion"]["groupVersion"].as_str().unwrap();
    let named = |kind: &str, name: &str, rest: Value| {
        let mut object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}});
        object.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        object
    };
    let flavor = json!({"spec": {
        "nodeLabels": {"pool": "gpu"},
        "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
    }});
    let quota = json!([{"name": "gpu", "resources": [{"name": "cpu", "nominalQuota": 1}]}]);
    let cluster_queue = json!({"spec": {
        "namespaceSelector": {},
        "preemption": {"withinClusterQueue": "LowerPriority"},
        "resourceGroups": [{"coveredResources": ["cpu"], "flavors": quota}],
    }});
    let mut local = named("LocalQueue", "team", json!({"spec": {"clusterQueue": "team"}}));
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
    scene
        .apply(&[
            flavor,
            named("ClusterQueue", "team", cluster_queue),
            local,
            named("WorkloadPriorityClass", "high", json!({"value": 1000})),
        ])
        .await;
}

impl Admitted {
    /// A job is admitted, preempted by one that is more urgent, admitted again, and succeeds.
    async fn is_admitted(&self, scene: &Scene) {
        let low = self.create(scene, "low", &json!({})).await;
        self.runs(scene, &low).await;
        let change = json!({"metadata": {"finalizers": ["example.com/by-a-user"]}});
        if self.guarded.group != "batch" {
            let answer = scene.user.patch(&low, MERGE_PATCH, &change).await;
            assert_eq!(answer.code, 403, "{answer:?}");
        }
        let high =
            self.create(scene, "high", &json!({"kueue.x-k8s.io/priority-class": "high"})).await;
        eventually(&format!("{low} is preempted"), async || {
            let job = scene.user.get(&low).await.body;
            job.pointer(self.suspend) == Some(&Value::Bool(true)) && self.pool(&job).is_none()
        })
        .await;
        self.runs(scene, &high).await;
        self.succeeds(scene, &high, "high").await;
        self.runs(scene, &low).await;
        self.succeeds(scene, &low, "low").await;
    }

    async fn create(&self, scene: &Scene, name: &str, more: &Value) -> String {
        let mut job = (self.job)();
        job["apiVersion"] = self.api.trim_start_matches("/apis/").into();
        job["metadata"] = json!({"name": name, "labels": {"kueue.x-k8s.io/queue-name": "team"}});
        job["metadata"]["labels"]
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let collection = format!("{}/namespaces/queue/{}", self.api, self.guarded.resource);
        eventually(&format!("{collection}/{name} can be created"), async || {
            scene.user.create(&format!("{collection}?dryRun=All"), &job).await.is_ok()
        })
        .await;
        scene.user.create(&collection, &job).await.object();
        format!("{collection}/{name}")
    }

    async fn runs(&self, scene: &Scene, path: &str) {
        eventually(&format!("{path} is admitted"), async || {
            let job = scene.user.get(path).await.body;
            job.pointer(self.suspend) == Some(&Value::Bool(false)) && self.pool(&job) == Some("gpu")
        })
        .await;
    }

    async fn succeeds(&self, scene: &Scene, path: &str, name: &str) {
        eventually(&format!("{path} succeeds"), async || {
            let of_job = |pod: &Value| pod["metadata"]["labels"][self.label] == name;
            scene.kubelet.end("queue", of_job, Ending::Succeeded).await;
            let conditions = scene.user.get(path).await.body["status"]["conditions"].take();
            let mut conditions = conditions.as_array().into_iter().flatten();
            conditions.any(|known| known["type"] == self.finished && known["status"] == "True")
        })
        .await;
        scene.user.delete(path, &json!({"propagationPolicy": "Foreground"})).await.object();
        eventually(&format!("{path} goes"), async || scene.user.get(path).await.code == 404).await;
    }

    fn pool<'a>(&self, job: &'a Value) -> Option<&'a str> {
        job.pointer(self.node_selector)?["pool"].as_str()
    }
}

/// Pods wait at a gate, which Kueue takes away, and a user does not.
async fn pods_are_admitted(scene: &Scene, gate_keeper: &str) {
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
    if !gate_keeper.is_empty() {
        let answer = scene
            .user
            .patch(&second, MERGE_PATCH, &json!({"spec": {"schedulingGates": null}}))
            .await;
        assert_eq!(answer.code, 403, "{answer:?}");
        assert!(answer.message().contains(gate_keeper), "{answer:?}");
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

fn template(container: &str, restart: &str) -> Value {
    let container = json!({
        "name": container,
        "image": "main:1",
        "args": [],
        "env": [{"name": "A", "value": ""}],
        "resources": {"requests": {"cpu": "1000m"}},
    });
    json!({"spec": {"restartPolicy": restart, "hostNetwork": false, "containers": [container]}})
}
