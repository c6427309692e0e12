//! What is no review in form: paths, methods, content types, bodies too large.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Frame;
use libtest_mimic::Trial;
use reqwest::{Body, Method};

use super::deadlines::ca;
use crate::support::raw::{Raw, head};
use crate::support::server::{Server, post};
use crate::support::{trial, until};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("serving::methods_paths_and_content_types", table),
        trial("serving::body_over_the_cap_is_answered", oversized),
        trial("serving::a_client_that_keeps_sending_gets_its_answer", keeps_sending),
        trial("serving::a_stream_that_keeps_sending_gets_its_answer", keeps_sending_http2),
        trial("serving::body_of_the_cap_is_judged", whole_cap),
        trial("serving::large_bodies_at_once_are_all_judged", many_large),
        trial("serving::the_printed_command_gets_a_verdict", printed_command),
        trial("serving::a_denial_is_logged_without_values", denial_log),
        trial("serving::a_list_that_does_not_pair_by_its_key_is_logged", list_fault_log),
    ]
}

async fn table() {
    let server = Server::start(&[]);
    let client = server.client();
    for (method, path, content_type, status, sentence) in [
        (Method::POST, "/validate", Some("application/json"), 400, ""),
        (Method::POST, "/validate?timeout=10s", Some("application/json; charset=utf-8"), 400, ""),
        (
            Method::POST,
            "/validate",
            Some("text/plain"),
            415,
            "expected Content-Type application/json\n",
        ),
        (Method::POST, "/validate", None, 415, "expected Content-Type application/json\n"),
        (Method::GET, "/validate", None, 405, "expected POST with an AdmissionReview\n"),
        (
            Method::PUT,
            "/validate/x",
            Some("application/json"),
            405,
            "expected POST with an AdmissionReview\n",
        ),
        (
            Method::POST,
            "/validate/none",
            Some("application/json"),
            404,
            "there is no rule of that name; ",
        ),
        (
            Method::POST,
            "/validate/%ff",
            Some("application/json"),
            404,
            "there is no rule of that name; ",
        ),
        (
            Method::POST,
            "/validate/a/b",
            Some("application/json"),
            404,
            "nothing is served at this path; ",
        ),
        (Method::POST, "/", Some("application/json"), 404, "nothing is served at this path; "),
    ] {
        let case = format!("{method} {path} {content_type:?}");
        let mut request = client.request(method, server.url(path)).body("{}");
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{case}");
        let allow = response.headers().get("allow").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(allow.as_deref(), (status == 405).then_some("POST"), "{case}");
        let text = response.text().await.unwrap();
        assert!(text.starts_with(sentence) && text.lines().count() == 1, "{case}: {text}");
    }
}

/// Both ways of framing, over both versions; far more than socket buffers hold, so that an answer
/// without reading would be lost.
async fn oversized() {
    const SIZE: usize = 20 * 1024 * 1024;
    let server = Server::start(&[]);
    for client in [server.client(), server.client_builder().http1_only().build().unwrap()] {
        for body in [Body::from(vec![b' '; SIZE]), chunked(SIZE)] {
            let (status, text) = post(&client, &server.url("/validate"), body).await;
            assert_eq!(status, 413, "{text}");
        }
        // Nor is it lost where the body is of no interest.
        assert_eq!(post(&client, &server.url("/none"), vec![b' '; SIZE]).await.0, 404);
    }
}

/// The size of a body that is far over the cap, and of the parts in which it is sent.
const SIZE: usize = 100 * 1024 * 1024;
const PART: usize = 64 * 1024;

/// The pause after each part.
const PAUSE: Duration = Duration::from_millis(15);

/// The answer needs one part. This many are less than the cap, and leave a busy machine a second.
const AT_ONCE: usize = 70;

/// The beginning of a review that has a uid.
const WITH_UID: &str =
    r#"{"apiVersion":"admission.k8s.io/v1","request":{"uid":"u","operation":"UPDATE"}"#;

