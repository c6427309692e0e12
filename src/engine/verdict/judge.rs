//! Judges the changes of an alignment from the root down.
//!
//! A location is permitted if both sides are equal, or if its entries permit the change, or if
//! every child is permitted. Parents come first, because an entry permits everything below it; a
//! violation is then reported once, at the highest location that changed as a whole.

use super::diff;
use super::finding::{ChangeKind, ChangeVerdict, Finding};
use crate::engine::activation::ActiveEntries;
use crate::engine::alignment::{Alignment, Id, Location, Pairing, ROOT, exact};
use crate::engine::review::{Node, StrayOperation, Unjudgeable};
use crate::engine::rule::{LocalPermissions, Permissions, Rule, Verb};

/// All changes between the two objects of an alignment, ordered by path. Returns
/// [`Unjudgeable::TimedOut`] once `is_late` returns true.
pub(crate) fn judge<'i>(
    rule: &Rule,
    active_entries: &ActiveEntries<'_, 'i>,
    alignment: &Alignment<'i>,
    is_late: &dyn Fn() -> bool,
) -> Result<Vec<Finding>, Unjudgeable> {
    let differs = differing(alignment, is_late)?;
    let mut judging = Judging {
        rule,
        active_entries,
        alignment,
        deleting: is_deleting(alignment),
        states: vec![LocationState::Equal; alignment.len()],
        reorders: Vec::new(),
        lifecycle: Vec::new(),
        differs,
    };
    judging.descend();
    judging.fold();
    Ok(judging.findings())
}

/// How many locations are compared at a time.
const PART: usize = 1024;

/// For each location, whether it differs.
fn differing(
    alignment: &Alignment<'_>,
    is_late: &dyn Fn() -> bool,
) -> Result<Vec<bool>, Unjudgeable> {
    let mut differs = vec![false; alignment.len()];
    for start in (0..alignment.len()).step_by(PART) {
        if is_late() {
            return Err(Unjudgeable::TimedOut);
        }
        let (old, new) = alignment.canonical_forms(start..alignment.len().min(start + PART));
        for id in diff::changed(&old, &new)? {
            *differs.get_mut(id).ok_or(StrayOperation)? = true;
        }
    }
    Ok(differs)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LocationState {
    /// Nothing differs here or below.
    Equal,
    /// Something differs, and each child is judged for itself.
    ByChildren,
    /// Permitted with everything below, by a bare entry.
    Permitted,
    /// Permitted by a narrowed entry, with everything below except the replacement of a keyed list,
    /// which needs a bare entry.
    PermittedByVerb,
    Violation,
    /// Part of a change reported further up.
    InViolation,
    /// An intermediate object that one side lacks, with permitted parts and violations.
    PartlyPermitted,
}

struct Judging<'s, 'g, 'a> {
    rule: &'s Rule,
    active_entries: &'s ActiveEntries<'g, 'a>,
    alignment: &'s Alignment<'a>,
    deleting: bool,
    states: Vec<LocationState>,
    reorders: Vec<(Id, ChangeVerdict)>,
    /// What every rule permits, whatever it protects.
    lifecycle: Vec<Id>,
    /// By location.
    differs: Vec<bool>,
}

impl<'a> Judging<'_, '_, 'a> {
    /// Parents have lower numbers than their children, so one pass in order decides from the root
    /// down.
    fn descend(&mut self) {
        for id in 0..self.alignment.len() {
            if self.differs(id) {
                self.open(id);
            }
        }
        for id in 1..self.alignment.len() {
            if self.state(id) == LocationState::Equal {
                continue;
            }
            let Some(location) = self.alignment.get(id) else { continue };
            if self.lifecycle.binary_search(&location.parent).is_ok()
                || self.is_lifecycle(&location)
            {
                self.lifecycle.push(id);
            }
            let state = match self.state(location.parent) {
                LocationState::Permitted => LocationState::Permitted,
                LocationState::PermittedByVerb => self.below_narrowed_entry(&location),
                LocationState::Violation | LocationState::InViolation => LocationState::InViolation,
                LocationState::Equal
                | LocationState::ByChildren
                | LocationState::PartlyPermitted => self.decide(&location),
            };
            // The order of the elements that stay is a value of the list itself, so it needs a
            // permission even where every element is permitted.
            let reordered = location.pairing == Pairing::Key && self.differs(id);
            if reordered && state == LocationState::ByChildren {
                let verdict = if *self.permissions(&location).narrowed(Verb::Modify)
                    && !self.is_protected(id, &location)
                {
                    ChangeVerdict::Permitted
                } else {
                    ChangeVerdict::Violation
                };
                self.reorders.push((id, verdict));
            } else if reordered
                && matches!(state, LocationState::Permitted | LocationState::PermittedByVerb)
            {
                self.reorders.push((id, ChangeVerdict::Permitted));
            }
            self.set(id, state);
        }
    }

