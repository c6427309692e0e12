//! The findings of all rules that match a review as one list: each change once, ordered by path.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::canonical::{Location, Sheet};
use super::rules::Rule;
use super::verdict::{ChangeKind, Finding, Standing};
use super::words::{Change, Secrets, describe};

/// Changes of one standing that a report lists at most; violations beyond are counted.
pub(super) const MOST: usize = 256;

/// What one rule found in a review.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) rule: &'a Rule,
    pub(super) sheet: Sheet<'a>,
    pub(super) findings: Vec<Finding>,
}

/// Changes as they are reported.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Report {
    /// At most [`MOST`] violations and as many others.
    pub(super) changes: Vec<Change>,
    /// Violations in all.
    pub(super) total: usize,
}

impl Report {
    /// What these rules found together. A change is a violation if any of them has it as one.
    pub(super) fn of(found: &[&Found<'_>], secrets: &Secrets) -> Self {
        let (listed, total) = match found {
            [one] => (first(one.findings.iter().map(|finding| (*one, *finding))), one.violations()),
            several => together(several),
        };
        let changes = listed.into_iter().filter_map(|(found, finding)| describe(found.rule, secrets, &found.sheet, finding)).collect();
        Self { changes, total }
    }

    /// The violations listed.
    pub(super) fn violations(&self) -> Vec<&Change> {
        self.changes.iter().filter(|change| change.violates).collect()
    }
}

impl Found<'_> {
    /// How many violations there are.
    pub(super) fn violations(&self) -> usize {
        self.findings.iter().filter(|finding| finding.standing == Standing::Violation).count()
    }

    fn identity(&self, finding: Finding) -> Option<Identity> {
        self.sheet.get(finding.at).map(|location| Identity::of(location, finding.kind))
    }
}

/// What a change is about, whichever rule found it: the two values themselves, not equal ones elsewhere.
#[derive(PartialEq, Eq, Hash)]
struct Identity {
    old: Option<*const serde_json::Value>,
    new: Option<*const serde_json::Value>,
    kind: ChangeKind,
}

impl Identity {
    fn of(location: &Location<'_>, kind: ChangeKind) -> Self {
        Self { old: location.old.map(std::ptr::from_ref), new: location.new.map(std::ptr::from_ref), kind }
    }
}

type Listed<'f, 'a> = (&'f Found<'a>, Finding);

fn together<'f, 'a>(several: &[&'f Found<'a>]) -> (Vec<Listed<'f, 'a>>, usize) {
    let mut known: HashMap<Identity, Listed<'f, 'a>> = HashMap::new();
    for (found, finding) in several.iter().flat_map(|found| found.findings.iter().map(|finding| (*found, *finding))) {
        let Some(identity) = found.identity(finding) else { continue };
        match known.entry(identity) {
            Entry::Vacant(slot) => drop(slot.insert((found, finding))),
            Entry::Occupied(mut slot) if finding.standing == Standing::Violation && slot.get().1.standing == Standing::Permitted => {
                slot.insert((found, finding));
            }
            Entry::Occupied(_) => {}
        }
    }
    let total = known.values().filter(|(_, finding)| finding.standing == Standing::Violation).count();
    // Of each rule only what could be listed is put in order: the first of all are among the first of each.
    let own = |found: &'f Found<'a>| {
        let kept = found.findings.iter().copied().filter(|finding| {
            let holder = found.identity(*finding).and_then(|identity| known.get(&identity));
            holder.is_some_and(|(holder, held)| std::ptr::eq(*holder, found) && held == finding)
        });
        first(kept.map(|finding| (found, finding)))
    };
    let mut listed: Vec<Listed<'f, 'a>> = several.iter().flat_map(|found| own(found)).collect();
    listed.sort_by(|(one, at_one), (two, at_two)| one.sheet.segments(at_one.at).cmp(&two.sheet.segments(at_two.at)));
    (first(listed.into_iter()), total)
}

/// The first [`MOST`] of each standing.
fn first<'f, 'a>(all: impl Iterator<Item = Listed<'f, 'a>>) -> Vec<Listed<'f, 'a>> {
    let (mut violations, mut permitted) = (0, 0);
    all.filter(|(_, finding)| {
        let count = match finding.standing {
            Standing::Violation => &mut violations,
            Standing::Permitted => &mut permitted,
        };
        *count += 1;
        *count <= MOST
    })
    .collect()
}
