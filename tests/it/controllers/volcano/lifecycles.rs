//! Whole lives of Volcano jobs: each step by the user and the controllers, and the same steps where
//! the rule forbids them.

use serde_json::{Value, json};

use super::{FORWARDING, job, jobs};
use crate::cluster::api::{JSON_PATCH, MERGE_PATCH};
use crate::cluster::eventually;
use crate::controllers::cases::{Kept, Which};
use crate::controllers::kubelet::{Ending, items};
use crate::controllers::scene::Scene;

/// The writes that become cases: the job's name, who writes, and whether a user may not do the
/// same.
pub(super) const CASES: &[Kept] = &[
    Kept {
        name: "claim-named",
        object: "succeeded",
        user: "volcano-controllers",
        which: Which::First,
        twin: true,
    },
    Kept {
        name: "respelled",
        object: "respelled",
        user: "volcano-controllers",
        which: Which::First,
        twin: true,
    },
    Kept {
        name: "forwarded",
        object: "forwarded",
        user: "volcano-controllers",
        which: Which::First,
        twin: false,
    },
    Kept {
        name: "let-go-after-foreground-deletion",
        object: "deleted",
        user: "generic-garbage-collector",
        which: Which::First,
        twin: false,
    },
    Kept {
        name: "let-go-after-its-time-to-live",
        object: "expired",
        user: "generic-garbage-collector",
        which: Which::First,
        twin: false,
    },
];

/// Lives all lives, each in a namespace of its own.
pub(super) async fn all(scene: &Scene, which: &'static str) {
    let (lives, counts) = (Lives { scene, which }, &scene.counts);
    counts.lifecycle(lives.succeeds()).await;
    counts.lifecycle(lives.fails()).await;
    counts.lifecycle(lives.is_scaled()).await;
    counts.lifecycle(lives.is_suspended_and_resumed()).await;
    counts.lifecycle(lives.is_restarted()).await;
    counts.lifecycle(lives.is_restarted_by_its_policy()).await;
    counts.lifecycle(lives.is_ended_by_commands()).await;
    counts.lifecycle(lives.expires()).await;
    counts.lifecycle(lives.is_deleted()).await;
    counts.lifecycle(lives.goes_with_its_namespace()).await;
    counts.lifecycle(lives.is_forwarded()).await;
    counts.lifecycle(lives.is_respelled()).await;
}

struct Lives<'a> {
    scene: &'a Scene,
    /// Whether Volcano's webhooks are asked too.
    which: &'static str,
}

