//! How the children of a location in one object pair with those in the other.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::engine::rule::Declared;

/// How children pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pairing {
    /// Not at all: the location is compared as a whole.
    Whole,
    /// Members by name; one side may be absent where the object is intermediate to an entry.
    Members,
    /// Elements by index.
    Position,
    /// Elements by that member.
    Key(Arc<str>),
    /// Elements of a set by value.
    Membership,
    /// Not at all: the old list is keyed, the new one cannot be.
    Replaced,
}

impl Pairing {
    pub(crate) fn of(
        declared: &Declared<'_>,
        old: Option<&Value>,
        new: Option<&Value>,
        is_intermediate: impl Fn() -> bool,
    ) -> Self {
        match (old, new) {
            (Some(Value::Object(_)), Some(Value::Object(_))) => Self::Members,
            (Some(Value::Object(_)), None) | (None, Some(Value::Object(_)))
                if is_intermediate() =>
            {
                Self::Members
            }
            (Some(Value::Array(_)), Some(Value::Array(_))) if declared.is_set() => Self::Membership,
            (Some(Value::Array(old)), Some(Value::Array(new))) => match declared.key {
                Some(key) if keys_are_unique(old, key) => {
                    if keys_are_unique(new, key) {
                        Self::Key(Arc::clone(key))
                    } else {
                        Self::Replaced
                    }
                }
                _ => Self::Position,
            },
            _ => Self::Whole,
        }
    }
}

/// Whether every element is an object whose `key` is a string that no other element has.
pub(crate) fn keys_are_unique(elements: &[Value], key: &str) -> bool {
    let mut seen = BTreeSet::new();
    elements.iter().all(|element| key_of(element, key).is_some_and(|value| seen.insert(value)))
}

/// The key of an element.
pub(crate) fn key_of<'a>(element: &'a Value, key: &str) -> Option<&'a str> {
    element.get(key).and_then(Value::as_str)
}
