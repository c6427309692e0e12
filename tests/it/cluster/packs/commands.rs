//! What people do with kubectl to the kinds of the packs: what a rule lists goes through, with what
//! the API server and the controllers make of it, and the rest is refused by its field.

use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{DEPLOYMENTS, Plane, becomes, created, decisions, guarded, judged, template, trial};
use crate::cluster::control_plane::ControlPlane;
use crate::cluster::ward::{CONFIG_MAPS, DEVELOPER, Ward};

pub(super) fn trials(plane: &Plane) -> Vec<Trial> {
    vec![
        trial(plane, "commands_on_workloads", on_workloads),
        trial(plane, "commands_on_pods_and_jobs", on_pods_and_jobs),
        trial(plane, "commands_on_others", on_others),
        trial(plane, "autoscalers_scale", autoscalers_scale),
    ]
}

/// What a rule lets through of what is typed.
struct Kind {
    rule: &'static str,
    object: Value,
    /// A merge patch of the object that is applied next.
    next: Value,
    /// Commands that succeed, and how many of them fieldward judges.
    through: &'static [&'static str],
    judged: usize,
    /// Commands that it refuses, and for which field.
    refused: &'static [(&'static str, &'static str)],
}

impl Kind {
    /// Creates the object, applies it again as it is and with the change, and types the commands.
    async fn shown(self, ward: &Ward) {
        let apply =
            |object: &Value| ward.kubectl.run_with(&["apply", "-f", "-"], &object.to_string()).ok();
        apply(&self.object);
        assert!(apply(&self.object).ends_with(" unchanged\n"), "{}", self.rule);
        let mut next = self.object.clone();
        json_patch::merge(&mut next, &self.next);
        assert!(apply(&next).ends_with(" configured\n"), "{}", self.rule);
        for command in self.through {
            ward.kubectl.run(&command.split(' ').collect::<Vec<_>>()).ok();
        }
        let name = self.object["metadata"]["name"].as_str().unwrap();
        judged(ward, self.rule, name, DEVELOPER, self.judged + 1).await;
        assert_eq!(
            decisions(ward, self.rule, name, DEVELOPER).len(),
            self.judged + 1,
            "{}",
            self.rule
        );
        for (command, field) in self.refused {
            let printed = ward.kubectl.run(&command.split(' ').collect::<Vec<_>>());
            let denial = format!(
                "admission webhook \"{}.fieldward.io\" denied the request: 1 change outside",
                self.rule
            );
            assert!(printed.code == 1 && printed.err.contains(&denial), "{command}: {printed:?}");
            assert!(printed.err.contains(&format!("\n  {field}: ")), "{command}: {printed:?}");
        }
    }
}

async fn on_workloads(plane: Arc<ControlPlane>) {
    let rules = ["cci/deployment", "cci/statefulset", "cci/configmap"];
    let ward = guarded(
        &plane,
        "commands-workloads",
        &rules,
        CONFIG_MAPS,
        json!({"metadata": {"name": "probe"}}),
    )
    .await;
    let labels = json!({"app": "web"});
    let workload = |kind: &str| {
        let spec = json!({"replicas": 1, "selector": {"matchLabels": labels},
            "template": template(&labels, "Always")});
        json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web"}, "spec": spec})
    };
    let next = json!({"metadata": {"labels": {"applied": "twice"}}, "spec": {"replicas": 2}});
    let deployment = Kind {
        rule: "cci-deployment",
        object: workload("Deployment"),
        next: next.clone(),
        // Scaling has a resource of its own.
        through: &[
            "scale deployment/web --replicas=3",
            "rollout restart deployment/web",
            "set image deployment/web main=registry.example.com/main:2",
            "rollout undo deployment/web",
            "label deployment/web team=a",
            "annotate deployment/web note=x",
        ],
        judged: 5,
        refused: &[("rollout pause deployment/web", "spec.paused")],
    };
    deployment.shown(&ward).await;
    let path = format!("{}/web", ward.collection(DEPLOYMENTS));
    // The deployment controller writes it with the status.
    let revision = |deployment: &Value| {
        deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"].is_string()
    };
    becomes(&ward, &path, "has a revision", revision).await;
    let set = Kind {
        rule: "cci-statefulset",
        object: workload("StatefulSet"),
        next,
        through: &[
            "scale statefulset/web --replicas=3",
            "rollout restart statefulset/web",
            "set image statefulset/web main=registry.example.com/main:2",
            "label statefulset/web team=a",
            "annotate statefulset/web note=x",
        ],
        judged: 4,
        refused: &[(
            "patch statefulset/web -p {\"spec\":{\"minReadySeconds\":5}}",
            "spec.minReadySeconds",
        )],
    };
    set.shown(&ward).await;
}

