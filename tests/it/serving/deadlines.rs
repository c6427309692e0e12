//! When a review must be answered: the API server says how long it waits, and its clock starts
//! before it connects.

use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use serde_json::Value;
use tokio::task::JoinSet;

use super::spending;
use crate::support::raw::{Raw, head};
use crate::support::server::{Server, post};
use crate::support::{trial, until};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("serving::a_review_that_times_out_is_answered_counted_and_logged", timed_out),
        trial("serving::a_late_body_does_not_cut_off_its_answer", sent_after_the_deadline),
        trial("serving::the_time_of_a_first_request_counts_from_the_connection", first_request),
        trial("serving::an_unused_connection_has_the_whole_time", unused_connection),
        trial("serving::the_time_of_a_later_request_counts_from_its_first_byte", later_request),
        trial("serving::a_review_that_comes_late_is_still_answered", late_review),
        trial("serving::a_review_without_memory_is_answered_by_its_rule", without_memory),
        trial(
            "serving::a_review_that_cannot_be_judged_in_time_is_answered_by_its_rule",
            without_permit,
        ),
        trial(
            "serving::a_review_that_may_need_more_memory_than_judging_has_is_not_judged",
            too_much_memory,
        ),
        trial("serving::a_slower_body_than_the_least_rate_is_ended", least_rate),
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
    let is_of_alice =
        |line: &&str| line.contains("update denied") && line.contains(r#""user":"alice""#);
    until("the line", async || server.log().lines().any(|line| is_of_alice(&line))).await;
    let log = server.log();
    let line: Value = serde_json::from_str(log.lines().find(is_of_alice).unwrap()).unwrap();
    assert_eq!(line["code"], 504);
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
    // The time counts from the first byte of the head, not from its last one.
    let (part, _) = review();
    let request = head(part.len() + 1).replace("/validate", "/validate?timeout=4s") + &part;
    let (first, rest) = request.split_at(10);
    raw.send(first).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    raw.send(rest).await;
    let sent = Instant::now();
    assert_eq!(response(&raw.response().await)["status"]["code"], 504);
    let took = started.elapsed();
    assert!(took > Duration::from_secs(2), "it counts from the last request: {took:?}");
    assert!(sent.elapsed() < Duration::from_millis(2500), "it counts from the end of the head");
}

/// The time for an answer is over before the server has read a byte of the review, and the API
/// server still waits.
async fn late_review() {
    let server = Server::start(&[]);
    let pause = Duration::from_millis(1100);
    let mut raw = Raw::connect_slowly(server.address, &ca(&server), pause).await;
    let (part, _) = review();
    raw.send(&head(part.len() + 1).replace("/validate", "/validate?timeout=2s")).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    raw.send(&part).await;
    assert_timed_out(&response(&raw.response().await));
}

/// A server with a rule of each action, and the outcome of a review that each does not judge.
fn with_actions(args: &[&str]) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    for (name, actions) in [("warns", "[Warn]"), ("audits", "[Audit]")] {
        let rule = format!(
            "apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata: {{name: {name}}}\n\
             spec:\n  matchConstraints:\n    resourceRules: [{{apiGroups: [batch.volcano.sh], \
             apiVersions: [v1alpha1], resources: [jobs]}}]\n  validationActions: {actions}\n  \
             mutable: [spec.queue]\n"
        );
        std::fs::write(folder.path().join(format!("{name}.yaml")), rule).unwrap();
    }
    std::fs::write(folder.path().join("spending.yaml"), spending::rule()).unwrap();
    let rules = folder.path().to_str().unwrap().to_owned();
    let args = [&["--log-format", "json", "--rules", &rules][..], args].concat();
    (Server::start(&args), folder)
}

const ACTIONS: [(&str, bool); 3] = [("volcano-job", false), ("warns", true), ("audits", true)];

