//! Attacks on the server, each beside ordinary reviews on connections of their own: every ordinary
//! review gets its verdict, and soon. All on loopback, a few seconds each.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use libtest_mimic::Trial;
use reqwest::Client;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::support::raw::{Raw, head};
use crate::support::server::{Server, post};
use crate::support::trial;

/// The longest that an ordinary review may wait.
const LONGEST: Duration = Duration::from_secs(2);

/// How long an attack without an end goes on.
const LASTING: Duration = Duration::from_secs(3);

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("serving::attacks::eight_hostile_reviews", || hostile_reviews(8)),
        trial("serving::attacks::thirty_two_hostile_reviews", || hostile_reviews(32)),
        trial("serving::attacks::stalled_bodies", stalled_bodies),
        trial("serving::attacks::stalled_streams", stalled_streams),
        trial("serving::attacks::slow_heads", slow_heads),
        trial("serving::attacks::silent_connections", silent_connections),
        trial("serving::attacks::silent_connections_without_descriptors", without_descriptors),
        trial("serving::attacks::rapid_reset", rapid_reset),
        trial("serving::attacks::continuation_flood", continuation_flood),
        trial("serving::attacks::ping_and_settings_flood", control_flood),
        trial("serving::attacks::closed_windows", closed_windows),
        trial("serving::attacks::a_timed_out_review_is_counted_and_logged", timed_out),
    ]
}

/// Ordinary reviews of a forbidden update, one after the other: on a connection that stays, and each
/// on a new one.
struct Victims {
    done: Arc<AtomicBool>,
    streams: JoinSet<Vec<Duration>>,
}

impl Victims {
    async fn start(server: &Server) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let mut streams = JoinSet::new();
        let kept = server.client();
        let fresh = server.client_builder().pool_max_idle_per_host(0).build().unwrap();
        for client in [kept, fresh] {
            // What a first review costs is not what an attack costs.
            denied(&client, &server.url("/validate?timeout=5s")).await;
            let (done, url) = (Arc::clone(&done), server.url("/validate?timeout=5s"));
            streams.spawn(async move {
                let mut took = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    took.push(denied(&client, &url).await);
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                took
            });
        }
        Self { done, streams }
    }

    /// Prints how long they waited; none too long.
    async fn end(self, attack: &str) {
        self.done.store(true, Ordering::Relaxed);
        let mut took: Vec<Duration> = self.streams.join_all().await.into_iter().flatten().collect();
        took.sort_unstable();
        let (count, longest) = (took.len(), took[took.len() - 1]);
        println!(
            "{attack}: {count} ordinary reviews, p50 {:.1?}, p99 {:.1?}, longest {longest:.1?}",
            took[count / 2],
            took[count * 99 / 100]
        );
        assert!(longest < LONGEST, "{attack}: one waited {longest:?}");
    }
}

