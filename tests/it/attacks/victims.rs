//! Ordinary reviews of a forbidden update, one after the other, while something else goes on.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::Value;

use super::{VALIDATE, review};
use crate::support::PATIENCE;
use crate::support::server::{Server, post};

/// What each sender waits after an answer.
const PAUSE: Duration = Duration::from_millis(10);

/// Two senders: one on a connection that stays, one that makes a new connection for each review.
/// And one that asks whether the server is ready. Each has a thread of its own, so that an attack
/// does not take the time of those who measure.
pub(super) struct Victims {
    done: Arc<AtomicBool>,
    senders: Vec<JoinHandle<Vec<Duration>>>,
    probe: JoinHandle<()>,
}

impl Victims {
    pub(super) fn start(server: &Server) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let kept = server.client();
        let fresh = server.client_builder().pool_max_idle_per_host(0).build().unwrap();
        let url = server.url(VALIDATE);
        let senders = [kept, fresh].map(|client| {
            let (done, url) = (Arc::clone(&done), url.clone());
            std::thread::spawn(move || sender(&client, &url, &done))
        });
        let (ops, until) = (server.ops, Arc::clone(&done));
        let probe = std::thread::spawn(move || probe(ops, &until));
        Self { done, senders: senders.into(), probe }
    }

    /// How long they waited. Every answer must have been the right one.
    pub(super) fn end(self) -> Waited {
        self.done.store(true, Ordering::Relaxed);
        self.probe.join().expect("the server was not ready");
        let waited = self.senders.into_iter().map(|sender| sender.join().expect("a wrong answer"));
        let mut waited: Vec<Duration> = waited.flatten().collect();
        waited.sort_unstable();
        Waited(waited)
    }
}

fn sender(client: &Client, url: &str, done: &AtomicBool) -> Vec<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut waited = Vec::new();
        loop {
            waited.push(denied(client, url).await);
            if done.load(Ordering::Relaxed) {
                return waited;
            }
            tokio::time::sleep(PAUSE).await;
        }
    })
}

/// Asserts again and again that the server is ready.
fn probe(address: SocketAddr, done: &AtomicBool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        while !done.load(Ordering::Relaxed) {
            let response = client.get(format!("http://{address}/readyz")).send().await.unwrap();
            assert_eq!(response.status(), 200);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
}

/// Sends a forbidden update of about 5 KB.
async fn denied(client: &Client, url: &str) -> Duration {
    let started = Instant::now();
    let (status, body) =
        post(client, url, review("alice", [r#""gold""#, r#""default""#], 4000)).await;
    let review: Value = serde_json::from_str(&body).unwrap_or_default();
    let response = &review["response"];
    assert_eq!((status, &response["allowed"]), (200, &Value::Bool(false)), "{body}");
    assert_eq!(response["status"]["code"], 403, "{body}");
    started.elapsed()
}

/// How long each review waited for its answer, the shortest first.
pub(super) struct Waited(Vec<Duration>);

impl Waited {
    pub(super) fn longest(&self) -> Duration {
        *self.0.last().unwrap()
    }
}

impl fmt::Display for Waited {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(
            formatter,
            "{count} ordinary reviews, p50 {:.1?}, p99 {:.1?}, longest {:.1?}",
            self.0[count / 2],
            self.0[count * 99 / 100],
            self.longest()
        )
    }
}
