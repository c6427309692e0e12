//! When a review must be answered: the API server says how long it waits, and its clock starts
//! before it connects.

use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use serde_json::Value;

use crate::support::raw::{Raw, head};
use crate::support::server::Server;
use crate::support::{trial, until};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("serving::a_review_that_times_out_is_answered_counted_and_logged", timed_out),
        trial("serving::a_late_body_does_not_cut_off_its_answer", sent_after_the_deadline),
        trial("serving::the_time_of_a_first_request_counts_from_the_connection", first_request),
        trial("serving::an_unused_connection_has_the_whole_time", unused_connection),
        trial("serving::the_time_of_a_later_request_counts_from_its_first_byte", later_request),
    ]
}

/// All of a review but its last byte, and that byte.
fn review() -> (String, String) {
    let object = |queue: &str| {
        format!(
            r#"{{"apiVersion":"batch.volcano.sh/v1alpha1","kind":"Job","metadata":{{"name":"j"}},"spec":{{"queue":"{queue}"}}}}"#
        )
    };
    let text = format!(
        r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{"uid":"u-1","kind":{{"group":"batch.volcano.sh","version":"v1alpha1","kind":"Job"}},"resource":{{"group":"batch.volcano.sh","version":"v1alpha1","resource":"jobs"}},"name":"j","operation":"UPDATE","userInfo":{{"username":"alice"}},"object":{},"oldObject":{}}}}}"#,
        object("gold"),
        object("default")
    );
    let (all, last) = text.split_at(text.len() - 1);
    (all.to_owned(), last.to_owned())
}

/// Sends a review without its last byte.
async fn send_part(raw: &mut Raw, timeout: &str) {
    let (part, _) = review();
    let path = format!("/validate?timeout={timeout}");
    raw.send(&(head(part.len() + 1).replace("/validate", &path) + &part)).await;
}

pub(super) fn ca(server: &Server) -> String {
    std::fs::read_to_string(server.ca.as_ref().unwrap()).unwrap()
}

pub(super) fn response(answer: &str) -> Value {
    let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    body["response"].clone()
}

async fn timed_out() {
    let server = Server::start(&["--log-format", "json"]);
    let mut raw = Raw::connect(server.address, &ca(&server)).await;
    let started = Instant::now();
    send_part(&mut raw, "2s").await;
    let response = response(&raw.response().await);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(2), "the API server has given up: {took:?}");
    assert_eq!((&response["uid"], &response["allowed"]), (&"u-1".into(), &false.into()));
    assert_timed_out(&response);
    assert_eq!(response["auditAnnotations"]["rule"], "volcano-job");
    assert_counted_and_logged(&server, 1).await;
}

pub(super) fn assert_timed_out(response: &Value) {
    let status = &response["status"];
    assert_eq!((&status["code"], &status["reason"]), (&504.into(), &"Timeout".into()));
}

/// So many reviews of alice timed out, and the log names one that was denied.
pub(super) async fn assert_counted_and_logged(server: &Server, times: usize) {
    let (_, metrics) = server.ops("/metrics").await.unwrap();
    let counted = format!("fieldward_review_errors_total{{code=\"504\"}} {times}");
    assert!(metrics.lines().any(|line| line == counted), "{metrics}");
    until("the line", async || server.log().contains("update denied")).await;
    let log = server.log();
    let line = log.lines().find(|line| line.contains("update denied")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["code"], &line["user"]), (&504.into(), &"alice".into()));
}

/// What a client still sends does not keep it from reading the answer.
async fn sent_after_the_deadline() {
    let server = Server::start(&["--body-timeout", "500ms"]);
    let mut raw = Raw::connect(server.address, &ca(&server)).await;
    let (part, _) = review();
    let more = " ".repeat(64 * 1024);
    raw.send(&(head(part.len() + 64 * more.len() + 1) + &part)).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    for _ in 0..64 {
        raw.send(&more).await;
    }
    assert_timed_out(&response(&raw.response().await));
}

async fn first_request() {
    let server = Server::start(&["--answer-margin", "1s"]);
    let connected = Instant::now();
    let pause = Duration::from_millis(1500);
    let mut raw = Raw::connect_slowly(server.address, &ca(&server), pause).await;
    send_part(&mut raw, "3s").await;
    assert_eq!(response(&raw.response().await)["status"]["code"], 504);
    let took = connected.elapsed();
    assert!(took < Duration::from_secs(3), "it counts from the first byte: {took:?}");
}

/// Go's client keeps a connection that it turned out not to need, and uses it later.
async fn unused_connection() {
    let server = Server::start(&[]);
    let mut raw = Raw::connect(server.address, &ca(&server)).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    send_part(&mut raw, "3s").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    raw.send(&review().1).await;
    assert_eq!(response(&raw.response().await)["status"]["code"], 403);
}

async fn later_request() {
    let server = Server::start(&[]);
    let mut raw = Raw::connect(server.address, &ca(&server)).await;
    raw.exchange().await;
    // The body of this request is read after its answer. It is no part of the next request.
    raw.send(&(head(100_000).replace("/validate", "/none") + &" ".repeat(100_000))).await;
    assert!(raw.response().await.starts_with("HTTP/1.1 404 "));
    tokio::time::sleep(Duration::from_millis(2500)).await;
    send_part(&mut raw, "4s").await;
    raw.send(&review().1).await;
    assert_eq!(response(&raw.response().await)["status"]["code"], 403);
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let started = Instant::now();
    send_part(&mut raw, "4s").await;
    assert_eq!(response(&raw.response().await)["status"]["code"], 504);
    let took = started.elapsed();
    assert!(took > Duration::from_secs(1), "it counts from the last request: {took:?}");
}
