//! Clients that keep connections and say little.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::{Outcome, Scale, Target, VALIDATE, beginning};
use crate::support::raw::{Raw, head};

/// As many connections as the server serves at once unless told otherwise.
const CONNECTIONS: usize = 4096;

/// Bodies that stop in the middle, more than there is memory for: ordinary ones, and large ones of
/// many requesters.
pub(super) async fn stalled_bodies(target: Target, scale: Scale) -> Outcome {
    answers(started(&target, scale).await).await
}

/// The same, and a byte of each comes now and then.
pub(super) async fn dripping_bodies(target: Target, scale: Scale) -> Outcome {
    let mut dripping = started(&target, scale).await;
    let started = Instant::now();
    while started.elapsed() < scale.lasting() {
        for raw in &mut dripping {
            // Those that were given up have their answers.
            let _ = raw.try_send(" ").await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    answers(dripping).await
}

async fn started(target: &Target, scale: Scale) -> Vec<Raw> {
    let mut stalled = Vec::new();
    for number in 0..scale.of(1000, 24) {
        let declared = [65_000, 7_000_000][usize::from(number % 10 == 0)];
        let user = format!("mallory-{number}");
        stalled.push(stalled_body(target, &user, declared).await);
    }
    stalled
}

/// Bodies that stop early, on as many connections as there may be.
pub(super) async fn stalled_on_all(target: Target, scale: Scale) -> Outcome {
    let mut stalled = Vec::new();
    for _ in 0..scale.of(CONNECTIONS, 16) {
        stalled.push(stalled_body(&target, "mallory", 65_000).await);
    }
    answers(stalled).await
}

/// Sends what the API server sends before the objects, of a body that declares this size.
async fn stalled_body(target: &Target, user: &str, declared: usize) -> Raw {
    let mut raw = Raw::connect(target.address, &target.ca).await;
    let body = beginning(user) + &" ".repeat(4_000);
    raw.send(&(head(declared).replace("/validate", VALIDATE) + &body)).await;
    raw
}

/// Each is denied once its time is over.
async fn answers(stalled: Vec<Raw>) -> Outcome {
    let mut outcome = Outcome::default();
    for mut raw in stalled {
        let answer = raw.response().await;
        outcome.add_denial(answer.split_once("\r\n\r\n").unwrap().1);
    }
    outcome
}

/// Heads that come byte by byte.
pub(super) async fn slow_heads(target: Target, scale: Scale) -> Outcome {
    let (mut slow, count) = (Vec::new(), scale.of(300, 10));
    for _ in 0..count {
        let mut raw = Raw::connect(target.address, &target.ca).await;
        raw.send("POST /validate HTTP/1.1\r\nHost: ").await;
        slow.push(raw);
    }
    let started = Instant::now();
    while started.elapsed() < scale.lasting() {
        let mut open = Vec::new();
        for mut raw in slow {
            if raw.try_send("x").await.is_ok() {
                open.push(raw);
            }
        }
        slow = open;
        tokio::time::sleep(scale.lasting() / 15).await;
    }
    let mut outcome = Outcome::default();
    outcome.add("heads were never whole", slow.len());
    outcome.add("connections were closed", count - slow.len());
    outcome
}

/// Connections that say nothing.
pub(super) async fn silent(target: Target, scale: Scale, count: usize) -> Outcome {
    let mut silent = Vec::new();
    for _ in 0..count {
        silent.push(TcpStream::connect(target.address).await.unwrap());
    }
    tokio::time::sleep(scale.lasting()).await;
    let is_open = |stream: &TcpStream| {
        stream.try_read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    };
    let open = silent.iter().filter(|stream| is_open(stream)).count();
    let mut outcome = Outcome::default();
    outcome.add("silent connections were closed", count - open);
    outcome.add("were not", open);
    outcome
}
