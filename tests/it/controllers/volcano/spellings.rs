//! Every way to spell a job that Volcano's Go types spell differently, written by the real
//! controller.

use serde_json::{Value, json};

use super::{CONTROLLERS, FORWARDING, VOLCANO, jobs};
use crate::cluster::eventually;
use crate::controllers::scene::Scene;
use crate::controllers::tally;
use crate::controllers::typed::Typed;
use crate::spellings::{Spelling, read};

const FILE: &str = "volcano/spellings.json";

const NAMESPACE: &str = "spellings";

/// What Volcano writes here its own kind's schema refuses, whoever else is asked: nothing is ever
/// written of such a job.
const NEVER_WRITTEN: [&str; 3] = [
    "/spec/tasks/0",
    "/spec/volumes/0/volumeClaim/dataSource/apiGroup",
    "/spec/volumes/0/volumeClaim/dataSourceRef/apiGroup",
];

/// Of such a job Kubernetes refuses the claim, or there is none. In a queue that forwards its jobs
/// the controller writes an annotation instead.
const WITHOUT_CLAIM: [&str; 6] = [
    "/spec/volumes",
    "/spec/volumes/0/volumeClaim",
    "/spec/volumes/0/volumeClaim/accessModes",
    "/spec/volumes/0/volumeClaim/resources",
    "/spec/volumes/0/volumeClaim/resources/requests",
    "/spec/volumes/0/volumeClaim/selector/matchExpressions/0/values",
];

pub(super) const TYPED: Typed = Typed {
    trial: "volcano::spellings",
    controller: VOLCANO,
    definition: ("volcano.sh/volcano", "config/crd/volcano/bases/batch.volcano.sh_jobs.yaml"),
    arguments: &[],
    file: FILE,
};

/// Whether Volcano's own webhooks see a job before it is stored: they refuse some jobs, and fill in
/// fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Webhooks {
    Absent,
    Present,
}

/// Creates a job for each spelling and waits until the controller has written each.
pub(super) async fn every_spelling(scene: &Scene, webhooks: Webhooks) {
    scene.namespace(NAMESPACE).await;
    let (base, spellings) = read(FILE);
    let mut waiting = Vec::new();
    for (index, spelling) in spellings.iter().enumerate() {
        let name = format!("spelling-{index}");
        let mut job = spelling.sent_in(&base);
        job["metadata"]["name"] = name.clone().into();
        if webhooks == Webhooks::Present {
            depends_on_another_task(&mut job);
        }
        if WITHOUT_CLAIM.contains(&spelling.at.as_str()) {
            job["spec"]["queue"] = FORWARDING.into();
        }
        let answer = scene.user.create(&format!("{}?dryRun=All", jobs(NAMESPACE)), &job).await;
        if webhooks == Webhooks::Absent {
            assert_eq!(answer.is_ok(), !spelling.refused, "{}: {answer:?}", spelling.at);
        }
        if answer.is_ok() && !NEVER_WRITTEN.contains(&spelling.at.as_str()) {
            scene.user.create(&jobs(NAMESPACE), &job).await.object();
            waiting.push((name, spelling));
        }
    }
    eventually("the controller has written all jobs", async || {
        let list = scene.user.get(&jobs(NAMESPACE)).await.object();
        let stored = |name: &str| {
            list["items"]
                .as_array()
                .unwrap()
                .iter()
                .find(|job| job["metadata"]["name"] == name)
                .unwrap()
                .clone()
        };
        let denied = tally::denials(scene, super::JOBS, &CONTROLLERS.user());
        assert!(denied.is_empty(), "{denied:#?}");
        waiting.iter().all(|(name, spelling)| is_written(&stored(name), spelling, webhooks))
    })
    .await;
    scene.counts.spellings(waiting.len());
}

/// The webhooks refuse a task that depends on itself.
fn depends_on_another_task(job: &mut Value) {
    let Some(tasks) = job["spec"]["tasks"].as_array_mut() else { return };
    let Some(task) = tasks.first_mut() else { return };
    let Some(name) = task.pointer_mut("/dependsOn/name/0") else { return };
    *name = "first".into();
    let template = task["template"].clone();
    tasks.push(json!({"name": "first", "replicas": 1, "template": template}));
}

/// Whether the controller has written the job, which is then as its types say.
fn is_written(job: &Value, spelling: &Spelling, webhooks: Webhooks) -> bool {
    let claimed =
        job["spec"]["volumes"][0]["volumeClaimName"].as_str().is_some_and(|name| !name.is_empty());
    let annotated = job["metadata"]["annotations"].is_object();
    let written = if WITHOUT_CLAIM.contains(&spelling.at.as_str()) { annotated } else { claimed };
    if written && spelling.at != "/spec/volumes/0/volumeClaimName" && webhooks == Webhooks::Absent {
        assert_eq!(job.pointer(&spelling.at), spelling.written.as_ref(), "{}", spelling.at);
    }
    written
}
