//! What helps with a refused change: whose value it touches (the field manager that last wrote it,
//! and the requesters to whom the rule grants the field), that the rule protects it from everybody,
//! and why a list does not pair by its key.

use std::collections::BTreeSet;

use super::managed_fields::{FieldStep, FieldWriter, last_writers};
use crate::engine::alignment::{Alignment, Id, KeyFault, Pairing, ROOT, Segment, list_fault};
use crate::engine::answer::change::field_of;
use crate::engine::answer::messages::granted_text;
use crate::engine::answer::rule_findings::RuleFindings;
use crate::engine::answer::secrets::Secrets;
use crate::engine::review::{Node, NodeKind, Review};
use crate::engine::rule::{Condition, Entry, ProtectionOrigin, Rule, Verb, cut, escape_control};
use crate::engine::verdict::{ChangeKind, ChangeVerdict, Finding};

/// How many violations of a review are looked up at most.
const MOST: usize = 32;

/// How many different owners are named at most.
const MOST_OWNERS: usize = 4;

/// Bytes of a field manager's name or of a list of requesters, at most.
const NAME: usize = 128;

/// Bytes of a field path, or of a list of requesters and conditions, at most.
const FIELD: usize = 2 * NAME;

/// How many lists that do not pair by their key are reported at most.
const MOST_LISTS: usize = 8;

/// How to keep a value of somebody else.
const KEEP: &str = "; to keep the value, take it from the live object";

/// What is said once of several changes.
const MORE: &str = "; the same holds for other changes below";

