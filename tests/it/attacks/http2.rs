//! What HTTP/2 lets a client do on one connection.

use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use hyper::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Outcome, Scale, Target, VALIDATE, beginning, review};
use crate::support::raw::Raw;

async fn connect(target: &Target) -> SendRequest<Bytes> {
    let stream = Raw::connect_http2(target.address, &target.ca).await;
    let (requests, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    requests
}

fn request() -> hyper::Request<()> {
    hyper::Request::post(format!("https://webhook{VALIDATE}"))
        .header("content-type", "application/json")
        .body(())
        .unwrap()
}

/// As many bodies as there may be on each of some connections, which stop in the middle.
pub(super) async fn stalled_streams(target: Target, scale: Scale) -> Outcome {
    stalled(&target, scale.of(6, 2), scale.of(128, 16)).await
}

/// The same on many connections, of which together far more has arrived than the server may keep.
pub(super) async fn stalled_streams_on_many(target: Target, scale: Scale) -> Outcome {
    stalled(&target, scale.of(128, 40), 128).await
}

async fn stalled(target: &Target, connections: usize, streams: usize) -> Outcome {
    let part = Bytes::from(beginning("mallory") + &" ".repeat(60_000));
    let mut stalled = Vec::new();
    for _ in 0..connections {
        let mut requests = connect(target).await;
        for _ in 0..streams {
            requests = requests.ready().await.unwrap();
            let (response, mut body) = requests.send_request(request(), false).unwrap();
            body.send_data(part.clone(), false).unwrap();
            stalled.push((response, body));
        }
        tokio::task::yield_now().await;
    }
    let mut outcome = Outcome::default();
    for (response, _body) in stalled {
        let response = response.await.unwrap();
        if response.status() == StatusCode::REQUEST_TIMEOUT {
            // The server has not let the beginning through.
            outcome.add("were answered with 408", 1);
            continue;
        }
        let mut incoming = response.into_body();
        let mut answer = Vec::new();
        while let Some(data) = incoming.data().await {
            answer.extend_from_slice(&data.unwrap());
        }
        outcome.add_denial(&String::from_utf8(answer).unwrap());
    }
    outcome
}

/// Requests that are reset at once (CVE-2023-44487).
pub(super) async fn rapid_reset(target: Target, scale: Scale) -> Outcome {
    let started = Instant::now();
    let mut outcome = Outcome::default();
    while started.elapsed() < scale.lasting() {
        let mut requests = connect(&target).await;
        outcome.add("connections", 1);
        // The server ends the connection of a client that goes on like that.
        while let Ok(ready) = requests.ready().await {
            requests = ready;
            let Ok((_response, mut body)) = requests.send_request(request(), false) else { break };
            body.send_reset(h2::Reason::CANCEL);
            outcome.add("requests were reset", 1);
            if started.elapsed() > scale.lasting() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    outcome
}

/// Requests whose answers are never read.
pub(super) async fn closed_windows(target: Target, scale: Scale) -> Outcome {
    let mut waiting = Vec::new();
    for _ in 0..scale.of(4, 1) {
        let stream = Raw::connect_http2(target.address, &target.ca).await;
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(0).initial_connection_window_size(0);
        let (mut requests, connection) = builder.handshake::<_, Bytes>(stream).await.unwrap();
        tokio::spawn(connection);
        for _ in 0..scale.of(128, 8) {
            requests = requests.ready().await.unwrap();
            let (response, mut body) = requests.send_request(request(), false).unwrap();
            let review = review("mallory", [r#""gold""#, r#""default""#], 4000);
            body.send_data(Bytes::from(review), true).unwrap();
            waiting.push(response);
        }
    }
    tokio::time::sleep(scale.lasting()).await;
    let mut outcome = Outcome::default();
    outcome.add("answers were never read", waiting.len());
    outcome
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;

/// A header block without an end.
pub(super) async fn continuation(target: Target, scale: Scale) -> Outcome {
    let header = [&b"\x00\x01a\x7f\x81\x7f"[..], &[b'x'; 256]].concat();
    let begun = frame(HEADERS, 0, 1, b"\x83");
    flood(&target, scale, &begun, &frame(CONTINUATION, 0, 1, &header)).await
}

pub(super) async fn ping(target: Target, scale: Scale) -> Outcome {
    flood(&target, scale, &[], &frame(PING, 0, 0, &[7; 8])).await
}

pub(super) async fn settings(target: Target, scale: Scale) -> Outcome {
    flood(&target, scale, &[], &frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0])).await
}

/// An HTTP/2 frame (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// How many frames are sent at a time.
const BATCH: usize = 64;

/// Sends a frame again and again, on a new connection when the server closes one.
async fn flood(target: &Target, scale: Scale, first: &[u8], again: &[u8]) -> Outcome {
    let (batch, mut read) = (again.repeat(BATCH), vec![0; 64 * 1024]);
    let begun = [PREFACE, &frame(SETTINGS, 0, 0, &[]), first].concat();
    let mut outcome = Outcome::default();
    let started = Instant::now();
    while started.elapsed() < scale.lasting() {
        let mut stream = Raw::connect_http2(target.address, &target.ca).await;
        outcome.add("connections", 1);
        let mut is_open = stream.write_all(&begun).await.is_ok();
        while is_open && started.elapsed() < scale.lasting() {
            is_open = tokio::select! {
                written = stream.write_all(&batch) => written.is_ok(),
                // The server reads no more before its answers are read.
                () = tokio::time::sleep(Duration::from_millis(200)) => true,
            };
            outcome.add("frames", BATCH);
            if let Ok(received) =
                tokio::time::timeout(Duration::from_micros(100), stream.read(&mut read)).await
            {
                is_open &= received.is_ok_and(|length| length > 0);
            }
        }
    }
    outcome
}
