//! Updates all the time: what the rule for Volcano jobs permits and what it forbids, at the same
//! objects at once.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::api::{Answer, Api, JSON_PATCH, MERGE_PATCH};
use super::control_plane::ControlPlane;
use super::eventually;
use super::objects::volcano_job;

/// What each sender waits after an answer, so that the others on this machine get their turn.
const PAUSE: Duration = Duration::from_millis(20);

/// The namespace's jobs under load, each with one who sends what is permitted and one who sends
/// what is not.
pub(crate) struct Load {
    namespace: String,
    jobs: Vec<Arc<Mutex<Job>>>,
    stop: Arc<AtomicBool>,
    senders: JoinSet<()>,
}

/// What was answered about one job.
#[derive(Debug, Default, Clone)]
pub(crate) struct Job {
    /// The counters of the permitted updates that the API server says it has stored.
    pub(crate) stored: Vec<u64>,
    /// How many forbidden updates the rule has refused.
    pub(crate) denied: usize,
    /// How many permitted, and how many forbidden ones were refused because the webhook could not
    /// be asked.
    pub(crate) permitted_unasked: usize,
    pub(crate) forbidden_unasked: usize,
    /// Why it could not be asked, each reason once.
    reasons: BTreeSet<String>,
    /// Any other answer.
    strange: Vec<String>,
}

impl Load {
    /// Makes so many jobs and starts.
    pub(crate) async fn start(api: &Api, namespace: &str, jobs: usize) -> Self {
        let collection = format!("/apis/batch.volcano.sh/v1alpha1/namespaces/{namespace}/jobs");
        let stop = Arc::new(AtomicBool::new(false));
        let mut load = Self {
            namespace: namespace.to_owned(),
            jobs: Vec::new(),
            stop,
            senders: JoinSet::new(),
        };
        for index in 0..jobs {
            let job = Arc::new(Mutex::new(Job::default()));
            api.create(&collection, &volcano_job(&name(index))).await.object();
            let path = format!("{collection}/{}", name(index));
            load.senders.spawn(send(
                api.clone(),
                path.clone(),
                permitted,
                Arc::clone(&job),
                Arc::clone(&load.stop),
            ));
            load.senders.spawn(send(
                api.clone(),
                path,
                forbidden,
                Arc::clone(&job),
                Arc::clone(&load.stop),
            ));
            load.jobs.push(job);
        }
        load
    }

    /// What was answered so far, job by job.
    pub(crate) fn jobs(&self) -> Vec<Job> {
        self.jobs.iter().map(|job| job.lock().unwrap().clone()).collect()
    }

    /// Waits until this has grown by so much for every job.
    pub(crate) async fn each(&self, what: &str, growth: usize, count: impl Fn(&Job) -> usize) {
        let before: Vec<usize> = self.jobs().iter().map(&count).collect();
        eventually(what, async || {
            let jobs = self.jobs();
            assert!(
                jobs.iter().all(|job| job.strange.is_empty()),
                "waiting for {what}: {}",
                Sum::of(&jobs)
            );
            jobs.iter().zip(&before).all(|(job, before)| count(job) >= before + growth)
        })
        .await;
    }

    /// Waits until every job was updated, and every sender of forbidden updates denied, so many
    /// times more.
    pub(crate) async fn served(&self, growth: usize) {
        self.each("permitted updates are stored", growth, |job| job.stored.len()).await;
        self.each("forbidden updates are denied", growth, |job| job.denied).await;
    }

    /// Stops when every sender has its answer, and holds the answers against what etcd has stored,
    /// version by version.
    pub(crate) async fn stop(mut self, plane: &ControlPlane) -> Sum {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.senders.join_next().await {
            ended.unwrap();
        }
        let jobs = self.jobs();
        for (index, job) in jobs.iter().enumerate() {
            let versions = plane
                .etcd()
                .history("batch.volcano.sh", "jobs", &self.namespace, &name(index))
                .await;
            let queues: Vec<&Value> =
                versions.iter().map(|version| &version["spec"]["queue"]).collect();
            assert!(
                queues.iter().all(|queue| *queue == "default"),
                "a forbidden value has landed: {queues:?}"
            );
            assert!(
                versions.iter().all(|version| version["metadata"]["labels"]["forbidden"].is_null()),
                "a part of a forbidden update has landed"
            );
            let (made, updated) = versions.split_first().unwrap();
            assert_eq!(made["spec"]["tasks"][0]["replicas"], 1);
            let counters: Vec<u64> = updated
                .iter()
                .map(|version| version["spec"]["tasks"][0]["replicas"].as_u64().unwrap())
                .collect();
            assert_eq!(
                counters, job.stored,
                "what is stored is what was acknowledged, in that order"
            );
            let label = &versions.last().unwrap()["metadata"]["labels"]["counter"];
            assert_eq!(label, &job.stored.last().unwrap().to_string());
        }
        let sum = Sum::of(&jobs);
        assert!(sum.strange.is_empty(), "{sum}");
        sum
    }
}