async fn on_pods_and_jobs(plane: Arc<ControlPlane>) {
    let rules = ["cci/pod", "kubernetes/job", "kubernetes/suspended-job", "cci/configmap"];
    let ward = guarded(
        &plane,
        "commands-pods-and-jobs",
        &rules,
        CONFIG_MAPS,
        json!({"metadata": {"name": "probe"}}),
    )
    .await;
    let mut pod = super::pod("web", &json!({"app": "web"}));
    pod["apiVersion"] = "v1".into();
    pod["kind"] = "Pod".into();
    let pod = Kind {
        rule: "cci-pod",
        object: pod,
        next: json!({"spec": {"activeDeadlineSeconds": 600}}),
        through: &[
            "set image pod/web main=registry.example.com/main:2",
            "label pod/web team=a",
            "annotate pod/web note=x",
        ],
        judged: 3,
        refused: &[(
            "patch pod/web -p {\"metadata\":{\"finalizers\":[\"example.com/held\"]}}",
            "metadata.finalizers",
        )],
    };
    pod.shown(&ward).await;
    let job = Kind {
        rule: "job",
        object: json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "web"},
            "spec": {"template": template(&json!({}), "Never")}}),
        next: json!({"spec": {"backoffLimit": 3}}),
        // While it is suspended the other rule applies.
        through: &[
            "label job/web team=a",
            "annotate job/web note=x",
            "patch job/web -p {\"spec\":{\"suspend\":true}}",
            "patch job/web -p {\"spec\":{\"suspend\":false}}",
        ],
        judged: 3,
        refused: &[],
    };
    job.shown(&ward).await;
    judged(&ward, "suspended-job", "web", DEVELOPER, 1).await;
}