impl Lives<'_> {
    async fn succeeds(&self) {
        let life = self.begin("succeeded", &job("succeeded")).await;
        life.is_running(1).await;
        life.cannot_be_changed_by_users().await;
        life.end(1, Ending::Succeeded).await;
        life.reaches("Completed").await;
        life.cannot_be_changed_by_users().await;
    }

    async fn fails(&self) {
        let life = self.begin("failed", &job("failed")).await;
        life.is_running(1).await;
        life.end(1, Ending::Failed(1)).await;
        life.reaches("Failed").await;
        life.cannot_be_changed_by_users().await;
    }

    async fn is_scaled(&self) {
        let life = self.begin("scaled", &job("scaled")).await;
        life.is_running(1).await;
        for replicas in [3, 2, 4] {
            let change =
                json!([{"op": "replace", "path": "/spec/tasks/0/replicas", "value": replicas}]);
            life.scene.user.patch(&life.path, JSON_PATCH, &change).await.object();
            life.is_running(replicas).await;
        }
        let labelled =
            json!({"metadata": {"labels": {"team": "a"}, "annotations": {"note": "scaled"}}});
        life.scene.user.patch(&life.path, MERGE_PATCH, &labelled).await.object();
        life.cannot_be_changed_by_users().await;
    }

    async fn is_suspended_and_resumed(&self) {
        let life = self.begin("suspended", &job("suspended")).await;
        for _ in 0..2 {
            life.is_running(1).await;
            life.command("AbortJob").await;
            life.reaches("Aborted").await;
            life.cannot_be_changed_by_users().await;
            life.command("ResumeJob").await;
        }
        life.is_running(1).await;
        life.end(1, Ending::Succeeded).await;
        life.reaches("Completed").await;
    }

    async fn is_restarted(&self) {
        let life = self.begin("restarted", &job("restarted")).await;
        life.is_running(1).await;
        life.command("RestartJob").await;
        eventually("the job is restarted", async || life.job().await["status"]["retryCount"] == 1)
            .await;
        life.is_running(1).await;
    }

    async fn is_restarted_by_its_policy(&self) {
        let mut object = job("retried");
        object["spec"]["policies"] =
            json!([{"event": "PodFailed", "action": "RestartJob", "timeout": "1s"}]);
        object["spec"]["maxRetry"] = 1.into();
        let life = self.begin("retried", &object).await;
        life.is_running(1).await;
        life.end(1, Ending::Failed(3)).await;
        eventually("the policy restarts the job", async || {
            life.job().await["status"]["retryCount"] == 1
        })
        .await;
        eventually("the job has failed for good", async || {
            life.scene.kubelet.end(&life.namespace, |_| true, Ending::Failed(3)).await;
            life.phase().await == "Failed"
        })
        .await;
    }

    async fn is_ended_by_commands(&self) {
        for (name, action, phase) in [
            ("terminated", "TerminateJob", "Terminated"),
            ("completed", "CompleteJob", "Completed"),
        ] {
            let life = self.begin(name, &job(name)).await;
            life.is_running(1).await;
            life.command(action).await;
            life.reaches(phase).await;
        }
    }

    async fn expires(&self) {
        let mut object = job("expired");
        object["spec"]["ttlSecondsAfterFinished"] = 1.into();
        let life = self.begin("expired", &object).await;
        life.is_running(1).await;
        life.end(1, Ending::Succeeded).await;
        life.is_gone().await;
    }

    async fn is_deleted(&self) {
        for (name, policy) in
            [("deleted", "Foreground"), ("deleted-in-the-background", "Background")]
        {
            let life = self.begin(name, &job(name)).await;
            life.is_running(1).await;
            life.scene
                .user
                .delete(&life.path, &json!({"propagationPolicy": policy}))
                .await
                .object();
            life.is_gone().await;
        }
    }

    async fn goes_with_its_namespace(&self) {
        let life = self.begin("with-its-namespace", &job("with-its-namespace")).await;
        life.is_running(1).await;
        let namespace = format!("/api/v1/namespaces/{}", life.namespace);
        life.scene.user.delete(&namespace, &Value::Null).await.object();
        life.is_gone().await;
        eventually("the namespace is gone", async || {
            life.scene.user.get(&namespace).await.code == 404
        })
        .await;
    }

    /// The controller annotates the job through its Go types.
    async fn is_forwarded(&self) {
        let mut object = job("forwarded");
        object["spec"]["queue"] = FORWARDING.into();
        object["spec"]["runningEstimate"] = "90s".into();
        let life = self.begin("forwarded", &object).await;
        eventually("the job is annotated", async || {
            life.job().await["metadata"]["annotations"]
                .as_object()
                .is_some_and(|annotations| annotations.values().any(|value| value == "true"))
        })
        .await;
    }

    /// Everything at once that the types spell otherwise.
    async fn is_respelled(&self) {
        let mut object = job("respelled");
        let spec = &mut object["spec"];
        spec["runningEstimate"] = "90s".into();
        spec["policies"] = json!([{"event": "PodEvicted", "events": [], "action": "RestartJob",
            "timeout": "60s"}]);
        spec["plugins"] = json!({"env": [], "svc": []});
        spec["networkTopology"] = json!({"mode": "soft", "highestTierName": ""});
        spec["tasks"][0]["policies"] = json!([]);
        spec["tasks"][0]["dependsOn"] = json!({"name": [], "iteration": ""});
        spec["tasks"][0]["maxRetry"] = 0.into();
        spec["volumes"][0]["volumeClaimName"] = "".into();
        spec["volumes"][0]["volumeClaim"]["resources"] =
            json!({"limits": {}, "requests": {"storage": "1024Mi"}});
        // Volcano's webhooks fill these in.
        if self.which == "without" {
            spec["minAvailable"] = 0.into();
            spec["schedulerName"] = "".into();
            spec["maxRetry"] = 0.into();
        }
        let life = self.begin("respelled", &object).await;
        life.is_running(1).await;
        let stored = life.job().await;
        assert_eq!(
            stored["spec"]["plugins"],
            json!({"env": [], "svc": []}),
            "an empty list is a value"
        );
        assert_eq!(stored["spec"]["maxRetry"], 3);
        life.cannot_be_changed_by_users().await;
    }

    /// Creates a job in a namespace of its own and waits until the controller has named its claim.
    async fn begin(&self, name: &str, object: &Value) -> Life<'_> {
        let namespace = format!("{}-{name}", self.which);
        self.scene.namespace(&namespace).await;
        self.scene.user.create(&jobs(&namespace), object).await.object();
        let life = Life {
            scene: self.scene,
            path: format!("{}/{name}", jobs(&namespace)),
            namespace,
            name: name.to_owned(),
        };
        eventually("the claim is named", async || {
            life.claim().await.is_some_and(|claim| !claim.is_empty())
        })
        .await;
        life
    }
}