    /// Marks a location that differs and those above it.
    fn open(&mut self, id: Id) {
        let mut at = id;
        while self.state(at) == LocationState::Equal {
            self.set(at, LocationState::ByChildren);
            if at == ROOT {
                return;
            }
            at = self.alignment.parent(at);
        }
    }

    fn decide(&self, location: &Location<'_, 'a>) -> LocationState {
        let holder = self.alignment.get(location.parent).map(|parent| self.permissions(&parent));
        let may = Permissions::new(
            &self.permissions(location),
            &holder.unwrap_or_else(LocalPermissions::none),
        );
        if may.every || self.finalizers_shrink(location) {
            return LocationState::Permitted;
        }
        let (value, whole, container) = match (location.old, location.new) {
            (Some(_), Some(_)) if may.modify_item => return self.below_narrowed_entry(location),
            (Some(_), Some(_)) => return decide_pair(location, may.modify),
            (None, new) => (new, may.set, may.set_container),
            (old, None) => (old, may.clear, may.clear_container),
        };
        if whole || (container && value.is_some_and(Node::is_container)) {
            LocationState::Permitted
        } else if location.pairing == Pairing::Members {
            LocationState::ByChildren
        } else {
            LocationState::Violation
        }
    }

    /// Judges a location below a narrowed entry that permits the change around it. The elements of
    /// a replaced list do not pair, so no verb describes what happened to them.
    fn below_narrowed_entry(&self, location: &Location<'_, 'a>) -> LocationState {
        if self.permissions(location).every() {
            LocationState::Permitted
        } else if location.pairing == Pairing::NewUnkeyed {
            LocationState::Violation
        } else {
            LocationState::PermittedByVerb
        }
    }

    /// Judges intermediate objects that one side lacks, now that their parts are judged: such an
    /// object is one change, unless it mixes permitted parts with violations.
    fn fold(&mut self) {
        let mut parts = vec![Parts::default(); self.alignment.len()];
        // Children have higher numbers than their parents.
        for id in (1..parts.len()).rev() {
            let Some(location) = self.alignment.get(id) else { continue };
            if self.state(id) == LocationState::ByChildren && is_one_sided(&location) {
                let own = parts.get(id).copied().unwrap_or_default();
                self.set(id, own.state());
            }
            if let Some(parent) = parts.get_mut(location.parent) {
                parent.add(self.states.get(id).copied().unwrap_or(LocationState::Equal));
            }
        }
    }

    fn findings(&mut self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for id in 0..self.alignment.len() {
            if !self.differs(id) {
                continue;
            }
            let Some(location) = self.alignment.get(id) else { continue };
            let above = self.state(location.parent);
            // A part of what appears, vanishes or is replaced is reported with it.
            let inside = above != LocationState::PartlyPermitted
                && self.alignment.get(location.parent).is_some_and(|parent| {
                    is_one_sided(&parent) || parent.pairing == Pairing::Whole
                });
            let state = match above {
                LocationState::Violation | LocationState::InViolation => LocationState::InViolation,
                _ if inside => above,
                _ => self.state(id),
            };
            // An entry never permits a protected change, neither here nor as part of a larger one.
            let is_refused = matches!(
                state,
                LocationState::Permitted
                    | LocationState::PermittedByVerb
                    | LocationState::PartlyPermitted
            ) && self.is_protected(id, &location);
            if let Ok(index) = self.reorders.binary_search_by_key(&id, |(at, _)| *at) {
                self.set(id, state);
                findings.extend(self.reorders.get(index).map(|(at, verdict)| {
                    let verdict = if is_refused { ChangeVerdict::Violation } else { *verdict };
                    Finding::new(*at, ChangeKind::Reorder, verdict)
                }));
                continue;
            }
            self.set(id, if is_refused { LocationState::Violation } else { state });
            if inside && !is_refused {
                continue;
            }
            let verdict = match self.state(id) {
                LocationState::Permitted | LocationState::PermittedByVerb => {
                    ChangeVerdict::Permitted
                }
                LocationState::Violation => ChangeVerdict::Violation,
                LocationState::Equal
                | LocationState::ByChildren
                | LocationState::InViolation
                | LocationState::PartlyPermitted => continue,
            };
            findings.push(Finding::new(id, kind(&location), verdict));
        }
        findings
    }

