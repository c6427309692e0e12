//! What the recorded objects tell of their own schema: which lists are lists of named things, which
//! objects are maps.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::engine::{Path, Step};

/// The member by which lists of named things are told apart.
pub(crate) const KEY: &str = "name";

/// Members that are maps in every API of Kubernetes.
const MAPS: [&str; 10] = [
    "labels",
    "annotations",
    "matchLabels",
    "nodeSelector",
    "limits",
    "requests",
    "data",
    "stringData",
    "binaryData",
    "parameters",
];

/// Lists and maps, by their paths with `[*]` for elements.
#[derive(Debug, Default)]
pub(crate) struct ObservedShape {
    /// Lists, and whether each of their elements has a name of its own.
    lists: BTreeMap<Vec<Step>, bool>,
    maps: BTreeSet<Vec<Step>>,
}

impl ObservedShape {
    pub(crate) fn of<'v>(objects: impl Iterator<Item = &'v Value>) -> Self {
        let mut shape = Self::default();
        for object in objects {
            shape.look(&mut Vec::new(), object);
        }
        shape
    }

    /// Whether the elements of a list pair by name.
    pub(crate) fn is_keyed(&self, list: &[Step]) -> bool {
        self.lists.get(list) == Some(&true)
    }

    /// Whether an object is a map: it is called so, or has a key that is no field's name.
    pub(crate) fn is_map(&self, object: &[Step]) -> bool {
        matches!(object.last(), Some(Step::Name(name)) if MAPS.contains(&name.as_str()))
            || self.maps.contains(object)
    }

    fn look(&mut self, at: &mut Vec<Step>, value: &Value) {
        match value {
            Value::Object(members) => {
                if !at.is_empty() && members.keys().any(|key| !is_field(key)) {
                    self.maps.insert(at.clone());
                }
                for (key, member) in members {
                    at.push(Step::Name(key.clone()));
                    self.look(at, member);
                    at.pop();
                }
            }
            Value::Array(elements) => {
                // The lists of metadata hold references, whose names repeat.
                let in_metadata =
                    matches!(at.first(), Some(Step::Name(name)) if name == "metadata");
                if !elements.is_empty() {
                    let named = !in_metadata && are_named(elements);
                    let known = self.lists.entry(at.clone()).or_insert(true);
                    *known = *known && named;
                }
                for element in elements {
                    at.push(Step::AnyElement);
                    self.look(at, element);
                    at.pop();
                }
            }
            _ => {}
        }
    }
}

fn are_named(elements: &[Value]) -> bool {
    let mut seen = BTreeSet::new();
    elements.iter().all(|element| name_of(element).is_some_and(|name| seen.insert(name)))
}

/// The name of an element.
pub(crate) fn name_of(element: &Value) -> Option<&str> {
    element.get(KEY).and_then(Value::as_str)
}

/// Whether a path can have the key without quotes, as it can have every field of a schema.
fn is_field(key: &str) -> bool {
    Path::of(&[Step::Name(key.to_owned())]).is_some_and(|path| path.to_string() == key)
}

/// Whether nothing is in a value but empty objects and nulls, as in what a client writes of a field
/// that it does not set.
pub(crate) fn is_hollow(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.values().all(is_hollow),
        _ => false,
    }
}

/// The members of a hollow value that have to count as left out, and itself, with what each counts
/// as.
pub(crate) fn hollows(at: &[Step], value: &Value, found: &mut Vec<(Vec<Step>, Value)>) {
    if let Value::Object(members) = value {
        for (key, member) in members {
            let below: Vec<Step> = at.iter().cloned().chain([Step::Name(key.clone())]).collect();
            hollows(&below, member, found);
        }
        found.push((at.to_vec(), Value::Object(Map::new())));
    } else {
        found.push((at.to_vec(), Value::Null));
    }
}
