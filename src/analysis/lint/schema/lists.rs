//! How a schema pairs the elements of lists, where a rule does not say.

use std::collections::BTreeSet;

use super::catalogue::{ResolvedPath, resolve};
use crate::analysis::kinds::{ListShape, ListType, Scalar, Schema, SchemaLocation, Shape};
use crate::analysis::lint::common::entries::is_open;
use crate::analysis::lint::definition::Context;
use crate::engine::{Cursor, Entry, ListKey, Rule, Step, Verbs, escape_control};

/// The key by which the schema pairs the elements, if a rule can have it.
pub(crate) fn schema_key<'s>(schema: &Schema, elements: &'s ListShape) -> Option<&'s ListKey> {
    let ListType::Map(key) = &elements.list_type else { return None };
    let Shape::Object(members) = schema.shape(elements.each) else { return None };
    let fits = |name: &str| {
        members.named.get(name).is_some_and(|member| is_key_kind(schema.shape(*member)))
    };
    key.names().all(fits).then_some(key)
}

/// Whether the values are strings, integers or booleans.
pub(crate) fn is_key_kind(shape: &Shape) -> bool {
    matches!(shape, Shape::Scalar(Scalar::Text | Scalar::Integer | Scalar::Boolean))
}

/// Some of the strings that each element has.
pub(crate) fn strings(schema: &Schema, element: SchemaLocation) -> Vec<String> {
    let Shape::Object(members) = schema.shape(element) else { return Vec::new() };
    let names = members.named.keys().filter(|name| is_text(schema, element, name));
    names.take(4).map(|name| escape_control(name)).collect()
}

fn is_text(schema: &Schema, element: SchemaLocation, name: &str) -> bool {
    let Shape::Object(members) = schema.shape(element) else { return false };
    members
        .named
        .get(name)
        .is_some_and(|member| matches!(schema.shape(*member), Shape::Scalar(Scalar::Text)))
}

/// A list for which the rule declares no pairing, and the first entry to which the pairing matters.
pub(crate) struct UndeclaredList<'a> {
    pub(crate) at: String,
    pub(crate) entry: &'a Entry,
    pub(crate) list: &'a [Step],
    /// The rest of the entry's path.
    pub(crate) below: &'a [Step],
    /// The list in each schema that has it.
    lists: Vec<(&'a Schema, &'a ListShape)>,
}

impl UndeclaredList<'_> {
    /// The same in all schemas, or none.
    pub(crate) fn list_type(&self) -> Option<(&Schema, &ListShape)> {
        let (first, rest) = self.lists.split_first()?;
        let is_same = |(_, other): &(&Schema, &ListShape)| other.list_type == first.1.list_type;
        rest.iter().all(is_same).then_some(*first)
    }
}

pub(crate) fn undeclared<'a>(context: &'a Context<'a>) -> Vec<UndeclaredList<'a>> {
    let mut all = Vec::new();
    let mut seen = BTreeSet::new();
    for (at, entry) in context.entries() {
        for length in 1..=entry.path.steps().len() {
            let (list, below) = entry.path.steps().split_at(length);
            if !matters(entry, below)
                || is_declared(context.rule, list)
                || is_open(context.rule, list)
                || !seen.insert(list)
            {
                continue;
            }
            let resolved = resolve(&context.targets, list).unwrap_or_default();
            let as_list = |resolved: ResolvedPath<'a>| match resolved.shape() {
                Shape::List(elements) => Some((resolved.schema, elements)),
                _ => None,
            };
            let Some(lists) = resolved.into_iter().map(as_list).collect() else { continue };
            all.push(UndeclaredList { at: at.clone(), entry, list, below, lists });
        }
    }
    all
}

/// Whether it makes a difference to the entry how the elements pair: it goes through them, or tells
/// them apart by verbs.
fn matters(entry: &Entry, below: &[Step]) -> bool {
    match below.first() {
        Some(step) => !step.is_member(),
        None => entry.verbs != Verbs::ALL,
    }
}

fn is_declared(rule: &Rule, list: &[Step]) -> bool {
    let cursor = Cursor::of_all(rule, list);
    let declared = cursor.declared();
    declared.is_set() || declared.key.is_some()
}
