//! Equality as semantics §6 says it.

use super::rule::{At, Key, KeyTexts, Location, Reading, Rule};
use super::{Oracle, Part, duration, quantity};
use serde_json::{Map, Number, Value};
use std::collections::BTreeSet;

/// A location and what is there on both sides.
type Child<'v> = (Location, Option<&'v Value>, Option<&'v Value>);

/// The children of two containers of one kind, paired.
pub(crate) struct Children<'v> {
    pub each: Vec<Child<'v>>,
    /// False if elements of a keyed list that stay changed their order.
    pub order_kept: bool,
}

impl Oracle<'_> {
    /// §6: whether both sides, as seen, are equal.
    pub(super) fn equal(&self, at: &Location, old: Option<&Value>, new: Option<&Value>) -> bool {
        let (Some(a), Some(b)) = (old, new) else { return old.is_none() && new.is_none() };
        match self.read_as(at) {
            Some(Reading::Quantity) => {
                if let (Some(a), Some(b)) = (nano(a), nano(b)) {
                    return a == b;
                }
            }
            Some(Reading::Duration) => {
                if let (Some(a), Some(b)) = (nanoseconds(a), nanoseconds(b)) {
                    return a == b;
                }
            }
            _ => {}
        }
        if let Some(children) = self.children(at, old, new) {
            return children.order_kept
                && children.each.iter().all(|(at, old, new)| self.equal(at, *old, *new));
        }
        let containers = a.is_object() || a.is_array();
        !containers && self.equal_scalars(a, b)
    }

    /// §6: the value, or none where `absentAs` says that it counts as left out.
    pub(super) fn seen<'v>(&self, at: &Location, value: Option<&'v Value>) -> Option<&'v Value> {
        let absent = self.readings(at).find_map(|reading| match reading {
            Reading::AbsentAs(absent) => Some(absent),
            _ => None,
        });
        let left_out = |value: &Value| match absent {
            Some(absent) if self.has(Part::LeavesUp) => self.equal(at, Some(value), Some(absent)),
            Some(absent) => exact(value, absent),
            None => false,
        };
        value.filter(|value| !left_out(value))
    }

    /// What is compared in the place of these two: none unless both are containers of one kind (an
    /// absent one as §5 "on the way" says).
    pub(super) fn children<'v>(
        &self,
        at: &Location,
        old: Option<&'v Value>,
        new: Option<&'v Value>,
    ) -> Option<Children<'v>> {
        match (old, new) {
            (Some(Value::Object(old)), Some(Value::Object(new))) => {
                Some(self.members(at, Some(old), Some(new)))
            }
            (None, Some(Value::Object(members))) if self.on_the_way(at, (old, new)) => {
                Some(self.members(at, None, Some(members)))
            }
            (Some(Value::Object(members)), None) if self.on_the_way(at, (old, new)) => {
                Some(self.members(at, Some(members), None))
            }
            (Some(Value::Array(old)), Some(Value::Array(new))) => self.elements(at, old, new),
            (None, Some(Value::Array(list)))
                if self.on_the_way(at, (old, new)) && !self.has(Part::OnlyNamedObjects) =>
            {
                self.elements(at, &[], list)
            }
            (Some(Value::Array(list)), None)
                if self.on_the_way(at, (old, new)) && !self.has(Part::OnlyNamedObjects) =>
            {
                self.elements(at, list, &[])
            }
            _ => None,
        }
    }

    /// The children of two containers of one kind, of which one may be absent: none if a keyed list
    /// is replaced.
    pub(super) fn pairs<'v>(
        &self,
        at: &Location,
        old: Option<&'v Value>,
        new: Option<&'v Value>,
    ) -> Option<Children<'v>> {
        let list = |side: Option<&'v Value>| side.and_then(Value::as_array).map(Vec::as_slice);
        let object = |side: Option<&'v Value>| side.and_then(Value::as_object);
        match (list(old), list(new)) {
            (None, None) => Some(self.members(at, object(old), object(new))),
            (Some(old), Some(new)) => self.elements(at, old, new),
            (old, new) => {
                let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
                Some(self.elements(at, old, new).unwrap_or_else(|| by_position(at, old, new)))
            }
        }
    }

    fn members<'v>(
        &self,
        at: &Location,
        old: Option<&'v Map<String, Value>>,
        new: Option<&'v Map<String, Value>>,
    ) -> Children<'v> {
        let keys: BTreeSet<&String> = old.into_iter().chain(new).flat_map(Map::keys).collect();
        let child = |key: &String| {
            let at = below(at, At::Key(key.clone()));
            let old = self.seen(&at, old.and_then(|members| members.get(key)));
            let new = self.seen(&at, new.and_then(|members| members.get(key)));
            (at, old, new)
        };
        Children { each: keys.into_iter().map(child).collect(), order_kept: true }
    }

    fn elements<'v>(
        &self,
        at: &Location,
        old: &'v [Value],
        new: &'v [Value],
    ) -> Option<Children<'v>> {
        if self.read_as(at) == Some(&Reading::Set) {
            return Some(set(at, old, new));
        }
        let key = self.readings(at).find_map(|reading| match reading {
            Reading::Key(key) => Some(key),
            _ => None,
        });
        let Some(key) = key else { return Some(by_position(at, old, new)) };
        let (old_names, new_names) = (names(old, key), names(new, key));
        match (old_names, new_names) {
            (Some(old_names), Some(new_names)) => {
                let mut keyed = by_key(at, (old, &old_names), (new, &new_names));
                keyed.order_kept |= !self.has(Part::KeyedOrder) || key.any_order;
                Some(keyed)
            }
            (None, _) if self.has(Part::OldUnkeyable) || old == new => {
                Some(by_position(at, old, new))
            }
            (Some(_), None) if !self.has(Part::NewUnkeyable) => Some(by_position(at, old, new)),
            _ => None,
        }
    }

    /// What the entries of `equality` say here, in their order.
    pub(super) fn readings(&self, at: &Location) -> impl Iterator<Item = &Reading> {
        self.rule.equality.iter().filter(|entry| entry.path.reaches(at)).map(|entry| &entry.reading)
    }

    /// The first `as`.
    pub(super) fn read_as(&self, at: &Location) -> Option<&Reading> {
        self.readings(at)
            .find(|reading| matches!(reading, Reading::Quantity | Reading::Duration | Reading::Set))
    }

    fn equal_scalars(&self, a: &Value, b: &Value) -> bool {
        if self.has(Part::NumbersByValue) { exact(a, b) } else { a == b }
    }
}

