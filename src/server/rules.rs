//! The rules in force, swapped whole while reviews are judged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::engine::RuleSet;

/// The rules in force; a review is judged by those that were when its body had come.
#[derive(Debug)]
pub struct Rules {
    in_force: ArcSwap<InForce>,
    /// Why what was read last is not in force.
    refusal: ArcSwapOption<String>,
}

/// One set of rules, and since when it is in force.
#[derive(Debug)]
pub struct InForce {
    all: RuleSet,
    single: BTreeMap<String, RuleSet>,
    since: SystemTime,
}

impl Rules {
    /// Puts the first set in force.
    pub fn new(rules: RuleSet, now: SystemTime) -> Self {
        Self { in_force: ArcSwap::from_pointee(InForce::new(rules, now)), refusal: ArcSwapOption::empty() }
    }

    /// Puts another set in force; reviews that are being judged are not disturbed.
    pub fn replace(&self, rules: RuleSet, now: SystemTime) {
        self.in_force.store(Arc::new(InForce::new(rules, now)));
    }

    /// What is in force.
    pub fn current(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }

    /// Says that what was read last is in force.
    pub fn accept(&self) {
        self.refusal.store(None);
    }

    /// Says why what was read last is not in force.
    pub fn refuse(&self, reason: String) {
        self.refusal.store(Some(Arc::new(reason)));
    }

    /// Why what was read last is not in force; none if it is.
    pub fn refusal(&self) -> Option<Arc<String>> {
        self.refusal.load_full()
    }
}

impl InForce {
    fn new(all: RuleSet, since: SystemTime) -> Self {
        let single = all.names().filter_map(|name| Some((name.to_owned(), all.only(name)?))).collect();
        Self { all, single, since }
    }

    /// All rules.
    pub fn all(&self) -> &RuleSet {
        &self.all
    }

    /// The rule of that name alone.
    pub fn single(&self, name: &str) -> Option<&RuleSet> {
        self.single.get(name)
    }

    /// Since when, in seconds since 1970.
    pub fn since(&self) -> f64 {
        self.since.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
    }
}
