//! Random updates of an object as it is stored: one to three edits, anywhere in it.

use serde_json::Value;

use super::scene::{Addition, Aim};
use super::values;
use crate::properties::dice::Dice;

/// What the edits of a kind are made with.
pub(super) struct Editor<'s> {
    pub(super) additions: &'s [Addition],
    pub(super) aim: &'s Aim,
}

/// An update that edits made.
pub(super) struct Update {
    pub(super) new: Value,
    /// The places that they touched.
    pub(super) touched: Vec<String>,
    edits: Vec<json_patch::Patch>,
}

impl Update {
    /// What each of several edits makes of the object by itself, where it can.
    pub(super) fn apart(&self, old: &Value) -> Vec<Value> {
        let alone = |edit: &json_patch::Patch| {
            let mut new = old.clone();
            json_patch::patch(&mut new, edit).ok()?;
            (new != *old && new != self.new && has_its_address(&new, old)).then_some(new)
        };
        self.edits.iter().filter_map(alone).collect()
    }
}

fn has_its_address(new: &Value, old: &Value) -> bool {
    ADDRESS.iter().all(|place| new.pointer(place) == old.pointer(place))
}

/// What says which object is meant, and that it is the one that was read: the API server answers
/// 400 or 409 before it looks further.
const ADDRESS: [&str; 5] =
    ["/apiVersion", "/kind", "/metadata/name", "/metadata/namespace", "/metadata/uid"];

/// One place: its bookkeeping inside is the API server's.
const OPAQUE: &str = "/metadata/managedFields";

/// Objects whose keys are anybody's.
const MAPS: [&str; 8] = [
    "labels",
    "annotations",
    "matchLabels",
    "nodeSelector",
    "limits",
    "requests",
    "overhead",
    "capacity",
];

/// A way to edit a place.
#[derive(Debug, Clone, Copy)]
enum Edit {
    Change,
    Remove,
    AddItem,
    AddKey,
    Reorder,
}

impl Editor<'_> {
    /// Another state of the object.
    pub(super) fn update(&self, dice: &mut Dice<'_>, old: &Value) -> Update {
        let aimed = dice.percent(self.aim.percent);
        let count = dice.weighted(&[(6, 1), (3, 2), (1, 3)]);
        let mut update = Update { new: old.clone(), touched: Vec::new(), edits: Vec::new() };
        while update.touched.len() < count {
            let before = update.new.clone();
            update.touched.extend(self.edit(dice, &mut update.new, aimed));
            update.edits.push(json_patch::diff(&before, &update.new));
        }
        update
    }

    fn edit(&self, dice: &mut Dice<'_>, object: &mut Value, aimed: bool) -> Option<String> {
        // Each of the places aimed at is as likely as another, however much there is below.
        let above = if aimed { dice.pick(&self.aim.at).as_str() } else { "" };
        let mut places = Vec::new();
        collect(object, "", &mut places);
        places.retain(|place| is_below(&general(place, object), above));
        if places.is_empty() || dice.percent(7) {
            let additions: Vec<&Addition> =
                self.additions.iter().filter(|addition| is_below(&addition.at, above)).collect();
            let addition = additions.get(dice.below(additions.len().max(1)))?;
            return add(dice, object, addition);
        }
        let place = dice.pick(&places).clone();
        let touched = general(&place, object);
        change(dice, object, &place)?;
        Some(touched)
    }
}

/// All places of the object, as JSON pointers, but for its address.
fn collect(value: &Value, place: &str, places: &mut Vec<String>) {
    if ADDRESS.contains(&place) {
        return;
    }
    if !place.is_empty() {
        places.push(place.to_owned());
    }
    if place == OPAQUE {
        return;
    }
    for (key, child) in children(value) {
        collect(child, &format!("{place}/{key}"), places);
    }
}

fn children(value: &Value) -> Vec<(String, &Value)> {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(key, child)| (key.replace('~', "~0").replace('/', "~1"), child))
            .collect(),
        Value::Array(elements) => {
            elements.iter().enumerate().map(|(index, child)| (index.to_string(), child)).collect()
        }
        _ => Vec::new(),
    }
}

/// The place with `*` for every index.
fn general(place: &str, object: &Value) -> String {
    let mut text = String::new();
    let mut value = object;
    for token in place.split('/').skip(1) {
        text += if value.is_array() { "/*" } else { "/" };
        text += if value.is_array() { "" } else { token };
        value = value.pointer(&format!("/{token}")).unwrap_or(&Value::Null);
    }
    text
}

fn is_below(place: &str, above: &str) -> bool {
    place.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Puts an optional field where it is absent.
fn add(dice: &mut Dice<'_>, object: &mut Value, addition: &Addition) -> Option<String> {
    let (above, name) = addition.at.rsplit_once('/')?;
    let mut places = vec![String::new()];
    for token in above.split('/').skip(1) {
        let step = |place: &String| match object.pointer(place) {
            Some(Value::Array(elements)) if token == "*" => {
                (0..elements.len()).map(|index| format!("{place}/{index}")).collect()
            }
            Some(Value::Object(_)) => vec![format!("{place}/{token}")],
            _ => Vec::new(),
        };
        places = places.iter().flat_map(step).collect();
    }
    let name = name.replace("~1", "/").replace("~0", "~");
    places.retain(|place| {
        object.pointer(place).is_some_and(|above| above.is_object() && above.get(&name).is_none())
    });
    let place = places.get(dice.below(places.len().max(1)))?;
    object.pointer_mut(place)?[&name] = addition.value.clone();
    Some(addition.at.clone())
}

fn change(dice: &mut Dice<'_>, object: &mut Value, place: &str) -> Option<()> {
    let (above, name) = place.rsplit_once('/')?;
    let kind = general(place, object);
    let value = object.pointer(place)?;
    let is_element = object.pointer(above)?.is_array();
    // Without metadata it has no address.
    let removal = if is_element { 15 } else { 20 * usize::from(place != "/metadata") };
    let mut edits = vec![(removal, Edit::Remove)];
    match value {
        Value::Array(elements) => {
            edits.extend((!elements.is_empty() && place != OPAQUE).then_some((30, Edit::AddItem)));
            edits.extend((elements.len() > 1).then_some((15, Edit::Reorder)));
        }
        Value::Object(_) => edits.extend(MAPS.contains(&name).then_some((30, Edit::AddKey))),
        _ => edits.push((80, Edit::Change)),
    }
    if edits.iter().all(|(weight, _)| *weight == 0) {
        return None;
    }
    let edit = dice.weighted(&edits);
    match (edit, object.pointer_mut(if matches!(edit, Edit::Remove) { above } else { place })?) {
        (Edit::Remove, Value::Array(elements)) => drop(elements.remove(name.parse().ok()?)),
        (Edit::Remove, Value::Object(members)) => {
            drop(members.remove(&name.replace("~1", "/").replace("~0", "~"))?);
        }
        (Edit::AddItem, Value::Array(elements)) => {
            let mut item = dice.pick(elements).clone();
            values::rename(dice, &kind, &mut item);
            elements.insert(dice.below(elements.len() + 1), item);
        }
        (Edit::Reorder, Value::Array(elements)) => {
            let first = dice.below(elements.len() - 1);
            elements.swap(first, first + 1);
        }
        (Edit::AddKey, Value::Object(members)) => {
            let (key, value) = values::entry(dice, name);
            members.insert(key.to_owned(), value);
        }
        (Edit::Change, leaf) => *leaf = values::other(dice, &kind, leaf),
        _ => return None,
    }
    Some(())
}
