//! What changed in one update, at the highest locations that changed as a whole, named by the verb
//! that a rule would need.

use std::collections::BTreeMap;

use serde_json::Value;

use super::amounts::is_amount;
use super::shape::{ObservedShape, hollows, is_hollow, name_of};
use crate::engine::{Equal, OWNED, Step, Verb, respelled};

/// A change, and the equality under which it would be none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ObservedChange {
    /// With `[*]` for elements and the keys of maps as they are.
    pub(crate) path: Vec<Step>,
    pub(crate) verb: Verb,
    /// None: it is a change of what is meant.
    pub(crate) equal: Vec<(Vec<Step>, Equal)>,
    /// What it would be another spelling of, if it were an amount.
    pub(crate) spelled: Option<Equal>,
    /// Whether the recording holds masks instead of the values.
    pub(crate) is_masked: bool,
}

/// How changes are looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// An object that appears or vanishes is what is in it that does.
    pub(crate) on_the_way: bool,
    /// Other spellings are looked for, and lists of named things.
    pub(crate) equality: bool,
}

/// All changes of an update. What `is_any` of its map's keys, as the rule will have it, appears and
/// vanishes as a whole.
pub(crate) fn of(
    shape: &ObservedShape,
    reading: Reading,
    is_any: &dyn Fn(&[Step]) -> bool,
    old: &Value,
    new: &Value,
) -> Vec<ObservedChange> {
    let mut walk =
        Walk { shape, reading, is_any, path: Vec::new(), is_inside: false, found: Vec::new() };
    walk.pair(Some(old), Some(new));
    walk.found
}

struct Walk<'s> {
    shape: &'s ObservedShape,
    reading: Reading,
    is_any: &'s dyn Fn(&[Step]) -> bool,
    path: Vec<Step>,
    /// In an object that only one side has. What is empty there is meant to be there, not left out
    /// by another writer.
    is_inside: bool,
    found: Vec<ObservedChange>,
}