async fn on_others(plane: Arc<ControlPlane>) {
    let rules = [
        "cci/configmap",
        "cci/secret",
        "cci/service",
        "cci/ingress",
        "cci/persistentvolumeclaim",
        "cci/horizontalpodautoscaler",
    ];
    let ward = guarded(
        &plane,
        "commands-others",
        &rules,
        CONFIG_MAPS,
        json!({"metadata": {"name": "probe"}}),
    )
    .await;
    let object = |version: &str, kind: &str, spec: Value| {
        json!({"apiVersion": version,
        "kind": kind, "metadata": {"name": "web"}, "spec": spec})
    };
    let config = Kind {
        rule: "cci-configmap",
        object: json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"},
            "data": {"a": "1"}}),
        next: json!({"data": {"a": null, "b": "2"}}),
        through: &["label configmap/web team=a", "annotate configmap/web note=x"],
        judged: 2,
        refused: &[("patch configmap/web -p {\"binaryData\":{\"a\":\"eA==\"}}", "binaryData")],
    };
    let secret = Kind {
        rule: "cci-secret",
        object: json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web"},
            "data": {"a": "eA=="}}),
        next: json!({"data": {"a": null, "b": "eA=="}}),
        through: &["label secret/web team=a", "annotate secret/web note=x"],
        judged: 2,
        refused: &[("patch secret/web -p {\"immutable\":true}", "immutable")],
    };
    let service = Kind {
        rule: "cci-service",
        object: object(
            "v1",
            "Service",
            json!({"selector": {"app": "web"}, "ports": [{"name": "web", "port": 80}]}),
        ),
        next: json!({"spec": {"sessionAffinity": "ClientIP", "ports": [{"name": "web", "port": 80},
            {"name": "more", "port": 81}]}}),
        through: &[
            "set selector service/web app=other",
            "label service/web team=a",
            "annotate service/web note=x",
        ],
        judged: 3,
        refused: &[(
            "patch service/web -p {\"spec\":{\"publishNotReadyAddresses\":true}}",
            "spec.publishNotReadyAddresses",
        )],
    };
    let backend = |path: &str| {
        json!({"path": path, "pathType": "Prefix",
        "backend": {"service": {"name": "web", "port": {"number": 80}}}})
    };
    let ingress = Kind {
        rule: "cci-ingress",
        object: object(
            "networking.k8s.io/v1",
            "Ingress",
            json!({"rules": [{"host": "a.example.com", "http": {"paths": [backend("/")]}}]}),
        ),
        next: json!({"spec": {"rules": [{"host": "b.example.com",
            "http": {"paths": [backend("/b")]}}]}}),
        through: &["label ingress/web team=a", "annotate ingress/web note=x"],
        judged: 2,
        refused: &[(
            "patch ingress/web -p {\"spec\":{\"ingressClassName\":\"other\"}}",
            "spec.ingressClassName",
        )],
    };
    let mut claim = object(
        "v1",
        "PersistentVolumeClaim",
        json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "nowhere"}),
    );
    claim["spec"]["resources"] = json!({"requests": {"storage": "1Gi"}});
    let claim = Kind {
        rule: "cci-persistentvolumeclaim",
        object: claim,
        // Another spelling, which the API server stores as it comes.
        next: json!({"metadata": {"labels": {"applied": "twice"}},
            "spec": {"resources": {"requests": {"storage": "1024Mi"}}}}),
        through: &["label pvc/web team=a", "annotate pvc/web note=x"],
        judged: 2,
        refused: &[("patch pvc/web -p {\"spec\":{\"volumeName\":\"one\"}}", "spec.volumeName")],
    };
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "nobody"});
    let autoscaler = Kind {
        rule: "cci-horizontalpodautoscaler",
        object: object(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            json!({"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 3}),
        ),
        next: json!({"spec": {"minReplicas": 2, "maxReplicas": 5}}),
        through: &["patch hpa/web -p {\"spec\":{\"maxReplicas\":6}}"],
        judged: 1,
        // The page lists neither.
        refused: &[
            ("label hpa/web team=a", "metadata.labels"),
            ("annotate hpa/web note=x", "metadata.annotations.note"),
        ],
    };
    for kind in [config, secret, service, ingress, claim, autoscaler] {
        kind.shown(&ward).await;
    }
}

/// By the scale subresource of the target and its own status, which the rules do not name.
async fn autoscalers_scale(plane: Arc<ControlPlane>) {
    let rules = ["cci/deployment", "cci/horizontalpodautoscaler", "cci/configmap"];
    let ward = guarded(
        &plane,
        "autoscalers-scale",
        &rules,
        CONFIG_MAPS,
        json!({"metadata": {"name": "probe"}}),
    )
    .await;
    let labels = json!({"app": "web"});
    let spec = json!({"replicas": 1, "selector": {"matchLabels": labels},
        "template": template(&labels, "Always")});
    let path =
        created(&ward, DEPLOYMENTS, &json!({"metadata": {"name": "web"}, "spec": spec})).await;
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
    let autoscaler = json!({"metadata": {"name": "web"}, "spec": {"scaleTargetRef": target,
        "minReplicas": 2, "maxReplicas": 3}});
    let autoscaler =
        created(&ward, ("autoscaling/v2", "horizontalpodautoscalers"), &autoscaler).await;
    becomes(&ward, &path, "is scaled", |deployment| deployment["spec"]["replicas"] == 2).await;
    becomes(&ward, &autoscaler, "knows", |autoscaler| autoscaler["status"]["desiredReplicas"] == 2)
        .await;
}
