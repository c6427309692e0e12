//! Signals: when the server stops being ready, stops listening, finishes, ends.

use libtest_mimic::Trial;
use tokio::net::TcpStream;

use crate::support::raw::Raw;
use crate::support::server::{Server, post};
use crate::support::{trial, until};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("serving::sigterm_not_ready_at_once_still_serving", not_ready_at_once),
        trial("serving::sigterm_has_http1_clients_connect_anew", connect_anew),
        trial("serving::sigterm_finishes_what_is_in_flight", finishes),
        trial("serving::sigterm_ends_http2_with_goaway", goaway),
        trial("serving::what_does_not_finish_is_cut", cut),
        trial("serving::sigint_skips_the_delay", interrupt),
        trial("serving::a_second_signal_ends_at_once", second),
    ]
}

async fn not_ready_at_once() {
    let server = Server::start(&["--shutdown-delay", "60s"]);
    server.signal("TERM");
    until("not ready", async || server.ops("/readyz").await.unwrap().0 == 503).await;
    let text = server.ops("/readyz").await.unwrap().1;
    assert!(text.contains("[-]shutdown failed: the server is shutting down\n"), "{text}");
    assert_eq!(server.ops("/livez").await.unwrap().0, 200);
    server.assert_serving().await;
}

/// A request that meets the end of its connection is lost, so connections in use must end before
/// that, each after an answer.
async fn connect_anew() {
    let server = Server::start(&["--shutdown-delay", "60s"]);
    let mut kept = connect(&server).await;
    let response = kept.exchange().await;
    assert!(!response.contains("connection: close\r\n"), "{response}");
    server.signal("TERM");
    until("not ready", async || server.ops("/readyz").await.unwrap().0 == 503).await;
    for mut connection in [kept, connect(&server).await] {
        let response = connection.exchange().await;
        assert!(
            response.starts_with("HTTP/1.1 400 ") && response.contains("connection: close\r\n"),
            "{response}"
        );
        assert_eq!(connection.rest().await, "", "the server closes it");
    }
    // HTTP/2 has no such header: there GOAWAY says at the end which requests were not heard.
    let response = server.client().post(server.url("/validate")).send().await.unwrap();
    assert_eq!(
        (response.version(), response.headers().get("connection")),
        (reqwest::Version::HTTP_2, None)
    );
}

async fn finishes() {
    let mut server = Server::start(&["--shutdown-delay", "0s"]);
    let mut in_flight = connect(&server).await;
    let mut idle = connect(&server).await;
    idle.exchange().await;
    in_flight.begin().await;
    server.signal("TERM");
    until("the end of listening", async || TcpStream::connect(server.address).await.is_err()).await;
    assert_eq!(idle.rest().await, "", "an idle connection is closed");
    assert_eq!(
        server.ops("/readyz").await.unwrap().0,
        503,
        "the operations port answers to the end"
    );
    in_flight.send("}").await;
    let response = in_flight.rest().await;
    assert!(
        response.starts_with("HTTP/1.1 400 ") && response.contains("connection: close\r\n"),
        "{response}"
    );
    assert_eq!(server.ended().await.code(), Some(0));
    assert!(!server.ca.as_ref().unwrap().exists(), "it takes its CA file away");
}

async fn goaway() {
    let mut server = Server::start(&["--shutdown-delay", "0s", "--shutdown-timeout", "20s"]);
    let client = server.client();
    assert_eq!(post(&client, &server.url("/validate"), "{}").await.0, 400);
    server.signal("TERM");
    // The client keeps its HTTP/2 connection: only a GOAWAY makes it close it, and lets the server
    // end before it must cut.
    assert_eq!(server.ended().await.code(), Some(0));
    assert!(!server.log().contains("were cut"), "{}", server.log());
}

async fn cut() {
    let mut server = Server::start(&["--shutdown-delay", "0s", "--shutdown-timeout", "200ms"]);
    let mut in_flight = connect(&server).await;
    in_flight.begin().await;
    server.signal("TERM");
    assert_eq!(server.ended().await.code(), Some(1));
    assert!(server.log().contains("requests in flight were cut"), "{}", server.log());
}

async fn interrupt() {
    let mut server = Server::start(&["--shutdown-delay", "1h"]);
    server.signal("INT");
    assert_eq!(server.ended().await.code(), Some(0));
}

async fn second() {
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let mut server = Server::start(&["--shutdown-delay", "1h"]);
        server.signal("TERM");
        until("not ready", async || server.ops("/readyz").await.unwrap().0 == 503).await;
        server.signal(name);
        assert_eq!(server.ended().await.code(), Some(code), "{name}");
    }
}

async fn connect(server: &Server) -> Raw {
    let ca = std::fs::read_to_string(server.ca.as_ref().unwrap()).unwrap();
    Raw::connect(server.address, &ca).await
}
