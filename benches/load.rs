//! What a review costs the server, beside a server on the same stack that reads the body and answers with a constant.
//!
//! `cargo bench --bench load` (needs h2load, of nghttp2). Both servers are driven by turns over TLS, HTTP/1.1 keep-alive, one
//! connection; processor time and memory come from /proc. `cargo bench --bench load -- noop` is the other server alone.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use fieldward::cluster::certificates::{self, Subject};
use fieldward::server::accept::{self, Limits, Transport};
use fieldward::server::shutdown::Phase;
use fieldward::server::tls::{Source, Tls};
use tokio::net::TcpListener;
use tokio::sync::watch;

const ROUNDS: usize = 5;

fn main() -> anyhow::Result<()> {
    if std::env::args().any(|argument| argument == "noop") {
        return noop();
    }
    Command::new("h2load").arg("--version").stdout(Stdio::null()).status().context("h2load is missing; install nghttp2-client")?;
    let started = Instant::now();
    let fieldward = Server::start(Command::new(env!("CARGO_BIN_EXE_fieldward")).args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--ops-listen",
        "127.0.0.1:0",
    ]))?;
    println!("ready after {:.1} ms, {} KiB resident", started.elapsed().as_secs_f64() * 1e3, fieldward.resident_kib()?);
    let noop = Server::start(Command::new(std::env::current_exe()?).arg("noop"))?;
    println!("the no-op: {} KiB resident\n", noop.resident_kib()?);

    let folder = tempfile::tempdir()?;
    println!("{:>9}  {:>9}  {:>12}  {:>12}  {:>6}", "bytes", "requests", "fieldward µs", "no-op µs", "ratio");
    for (tasks, requests) in [(2, 20_000), (530, 400)] {
        let body = folder.path().join(format!("{tasks}.json"));
        let review = review(tasks);
        std::fs::write(&body, &review)?;
        let mut costs = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (server, costs) in [&fieldward, &noop].into_iter().zip(&mut costs) {
                costs.push(server.cost(&body, requests)?);
            }
        }
        let [own, other] = costs.map(median);
        println!("{:>9}  {requests:>9}  {own:>12.1}  {other:>12.1}  {:>6.2}", review.len(), own / other);
    }
    println!("\n{} KiB resident after {} reviews", fieldward.resident_kib()?, ROUNDS * 20_400);
    Ok(())
}

/// An update that changes the queue of a Volcano job of so many tasks.
fn review(tasks: usize) -> String {
    let task = |index: usize| {
        serde_json::json!({"name": format!("worker-{index}"), "replicas": 1, "policies": [{"action": "CompleteJob", "event": "TaskCompleted"}],
            "template": {"spec": {"restartPolicy": "OnFailure", "containers": [{"name": "worker", "image": "registry.example.com/openmpi-hello:3.28",
                "command": ["/bin/sh", "-c", "mkdir -p /var/run/sshd; /usr/sbin/sshd -D;\n"], "workingDir": "/home",
                "ports": [{"containerPort": 22, "name": "mpijob-port", "protocol": "TCP"}],
                "resources": {"limits": {"cpu": "250m", "memory": "1Gi"}, "requests": {"cpu": "250m", "memory": "1Gi"}}}]}}})
    };
    let object = |queue: &str| {
        let managed = serde_json::json!([{"apiVersion": "batch.volcano.sh/v1alpha1", "fieldsType": "FieldsV1", "manager": "kubectl", "operation": "Update",
            "fieldsV1": {"f:spec": {".": {}, "f:minAvailable": {}, "f:queue": {}, "f:schedulerName": {}, "f:tasks": {}}}}]);
        serde_json::json!({"apiVersion": "batch.volcano.sh/v1alpha1", "kind": "Job",
            "metadata": {"name": "hello", "namespace": "default", "resourceVersion": "447", "uid": "b1b0a02a", "managedFields": managed},
            "spec": {"minAvailable": 2, "queue": queue, "schedulerName": "volcano", "tasks": (0..tasks).map(task).collect::<Vec<_>>()}})
    };
    let kind = serde_json::json!({"group": "batch.volcano.sh", "version": "v1alpha1", "kind": "Job"});
    let resource = serde_json::json!({"group": "batch.volcano.sh", "version": "v1alpha1", "resource": "jobs"});
    serde_json::json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "705ab4f5", "operation": "UPDATE",
        "kind": kind, "resource": resource, "name": "hello", "namespace": "default", "userInfo": {"username": "admin", "groups": ["system:masters"]},
        "object": object("gold"), "oldObject": object("default")}})
    .to_string()
}

/// A server in a process of its own, ended with the handle.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let output = process.stdout.take().context("no output")?;
        for line in BufReader::new(output).lines() {
            let line = line?;
            if let Some(url) = line.strip_prefix("reviews:") {
                return Ok(Self { process, url: url.trim().to_owned() });
            }
        }
        anyhow::bail!("the server did not start")
    }

    /// Microseconds of processor time per request.
    fn cost(&self, body: &std::path::Path, requests: u32) -> anyhow::Result<f64> {
        let before = self.processor_time()?;
        let run = Command::new("h2load")
            .args(["--h1", "-c", "1", "-n", &requests.to_string(), "-H", "content-type: application/json", "-d"])
            .arg(body)
            .arg(&self.url)
            .output()?;
        let report = String::from_utf8_lossy(&run.stdout);
        ensure!(report.contains(&format!("{requests} 2xx")), "not every request was answered: {report}");
        Ok(self.processor_time()?.saturating_sub(before).as_secs_f64() * 1e6 / f64::from(requests))
    }

    fn processor_time(&self) -> anyhow::Result<Duration> {
        // Fields 14 and 15 in ticks of 10 ms, counted after the name, which may hold spaces (proc_pid_stat(5)).
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let after_name = stat.rsplit_once(") ").context("no name")?.1;
        let ticks: Vec<u64> = after_name.split(' ').skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
        Ok(Duration::from_millis(ticks.iter().sum::<u64>() * 10))
    }

    fn resident_kib(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn median(mut costs: Vec<f64>) -> f64 {
    costs.sort_by(f64::total_cmp);
    costs.get(costs.len() / 2).copied().unwrap_or_default()
}

/// Reads a body, answers with a constant.
fn noop() -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let folder = tempfile::tempdir()?;
        let issued = certificates::issue(&[Subject::Dns("localhost".to_owned())], SystemTime::now(), Duration::from_secs(86_400))?;
        let write = |name: &str, text: &str| -> std::io::Result<PathBuf> {
            let path = folder.path().join(name);
            std::fs::write(&path, text).map(|()| path)
        };
        let source = Source::Files { chain: write("chain", &issued.certificate)?, key: write("key", &issued.key)? };
        let tls = Tls::load(source, None, SystemTime::now())?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("reviews: https://{}/validate", listener.local_addr()?);
        let router = Router::new().route(
            "/validate",
            post(async |_: Bytes| r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"u","allowed":true}}"#),
        );
        let router = router.layer(axum::extract::DefaultBodyLimit::max(7 << 20));
        let seconds = Duration::from_secs;
        let limits = Limits { handshake: seconds(10), head: seconds(10), idle: seconds(150), connections: 1024 };
        let (_serving, phase) = watch::channel(Phase::Serving);
        accept::serve(listener, Transport::Tls(tls.into()), limits, router, phase).await;
        Ok(())
    })
}