/// The answer comes long before the end of the body. It is not lost either for a client that reads
/// nothing before it has sent everything.
async fn keeps_sending() {
    let server = Server::start(&[]);
    let ca = ca(&server);
    let part = " ".repeat(PART);
    for (beginning, status) in [("", "413 "), (WITH_UID, "200 ")] {
        let mut raw = Raw::connect(server.address, &ca).await;
        raw.send(&(head(SIZE) + beginning)).await;
        let (response, times) = raw.response_while_sending(&part, PAUSE).await;
        assert!(times < AT_ONCE, "it came after {times} parts");
        assert!(response.starts_with(&format!("HTTP/1.1 {status}")), "{response}");
        assert_eq!(response.contains(r#""code":413"#), status == "200 ", "{response}");
    }
    let (_, metrics) = server.ops("/metrics").await.unwrap();
    assert!(metrics.contains("fieldward_review_errors_total{code=\"413\"} 2\n"), "{metrics}");
    until("the line", async || {
        server.log().lines().any(|line| line.contains("not judged") && line.contains("413"))
    })
    .await;
    let mut raw = Raw::connect(server.address, &ca).await;
    raw.send(&head(SIZE)).await;
    for _ in 0..SIZE / part.len() {
        raw.send(&part).await;
    }
    assert!(raw.response().await.starts_with("HTTP/1.1 413 "));
}

/// The same over HTTP/2, where the other streams go on.
async fn keeps_sending_http2() {
    let server = Server::start(&[]);
    let stream = Raw::connect_http2(server.address, &ca(&server)).await;
    let (requests, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut requests = requests.ready().await.unwrap();
    let request = hyper::Request::post("https://webhook/validate")
        .header("content-type", "application/json")
        .header("content-length", SIZE)
        .body(())
        .unwrap();
    let (response, mut body) = requests.send_request(request, false).unwrap();
    body.send_data(Bytes::from(WITH_UID), false).unwrap();
    let mut times = 0;
    let sending = async {
        loop {
            body.send_data(Bytes::from(vec![b' '; PART]), false).unwrap();
            times += 1;
            tokio::time::sleep(PAUSE).await;
        }
    };
    let response = tokio::select! {
        response = response => response.unwrap(),
        () = sending => unreachable!(),
    };
    assert!(times < AT_ONCE, "it came after {times} parts");
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    let answer = body.data().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&answer).contains(r#""code":413"#), "{answer:?}");
}

async fn whole_cap() {
    let server = Server::start(&["--max-body", "1MiB"]);
    let client = server.client();
    for (size, status) in [(1024 * 1024, 400), (1024 * 1024 + 1, 413)] {
        assert_eq!(
            post(&client, &server.url("/validate"), vec![b' '; size]).await.0,
            status,
            "{size}"
        );
        assert_eq!(
            post(&client, &server.url("/validate"), chunked(size)).await.0,
            status,
            "{size} in chunks"
        );
    }
}

/// More than all bodies may take: they wait for each other, none fails.
async fn many_large() {
    let server = Server::start(&["--body-memory", "3MiB", "--max-body", "1MiB"]);
    let client = server.client_builder().http1_only().build().unwrap();
    let requests: Vec<_> = (0..24)
        .map(|_| {
            let (client, url) = (client.clone(), server.url("/validate?timeout=30s"));
            tokio::spawn(async move { post(&client, &url, vec![b' '; 1024 * 1024]).await.0 })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap(), 400);
    }
}

async fn printed_command() {
    let server = Server::start(&[]);
    let command = server.to_try.clone().unwrap();
    let output = tokio::task::spawn_blocking(move || {
        std::process::Command::new("sh").arg("-c").arg(command).output()
    });
    let answer = String::from_utf8(output.await.unwrap().unwrap().stdout).unwrap();
    assert!(answer.contains(r#""allowed":false"#) && answer.contains("spec.queue"), "{answer}");
}

/// The review of the printed command.
fn printed_review(server: &Server) -> String {
    let command = server.to_try.clone().unwrap();
    command.split("-d '").nth(1).unwrap().split("' https").next().unwrap().to_owned()
}

/// The update is allowed, so nothing but the log tells why the elements pair by position.
async fn list_fault_log() {
    let server = Server::start(&["--log-format", "json", "--log-level", "fieldward=debug"]);
    let tasks = |replicas: usize| {
        let task = format!(r#"{{"name":"secret-name","replicas":{replicas}}}"#);
        format!(r#""spec":{{"tasks":[{task},{task}],"#)
    };
    let review = printed_review(&server);
    let parts: Vec<&str> = review.split(r#""spec":{"#).collect();
    let review = [parts[0], &tasks(2), parts[1], &tasks(1), parts[2]].concat();
    let review = review.replace(r#""queue":"gold""#, r#""queue":"default""#);
    let (_, answer) = post(&server.client(), &server.url("/validate"), review).await;
    assert!(answer.contains(r#""allowed":true"#), "{answer}");
    until("the line", async || server.log().contains("does not pair")).await;
    let log = server.log();
    let line = log.lines().find(|line| line.contains("does not pair")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["rule"], "volcano-job");
    let fault = "`spec.tasks` compares by position: its key is `name`, and element 1 of the old \
                 list has the key of an earlier element";
    assert_eq!(line["fault"], fault);
    let lines = log.lines().filter(|line| line.contains("does not pair"));
    assert_eq!(lines.count(), 1, "{log}");
    assert!(!log.contains("secret-name"), "{log}");
}

async fn denial_log() {
    let server = Server::start(&["--log-format", "json"]);
    let review = printed_review(&server);
    post(&server.client(), &server.url("/validate"), review).await;
    until("the line", async || server.log().contains("update denied")).await;
    let log = server.log();
    let line: serde_json::Value =
        serde_json::from_str(log.lines().find(|line| line.contains("update denied")).unwrap())
            .unwrap();
    for (field, value) in [
        ("rule", "volcano-job"),
        ("namespace", "default"),
        ("name", "demo"),
        ("user", "you"),
        ("fields", "spec.queue"),
        ("uid", "try"),
    ] {
        assert_eq!(line[field], value, "{line}");
    }
    let mut others = log.lines().filter(|line| !line.contains("try it: "));
    assert!(others.all(|line| !line.contains("gold")), "{log}");
}

fn chunked(size: usize) -> Body {
    Body::wrap(Chunks(size))
}

/// So many bytes still to come, nobody knows how many.
struct Chunks(usize);

impl hyper::body::Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let length = self.0.min(64 * 1024);
        self.0 -= length;
        Poll::Ready((length > 0).then(|| Ok(Frame::data(Bytes::from(vec![b' '; length])))))
    }
}
