//! What Prometheus is told. Labels are rule, decision, code and outcome only: nothing that a
//! request can make up.

use std::time::Duration;

use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use super::record::Recorded;
use super::served_rules::ServedRules;
use crate::engine::Reply;

/// The content type of the rendered metrics.
pub(crate) const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// All metrics of one server.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    reviews: IntCounterVec,
    duration: Histogram,
    violations: IntCounterVec,
    errors: IntCounterVec,
    condition_errors: IntCounterVec,
    recordings: IntCounterVec,
    rules: IntGauge,
    rules_digest: IntGauge,
    rules_since: Gauge,
    rules_accepted: IntGauge,
    certificate_expiry: IntGauge,
}

impl Metrics {
    /// Metrics in this registry, all at zero.
    ///
    /// # Errors
    /// Two metrics have the same name, which is a bug.
    pub(crate) fn new(registry: Registry) -> prometheus::Result<Self> {
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone())).map(|()| counters)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone())).map(|()| gauge)
        };
        let buckets = prometheus::exponential_buckets(25e-6, 2.0, 18)?;
        let duration = Histogram::with_opts(
            HistogramOpts::new(
                "fieldward_review_duration_seconds",
                "Time from a review's last byte to its answer.",
            )
            .buckets(buckets),
        )?;
        registry.register(Box::new(duration.clone()))?;
        let rules_since = Gauge::new(
            "fieldward_rules_last_reload_success_timestamp_seconds",
            "When the rules in force were loaded.",
        )?;
        registry.register(Box::new(rules_since.clone()))?;
        let build = IntGaugeVec::new(
            Opts::new("fieldward_build_info", "Which fieldward this is."),
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(build))?;
        #[cfg(target_os = "linux")]
        registry.register(Box::new(super::process::ProcessCollector::new()?))?;
        let metrics = Self {
            reviews: counters(
                "fieldward_reviews_total",
                "Reviews judged, by rule and decision.",
                &["rule", "decision"],
            )?,
            duration,
            violations: counters(
                "fieldward_violations_total",
                "Changes outside the fields that may change, by rule.",
                &["rule"],
            )?,
            errors: counters(
                "fieldward_review_errors_total",
                "Requests that got no verdict of a rule, by code.",
                &["code"],
            )?,
            condition_errors: counters(
                "fieldward_condition_errors_total",
                "Evaluations of conditions that could not be decided and granted nothing, by rule.",
                &["rule"],
            )?,
            recordings: counters(
                "fieldward_recordings_total",
                "Reviews that were to be recorded, by what became of them.",
                &["outcome"],
            )?,
            rules: gauge("fieldward_rules", "Rules in force.")?,
            rules_digest: gauge(
                "fieldward_rules_digest",
                "The first 48 bits of the digest of the rules in force and of the exemptions from \
                 all of them.",
            )?,
            rules_since,
            rules_accepted: gauge(
                "fieldward_rules_last_reload_successful",
                "Whether the rules that were read last are in force: 1, or 0 if they were refused \
                 and older ones stay.",
            )?,
            certificate_expiry: gauge(
                "fieldward_tls_certificate_expiry_timestamp_seconds",
                "When the certificate in force expires.",
            )?,
            registry,
        };
        for recorded in Recorded::ALL {
            metrics.recordings.with_label_values(&[recorded.as_str()]).inc_by(0);
        }
        Ok(metrics)
    }

    /// Counts one reply of the engine.
    pub(super) fn observe(&self, reply: &Reply, took: Duration) {
        self.duration.observe(took.as_secs_f64());
        for outcome in reply.rules() {
            let rule = outcome.rule.as_str();
            self.reviews.with_label_values(&[rule, outcome.decision.as_str()]).inc();
            if outcome.violations > 0 {
                self.violations.with_label_values(&[rule]).inc_by(outcome.violations as u64);
            }
        }
        for failure in &reply.condition_failures {
            self.condition_errors
                .with_label_values(&[failure.rule.as_str()])
                .inc_by(failure.times as u64);
        }
        if let Some(code) = reply.error_code() {
            self.error(code);
        }
    }

    /// Counts one request that got no verdict.
    pub(super) fn error(&self, code: u16) {
        self.errors.with_label_values(&[code.to_string()]).inc();
    }

    /// Counts one review that was to be recorded.
    pub(super) fn recorded(&self, recorded: Recorded) {
        self.recordings.with_label_values(&[recorded.as_str()]).inc();
    }

    /// All metrics as text, with what is in force now.
    pub(super) fn render(&self, rules: &ServedRules, certificate_expires_at: i64) -> Vec<u8> {
        let in_force = rules.current();
        let all = in_force.all();
        self.rules.set(i64::try_from(all.len()).unwrap_or(i64::MAX));
        self.rules_digest.set(start_of(all.digest()));
        // Prometheus sees an increase only of a series that it has scraped before.
        for rule in all.names() {
            self.condition_errors.with_label_values(&[rule]).inc_by(0);
        }
        self.rules_since.set(in_force.since());
        self.rules_accepted.set(i64::from(rules.refusal().is_none()));
        self.certificate_expiry.set(certificate_expires_at);
        self.text()
    }

    /// All metrics as text, as they are.
    pub(super) fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics cannot be written");
        }
        text
    }
}

/// The first 48 bits of a digest in hexadecimal digits: a sample is a double, which holds 53 bits
/// exactly.
fn start_of(digest: &str) -> i64 {
    digest.get(..12).and_then(|start| i64::from_str_radix(start, 16).ok()).unwrap_or_default()
}