/// Asks for a forbidden update of about 5 KB.
async fn denied(client: &Client, url: &str) -> Duration {
    let started = Instant::now();
    let (status, body) = post(client, url, review("u", r#""gold""#, 4000)).await;
    let review: Value = serde_json::from_str(&body).unwrap_or_default();
    assert_eq!((status, &review["response"]["allowed"]), (200, &Value::Bool(false)), "{body}");
    assert_eq!(review["response"]["status"]["code"], 403, "{body}");
    started.elapsed()
}

/// An update of a Volcano job that sets its queue, with so much beside it.
fn review(user: &str, queue: &str, padding: usize) -> String {
    let object = |queue: &str| {
        let padding = "x".repeat(padding / 2);
        format!(
            r#"{{"apiVersion":"batch.volcano.sh/v1alpha1","kind":"Job","metadata":{{"name":"j","namespace":"n","annotations":{{"a":"{padding}"}}}},"spec":{{"queue":{queue}}}}}"#
        )
    };
    format!(
        r#"{},"object":{},"oldObject":{}}}}}"#,
        beginning(user),
        object(queue),
        object(r#""default""#)
    )
}

/// What the API server sends before the objects.
fn beginning(user: &str) -> String {
    format!(
        r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{"uid":"u-1","kind":{{"group":"batch.volcano.sh","version":"v1alpha1","kind":"Job"}},"resource":{{"group":"batch.volcano.sh","version":"v1alpha1","resource":"jobs"}},"name":"j","namespace":"n","operation":"UPDATE","userInfo":{{"username":"{user}"}}"#
    )
}

/// Values that are small as text and large when parsed.
fn hostile(number: usize, size: usize) -> String {
    let unit = ["0", r#"{"":{"":0}}"#, r#"{"a":[]}"#, r#""""#][number % 4];
    let mut list = String::with_capacity(size + 16);
    while list.len() < size {
        let _ = write!(list, "{unit},");
    }
    format!("[{list}0]")
}

async fn hostile_reviews(count: usize) {
    let server = Server::start(&[]);
    let victims = Victims::start(&server).await;
    let mut attack = JoinSet::new();
    for number in 0..count {
        let (client, url) = (server.client(), server.url("/validate?timeout=5s"));
        let size = [3_400_000, 2_200_000, 1_400_000][number % 3];
        attack.spawn(async move {
            let queue = hostile(number, size);
            let body =
                review("mallory", &queue, 0).replace(r#""default""#, &hostile(number + 1, size));
            let started = Instant::now();
            let (status, answer) = post(&client, &url, body).await;
            let review: Value = serde_json::from_str(&answer).unwrap_or_default();
            assert_eq!(
                (status, &review["response"]["allowed"]),
                (200, &Value::Bool(false)),
                "{answer:.300}"
            );
            started.elapsed()
        });
    }
    let took = attack.join_all().await;
    let slowest = took.iter().max().unwrap();
    println!("{count} hostile reviews: all answered, the slowest after {slowest:.1?}");
    assert!(*slowest < Duration::from_secs(5), "the API server gave up: {slowest:?}");
    victims.end("hostile reviews").await;
}

async fn stalled_bodies() {
    let server = Server::start(&[]);
    let ca = ca(&server);
    let victims = Victims::start(&server).await;
    let mut stalled = Vec::new();
    for number in 0..256 {
        let mut raw = Raw::connect(server.address, &ca).await;
        let size = if number % 2 == 0 { 60_000 } else { 1_000_000 };
        let body = beginning("mallory") + &" ".repeat(size - 1000);
        raw.send(&(head(size) + &body)).await;
        stalled.push(raw);
    }
    tokio::time::sleep(LASTING).await;
    victims.end("stalled bodies").await;
    // Each is denied once its time is over.
    let answer = stalled.last_mut().unwrap().response().await;
    assert!(answer.contains(r#""code":504"#), "{answer}");
}

async fn http2(server: &Server) -> SendRequest<Bytes> {
    let stream = Raw::connect_http2(server.address, &ca(server)).await;
    let (requests, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    requests
}

fn request() -> hyper::Request<()> {
    hyper::Request::post("https://webhook/validate?timeout=5s")
        .header("content-type", "application/json")
        .body(())
        .unwrap()
}

async fn stalled_streams() {
    let server = Server::start(&[]);
    let victims = Victims::start(&server).await;
    let mut stalled = Vec::new();
    for _ in 0..4 {
        let mut requests = http2(&server).await;
        for _ in 0..128 {
            requests = requests.ready().await.unwrap();
            let (response, mut body) = requests.send_request(request(), false).unwrap();
            body.send_data(Bytes::from(beginning("mallory") + &" ".repeat(60_000)), false).unwrap();
            stalled.push((response, body));
        }
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(LASTING).await;
    victims.end("stalled streams").await;
}

async fn slow_heads() {
    let server = Server::start(&[]);
    let ca = ca(&server);
    let victims = Victims::start(&server).await;
    let mut slow = Vec::new();
    for _ in 0..300 {
        let mut raw = Raw::connect(server.address, &ca).await;
        raw.send("POST /validate HTTP/1.1\r\nHost: ").await;
        slow.push(raw);
    }
    let started = Instant::now();
    while started.elapsed() < LASTING {
        for raw in &mut slow {
            raw.send("x").await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    victims.end("slow heads").await;
}

async fn silent(server: &Server, count: usize) -> Vec<TcpStream> {
    let mut silent = Vec::new();
    for _ in 0..count {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    silent
}

async fn silent_connections() {
    let server = Server::start(&[]);
    let victims = Victims::start(&server).await;
    let _silent = silent(&server, 5000).await;
    tokio::time::sleep(LASTING).await;
    victims.end("5,000 silent connections").await;
}

async fn without_descriptors() {
    let server = Server::start_with_files(64, &[]);
    let victims = Victims::start(&server).await;
    let _silent = silent(&server, 500).await;
    let started = Instant::now();
    while started.elapsed() < LASTING {
        assert_eq!(server.ops("/readyz").await.map(|(status, _)| status), Some(200));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    victims.end("500 silent connections and 64 descriptors").await;
}

async fn rapid_reset() {
    let server = Server::start(&[]);
    let victims = Victims::start(&server).await;
    let started = Instant::now();
    let mut resets = 0;
    while started.elapsed() < LASTING {
        let mut requests = http2(&server).await;
        // The server ends the connection of who goes on like that.
        while let Ok(ready) = requests.ready().await {
            requests = ready;
            let Ok((_response, mut body)) = requests.send_request(request(), false) else { break };
            body.send_reset(h2::Reason::CANCEL);
            resets += 1;
            if started.elapsed() > LASTING {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    victims.end(&format!("{resets} rapid resets")).await;
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: u8 = 4;
const HEADERS: u8 = 1;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;

/// An HTTP/2 frame (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Sends frames until the time is over, on a new connection when the server closes one.
async fn flood(attack: &str, first: &[u8], again: &[u8]) {
    let server = Server::start(&[]);
    let ca = ca(&server);
    let victims = Victims::start(&server).await;
    let started = Instant::now();
    let (mut connections, mut frames) = (0, 0u32);
    while started.elapsed() < LASTING {
        let mut stream = Raw::connect_http2(server.address, &ca).await;
        connections += 1;
        let mut read = vec![0; 64 * 1024];
        let begun = [PREFACE, &frame(SETTINGS, 0, 0, &[]), first].concat();
        let mut alive = stream.write_all(&begun).await.is_ok();
        while alive && started.elapsed() < LASTING {
            alive = tokio::select! {
                written = stream.write_all(again) => written.is_ok(),
                () = tokio::time::sleep(Duration::from_millis(200)) => true,
            };
            frames += 1;
            if let Ok(received) =
                tokio::time::timeout(Duration::from_micros(100), stream.read(&mut read)).await
            {
                alive &= received.is_ok_and(|length| length > 0);
            }
        }
    }
    victims.end(&format!("{attack}, {frames} frames on {connections} connections")).await;
}

async fn continuation_flood() {
    // A header that names nothing: without end, and never the last.
    let header = [&b"\x00\x01a\x7f\x81\x7f"[..], &[b'x'; 256]].concat();
    let begun = frame(HEADERS, 0, 1, b"\x83");
    flood("CONTINUATION flood", &begun, &frame(CONTINUATION, 0, 1, &header)).await;
}

async fn control_flood() {
    flood("PING flood", &[], &frame(PING, 0, 0, &[7; 8])).await;
    flood("SETTINGS flood", &[], &frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0])).await;
}

/// Requests whose answers are never read.
async fn closed_windows() {
    let server = Server::start(&[]);
    let victims = Victims::start(&server).await;
    let mut waiting = Vec::new();
    for _ in 0..4 {
        let stream = Raw::connect_http2(server.address, &ca(&server)).await;
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(0).initial_connection_window_size(0);
        let (mut requests, connection) = builder.handshake::<_, Bytes>(stream).await.unwrap();
        tokio::spawn(connection);
        for _ in 0..128 {
            requests = requests.ready().await.unwrap();
            let (response, mut body) = requests.send_request(request(), false).unwrap();
            body.send_data(Bytes::from(review("mallory", r#""gold""#, 4000)), true).unwrap();
            waiting.push(response);
        }
    }
    tokio::time::sleep(LASTING).await;
    victims.end("closed windows").await;
}

/// A review whose body comes too late is denied in time, counted and logged.
async fn timed_out() {
    let server = Server::start(&["--log-format", "json"]);
    let ca = ca(&server);
    let mut raw = Raw::connect(server.address, &ca).await;
    let started = Instant::now();
    let request = head(10_000).replace("/validate", "/validate?timeout=2s") + &beginning("alice");
    raw.send(&request).await;
    let answer = raw.response().await;
    let took = started.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let response = &body["response"];
    assert_eq!((&response["uid"], &response["allowed"]), (&"u-1".into(), &false.into()));
    assert_eq!(
        (&response["status"]["code"], &response["status"]["reason"]),
        (&504.into(), &"Timeout".into())
    );
    assert_eq!(response["auditAnnotations"]["rule"], "volcano-job");
    let (_, metrics) = server.ops("/metrics").await.unwrap();
    assert!(metrics.contains(r#"fieldward_review_errors_total{code="504"} 1"#), "{metrics}");
    crate::support::until("the line", async || server.log().contains("update denied")).await;
    let log = server.log();
    let line: Value =
        serde_json::from_str(log.lines().find(|line| line.contains("update denied")).unwrap())
            .unwrap();
    assert_eq!((&line["code"], &line["user"]), (&504.into(), &"alice".into()));
}

fn ca(server: &Server) -> String {
    std::fs::read_to_string(server.ca.as_ref().unwrap()).unwrap()
}
