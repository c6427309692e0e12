//! The lines of a rule that a refused change may need.

use std::collections::BTreeMap;

use serde_json::Value;

use super::reviews::Reviews;
use crate::engine::{ChangeKind, Equal, RefusedChange, Step, Verb, is_owned, respelled};

/// What a line says of the locations that its path selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Equal(LearnedEquality),
    May(Verb),
    /// A comment: the recordings mask the values.
    Masked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LearnedEquality {
    Key,
    Quantity,
    Duration,
    AbsentAsNull,
    AbsentAsEmpty,
}

impl LearnedEquality {
    /// How a rule declares it, and why.
    pub(super) fn text(self) -> (&'static str, &'static str) {
        let left_out = "left out by some who write it";
        match self {
            Self::Key => ("key: name", "every element has a name of its own"),
            Self::Quantity => ("as: Quantity", "spellings of one quantity, unless it is text"),
            Self::Duration => ("as: Duration", "spellings of one duration, unless it is text"),
            Self::AbsentAsNull => ("absentAs: null", left_out),
            Self::AbsentAsEmpty => ("absentAs: {}", left_out),
        }
    }
}

pub(super) type Line = (Vec<Step>, What);

/// Lines, each with the reviews that it was learned from.
pub(super) type Lines = BTreeMap<Line, Reviews>;

/// The equalities under which a change is none. What only a component leaves out is its own affair:
/// an equality would be everybody's.
pub(super) fn equalities(change: &RefusedChange, is_component: bool) -> Vec<Line> {
    let path = &change.path;
    match (&change.old, &change.new) {
        (Some(old), Some(new)) => match respelled(old, new) {
            Some(Equal::Quantity) => vec![(path.clone(), What::Equal(LearnedEquality::Quantity))],
            Some(Equal::Duration) => vec![(path.clone(), What::Equal(LearnedEquality::Duration))],
            _ => Vec::new(),
        },
        (None, Some(value)) | (Some(value), None)
            if !is_component && path.last().is_some_and(Step::is_member) =>
        {
            left_out(path, value).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

/// The lines under which a value counts as left out, if nothing is in it but nulls and empty
/// objects, as clients write for fields that they do not set.
fn left_out(path: &[Step], value: &Value) -> Option<Vec<Line>> {
    let mut lines = Vec::new();
    let absent_as = match value {
        Value::Null => LearnedEquality::AbsentAsNull,
        Value::Object(members) => {
            for (key, member) in members {
                lines.extend(left_out(&child(path, key), member)?);
            }
            LearnedEquality::AbsentAsEmpty
        }
        _ => return None,
    };
    lines.push((path.to_vec(), What::Equal(absent_as)));
    Some(lines)
}

/// The entries that permit a change. Of an object that appears or vanishes they are those of the
/// object and of everything in it: not all of them are needed.
pub(super) fn entries(change: &RefusedChange) -> Vec<Line> {
    let RefusedChange { path, kind, old, new } = change;
    let verb = match kind {
        ChangeKind::Set => Verb::Set,
        ChangeKind::Clear => Verb::Clear,
        ChangeKind::AddItem => Verb::AddItem,
        ChangeKind::RemoveItem => Verb::RemoveItem,
        ChangeKind::Modify | ChangeKind::Reorder => Verb::Modify,
    };
    let mut lines = Vec::new();
    match (old.as_ref().or(new.as_ref()), path.split_last()) {
        (Some(value), _) if [Verb::Set, Verb::Clear].contains(&verb) => {
            here_and_below(path, verb, value, &mut lines);
        }
        // An element that changes as a whole is an item of its list.
        (_, Some((Step::AnyElement, list))) if *kind != ChangeKind::Reorder => {
            lines.push((list.to_vec(), What::May(verb)));
        }
        _ => lines.push((path.clone(), What::May(verb))),
    }
    if is_masked(old.as_ref()) && is_masked(new.as_ref()) {
        lines.extend(lines.first().map(|(path, _)| (path.clone(), What::Masked)));
    }
    lines
}

fn here_and_below(path: &[Step], verb: Verb, value: &Value, lines: &mut Vec<Line>) {
    if !is_owned(path) {
        lines.push((path.to_vec(), What::May(verb)));
        for (key, member) in value.as_object().into_iter().flatten() {
            here_and_below(&child(path, key), verb, member, lines);
        }
    }
}

fn child(path: &[Step], key: &str) -> Vec<Step> {
    path.iter().cloned().chain([Step::Name(key.to_owned())]).collect()
}

/// Whether a recording has a token instead of a value.
fn is_masked(value: Option<&Value>) -> bool {
    let text = value.and_then(Value::as_str).and_then(|text| text.strip_prefix("masked-"));
    text.is_some_and(|number| number.parse::<u64>().is_ok())
}
