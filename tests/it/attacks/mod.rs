//! Attacks on the server, each next to ordinary reviews on connections of their own.
//!
//! `FIELDWARD_TIER=attacks cargo test --locked --test it` runs them one after the other on the
//! released program, and prints for each how long the ordinary reviews waited, and what became of
//! the attack. The default tier has each attack in a small form, without limits on the time.

mod api_server;
mod connections;
mod hostile;
mod http2;
mod victims;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use serde_json::Value;

use crate::support::PATIENCE;
use crate::support::server::{Server, released};
use victims::Victims;

/// The longest that an ordinary review may wait.
const LONGEST: Duration = Duration::from_secs(2);

/// The address of reviews, with the time after which the API server gives up.
const VALIDATE: &str = "/validate?timeout=5s";

/// Whether an attack is meant to hurt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    Full,
    Small,
}

impl Scale {
    fn of(self, full: usize, small: usize) -> usize {
        if self == Self::Full { full } else { small }
    }

    /// How long an attack goes on that has no end of its own.
    fn lasting(self) -> Duration {
        Duration::from_millis(if self == Self::Full { 2_000 } else { 300 })
    }

    /// The most memory that the server may take, in MiB: `--body-memory`, `--judging-memory` and 32
    /// for the rest. A debug build takes 40 before it does anything.
    fn most_memory(self) -> u64 {
        if self == Self::Full { 64 + 160 + 32 } else { 240 }
    }

    /// A small attack exhausts little memory.
    fn memory(self) -> &'static [&'static str] {
        if self == Self::Full { &[] } else { &["--body-memory", "8MiB"] }
    }
}

/// Who is attacked.
#[derive(Debug, Clone)]
struct Target {
    address: SocketAddr,
    ca: String,
}

type Running = Pin<Box<dyn Future<Output = Outcome>>>;

/// An attack by its name.
struct Attack {
    name: &'static str,
    /// How many files the server may have open, if the attack is about that.
    files: Option<u32>,
    run: fn(Target, Scale) -> Running,
}

const ATTACKS: [Attack; 16] = [
    attack("none", |_, scale| Box::pin(no_attack(scale))),
    attack("8_hostile_reviews", |target, scale| {
        Box::pin(hostile::reviews(target, scale, scale.of(8, 2), 1))
    }),
    attack("32_hostile_reviews", |target, scale| {
        Box::pin(hostile::reviews(target, scale, scale.of(32, 4), 8))
    }),
    attack("stalled_bodies", |target, scale| Box::pin(connections::stalled_bodies(target, scale))),
    attack("dripping_bodies", |target, scale| {
        Box::pin(connections::dripping_bodies(target, scale))
    }),
    attack("stalled_streams", |target, scale| Box::pin(http2::stalled_streams(target, scale))),
    attack("stalled_streams_on_many_connections", |target, scale| {
        Box::pin(http2::stalled_streams_on_many(target, scale))
    }),
    attack("slow_heads", |target, scale| Box::pin(connections::slow_heads(target, scale))),
    attack("silent_connections", |target, scale| {
        Box::pin(connections::silent(target, scale, scale.of(5000, 50)))
    }),
    Attack {
        name: "silent_connections_and_64_descriptors",
        files: Some(64),
        run: |target, scale| Box::pin(connections::silent(target, scale, scale.of(500, 100))),
    },
    attack("rapid_reset", |target, scale| Box::pin(http2::rapid_reset(target, scale))),
    attack("continuation_flood", |target, scale| Box::pin(http2::continuation(target, scale))),
    attack("ping_flood", |target, scale| Box::pin(http2::ping(target, scale))),
    attack("settings_flood", |target, scale| Box::pin(http2::settings(target, scale))),
    attack("closed_windows", |target, scale| Box::pin(http2::closed_windows(target, scale))),
    attack("stalled_bodies_on_every_connection", |target, scale| {
        Box::pin(connections::stalled_on_all(target, scale))
    }),
];

const fn attack(name: &'static str, run: fn(Target, Scale) -> Running) -> Attack {
    Attack { name, files: None, run }
}