impl Walk<'_> {
    fn pair(&mut self, old: Option<&Value>, new: Option<&Value>) {
        if old == new || is_owned(&self.path) {
            return;
        }
        match (old, new) {
            (Some(Value::Object(_)), Some(Value::Object(_))) => self.members(old, new),
            (Some(Value::Array(one)), Some(Value::Array(two))) => self.elements(one, two),
            (Some(_), Some(_)) => self.whole(Verb::Modify, old, new),
            (None, Some(value)) | (Some(value), None) if self.is_on_the_way(value) => {
                let known = self.found.len();
                let is_inside = std::mem::replace(&mut self.is_inside, true);
                self.members(old, new);
                self.is_inside = is_inside;
                if self.found.len() == known {
                    self.whole(if old.is_none() { Verb::Set } else { Verb::Clear }, old, new);
                }
            }
            (None, _) => self.whole(Verb::Set, old, new),
            (_, None) => self.whole(Verb::Clear, old, new),
        }
    }

    /// Whether an object may appear and vanish with what is in it: only its members are entries
    /// then.
    fn is_on_the_way(&self, value: &Value) -> bool {
        let has_members = value.as_object().is_some_and(|members| !members.is_empty());
        has_members
            && self.reading.on_the_way
            && !(self.is_any)(&self.path)
            && !self.is_left_out(value)
    }

    fn is_left_out(&self, value: &Value) -> bool {
        self.reading.equality && !self.is_inside && is_hollow(value)
    }

    fn members(&mut self, old: Option<&Value>, new: Option<&Value>) {
        let mut pairs: BTreeMap<&String, (Option<&Value>, Option<&Value>)> = BTreeMap::new();
        for (key, value) in old.and_then(Value::as_object).into_iter().flatten() {
            pairs.entry(key).or_default().0 = Some(value);
        }
        for (key, value) in new.and_then(Value::as_object).into_iter().flatten() {
            pairs.entry(key).or_default().1 = Some(value);
        }
        for (key, (old, new)) in pairs {
            self.path.push(Step::Name(key.clone()));
            self.pair(old, new);
            self.path.pop();
        }
    }

    fn elements(&mut self, old: &[Value], new: &[Value]) {
        if !(self.reading.equality && self.shape.is_keyed(&self.path)) {
            for (one, two) in old.iter().zip(new) {
                self.element(one, two);
            }
            for element in old.iter().skip(new.len()) {
                self.note(Verb::RemoveItem, Some(element), None);
            }
            for element in new.iter().skip(old.len()) {
                self.note(Verb::AddItem, None, Some(element));
            }
            return;
        }
        let names =
            |list: &[Value]| list.iter().filter_map(name_of).map(str::to_owned).collect::<Vec<_>>();
        let (before, after) = (names(old), names(new));
        let find = |list: &'_ [Value], name: &str| {
            list.iter().find(|element| name_of(element) == Some(name)).cloned()
        };
        for name in &before {
            match (find(old, name), find(new, name)) {
                (Some(one), Some(two)) => self.element(&one, &two),
                (one, _) => self.note(Verb::RemoveItem, one.as_ref(), None),
            }
        }
        for name in after.iter().filter(|name| !before.contains(name)) {
            self.note(Verb::AddItem, None, find(new, name).as_ref());
        }
        let staying = |list: &[String], other: &[String]| {
            list.iter().filter(|name| other.contains(name)).cloned().collect::<Vec<_>>()
        };
        if staying(&before, &after) != staying(&after, &before) {
            self.note(Verb::Modify, None, None);
        }
    }

    /// An element that both lists have. One that changes as a whole is an item of the list that
    /// changes.
    fn element(&mut self, old: &Value, new: &Value) {
        let is_open = (old.is_object() && new.is_object()) || (old.is_array() && new.is_array());
        if old == new {
            return;
        }
        self.path.push(Step::AnyElement);
        if is_open {
            self.pair(Some(old), Some(new));
            self.path.pop();
            return;
        }
        let (equal, spelled) = self.spelling(old, new);
        self.path.pop();
        let is_masked = is_masked(Some(old)) && is_masked(Some(new));
        self.found.push(ObservedChange {
            path: self.path.clone(),
            verb: Verb::Modify,
            equal,
            spelled,
            is_masked,
        });
    }

    fn whole(&mut self, verb: Verb, old: Option<&Value>, new: Option<&Value>) {
        let (equal, spelled) = match (old, new) {
            (Some(old), Some(new)) => self.spelling(old, new),
            (None, Some(value)) | (Some(value), None) if self.is_left_out(value) => {
                let mut found = Vec::new();
                hollows(&self.path, value, &mut found);
                (
                    found.into_iter().map(|(path, value)| (path, Equal::AbsentAs(value))).collect(),
                    None,
                )
            }
            _ => (Vec::new(), None),
        };
        self.found.push(ObservedChange {
            path: self.path.clone(),
            verb,
            equal,
            spelled,
            is_masked: is_masked(old) && is_masked(new),
        });
    }

    /// Another spelling of one amount, or what would be one if the field were an amount, which
    /// nothing says.
    fn spelling(&self, old: &Value, new: &Value) -> (Vec<(Vec<Step>, Equal)>, Option<Equal>) {
        match respelled(old, new).filter(|_| self.reading.equality) {
            Some(equal) if is_amount(&self.path, &equal) => {
                (vec![(self.path.clone(), equal)], None)
            }
            spelled => (Vec::new(), spelled),
        }
    }

    fn note(&mut self, verb: Verb, old: Option<&Value>, new: Option<&Value>) {
        self.found.push(ObservedChange {
            path: self.path.clone(),
            verb,
            equal: Vec::new(),
            spelled: None,
            is_masked: is_masked(old) && is_masked(new),
        });
    }
}

/// Whether a value is what a recording has instead of one that nobody may read.
fn is_masked(value: Option<&Value>) -> bool {
    let number = value.and_then(Value::as_str).and_then(|text| text.strip_prefix("masked-"));
    number.is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Whether the API server writes it, so that it is never a change.
pub(crate) fn is_owned(path: &[Step]) -> bool {
    matches!(path, [Step::Name(metadata), Step::Name(field)] if metadata == "metadata"
        && OWNED.contains(&field.as_str()))
}