    /// Whether no entry permits the change: the location is protected, or something below is and
    /// the elements do not pair.
    fn is_protected(&self, id: Id, location: &Location<'_, 'a>) -> bool {
        let cursor = location.cursor;
        (cursor.is_protected()
            || location.pairing == Pairing::NewUnkeyed && cursor.leads_to_protected())
            && self.lifecycle.binary_search(&id).is_err()
    }

    /// Whether what holds for every rule permits all changes here.
    fn is_lifecycle(&self, location: &Location<'_, 'a>) -> bool {
        !self.rule.protected.is_empty()
            && (self.finalizers_shrink(location)
                || location.cursor.entries().any(|index| {
                    let entry = self.rule.entries.get(index);
                    entry.is_some_and(|entry| !entry.is_documented())
                        && self.active_entries.at(index, location.sent)
                }))
    }

    fn permissions(&self, location: &Location<'_, 'a>) -> LocalPermissions<bool> {
        let entries = location.cursor.entries().filter_map(|index| {
            let entry = self.rule.entries.get(index)?;
            Some((entry.verbs, self.active_entries.at(index, location.sent)))
        });
        LocalPermissions::from_entries(entries)
    }

    /// While an object is being deleted, its finalizers may go one by one or all at once.
    fn finalizers_shrink(&self, location: &Location<'_, '_>) -> bool {
        self.deleting
            && location.cursor.is_finalizers()
            && match (location.old, location.new) {
                (Some(_), None) => true,
                (Some(old), Some(new)) if old.is_list() && new.is_list() => {
                    is_subsequence(new, old)
                }
                _ => false,
            }
    }

    fn differs(&self, id: Id) -> bool {
        self.differs.get(id).copied().unwrap_or_default()
    }

    fn state(&self, id: Id) -> LocationState {
        self.states.get(id).copied().unwrap_or(LocationState::Equal)
    }

    fn set(&mut self, id: Id, state: LocationState) {
        if let Some(slot) = self.states.get_mut(id) {
            *slot = state;
        }
    }
}

/// The judgements of the children of an intermediate object.
#[derive(Debug, Clone, Copy, Default)]
struct Parts {
    permitted: bool,
    violating: bool,
}

impl Parts {
    fn add(&mut self, child: LocationState) {
        self.permitted |= matches!(
            child,
            LocationState::Permitted
                | LocationState::PermittedByVerb
                | LocationState::PartlyPermitted
        );
        self.violating |=
            matches!(child, LocationState::Violation | LocationState::PartlyPermitted);
    }

    fn state(self) -> LocationState {
        match (self.permitted, self.violating) {
            (_, false) => LocationState::Permitted,
            (true, true) => LocationState::PartlyPermitted,
            (false, true) => LocationState::Violation,
        }
    }
}

/// Judges a location that both sides have. Where children pair, they decide.
fn decide_pair(location: &Location<'_, '_>, may_modify: bool) -> LocationState {
    match location.pairing {
        Pairing::Whole if may_modify => LocationState::Permitted,
        Pairing::Whole | Pairing::NewUnkeyed => LocationState::Violation,
        _ => LocationState::ByChildren,
    }
}

fn kind(location: &Location<'_, '_>) -> ChangeKind {
    let is_member = location.is_member();
    match (location.old, location.new) {
        (None, _) if is_member => ChangeKind::Set,
        (None, _) => ChangeKind::AddItem,
        (_, None) if is_member => ChangeKind::Clear,
        (_, None) => ChangeKind::RemoveItem,
        _ => ChangeKind::Modify,
    }
}

fn is_one_sided(location: &Location<'_, '_>) -> bool {
    location.old.is_none() != location.new.is_none()
}

fn is_deleting(alignment: &Alignment<'_>) -> bool {
    let old = alignment.get(ROOT).and_then(|root| root.sent.old);
    let timestamp = old
        .and_then(|old| old.get("metadata"))
        .and_then(|metadata| metadata.get("deletionTimestamp"));
    timestamp.is_some_and(|timestamp| !timestamp.is_null())
}

fn is_subsequence(part: Node<'_>, whole: Node<'_>) -> bool {
    let mut rest = whole.elements();
    part.elements().all(|item| {
        let wanted = exact(item);
        rest.any(|candidate| candidate == item || exact(candidate) == wanted)
    })
}