/// Sends a review of this size to each rule at once, and asserts that none is judged.
async fn assert_answered_by_rule(server: &Server, review: &str) {
    let mut sent = Vec::new();
    for (rule, allowed) in ACTIONS {
        let mut raw = Raw::connect(server.address, &ca(server)).await;
        let path = format!("/validate/{rule}?timeout=2s");
        // The server may not read the whole body.
        let head = head(review.len()).replace("/validate", &path);
        let text = head + review;
        let _ = tokio::time::timeout(Duration::from_millis(500), raw.send(&text)).await;
        sent.push((raw, rule, allowed));
    }
    for (mut raw, rule, allowed) in sent {
        let response = response(&raw.response().await);
        assert_eq!((&response["uid"], &response["allowed"]), (&"u-1".into(), &allowed.into()));
        assert_eq!(response["auditAnnotations"]["rule"], rule);
        if !allowed {
            assert_timed_out(&response);
        }
    }
    assert_counted_and_logged(server, ACTIONS.len()).await;
    // The log names each review that is allowed without being judged.
    until("the lines", async || {
        let log = server.log();
        ["warns", "audits"].into_iter().all(|rule| {
            log.lines().any(|line| {
                line.contains("review not judged")
                    && line.contains(&format!(r#""rule":"{rule}""#))
                    && line.contains(r#""code":504"#)
            })
        })
    })
    .await;
}

/// Reviews that keep the only place for judging taken for several seconds. The last one has a body
/// of this many bytes more.
async fn keep_judging(server: &Server, padding: usize) -> JoinSet<()> {
    let mut sent = JoinSet::new();
    for number in 0..5 {
        let user = format!("user-{number}");
        let mut body = spending::review("widgets", 1_500).replace("alice", &user);
        if number == 4 {
            body += &" ".repeat(padding);
        }
        let (client, url) = (server.client(), server.url("/validate/widgets?timeout=30s"));
        sent.spawn(async move {
            post(&client, &url, body).await;
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // The last body has arrived by then.
    tokio::time::sleep(Duration::from_secs(1)).await;
    sent
}

/// A review of about this size.
fn padded(size: usize) -> String {
    let (part, last) = review();
    part + &" ".repeat(size) + &last
}

/// Another body holds the memory while its review waits to be judged.
async fn without_memory() {
    let (server, _folder) =
        with_actions(&["--judging-memory", "4MiB", "--body-memory", "1MiB", "--max-body", "1MiB"]);
    let _judging = keep_judging(&server, 600_000).await;
    assert_answered_by_rule(&server, &padded(500_000)).await;
}

async fn without_permit() {
    let (server, _folder) = with_actions(&["--judging-memory", "1MiB"]);
    let _judging = keep_judging(&server, 0).await;
    assert_answered_by_rule(&server, &padded(100_000)).await;
}

/// A list of digits takes many times the memory of its text.
async fn too_much_memory() {
    let (server, _folder) = with_actions(&["--judging-memory", "1MiB"]);
    let (part, last) = review();
    let digits = format!("[{}0]", "0,".repeat(50_000));
    let review = part.replace(r#""gold""#, &digits) + &last;
    for (rule, allowed) in ACTIONS {
        let mut raw = Raw::connect(server.address, &ca(&server)).await;
        let head = head(review.len()).replace("/validate", &format!("/validate/{rule}"));
        raw.send(&(head + &review)).await;
        let response = response(&raw.response().await);
        assert_eq!((&response["uid"], &response["allowed"]), (&"u-1".into(), &allowed.into()));
        if !allowed {
            let status = &response["status"];
            assert_eq!(status["code"], 413, "{status}");
            // Some 50,000 values of 210 bytes, in 100 KB.
            let message = status["message"].as_str().unwrap();
            let beginning = "the update cannot be judged: judging it may take 109";
            let end = " bytes of memory, which is more than --judging-memory";
            assert!(message.starts_with(beginning) && message.ends_with(end), "{message}");
        }
    }
    let (_, metrics) = server.ops("/metrics").await.unwrap();
    assert!(metrics.contains("fieldward_review_errors_total{code=\"413\"} 3\n"), "{metrics}");
}

/// A body that comes at less than 64 KiB/s ends after three seconds, long before the deadline.
async fn least_rate() {
    let server = Server::start(&["--body-timeout", "30s"]);
    let mut raw = Raw::connect(server.address, &ca(&server)).await;
    let (part, _) = review();
    raw.send(&(head(100_000).replace("/validate", "/validate?timeout=30s") + &part)).await;
    let started = Instant::now();
    let (response, _) = raw.response_while_sending(" ", Duration::from_millis(100)).await;
    let took = started.elapsed();
    assert_timed_out(&self::response(&response));
    assert!((Duration::from_millis(2500)..Duration::from_secs(8)).contains(&took), "{took:?}");
}
