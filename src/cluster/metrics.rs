//! Metrics of a process in cluster mode. Every label has a fixed set of values.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::{Gauge, GaugeVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::api_error::ErrorClass;
use super::update_rule::{NO_ROOM, NOT_KEPT, REJECTED, UpdateRuleStatus};

/// The states that a condition of an UpdateRule can have: type, status and reason. A test compares
/// them with what the status says.
pub(super) const STATES: [(&str, &str, &str); 15] = [
    ("Accepted", "True", "Valid"),
    ("Accepted", "True", NOT_KEPT),
    ("Accepted", "False", "Invalid"),
    ("Accepted", "False", "NeverAccepted"),
    ("Accepted", "False", "NoLongerAccepted"),
    ("Conflicting", "True", "HeldByAnother"),
    ("Conflicting", "False", "NoConflict"),
    ("Registered", "True", "Registered"),
    ("Registered", "False", "Failed"),
    ("Registered", "False", NO_ROOM),
    ("Registered", "False", "NotInForce"),
    ("Registered", "False", "Pending"),
    ("Registered", "False", REJECTED),
    ("SchemaWarning", "True", "NotInSchema"),
    ("SchemaWarning", "False", "Fits"),
];

/// The metrics; clones share their values.
#[derive(Debug, Clone)]
pub(crate) struct ClusterMetrics {
    present: Flag,
    in_sync: Flag,
    unregistered: IntGaugeVec,
    gate_open: IntGauge,
    lease_holder: IntGauge,
    conditions: IntGaugeVec,
    errors: IntCounterVec,
    last_error: GaugeVec,
}

/// A gauge that is 0 or 1, or NaN while nobody knows, and since when.
#[derive(Debug, Clone)]
struct Flag {
    value: Gauge,
    since: Gauge,
}

impl Flag {
    fn register(registry: &Registry, name: &str, help: &str) -> prometheus::Result<Self> {
        let since = format!("When {name} changed last, or the start of the process.");
        let (value, since) = (
            Gauge::new(name, help)?,
            Gauge::new(format!("{name}_since_timestamp_seconds"), since)?,
        );
        registry.register(Box::new(value.clone()))?;
        registry.register(Box::new(since.clone()))?;
        Ok(Self { value, since })
    }

    fn set(&self, value: Option<bool>, now: SystemTime) {
        let value = value.map_or(f64::NAN, |value| f64::from(u8::from(value)));
        if self.value.get().total_cmp(&value).is_ne() || self.since.get() <= 0.0 {
            self.since.set(seconds(now));
        }
        self.value.set(value);
    }
}

impl ClusterMetrics {
    /// Registers all metrics.
    ///
    /// # Errors
    /// Two metrics have the same name, which is a bug.
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone())).map(|()| gauge)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let gauges = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(gauges.clone())).map(|()| gauges)
        };
        let errors = IntCounterVec::new(
            Opts::new(
                "fieldward_api_errors_total",
                "Requests to the API server that failed, by class of error.",
            ),
            &["class"],
        )?;
        registry.register(Box::new(errors.clone()))?;
        let last_error = GaugeVec::new(
            Opts::new(
                "fieldward_api_last_error_timestamp_seconds",
                "When a request to the API server failed last, by class of error; 0 if none did.",
            ),
            &["class"],
        )?;
        registry.register(Box::new(last_error.clone()))?;
        let metrics = Self {
            present: Flag::register(
                registry,
                "fieldward_registration_present",
                "Whether the API server has a ValidatingWebhookConfiguration of this installation: \
                 1, 0, or NaN while that is unknown.",
            )?,
            in_sync: Flag::register(
                registry,
                "fieldward_registration_in_sync",
                "Whether all that can be registered is registered: 1 on the replica that holds the \
                 lease, or 0.",
            )?,
            unregistered: gauges(
                "fieldward_unregistered_rules",
                "Rules that cannot be registered, on the replica that holds the lease: the API \
                 server rejects them, or no configuration has room for them.",
                &["reason"],
            )?,
            gate_open: gauge(
                "fieldward_gate_open",
                "Whether this replica has seen that nothing is registered, and may not register \
                 anything: the runbook's command has opened the gate.",
            )?,
            lease_holder: gauge("fieldward_lease_holder", "Whether this replica holds the lease.")?,
            conditions: gauges(
                "fieldward_updaterule_conditions",
                "UpdateRules by the conditions in their status.",
                &["condition", "status", "reason"],
            )?,
            errors,
            last_error,
        };
        metrics.set_present(None);
        metrics.set_in_sync(false);
        // A counter that begins at zero shows its first error as an increase.
        for class in ErrorClass::ALL {
            metrics.errors.with_label_values(&[class.as_str()]).inc_by(0);
            metrics.last_error.with_label_values(&[class.as_str()]).set(0.0);
        }
        metrics.set_unregistered(0, 0);
        metrics.count_conditions(std::iter::empty());
        Ok(metrics)
    }

    /// None while nobody knows.
    pub(super) fn set_present(&self, is_present: Option<bool>) {
        self.present.set(is_present, SystemTime::now());
    }

    pub(super) fn set_in_sync(&self, is_in_sync: bool) {
        self.in_sync.set(Some(is_in_sync), SystemTime::now());
    }

    /// Counts the rules that the API server rejects, and those that no configuration has room for.
    pub(super) fn set_unregistered(&self, rejected: usize, unplaced: usize) {
        for (reason, rules) in [(REJECTED, rejected), (NO_ROOM, unplaced)] {
            let rules = i64::try_from(rules).unwrap_or(i64::MAX);
            self.unregistered.with_label_values(&[reason]).set(rules);
        }
    }

    pub(super) fn set_gate_open(&self, is_open: bool) {
        self.gate_open.set(i64::from(is_open));
    }

    pub(super) fn set_lease_holder(&self, holds: bool) {
        self.lease_holder.set(i64::from(holds));
    }

    pub(super) fn count_error(&self, class: ErrorClass) {
        self.errors.with_label_values(&[class.as_str()]).inc();
        self.last_error.with_label_values(&[class.as_str()]).set(seconds(SystemTime::now()));
    }

    /// Counts all UpdateRules anew.
    pub(super) fn count_conditions<'a>(&self, rules: impl Iterator<Item = &'a UpdateRuleStatus>) {
        let mut counts = STATES.map(|state| (state, 0));
        for condition in rules.flat_map(|status| &status.conditions) {
            let found =
                (condition.type_.as_str(), condition.status.as_str(), condition.reason.as_str());
            if let Some((_, count)) = counts.iter_mut().find(|(state, _)| *state == found) {
                *count += 1;
            }
        }
        for ((condition, status, reason), count) in counts {
            self.conditions.with_label_values(&[condition, status, reason]).set(count);
        }
    }
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