/// A job that lives.
struct Life<'a> {
    scene: &'a Scene,
    namespace: String,
    name: String,
    path: String,
}

impl Life<'_> {
    async fn job(&self) -> Value {
        self.scene.user.get(&self.path).await.body
    }

    async fn phase(&self) -> Value {
        self.job().await["status"]["state"]["phase"].clone()
    }

    async fn claim(&self) -> Option<String> {
        self.job().await["spec"]["volumes"][0]["volumeClaimName"].as_str().map(str::to_owned)
    }

    async fn reaches(&self, phase: &str) {
        eventually(&format!("{} is {phase}", self.name), async || self.phase().await == phase)
            .await;
    }

    async fn is_running(&self, replicas: usize) {
        self.reaches("Running").await;
        let pods = format!("/api/v1/namespaces/{}/pods", self.namespace);
        eventually(&format!("{} has {replicas} running pods", self.name), async || {
            let pods = items(&self.scene.user, &pods).await;
            let live: Vec<_> =
                pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).collect();
            live.len() == replicas && live.iter().all(|pod| pod["status"]["phase"] == "Running")
        })
        .await;
    }

    async fn is_gone(&self) {
        eventually(&format!("{} is gone", self.name), async || {
            self.scene.user.get(&self.path).await.code == 404
        })
        .await;
    }

    async fn end(&self, pods: usize, ending: Ending) {
        assert_eq!(
            self.scene.kubelet.end(&self.namespace, |_| true, ending).await,
            pods,
            "{}",
            self.name
        );
    }

    /// Asks for an action by a Command, as vcctl does.
    async fn command(&self, action: &str) {
        let job = self.job().await;
        let target = json!({"apiVersion": "batch.volcano.sh/v1alpha1", "kind": "Job",
            "name": self.name, "uid": job["metadata"]["uid"], "controller": true});
        let command = json!({
            "apiVersion": "bus.volcano.sh/v1alpha1",
            "kind": "Command",
            "metadata": {"generateName": "command-", "ownerReferences": [target]},
            "action": action,
            "target": target,
        });
        let commands =
            format!("/apis/bus.volcano.sh/v1alpha1/namespaces/{}/commands", self.namespace);
        self.scene.user.create(&commands, &command).await.object();
    }

    /// What the controllers may do, a user may not: each of these is denied and nothing of it is
    /// stored.
    async fn cannot_be_changed_by_users(&self) {
        let before = self.job().await["spec"].clone();
        for change in [
            json!([{"op": "replace", "path": "/spec/volumes/0/volumeClaimName",
                "value": "another-claim"}]),
            json!([{"op": "remove", "path": "/spec/volumes/0/volumeClaimName"}]),
            json!([{"op": "replace", "path": "/spec/maxRetry", "value": 7}]),
            json!([{"op": "replace", "path": "/spec/queue", "value": FORWARDING}]),
            json!([{"op": "add", "path": "/spec/runningEstimate", "value": "7h"}]),
            json!([{"op": "add", "path": "/spec/tasks/-", "value": before["tasks"][0]}]),
        ] {
            self.scene.counts.forbidden();
            let answer = self.scene.user.patch(&self.path, JSON_PATCH, &change).await;
            // Whichever webhook answers first is the one that the user hears.
            let by_volcano = self.namespace.starts_with("with-") && answer.code == 400;
            let by_fieldward =
                answer.code == 403 && answer.message().contains("(rule volcano-job)");
            assert!(by_fieldward || by_volcano, "{}: {change}: {answer:?}", self.name);
        }
        assert_eq!(self.job().await["spec"], before, "{}", self.name);
    }
}
