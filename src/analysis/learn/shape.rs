//! What the recorded objects and the types of Kubernetes tell of the schema: which lists are lists
//! of named things, and which objects are maps.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::lines::child;
use super::reviews::{Update, UpdateTarget};
use crate::engine::{Step, is_bare, written};

/// Lists and maps, by their paths with `[*]` for elements.
pub(super) struct RecordedShape<'t> {
    target: &'t UpdateTarget,
    /// Whether every element of a list has a `name` of its own, in every object.
    pub(super) lists: BTreeMap<Vec<Step>, bool>,
    /// Objects with a key that is no field's name.
    maps: BTreeSet<Vec<Step>>,
}

impl<'t> RecordedShape<'t> {
    pub(super) fn new(target: &'t UpdateTarget, updates: &[Update]) -> Self {
        let mut shape = Self { target, lists: BTreeMap::new(), maps: BTreeSet::new() };
        for object in updates.iter().flat_map(|update| [&update.old, &update.new]) {
            shape.visit(&[], object);
        }
        shape
    }

    fn visit(&mut self, path: &[Step], value: &Value) {
        match value {
            Value::Object(members) => {
                // A path can name every field of a schema without quotes.
                if !path.is_empty() && !members.keys().all(|key| is_bare(key)) {
                    self.maps.insert(path.to_vec());
                }
                for (key, member) in members {
                    self.visit(&child(path, key), member);
                }
            }
            Value::Array(elements) if !elements.is_empty() => {
                let mut names = BTreeSet::new();
                let mut is_named = |element: &Value| {
                    let name = element.get("name").and_then(Value::as_str);
                    name.is_some_and(|name| names.insert(name.to_owned()))
                };
                // The names of owner references repeat.
                let is_named = path.first() != Some(&Step::Name("metadata".to_owned()))
                    && elements.iter().all(&mut is_named);
                *self.lists.entry(path.to_vec()).or_insert(true) &= is_named;
                let below = [path, &[Step::AnyElement]].concat();
                for element in elements {
                    self.visit(&below, element);
                }
            }
            _ => {}
        }
    }

    /// The step that stands for these keys of an object, if it is a map and they are several.
    pub(super) fn common_step(&self, object: &[Step], keys: &BTreeSet<&str>) -> Option<Step> {
        let is_core = |kind: &str| self.target.group.is_empty() && self.target.kind == kind;
        let is_map = match format!(".{}", written(object)).as_str() {
            // The keys of a Secret are not printed.
            ".data" | ".stringData" if is_core("Secret") => return Some(Step::AnyMember),
            ".data" | ".binaryData" if is_core("ConfigMap") => true,
            // ObjectMeta, of the object itself or of a template.
            path => {
                let ends = [".metadata.labels", ".metadata.annotations"];
                ends.iter().any(|end| path.ends_with(end)) || self.maps.contains(object)
            }
        };
        if !is_map || keys.len() < 2 {
            return None;
        }
        let prefix = keys.first()?.split_once('/').map(|(prefix, _)| format!("{prefix}/"));
        let shared = prefix.filter(|prefix| keys.iter().all(|key| key.starts_with(prefix)));
        Some(shared.map_or(Step::AnyMember, Step::Prefix))
    }
}