/// The tier.
pub(crate) fn trials() -> Vec<Trial> {
    let full = ATTACKS.iter().map(|attack| {
        Trial::test(format!("attacks::{}", attack.name), || {
            attack.run(Scale::Full);
            Ok(())
        })
    });
    full.chain([api_server::trial()]).collect()
}

/// What every run tries of it.
pub(crate) fn small_trials() -> Vec<Trial> {
    let small = |attack: &'static Attack| {
        Trial::test(format!("serving::attacks::{}", attack.name), || {
            // Side by side they would be one large attack.
            static RUNNING: Mutex<()> = Mutex::new(());
            let _running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
            attack.run(Scale::Small);
            Ok(())
        })
    };
    ATTACKS.iter().map(small).collect()
}

impl Attack {
    fn run(&self, scale: Scale) {
        let fieldward = Path::new(env!("CARGO_BIN_EXE_fieldward"));
        let limit = self.files.map(|files| format!("-n {files}"));
        let program = if scale == Scale::Full { released() } else { fieldward };
        let server = Server::start_program(program, limit.as_deref(), scale.memory());
        let ca = std::fs::read_to_string(server.ca.as_ref().unwrap()).unwrap();
        let target = Target { address: server.address, ca };
        let victims = Victims::start(&server);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let started = Instant::now();
        let attack = async { tokio::time::timeout(PATIENCE, (self.run)(target, scale)).await };
        let outcome = runtime.block_on(attack).expect("the attack did not end");
        let waited = victims.end();
        let memory = most_memory(server.id()) >> 20;
        assert!(memory < scale.most_memory(), "the server took {memory} MiB");
        if scale == Scale::Full {
            let took = started.elapsed();
            println!(
                "{}: {waited}; server: at most {memory} MiB; attack: {outcome}, {took:.1?}",
                self.name
            );
            assert!(waited.longest() < LONGEST, "an ordinary review waited {waited}");
        }
    }
}

async fn no_attack(scale: Scale) -> Outcome {
    tokio::time::sleep(scale.lasting()).await;
    Outcome::default()
}

/// The most that a process had resident, in bytes.
fn most_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

/// What became of an attack: how often what happened.
#[derive(Debug, Default)]
struct Outcome(BTreeMap<String, usize>);

impl Outcome {
    fn add(&mut self, what: impl Into<String>, times: usize) {
        *self.0.entry(what.into()).or_default() += times;
    }

    /// Counts the answer to a forbidden update, which must be a denial.
    fn add_denial(&mut self, body: &str) {
        let review: Value = serde_json::from_str(body).unwrap_or_default();
        let response = &review["response"];
        assert_eq!(response["allowed"], Value::Bool(false), "no denial: {body:.300}");
        self.add(format!("denied with {}", response["status"]["code"]), 1);
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> =
            self.0.iter().map(|(what, times)| format!("{times} {what}")).collect();
        formatter.write_str(&all.join(", "))
    }
}

/// An update of a Volcano job that sets its queue, with so much beside it.
fn review(user: &str, queues: [&str; 2], padding: usize) -> String {
    let padding = "x".repeat(padding / 2);
    let [new, old] = queues.map(|queue| {
        format!(
            r#"{{"apiVersion":"batch.volcano.sh/v1alpha1","kind":"Job","metadata":{{"name":"j","namespace":"n","annotations":{{"a":"{padding}"}}}},"spec":{{"queue":{queue}}}}}"#
        )
    });
    format!(r#"{},"object":{new},"oldObject":{old}}}}}"#, beginning(user))
}

/// What the API server sends before the objects.
fn beginning(user: &str) -> String {
    format!(
        r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{"uid":"u-1","kind":{{"group":"batch.volcano.sh","version":"v1alpha1","kind":"Job"}},"resource":{{"group":"batch.volcano.sh","version":"v1alpha1","resource":"jobs"}},"name":"j","namespace":"n","operation":"UPDATE","userInfo":{{"username":"{user}"}}"#
    )
}
