//! Clients that stall, babble or vanish, and a process without file descriptors: the others are
//! served.

use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::deadlines::{assert_counted_and_logged, assert_timed_out, ca, response};
use crate::support::raw::{Raw, head};
use crate::support::server::Server;
use crate::support::trial;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("serving::stalled_handshakes_delay_nobody", stalled_handshakes),
        trial("serving::a_stalled_handshake_is_ended", handshake_timeout),
        trial("serving::slow_headers_are_ended", slow_headers),
        trial("serving::an_idle_connection_outlives_the_header_timeout", idle_survives),
        trial("serving::an_idle_connection_ends_at_its_own_timeout", idle_ends),
        trial("serving::a_slow_body_is_answered_and_delays_nobody", slow_body),
        trial("serving::a_slow_review_is_denied_counted_and_logged", slow_review),
        trial("serving::tls_garbage_harms_nobody", garbage),
        trial("serving::connections_dropped_mid_body_harm_nobody", dropped),
        trial("serving::few_file_descriptors_are_enough", few_files),
        trial("serving::the_limit_of_open_files_is_raised", raised_limit),
        trial("serving::connections_wait_in_a_long_queue", listen_queue),
        trial("serving::an_idle_connection_gives_way_to_a_new_one", connection_bound),
    ]
}

async fn stalled_handshakes() {
    let server = Server::start(&["--handshake-timeout", "60s"]);
    let mut stalled = Vec::new();
    for _ in 0..200 {
        stalled.push(TcpStream::connect(server.address).await.unwrap());
    }
    for _ in 0..10 {
        server.assert_serving().await;
    }
}

async fn handshake_timeout() {
    let server = Server::start(&["--handshake-timeout", "200ms"]);
    let mut stalled = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(stalled.read(&mut [0; 64]).await.unwrap_or(0), 0);
}

async fn slow_headers() {
    let server = Server::start(&["--header-timeout", "300ms"]);
    let ca = ca(&server);
    // The first request of a connection, and one after an idle time.
    let mut first = Raw::connect(server.address, &ca).await;
    first.send("POST /validate HTTP/1.1\r\nHost: ").await;
    assert_eq!(first.rest().await, "");
    let mut later = Raw::connect(server.address, &ca).await;
    later.exchange().await;
    later.send("P").await;
    assert_eq!(later.rest().await, "");
    server.assert_serving().await;
}

async fn idle_survives() {
    let server = Server::start(&["--header-timeout", "200ms"]);
    let ca = ca(&server);
    let mut used = Raw::connect(server.address, &ca).await;
    let mut unused = Raw::connect(server.address, &ca).await;
    let mut large = Raw::connect(server.address, &ca).await;
    used.exchange().await;
    // Its body is not asked for, and is read by the server on the way: that is not the start of
    // another head.
    large.send(&(head(100_000).replace("/validate", "/none") + &" ".repeat(100_000))).await;
    assert!(large.response().await.starts_with("HTTP/1.1 404 "));
    tokio::time::sleep(Duration::from_secs(1)).await;
    for kept in [&mut used, &mut unused, &mut large] {
        assert!(kept.exchange().await.starts_with("HTTP/1.1 400 "));
    }
}

async fn idle_ends() {
    let server = Server::start(&["--idle-timeout", "300ms"]);
    let mut raw = Raw::connect(server.address, &ca(&server)).await;
    raw.exchange().await;
    assert_eq!(raw.rest().await, "");
    server.assert_serving().await;
}

async fn slow_body() {
    let server = Server::start(&["--body-timeout", "500ms"]);
    let ca = ca(&server);
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut raw = Raw::connect(server.address, &ca).await;
        raw.send(&(head(100) + "{")).await;
        slow.push(raw);
    }
    server.assert_serving().await;
    for mut raw in slow {
        let response = raw.rest().await;
        assert!(response.starts_with("HTTP/1.1 408 "), "{response}");
        assert!(response.contains("connection: close\r\n"), "{response}");
        assert!(
            response.ends_with(
                "the body did not come in time; send it faster or raise --body-timeout\n"
            ),
            "{response}"
        );
    }
}

