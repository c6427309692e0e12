//! What a trial showed, as a row of the table in tests/controllers/README.md.
//!
//! `FIELDWARD_BLESS=1 FIELDWARD_TIER=controllers cargo test --locked --test it` renews the table.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::cases::judged_alike;
use super::scene::{Scene, USER};
use super::tally::{Guarded, only_the_user_is_denied, tally};
use crate::corpus::root;
use crate::golden;

/// What a trial counts itself.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    lifecycles: AtomicUsize,
    spellings: AtomicUsize,
    forbidden: AtomicUsize,
}

impl Counts {
    /// Awaits a lifecycle, and counts it.
    pub(crate) async fn lifecycle<T>(&self, lifecycle: impl Future<Output = T>) -> T {
        let end = lifecycle.await;
        self.lifecycles.fetch_add(1, Ordering::Relaxed);
        end
    }

    /// Counts objects that a controller has written, each in another spelling.
    pub(crate) fn spellings(&self, spellings: usize) {
        self.spellings.fetch_add(spellings, Ordering::Relaxed);
    }

    /// Counts an update that the rules forbid and the user sent.
    pub(crate) fn forbidden(&self) {
        self.forbidden.fetch_add(1, Ordering::Relaxed);
    }
}

/// One row is written at a time.
static TABLE: Mutex<()> = Mutex::new(());

/// Prints a trial's row and compares it with the table, except for the number of writes, which
/// varies from run to run.
///
/// Fails if fieldward denied an update of anybody but the user, or if an update of a guarded kind
/// was stored against a rule.
pub(crate) fn conclude(scene: &Scene, trial: &str) {
    let (mut writes, mut denied, mut stored) = (0, 0, 0);
    for (group, resource) in scene.rules.guarded() {
        let guarded = Guarded { group: &group, resource: &resource };
        let updates = tally(scene, guarded);
        only_the_user_is_denied(scene, guarded, &updates);
        stored += updates.values().map(|counts| counts.stored_against_the_rule).sum::<usize>();
        for (_, counts) in updates.iter().filter(|(requester, _)| *requester != USER) {
            writes += counts.seen;
            denied += counts.denied;
        }
    }
    assert!(judged_alike(scene) > 0, "nothing was recorded");
    let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed).to_string();
    let counts = &scene.counts;
    let row = [
        trial.to_owned(),
        count(&counts.lifecycles),
        count(&counts.spellings),
        writes.to_string(),
        denied.to_string(),
        count(&counts.forbidden),
        stored.to_string(),
    ];
    eprintln!("controllers: {}", line(&row));
    compare(row);
}

/// Puts the row in the place of the one with its name.
fn compare(row: [String; 7]) {
    const WRITES: usize = 3;
    let _lock = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
    let file = root().join("tests/controllers/README.md");
    let text = fs::read_to_string(&file).unwrap();
    let start = format!("| {} |", row[0]);
    let known = text.lines().find(|line| line.starts_with(&start));
    let known = known.unwrap_or_else(|| panic!("{} has no row {start}", file.display()));
    let with = |row: &[String; 7]| text.replace(known, &line(row));
    if !golden::renew(&file, &with(&row)) {
        let writes = known.split('|').nth(WRITES + 1).unwrap_or_default().trim().to_owned();
        let mut row = row;
        row[WRITES] = writes;
        golden::compare(&file, &with(&row));
    }
}

fn line(row: &[String; 7]) -> String {
    format!("| {} |", row.join(" | "))
}
