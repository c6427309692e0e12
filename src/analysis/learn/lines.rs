//! The lines of a rule that a refused change may need.

use std::collections::BTreeMap;

use serde_json::Value;

use super::reviews::Reviews;
use crate::engine::{ChangeKind, Equal, RefusedChange, Step, Verb, is_owned, respelled};

const LEFT_OUT: &str = "left out by some who write it";
pub(super) const KEY: What = What::Equal(0, "key: name", "every element has a name of its own");
const QUANTITY: What =
    What::Equal(1, "as: Quantity", "spellings of one quantity, unless it is text");
const DURATION: What =
    What::Equal(2, "as: Duration", "spellings of one duration, unless it is text");
const ABSENT_AS_NULL: What = What::Equal(3, "absentAs: null", LEFT_OUT);
const ABSENT_AS_EMPTY: What = What::Equal(4, "absentAs: {}", LEFT_OUT);

/// What a line says of the locations that its path selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// Its place among equalities, how a rule declares it, and why.
    Equal(u8, &'static str, &'static str),
    May(Verb),
    /// A comment: the recordings mask the values.
    Masked,
}

pub(super) type Line = (Vec<Step>, What);

/// Lines, each with the reviews that it was learned from.
pub(super) type Lines<'u> = BTreeMap<Line, Reviews<'u>>;

/// The equalities under which a change is none. What only a component leaves out is its own affair:
/// an equality would be everybody's.
pub(super) fn equalities(change: &RefusedChange, is_component: bool) -> Vec<Line> {
    let path = &change.path;
    match (&change.old, &change.new) {
        (Some(old), Some(new)) => {
            let what = |equal| if equal == Equal::Quantity { QUANTITY } else { DURATION };
            respelled(old, new).map(|equal| (path.clone(), what(equal))).into_iter().collect()
        }
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
        Value::Null => ABSENT_AS_NULL,
        Value::Object(members) => {
            for (key, member) in members {
                lines.extend(left_out(&child(path, key), member)?);
            }
            ABSENT_AS_EMPTY
        }
        _ => return None,
    };
    lines.push((path.to_vec(), absent_as));
    Some(lines)
}

/// The entries that permit a change. Of an object that appears or vanishes they are those of the
/// object and of everything in it: not all of them are needed.
pub(super) fn entries(change: &RefusedChange) -> Vec<Line> {
    let RefusedChange { path, kind, old, new } = change;
    let verb = kind.verb();
    let holder = match path.split_last() {
        // An element that changes as a whole is an item of its list.
        Some((Step::AnyElement, list)) if *kind != ChangeKind::Reorder => list,
        _ => path,
    };
    let value = old.as_ref().or(new.as_ref()).filter(|_| [Verb::Set, Verb::Clear].contains(&verb));
    let mut lines = Vec::new();
    here_and_below(holder, verb, value, &mut lines);
    if is_masked(old.as_ref()) && is_masked(new.as_ref()) {
        lines.extend(lines.first().map(|(path, _)| (path.clone(), What::Masked)));
    }
    lines
}

fn here_and_below(path: &[Step], verb: Verb, value: Option<&Value>, lines: &mut Vec<Line>) {
    if !is_owned(path) {
        lines.push((path.to_vec(), What::May(verb)));
        for (key, member) in value.and_then(Value::as_object).into_iter().flatten() {
            here_and_below(&child(path, key), verb, Some(member), lines);
        }
    }
}

pub(super) fn child(path: &[Step], key: &str) -> Vec<Step> {
    [path, &[Step::Name(key.to_owned())]].concat()
}

/// Whether a recording has a token instead of a value.
fn is_masked(value: Option<&Value>) -> bool {
    let text = value.and_then(Value::as_str).and_then(|text| text.strip_prefix("masked-"));
    text.is_some_and(|number| number.parse::<u64>().is_ok())
}
