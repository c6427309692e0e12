//! The findings of all rules that match a review as one list: each change once, ordered by path.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::change::{Change, describe};
use super::ownership;
use super::rule_findings::RuleFindings;
use super::secrets::Secrets;
use crate::engine::alignment::{Location, MAX_REPORTED};
use crate::engine::review::{Node, Review};
use crate::engine::verdict::{ChangeKind, ChangeVerdict, Finding};

/// Changes as they are reported.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Report {
    /// At most [`MAX_REPORTED`] violations and as many others.
    pub(crate) changes: Vec<Change>,
    pub(crate) total: usize,
}

impl Report {
    /// What these rules found together. A change is a violation if any of them has it as one.
    pub(crate) fn new(review: &Review<'_>, found: &[&RuleFindings<'_>], secrets: &Secrets) -> Self {
        let (listed, total) = match found {
            [one] => (first(one.findings.iter().map(|finding| (*one, *finding))), one.violations()),
            several => together(several),
        };
        let notes = ownership::notes(review, secrets, &listed);
        let described = listed.into_iter().zip(notes);
        let changes = described
            .filter_map(|((found, finding), note)| {
                describe(found.rule, secrets, &found.alignment, finding, note)
            })
            .collect();
        Self { changes, total }
    }

    /// The violations listed.
    pub(crate) fn violations(&self) -> Vec<&Change> {
        self.changes.iter().filter(|change| change.violates).collect()
    }
}

impl RuleFindings<'_> {
    /// Each finding with what identifies it.
    fn identified(&self) -> impl Iterator<Item = (ReportedChange, Finding)> {
        // Parents have lower numbers, so each path's hash is there when its children need it.
        let mut paths: Vec<u64> = Vec::with_capacity(self.alignment.len());
        for id in 0..self.alignment.len() {
            let Some(location) = self.alignment.get(id) else { continue };
            let mut hasher = DefaultHasher::new();
            (paths.get(location.parent), &location.segment()).hash(&mut hasher);
            paths.push(hasher.finish());
        }
        self.findings.iter().filter_map(move |finding| {
            let location = self.alignment.get(finding.at())?;
            Some((
                ReportedChange::new(&location, finding.kind, *paths.get(finding.at())?),
                *finding,
            ))
        })
    }
}

/// What a change is about, whichever rule found it: the two values themselves, under the path by
/// which the rule reached them (an element has a key in one rule and an index in another).
#[derive(PartialEq, Eq, Hash)]
struct ReportedChange {
    old: Option<u32>,
    new: Option<u32>,
    path: u64,
    kind: ChangeKind,
}

impl ReportedChange {
    fn new(location: &Location<'_, '_>, kind: ChangeKind, path: u64) -> Self {
        Self {
            old: location.old.map(Node::number),
            new: location.new.map(Node::number),
            path,
            kind,
        }
    }
}

type Listed<'f, 'a> = (&'f RuleFindings<'a>, Finding);

fn together<'f, 'a>(several: &[&'f RuleFindings<'a>]) -> (Vec<Listed<'f, 'a>>, usize) {
    let mut known: HashMap<ReportedChange, Listed<'f, 'a>> = HashMap::new();
    for (found, (identity, finding)) in
        several.iter().flat_map(|found| found.identified().map(|finding| (*found, finding)))
    {
        match known.entry(identity) {
            Entry::Vacant(slot) => drop(slot.insert((found, finding))),
            Entry::Occupied(mut slot) if finding.verdict == ChangeVerdict::Violation => {
                slot.insert((found, finding));
            }
            Entry::Occupied(_) => {}
        }
    }
    let total =
        known.values().filter(|(_, finding)| finding.verdict == ChangeVerdict::Violation).count();
    // Of each rule only what could be listed is put in order: the first of all are among the first
    // of each.
    let own = |found: &'f RuleFindings<'a>| {
        let is_held = |identity: &ReportedChange, finding: &Finding| {
            known
                .get(identity)
                .is_some_and(|(holder, held)| std::ptr::eq(*holder, found) && held == finding)
        };
        first(
            found
                .identified()
                .filter(|(identity, finding)| is_held(identity, finding))
                .map(|(_, finding)| (found, finding)),
        )
    };
    let mut listed: Vec<Listed<'f, 'a>> = several.iter().flat_map(|found| own(found)).collect();
    listed.sort_by(|(one, at_one), (two, at_two)| {
        one.alignment.segments(at_one.at()).cmp(&two.alignment.segments(at_two.at()))
    });
    (first(listed.into_iter()), total)
}

/// The first [`MAX_REPORTED`] of each verdict.
fn first<'f, 'a>(all: impl Iterator<Item = Listed<'f, 'a>>) -> Vec<Listed<'f, 'a>> {
    let (mut violations, mut permitted) = (0, 0);
    all.filter(|(_, finding)| {
        let count = match finding.verdict {
            ChangeVerdict::Violation => &mut violations,
            ChangeVerdict::Permitted => &mut permitted,
        };
        *count += 1;
        *count <= MAX_REPORTED
    })
    .collect()
}