/// For each finding whose value it touches and how to keep it. Each owner is named once, at the
/// first violation.
pub(crate) fn notes(
    review: &Review<'_>,
    secrets: &Secrets,
    listed: &[(&RuleFindings<'_>, Finding)],
) -> Vec<Option<String>> {
    let mut notes = vec![None; listed.len()];
    let is_violation = |(_, (_, finding)): &(usize, &(&RuleFindings<'_>, Finding))| {
        finding.verdict == ChangeVerdict::Violation
    };
    let violations: Vec<(usize, &(&RuleFindings<'_>, Finding))> =
        listed.iter().enumerate().filter(is_violation).take(MOST).collect();
    if violations.is_empty() {
        return notes;
    }
    let paths: Vec<Vec<FieldStep<'_>>> = violations
        .iter()
        .map(|(_, (found, finding))| old_path(&found.alignment, finding.at()))
        .collect();
    let writers = last_writers(review.managed_fields(), review.field_manager(), &paths);
    let mut owners: Vec<(String, usize, usize)> = Vec::new();
    for (((index, (found, finding)), writer), path) in
        violations.into_iter().zip(writers).zip(&paths)
    {
        // A requester who writes another value means it; one whose manifest lacks the value never
        // had it.
        let vanishes = matches!(finding.kind, ChangeKind::Clear | ChangeKind::RemoveItem);
        let wrote = writer
            .filter(|_| vanishes || becomes_empty(&found.alignment, *finding))
            .map(|writer| wrote_text(&writer, secrets, &found.alignment, finding.at(), path.len()));
        let granted = granted_text(granted(review, found.rule, &found.alignment, *finding))
            .map(|text| cut(&text, FIELD));
        let is_lost = (vanishes && granted.is_some()) || wrote.is_some();
        let protected = protected_text(found, *finding);
        let owner: Vec<String> = protected.into_iter().chain(wrote).chain(granted).collect();
        let owner = owner.join("; ") + if is_lost { KEEP } else { "" };
        let fault = fault_text(secrets, &found.alignment, finding.at());
        let parts = [Some(owner).filter(|owner| !owner.is_empty()), fault];
        let text = parts.into_iter().flatten().collect::<Vec<_>>().join("; ");
        if text.is_empty() {
            continue;
        }
        match owners.iter_mut().find(|(known, ..)| *known == text) {
            Some((.., count)) => *count += 1,
            None => owners.push((text, index, 1)),
        }
    }
    for (text, index, count) in owners.into_iter().take(MOST_OWNERS) {
        if let Some(note) = notes.get_mut(index) {
            *note = Some(text + if count > 1 { MORE } else { "" });
        }
    }
    notes
}

/// By which path the rule's document protects what changed, at it or below.
fn protected_text(found: &RuleFindings<'_>, finding: Finding) -> Option<String> {
    let RuleFindings { rule, alignment, .. } = found;
    let listed = |index: usize| {
        let protection = rule.protected().get(index)?;
        (protection.origin == ProtectionOrigin::Listed)
            .then(|| cut(&escape_control(&protection.path.to_string()), NAME))
    };
    let at = alignment.get(finding.at())?;
    if !at.cursor.is_protected() {
        // The elements of a list do not pair.
        let mut below = at.cursor.protected_here_or_below().into_iter();
        return below
            .find_map(listed)
            .map(|path| {
                format!("the rule protects {path}, and the elements of this list do not pair")
            })
            .filter(|_| at.pairing == Pairing::NewUnkeyed);
    }
    alignment
        .ancestry(finding.at())
        .find_map(|above| above.cursor.protected().find_map(listed))
        .map(|path| format!("protected by the rule ({path})"))
}

/// Whether an empty value takes the place of the old one.
fn becomes_empty(alignment: &Alignment<'_>, finding: Finding) -> bool {
    let is_empty = |value: Node<'_>| match value.kind() {
        NodeKind::Null => true,
        NodeKind::Bool => value.text() == "false",
        NodeKind::Number => value.to_value().as_f64() == Some(0.0),
        NodeKind::String => value.as_str() == Some(""),
        NodeKind::List | NodeKind::Object => value.is_empty(),
    };
    finding.kind == ChangeKind::Modify
        && alignment.get(finding.at()).and_then(|location| location.new).is_some_and(is_empty)
}

/// The path of a location in the old object; empty if the old object has nothing there.
fn old_path<'a>(alignment: &Alignment<'a>, at: Id) -> Vec<FieldStep<'a>> {
    let mut path = Vec::new();
    if alignment.get(at).is_none_or(|location| location.old.is_none()) {
        return path;
    }
    for location in alignment.ancestry(at) {
        let step = match (location.segment(), location.old) {
            (Segment::Member(name), _) => FieldStep::Member(name),
            (Segment::Index(index), Some(value)) => {
                FieldStep::Element { index: Some(index), value }
            }
            (Segment::Keyed { .. }, Some(value)) => FieldStep::Element { index: None, value },
            (_, None) => return Vec::new(),
        };
        path.push(step);
    }
    path.reverse();
    path
}

/// Why the list at a location or above it does not pair by the key that the rule declares.
fn fault_text(secrets: &Secrets, alignment: &Alignment<'_>, at: Id) -> Option<String> {
    let above = |id: &Id| (*id != ROOT).then(|| alignment.parent(*id));
    std::iter::successors(Some(at), above).find_map(|id| list_fault_text(secrets, alignment, id))
}

/// Why each of the first lists that differ does not pair by the key that the rule declares.
pub(crate) fn list_faults(secrets: &Secrets, alignment: &Alignment<'_>) -> Vec<String> {
    let faults = alignment.lists_without_key();
    faults.filter_map(|id| list_fault_text(secrets, alignment, id)).take(MOST_LISTS).collect()
}

/// Why the list at a location does not pair by the key that the rule declares.
fn list_fault_text(secrets: &Secrets, alignment: &Alignment<'_>, id: Id) -> Option<String> {
    let location = alignment.get(id)?;
    let (index, fault) = list_fault(&location)?;
    let list = cut(&field_of(secrets, alignment, id), FIELD);
    let named = |name: &str| cut(&escape_control(name), NAME);
    let fault = match fault {
        KeyFault::NoObject => "is not an object".to_owned(),
        KeyFault::Missing(name) => format!("has no `{}`", named(name)),
        KeyFault::OtherKind(name) => {
            format!("has no string, integer or boolean as `{}`", named(name))
        }
        KeyFault::Repeated => "has the key of an earlier element".to_owned(),
    };
    let key = location.cursor.declared().key?;
    let (follows, side) = match location.pairing {
        Pairing::NewUnkeyed => ("counts as replaced", "new"),
        _ => ("compares by position", "old"),
    };
    Some(format!(
        "`{list}` {follows}: its key is `{key}`, and element {index} of the {side} list {fault}"
    ))
}

fn wrote_text(
    writer: &FieldWriter,
    secrets: &Secrets,
    alignment: &Alignment<'_>,
    at: Id,
    length: usize,
) -> String {
    let name = |text: &str| escape_control(&cut(text, NAME));
    let through = if writer.subresource.is_empty() {
        String::new()
    } else {
        format!(" through the subresource {}", name(&writer.subresource))
    };
    let above = (writer.depth..length).fold(at, |id, _| alignment.parent(id));
    let whole = if above == at {
        String::new()
    } else {
        format!(" as part of {}", cut(&field_of(secrets, alignment, above), FIELD))
    };
    format!("last written by field manager {}{through}{whole}", name(&writer.manager))
}

/// The entries that permit other requesters to make a change: those whose path ends there, and
/// those above it whose verbs reach down to it. One whose condition is about its own value is left
/// out if it is above, or permits another change: nobody can tell from the message what that value
/// is.
fn granted<'r>(
    review: &Review<'_>,
    rule: &'r Rule,
    alignment: &Alignment<'_>,
    finding: Finding,
) -> impl Iterator<Item = &'r Entry> {
    let covers = |entry: &Entry| entry.verbs.has(finding.kind.verb());
    let items: &[Verb] = match finding.kind {
        ChangeKind::Set | ChangeKind::AddItem => &[Verb::AddItem],
        // Whoever may add the item has perhaps written it.
        ChangeKind::Clear | ChangeKind::RemoveItem => &[Verb::AddItem, Verb::RemoveItem],
        ChangeKind::Modify | ChangeKind::Reorder => &[Verb::Modify],
    };
    let mut entries = BTreeSet::new();
    for (distance, location) in alignment.ancestry(finding.at()).enumerate() {
        let reaches = |entry: &Entry| match distance {
            0 => true,
            1 => items.iter().any(|verb| entry.verbs.has(*verb)),
            _ => entry.verbs.has(Verb::Modify),
        };
        let is_about_its_value =
            |entry: &Entry| entry.when.as_ref().is_some_and(Condition::depends_on_the_value);
        entries.extend(location.cursor.entries().filter(|index| {
            let entry = rule.entries.get(*index);
            entry.is_some_and(|entry| {
                let is_told = distance == 0 && covers(entry) || !is_about_its_value(entry);
                reaches(entry) && is_told
            })
        }));
    }
    let is_protected =
        alignment.get(finding.at()).is_some_and(|location| location.cursor.is_protected());
    let is_others =
        move |entry: &&Entry| !is_protected && !entry.is_for(&review.user, &review.groups);
    entries
        .into_iter()
        .filter_map(|index| rule.entries.get(index))
        .filter(|entry| entry.is_documented())
        .filter(is_others)
}