/// A review whose body does not arrive in time is denied, if the part that arrived has its uid.
async fn slow_review() {
    let folder = tempfile::tempdir().unwrap();
    let warns = folder.path().join("warns.yaml");
    std::fs::write(&warns, WARNS).unwrap();
    let server = Server::start(&[
        "--body-timeout",
        "500ms",
        "--log-format",
        "json",
        "--rules",
        warns.to_str().unwrap(),
    ]);
    let beginning = r#"{"apiVersion":"admission.k8s.io/v1","request":{"uid":"u-1","kind":{"group":"batch.volcano.sh","version":"v1alpha1","kind":"Job"},"resource":{"group":"batch.volcano.sh","version":"v1alpha1","resource":"jobs"},"operation":"UPDATE","userInfo":{"username":"alice"},"object":{"#;
    for (path, rules, allowed) in [
        ("/validate/warns", "warns", true),
        ("/validate/volcano-job", "volcano-job", false),
        ("/validate", "volcano-job, warns", false),
    ] {
        let mut raw = Raw::connect(server.address, &ca(&server)).await;
        raw.send(&(head(10_000).replace("/validate", path) + beginning)).await;
        let answer = raw.rest().await;
        assert!(answer.contains("connection: close\r\n"), "{answer}");
        let response = response(&answer);
        assert_eq!((&response["uid"], &response["allowed"]), (&"u-1".into(), &allowed.into()));
        assert_eq!(response["auditAnnotations"]["rule"], rules, "{path}");
        if !allowed {
            assert_timed_out(&response);
        }
    }
    assert_counted_and_logged(&server, 3).await;
}

const WARNS: &str = "\
apiVersion: fieldward.io/v1alpha1
kind: UpdateRule
metadata: {name: warns}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [batch.volcano.sh], apiVersions: [v1alpha1], resources: [jobs]}]
  validationActions: [Warn]
  mutable: [spec.queue]
";

async fn garbage() {
    let server = Server::start(&[]);
    for noise in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0; 1000],
        &[0xff; 1000],
        b"\x16\x03\x01\xff\xff",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(noise).await.unwrap();
        server.assert_serving().await;
    }
}

async fn dropped() {
    let server = Server::start(&[]);
    let ca = ca(&server);
    for _ in 0..30 {
        let mut raw = Raw::connect(server.address, &ca).await;
        raw.send(&(head(1_000_000) + "{\"request\":")).await;
    }
    server.assert_serving().await;
}

/// Clients cannot use up the descriptors that the process needs: probes and reviews are answered.
async fn few_files() {
    let server = Server::start_limited("-n 64", &["--handshake-timeout", "60s"]);
    let ca = ca(&server);
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    let mut unused = Vec::new();
    for _ in 0..40 {
        unused.push(Raw::connect(server.address, &ca).await);
        server.assert_serving().await;
    }
    let probe = reqwest::get(format!("http://{}/readyz", server.ops)).await.unwrap();
    assert_eq!(probe.status(), 200);
    let before = cpu_ticks(server.id());
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(cpu_ticks(server.id()) - before < 25, "it spins");
    assert!(!server.log().contains("cannot accept connections"), "{}", server.log());
}

async fn raised_limit() {
    let server = Server::start_limited("-Sn 100", &[]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let fields: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(fields[3], fields[4], "{line}");
}

/// The queue is as long as the system permits: clients connect although nobody accepts them.
async fn listen_queue() {
    let server = Server::start(&[]);
    let permitted = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    // More than a listener of the standard library or tokio has by default.
    let count = permitted.trim().parse::<usize>().unwrap().min(1500);
    server.signal("STOP");
    let mut waiting = Vec::new();
    for number in 0..count {
        let connect = TcpStream::connect(server.address);
        let connected = tokio::time::timeout(Duration::from_secs(5), connect).await;
        waiting.push(connected.unwrap_or_else(|_| panic!("{number} fit")).unwrap());
    }
    server.signal("CONT");
    server.assert_serving().await;
}

/// Idle connections give way to new ones at once, requests only if their bodies have stalled.
async fn connection_bound() {
    let server = Server::start(&["--max-connections", "3", "--body-timeout", "2s"]);
    let ca = ca(&server);
    let mut idle = Vec::new();
    for _ in 0..3 {
        let mut raw = Raw::connect(server.address, &ca).await;
        raw.exchange().await;
        idle.push(raw);
    }
    let started = Instant::now();
    let mut busy = Vec::new();
    for mut raw in idle {
        let mut newer = Raw::connect(server.address, &ca).await;
        newer.begin().await;
        busy.push(newer);
        assert_eq!(raw.rest().await, "");
    }
    server.assert_serving().await;
    assert!(started.elapsed() > Duration::from_millis(200), "it did not wait");
    for mut raw in busy {
        assert!(raw.rest().await.starts_with("HTTP/1.1 408 "));
    }
}

/// User and system time, in hundredths of a second (proc(5), fields 14 and 15).
fn cpu_ticks(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}
