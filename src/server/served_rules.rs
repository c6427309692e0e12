//! The rules in force, swapped whole while reviews are judged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::watch;

use crate::engine::RuleSet;

/// How long a review waits for a rule that is registered and not loaded yet: replicas load rules at
/// different times. The API server waits longer.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The rules in force. A review is judged by those that are in force when its body is complete.
#[derive(Debug)]
pub(crate) struct ServedRules {
    in_force: ArcSwap<RuleSnapshot>,
    /// Why what was read last is not in force.
    refusal: ArcSwapOption<String>,
    /// For those who must know when others are in force.
    followed: watch::Sender<RuleSet>,
    lingering: Duration,
}

/// One set of rules, and since when it is in force.
#[derive(Debug)]
pub(crate) struct RuleSnapshot {
    addressed: RulesByPath,
    since: SystemTime,
    /// The rules that were removed or replaced, the newest first, each with when that was.
    removed: Vec<(Instant, Arc<RulesByPath>)>,
    lingering: Duration,
}

/// A set, and the parts of it that have an address of their own.
#[derive(Debug)]
struct RulesByPath {
    all: RuleSet,
    single: BTreeMap<String, RuleSet>,
}

/// Whom a review asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RuleAddress<'a> {
    All,
    Rule(&'a str),
}

impl ServedRules {
    /// Puts the first set in force. Removed rules keep judging for `lingering` what no newer rule
    /// matches.
    pub(crate) fn new(rules: RuleSet, now: SystemTime, lingering: Duration) -> Self {
        let followed = watch::Sender::new(rules.clone());
        let in_force = RuleSnapshot {
            addressed: RulesByPath::new(rules),
            since: now,
            removed: Vec::new(),
            lingering,
        };
        Self {
            in_force: ArcSwap::from_pointee(in_force),
            refusal: ArcSwapOption::empty(),
            followed,
            lingering,
        }
    }

    /// Puts another set in force; reviews that are being judged are not disturbed.
    pub(crate) fn replace(&self, rules: RuleSet, now: SystemTime) {
        let before = self.current();
        let removed = before.addressed.all.without(&rules);
        let lingering =
            before.removed.iter().filter(|(at, _)| at.elapsed() < self.lingering).cloned();
        let removed = (!removed.is_empty())
            .then(|| (Instant::now(), Arc::new(RulesByPath::new(removed))))
            .into_iter()
            .chain(lingering);
        let in_force = RuleSnapshot {
            removed: removed.collect(),
            addressed: RulesByPath::new(rules.clone()),
            since: now,
            lingering: self.lingering,
        };
        self.in_force.store(Arc::new(in_force));
        self.followed.send_replace(rules);
    }

    /// What is in force, from now on.
    pub(crate) fn follow(&self) -> watch::Receiver<RuleSet> {
        self.followed.subscribe()
    }

    /// How long a review that no rule covers may wait for a rule to be loaded; zero if removed
    /// rules do not linger either.
    pub(super) fn longest_wait(&self) -> Duration {
        LONGEST_WAIT.min(self.lingering)
    }

    /// What is in force.
    pub(crate) fn current(&self) -> Arc<RuleSnapshot> {
        self.in_force.load_full()
    }

    /// Says that what was read last is in force.
    pub(crate) fn accept(&self) {
        self.refusal.store(None);
    }

    /// Says why what was read last is not in force.
    pub(crate) fn refuse(&self, reason: String) {
        self.refusal.store(Some(Arc::new(reason)));
    }

    /// Why what was read last is not in force; none if it is.
    pub(crate) fn refusal(&self) -> Option<Arc<String>> {
        self.refusal.load_full()
    }
}

impl RuleSnapshot {
    pub(crate) fn all(&self) -> &RuleSet {
        &self.addressed.all
    }

    /// The rules that judge at an address: first those in force, then those that were removed a
    /// moment ago, the latest first.
    pub(super) fn rules_at(&self, address: RuleAddress<'_>) -> Vec<RuleSet> {
        let removed = self
            .removed
            .iter()
            .filter(|(at, _)| at.elapsed() < self.lingering)
            .map(|(_, removed)| &**removed);
        std::iter::once(&self.addressed)
            .chain(removed)
            .filter_map(|addressed| addressed.rules_at(address).cloned())
            .collect()
    }

    /// Since when, in seconds since 1970.
    pub(crate) fn since(&self) -> f64 {
        self.since.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
    }
}

impl RulesByPath {
    fn new(all: RuleSet) -> Self {
        let single =
            all.names().filter_map(|name| Some((name.to_owned(), all.only(name)?))).collect();
        Self { all, single }
    }

    fn rules_at(&self, address: RuleAddress<'_>) -> Option<&RuleSet> {
        match address {
            RuleAddress::All => Some(&self.all),
            RuleAddress::Rule(name) => self.single.get(name),
        }
    }
}
