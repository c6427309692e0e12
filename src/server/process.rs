//! The metrics of this process that Prometheus' client libraries define: `process_*`, read from
//! /proc at each scrape.

use procfs::process::{LimitValue, Process};
use procfs::{ProcResult, WithCurrentSystemInfo};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge};

/// Reads the metrics when it is asked for them. The library's own collector rounds processor time
/// to whole seconds.
#[derive(Debug)]
pub(super) struct ProcessCollector {
    descriptions: Vec<Desc>,
}

impl ProcessCollector {
    /// A collector for this process.
    pub(super) fn new() -> prometheus::Result<Self> {
        let families = Sample::default().families()?;
        let description = |family: &MetricFamily| {
            Desc::new(
                family.name().to_owned(),
                family.help().to_owned(),
                Vec::new(),
                std::collections::HashMap::new(),
            )
        };
        Ok(Self {
            descriptions: families.iter().map(description).collect::<prometheus::Result<_>>()?,
        })
    }
}

impl Collector for ProcessCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let sample =
            Sample::read().inspect_err(|error| tracing::debug!(%error, "/proc cannot be read"));
        sample.ok().and_then(|sample| sample.families().ok()).unwrap_or_default()
    }
}

#[derive(Debug, Default)]
struct Sample {
    cpu_seconds: f64,
    open_files: f64,
    most_files: f64,
    virtual_bytes: f64,
    resident_bytes: f64,
    started_at: f64,
    threads: f64,
}

impl Sample {
    #[expect(clippy::cast_precision_loss, reason = "none of the numbers comes near 2^52")]
    fn read() -> ProcResult<Self> {
        let process = Process::myself()?;
        let stat = process.stat()?;
        let ticks = procfs::ticks_per_second() as f64;
        let most_files = match process.limits()?.max_open_files.soft_limit {
            LimitValue::Value(most) => most as f64,
            LimitValue::Unlimited => f64::INFINITY,
        };
        Ok(Self {
            cpu_seconds: (stat.utime + stat.stime) as f64 / ticks,
            open_files: process.fd_count()? as f64,
            most_files,
            virtual_bytes: stat.vsize as f64,
            resident_bytes: stat.rss_bytes().get() as f64,
            started_at: procfs::boot_time_secs()? as f64 + stat.starttime as f64 / ticks,
            threads: stat.num_threads as f64,
        })
    }

    fn families(&self) -> prometheus::Result<Vec<MetricFamily>> {
        let cpu = Counter::new(
            "process_cpu_seconds_total",
            "Total user and system CPU time spent in seconds.",
        )?;
        cpu.inc_by(self.cpu_seconds);
        let mut families = cpu.collect();
        for (name, help, value) in [
            ("process_open_fds", "Number of open file descriptors.", self.open_files),
            ("process_max_fds", "Maximum number of open file descriptors.", self.most_files),
            ("process_virtual_memory_bytes", "Virtual memory size in bytes.", self.virtual_bytes),
            (
                "process_resident_memory_bytes",
                "Resident memory size in bytes.",
                self.resident_bytes,
            ),
            (
                "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds.",
                self.started_at,
            ),
            ("process_threads", "Number of OS threads in the process.", self.threads),
        ] {
            let gauge = Gauge::new(name, help)?;
            gauge.set(value);
            families.extend(gauge.collect());
        }
        Ok(families)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn processor_time_has_fractions() {
        let seconds = || Sample::read().unwrap().cpu_seconds;
        let (before, started) = (seconds(), Instant::now());
        while seconds() < before + 0.05 {
            assert!(started.elapsed() < Duration::from_secs(60));
        }
        assert!(seconds() < before + 1.0, "far less than a second of it was spent");
    }

    #[test]
    fn all_metrics_are_described() {
        let collector = ProcessCollector::new().unwrap();
        let names: Vec<String> =
            collector.collect().iter().map(|family| family.name().to_owned()).collect();
        assert_eq!(
            names,
            collector
                .desc()
                .iter()
                .map(|description| description.fq_name.clone())
                .collect::<Vec<_>>()
        );
        assert_eq!(names.len(), 7);
    }
}
