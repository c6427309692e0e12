//! What the API server itself records: its audit log, and its metrics about the webhook.

use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::api::MERGE_PATCH;
use super::assets::Assets;
use super::control_plane::ControlPlane;
use super::objects::{self, JOBS, volcano_job, volcano_ward};
use super::{alone, shared};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        shared(
            "audit::the_audit_log_carries_the_annotations",
            the_audit_log_carries_the_annotations,
        ),
        alone("audit::the_webhooks_share_of_an_update", the_webhooks_share_of_an_update),
    ]
}

async fn the_audit_log_carries_the_annotations(plane: Arc<ControlPlane>) {
    let ward = volcano_ward(&plane, "audit-log").await;
    ward.api.create(&ward.collection(JOBS), &volcano_job("demo")).await.object();
    let path = format!("{}/demo", ward.collection(JOBS));
    ward.api
        .patch(&path, MERGE_PATCH, &json!({"metadata": {"labels": {"team": "a"}}}))
        .await
        .object();
    let forbidden = json!({"spec": {"queue": "a-queue-of-secret-name", "minAvailable": 1}});
    assert_eq!(ward.api.patch(&path, MERGE_PATCH, &forbidden).await.code, 403);

    let events = plane.audit_events();
    let patches: Vec<&Value> = events
        .iter()
        .filter(|event| {
            (&event["objectRef"]["namespace"], &event["objectRef"]["name"])
                == (&json!("audit-log"), &json!("demo"))
        })
        .filter(|event| event["verb"] == "patch")
        .collect();
    let [allowed, denied] = patches.as_slice() else { panic!("{patches:?}") };
    let annotation = |event: &Value, name: &str| {
        event["annotations"][format!("volcano-job.fieldward.io/{name}")].clone()
    };
    for (event, decision, fields) in
        [(allowed, "allow", Value::Null), (denied, "deny", json!("spec.minAvailable, spec.queue"))]
    {
        assert_eq!(annotation(event, "rule"), "volcano-job");
        assert_eq!(annotation(event, "decision"), decision);
        assert_eq!(annotation(event, "fields"), fields);
        assert_eq!(annotation(event, "rules-digest").as_str().map(str::len), Some(64), "{event}");
    }
    // The message of a refusal is in the event's responseStatus, where the API server puts it; the
    // annotations have paths only.
    assert!(!denied["annotations"].to_string().contains("a-queue-of-secret-name"));
}

/// Prints what of an update's time the API server spends in the webhook; how much that is, is
/// nothing that a test can demand.
async fn the_webhooks_share_of_an_update(assets: Assets) {
    const UPDATES: u32 = 300;
    let plane = ControlPlane::start(&assets).await;
    objects::define_kinds(&plane).await;
    let ward = volcano_ward(&plane, "latency").await;
    ward.api.create(&ward.collection(JOBS), &volcano_job("demo")).await.object();
    let path = format!("{}/demo", ward.collection(JOBS));
    let mut job = ward.api.get(&path).await.object();
    let before = Spent::read(&plane).await;
    for count in 0..UPDATES {
        job["spec"]["tasks"][1]["replicas"] = count.into();
        job = ward.api.replace(&path, &job).await.object();
    }
    let (webhook, request) = Spent::read(&plane).await.since(&before);
    assert_eq!(
        (webhook.count, request.count),
        (UPDATES.into(), UPDATES.into()),
        "the API server counts what it asks"
    );
    let (webhook, request) = (webhook.mean_in_ms(), request.mean_in_ms());
    eprintln!(
        "cluster: of an update's {request:.2} ms the webhook takes {webhook:.2} ms, {:.0} %, as \
         the API server reports it (means of {UPDATES})",
        100.0 * webhook / request
    );
}

/// What the API server's histograms say.
struct Spent {
    webhook: Histogram,
    request: Histogram,
}

/// Sum and count of a histogram.
#[derive(Debug, Clone, Copy)]
struct Histogram {
    seconds: f64,
    count: u64,
}

impl Spent {
    async fn read(plane: &ControlPlane) -> Self {
        let text = plane.api().text("/metrics").await;
        let histogram = |name: &str, labels: &[&str]| {
            let matching = |suffix: &str| {
                let start = format!("{name}_{suffix}{{");
                let lines = text.lines().filter(move |line| {
                    line.starts_with(&start) && labels.iter().all(|label| line.contains(label))
                });
                lines
                    .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
                    .sum::<f64>()
            };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
            Histogram { seconds: matching("sum"), count: matching("count") as u64 }
        };
        Self {
            webhook: histogram(
                "apiserver_admission_webhook_admission_duration_seconds",
                &["name=\"volcano-job.fieldward.io\""],
            ),
            request: histogram(
                "apiserver_request_duration_seconds",
                &["resource=\"jobs\"", "group=\"batch.volcano.sh\"", "verb=\"PUT\""],
            ),
        }
    }

    fn since(&self, before: &Self) -> (Histogram, Histogram) {
        (self.webhook.since(before.webhook), self.request.since(before.request))
    }
}

impl Histogram {
    fn since(self, before: Self) -> Self {
        Self { seconds: self.seconds - before.seconds, count: self.count - before.count }
    }

    fn mean_in_ms(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let count = self.count as f64;
        1000.0 * self.seconds / count
    }
}
