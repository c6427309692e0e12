//! The load generator: h2load, of nghttp2.

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

impl fmt::Display for Protocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        })
    }
}

/// One run of h2load.
pub(crate) struct Load<'a> {
    pub(crate) url: &'a str,
    pub(crate) body: &'a Path,
    pub(crate) protocol: Protocol,
    /// As many requests are under way at once.
    pub(crate) connections: u32,
    pub(crate) requests: u32,
}

/// What clients saw.
pub(crate) struct Seen {
    pub(crate) per_second: f64,
    /// Microseconds of each request, sorted.
    times: Vec<u32>,
}

impl Seen {
    /// Microseconds in which that part of the requests was answered; none if there were too few to
    /// tell.
    pub(crate) fn percentile(&self, per_mille: usize) -> Option<f64> {
        let beyond = self.times.len() * (1000 - per_mille) / 1000;
        if beyond == 0 {
            return None;
        }
        self.times.get(self.times.len() - beyond - 1).copied().map(f64::from)
    }
}

pub(crate) fn ensure_installed() -> anyhow::Result<()> {
    let run = Command::new("h2load").arg("--version").stdout(Stdio::null()).status();
    run.context("h2load is missing; install the package nghttp2-client").map(drop)
}

impl Load<'_> {
    /// Sends all requests, of which every one must be answered with 2xx.
    pub(crate) fn run(&self) -> anyhow::Result<Seen> {
        let folder = tempfile::tempdir()?;
        let log = folder.path().join("log");
        let output = Command::new("h2load")
            .args((self.protocol == Protocol::Http1).then_some("--h1"))
            .args(["-c", &self.connections.to_string(), "-n", &self.requests.to_string()])
            .args(["-H", "content-type: application/json", "-d"])
            .arg(self.body)
            .arg(format!("--log-file={}", log.display()))
            .arg(self.url)
            .output()?;
        let report = String::from_utf8_lossy(&output.stdout);
        let per_second = report.split(" req/s").next().and_then(|before| before.rsplit(' ').next());
        let per_second = per_second
            .and_then(|number| number.parse().ok())
            .with_context(|| format!("h2load reported no rate: {report}"))?;
        let mut times = Vec::new();
        for line in std::fs::read_to_string(log)?.lines() {
            let mut columns = line.split('\t').skip(1);
            let (status, time) =
                (columns.next().context("no status")?, columns.next().context("no time")?);
            ensure!(status.starts_with('2'), "a request was answered with {status}: {report}");
            times.push(time.parse()?);
        }
        ensure!(
            times.len() == usize::try_from(self.requests)?,
            "not every request was answered: {report}"
        );
        times.sort_unstable();
        Ok(Seen { per_second, times })
    }
}