/// §6: JSON equality, with nothing declared.
pub(crate) fn exact(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| exact(value, other)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| exact(a, b))
        }
        (Value::Number(a), Value::Number(b)) => match (integer(a), integer(b)) {
            (None, None) => a.as_f64() == b.as_f64(),
            (a, b) => a == b,
        },
        _ => a == b,
    }
}

/// The value of a number that is an integer of at most 64 bits, however it is written.
fn integer(number: &Number) -> Option<i128> {
    if let Some(integer) = number.as_i128() {
        return Some(integer);
    }
    let float = number.as_f64()?;
    let fits = float.fract() == 0.0
        && (-9_223_372_036_854_775_808.0..18_446_744_073_709_551_616.0).contains(&float);
    #[expect(clippy::cast_possible_truncation, reason = "integral and within 64 bits")]
    fits.then_some(float as i128)
}

/// A quantity may be a string or a number.
fn nano(value: &Value) -> Option<i128> {
    match value {
        Value::String(text) => quantity::nano(text),
        Value::Number(number) => quantity::nano(&number.to_string()),
        _ => None,
    }
}

fn nanoseconds(value: &Value) -> Option<i128> {
    duration::nanoseconds(value.as_str()?)
}

fn below(at: &Location, step: At) -> Location {
    let mut at = at.clone();
    at.push(step);
    at
}