/// What was answered about all jobs.
#[derive(Debug)]
pub(crate) struct Sum {
    pub(crate) stored: usize,
    pub(crate) denied: usize,
    pub(crate) permitted_unasked: usize,
    pub(crate) forbidden_unasked: usize,
    pub(crate) reasons: BTreeSet<String>,
    strange: Vec<String>,
}

impl Sum {
    pub(crate) fn of(jobs: &[Job]) -> Self {
        Self {
            stored: jobs.iter().map(|job| job.stored.len()).sum(),
            denied: jobs.iter().map(|job| job.denied).sum(),
            permitted_unasked: jobs.iter().map(|job| job.permitted_unasked).sum(),
            forbidden_unasked: jobs.iter().map(|job| job.forbidden_unasked).sum(),
            reasons: jobs.iter().flat_map(|job| job.reasons.clone()).collect(),
            strange: jobs.iter().flat_map(|job| job.strange.clone()).collect(),
        }
    }

    /// Asserts that every update was judged: none was refused because the webhook could not be
    /// asked.
    pub(crate) fn assert_none_lost(&self) {
        assert_eq!(
            (self.permitted_unasked, self.forbidden_unasked),
            (0, 0),
            "updates were lost: {self}, {:#?}",
            self.reasons
        );
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stored, denied, permitted_unasked, forbidden_unasked, strange, .. } = self;
        let sent = stored + denied + permitted_unasked + forbidden_unasked + strange.len();
        write!(
            formatter,
            "{sent} updates, {stored} permitted and stored, {denied} forbidden and denied"
        )?;
        write!(
            formatter,
            ", unasked {permitted_unasked} permitted and {forbidden_unasked} forbidden"
        )?;
        if strange.is_empty() { Ok(()) } else { write!(formatter, ", {strange:#?}") }
    }
}

fn name(index: usize) -> String {
    format!("under-load-{index}")
}

/// One update: its media type and its patch.
type Update = (&'static str, Value);

fn permitted(counter: u64) -> Update {
    let patch = json!([
        {"op": "replace", "path": "/spec/tasks/0/replicas", "value": counter},
        {"op": "add", "path": "/metadata/labels", "value": {"counter": counter.to_string()}},
    ]);
    (JSON_PATCH, patch)
}

/// A part of it would be permitted; none of it may land.
fn forbidden(counter: u64) -> Update {
    (
        MERGE_PATCH,
        json!({"metadata": {"labels": {"forbidden": counter.to_string()}},
            "spec": {"queue": "forbidden"}}),
    )
}

async fn send(
    api: Api,
    at: String,
    update: fn(u64) -> Update,
    job: Arc<Mutex<Job>>,
    stop: Arc<AtomicBool>,
) {
    // A job is made with one replica: every counter is a change.
    for counter in 2.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let (kind, patch) = update(counter);
        let answer = api.try_send(Method::PATCH, &at, kind, &patch).await;
        job.lock().unwrap().count(counter, kind == JSON_PATCH, answer);
        tokio::time::sleep(PAUSE).await;
    }
}

impl Job {
    fn count(&mut self, counter: u64, permitted: bool, answer: reqwest::Result<Answer>) {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return self.strange.push(format!("no answer: {error:?}")),
        };
        let denied =
            answer.code == 403 && answer.message().contains(".fieldward.io\" denied the request: ");
        let unasked = is_unasked(&answer);
        match permitted {
            true if answer.is_ok() => self.stored.push(counter),
            true if unasked => self.permitted_unasked += 1,
            false if denied => self.denied += 1,
            false if unasked => self.forbidden_unasked += 1,
            _ => self.strange.push(format!("permitted: {permitted}, answer: {answer:?}")),
        }
        if unasked {
            self.reasons.insert(answer.message().to_owned());
        }
    }
}

/// Whether the API server refused because it could not ask the webhook.
fn is_unasked(answer: &Answer) -> bool {
    answer.code == 500
        && answer.message().contains("failed calling webhook")
        && answer.message().contains(".fieldward.io\"")
}
