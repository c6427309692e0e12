//! A server in a process of its own, and what /proc says of it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

/// Ended with the handle.
pub(crate) struct Server {
    process: Child,
    /// Where reviews go.
    pub(crate) url: String,
    /// From the start of the process until /readyz says so; nothing of a server that has none.
    pub(crate) ready_after: Duration,
}

/// Processor time by thread.
pub(crate) struct Spent(BTreeMap<String, Duration>);

impl Server {
    /// The product, with its defaults but for the ports.
    pub(crate) fn fieldward(rules: &[&str]) -> anyhow::Result<Self> {
        let started = Instant::now();
        let (reviews, operations) = (free_address()?, free_address()?);
        let ports = ["serve", "--listen", &reviews, "--ops-listen", &operations];
        let process = Command::new(binary())
            .args(ports)
            .args(rules)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut server = Self {
            process,
            url: format!("https://{reviews}/validate"),
            ready_after: Duration::ZERO,
        };
        wait_until_ready(&operations)?;
        server.ready_after = started.elapsed();
        Ok(server)
    }

    /// A server that answers without reading; it prints where.
    pub(crate) fn noop() -> anyhow::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("noop")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = process.stdout.take().context("no output")?;
        let mut server = Self { process, url: String::new(), ready_after: Duration::ZERO };
        for line in BufReader::new(output).lines() {
            if let Some(url) = line?.strip_prefix("reviews:") {
                url.trim().clone_into(&mut server.url);
                return Ok(server);
            }
        }
        bail!("the server did not start")
    }

    /// Fails unless the server decides so on a review: else something else would be measured.
    pub(crate) fn ensure_verdict(&self, review: &Path, allowed: bool) -> anyhow::Result<()> {
        let review = std::fs::read(review)?;
        let answer = tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(
            async {
                let client =
                    reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build()?;
                client
                    .post(&self.url)
                    .header("content-type", "application/json")
                    .body(review)
                    .send()
                    .await?
                    .error_for_status()?
                    .text()
                    .await
            },
        )?;
        let answer: serde_json::Value = serde_json::from_str(&answer)?;
        ensure!(
            answer.pointer("/response/allowed") == Some(&allowed.into()),
            "expected allowed {allowed}, found {answer}"
        );
        Ok(())
    }

    /// Processor time of every thread (`proc_pid_schedstat(5)`, the first number, in nanoseconds).
    pub(crate) fn spent(&self) -> anyhow::Result<Spent> {
        let mut threads = BTreeMap::new();
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            let thread = thread?;
            // It may have ended since.
            let Ok(text) = std::fs::read_to_string(thread.path().join("schedstat")) else {
                continue;
            };
            let time = text.split(' ').next().context("an empty schedstat")?.parse()?;
            threads.insert(
                thread.file_name().to_string_lossy().into_owned(),
                Duration::from_nanos(time),
            );
        }
        Ok(Spent(threads))
    }

    pub(crate) fn resident(&self) -> anyhow::Result<u32> {
        self.status("VmRSS:")
    }

    /// The most that was resident since the start.
    pub(crate) fn peak(&self) -> anyhow::Result<u32> {
        self.status("VmHWM:")
    }

    /// In KiB.
    fn status(&self, name: &str) -> anyhow::Result<u32> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .with_context(|| format!("no {name}"))?;
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

impl Spent {
    /// What was spent since. Of a thread that has ended nothing is known any more: only idle ones
    /// end.
    pub(crate) fn since(&self, before: &Self) -> Duration {
        self.0
            .iter()
            .map(|(thread, time)| {
                time.saturating_sub(before.0.get(thread).copied().unwrap_or_default())
            })
            .sum()
    }
}

/// The binary, built with the profile of the benchmark.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_fieldward"))
}

/// A loopback address with a port that nobody listens on.
fn free_address() -> anyhow::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

fn wait_until_ready(address: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        let mut answer = String::new();
        let Ok(mut connection) = TcpStream::connect(address) else {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        };
        write!(connection, "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        connection.read_to_string(&mut answer)?;
        if answer.starts_with("HTTP/1.1 200") {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    bail!("{address} did not become ready within a minute")
}