fn by_position<'v>(at: &Location, old: &'v [Value], new: &'v [Value]) -> Children<'v> {
    let each = (0..old.len().max(new.len()))
        .map(|index| (below(at, At::Index(index)), old.get(index), new.get(index)));
    Children { each: each.collect(), order_kept: true }
}

/// The keys of the elements of a list, or none if it cannot be keyed.
pub(crate) fn names(list: &[Value], key: &Key) -> Option<Vec<KeyTexts>> {
    let names: Vec<KeyTexts> =
        list.iter().map(|element| name(element, key)).collect::<Option<_>>()?;
    let repeated = (1..names.len()).any(|index| names[..index].contains(&names[index]));
    (!repeated).then_some(names)
}

/// The key of an element. A member that is null has its default, too.
pub(crate) fn name(element: &Value, key: &Key) -> Option<KeyTexts> {
    let members = element.as_object()?;
    let value = |(name, default): &(String, Option<Value>)| {
        let given = members.get(name).filter(|value| !value.is_null());
        let text = match given.or(default.as_ref())? {
            Value::Number(number) => integer(number)?.to_string(),
            value @ (Value::String(_) | Value::Bool(_)) => value.to_string(),
            _ => return None,
        };
        Some((name.clone(), text))
    };
    key.members.iter().map(value).collect()
}

/// What stands at a location of an object as it was sent.
pub(crate) fn value_at<'v>(rule: &Rule, object: &'v Value, at: &[At]) -> Option<&'v Value> {
    let Some((step, above)) = at.split_last() else { return Some(object) };
    let value = value_at(rule, object, above)?;
    match step {
        At::Key(key) => value.as_object()?.get(key),
        At::Index(index) | At::Member(index) => value.as_array()?.get(*index),
        At::Named(own) => {
            let key = rule.equality.iter().find_map(|entry| match &entry.reading {
                Reading::Key(key) if entry.path.reaches(above) => Some(key),
                _ => None,
            });
            let key = key?;
            value.as_array()?.iter().find(|element| name(element, key).as_ref() == Some(own))
        }
    }
}

fn by_key<'v>(
    at: &Location,
    (old, old_names): (&'v [Value], &[KeyTexts]),
    (new, new_names): (&'v [Value], &[KeyTexts]),
) -> Children<'v> {
    let find = |list: &'v [Value], names: &[KeyTexts], name: &KeyTexts| {
        names.iter().position(|other| other == name).map(|index| &list[index])
    };
    let gone = old_names.iter().filter(|name| !new_names.contains(name));
    let each = new_names.iter().chain(gone).map(|name| {
        let at = below(at, At::Named(name.clone()));
        (at, find(old, old_names, name), find(new, new_names, name))
    });
    let stay_old = old_names.iter().filter(|name| new_names.contains(name));
    let stay_new = new_names.iter().filter(|name| old_names.contains(name));
    Children { each: each.collect(), order_kept: stay_old.eq(stay_new) }
}

/// The members that come and go; those on both sides are equal by definition.
fn set<'v>(at: &Location, old: &'v [Value], new: &'v [Value]) -> Children<'v> {
    let has = |list: &[Value], value: &Value| list.iter().any(|other| exact(other, value));
    let mut each: Vec<Child<'v>> = Vec::new();
    for (index, value) in old.iter().enumerate() {
        if !has(new, value) && !has(&old[..index], value) {
            each.push((below(at, At::Member(index)), Some(value), None));
        }
    }
    for (index, value) in new.iter().enumerate() {
        if !has(old, value) && !has(&new[..index], value) {
            each.push((below(at, At::Member(index)), None, Some(value)));
        }
    }
    Children { each, order_kept: true }
}
