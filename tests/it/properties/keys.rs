//! Cases whose keyed lists have other keys than one string: integers, several members, defaults.

use super::case::Case;
use super::dice::Dice;
use super::world::ELEMENTS;
use crate::oracle::rule::{Key, KeyTexts, Path, Reading, Step};
use fieldward::engine::{KeySelector, KeyValue};
use serde_json::{Value, json};

/// The second member of a composite key.
const ZONE: &str = "zone";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keys {
    /// An integer instead of each string.
    Integers,
    /// The string and a zone, which may be left out.
    Composite,
}

/// Gives the keyed lists of a case other keys. Whatever follows, the oracle judges the new case.
pub(super) fn rekey(dice: &mut Dice, case: &mut Case) {
    let members = case.rule.equality.iter().filter_map(|entry| match &entry.reading {
        Reading::Key(key) => Some(key.members.len()),
        _ => None,
    });
    if members.max() != Some(1) {
        return;
    }
    let any_order = dice.percent(10);
    let keys =
        dice.weighted(&[(50, None), (20, Some(Keys::Integers)), (30, Some(Keys::Composite))]);
    for entry in &mut case.rule.equality {
        rekey_path(keys, &mut entry.path);
        if let Reading::Key(key) = &mut entry.reading {
            key.any_order |= any_order;
            if keys == Some(Keys::Composite) {
                add_zone(key);
            }
        }
    }
    let entries = case.rule.mutable.iter_mut().map(|entry| &mut entry.path);
    entries.chain(&mut case.rule.protected).for_each(|path| rekey_path(keys, path));
    if let Some(keys) = keys {
        rekey_value(dice, keys, &mut case.old);
        rekey_value(dice, keys, &mut case.new);
    }
}

/// The same key as the engine has it.
pub(crate) fn selector(key: &KeyTexts) -> KeySelector {
    let value = |text: &String| match serde_json::from_str(text).expect("JSON") {
        Value::Bool(value) => KeyValue::Bool(value),
        Value::String(text) => KeyValue::Text(text.into()),
        number => match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => KeyValue::Integer(integer),
            (None, integer) => KeyValue::Unsigned(integer.expect("an integer of 64 bits")),
        },
    };
    KeySelector::new(key.iter().map(|(name, text)| (name.clone(), value(text))).collect())
}

fn add_zone(key: &mut Key) {
    key.members.push((ZONE.to_owned(), Some(json!("TCP"))));
}

/// A name's number among the names of elements.
fn number(name: &Value) -> Option<usize> {
    ELEMENTS.iter().position(|known| name == known)
}

/// The string and the zone that stand for a name. Two names have one string.
fn composite(name: &Value) -> (Value, Value) {
    match number(name) {
        Some(number) if number >= 3 => (json!(ELEMENTS[number - 3]), json!(number == 4)),
        _ => (name.clone(), json!("TCP")),
    }
}

fn rekey_path(keys: Option<Keys>, path: &mut Path) {
    for step in &mut path.0 {
        let (Step::Keyed { key, .. }, Some(keys)) = (step, keys) else { continue };
        let member = |(name, text): (&String, &String)| {
            let value: Value = serde_json::from_str(text).expect("JSON");
            match keys {
                Keys::Integers => {
                    let value = number(&value).map_or(value, |number| json!(number));
                    vec![(name.clone(), value.to_string())]
                }
                Keys::Composite => {
                    let (value, zone) = composite(&value);
                    vec![(name.clone(), value.to_string()), (ZONE.to_owned(), zone.to_string())]
                }
            }
        };
        *key = key.iter().flat_map(member).collect::<KeyTexts>();
    }
}

fn rekey_value(dice: &mut Dice, keys: Keys, value: &mut Value) {
    match value {
        Value::Array(elements) => {
            for element in elements {
                rekey_value(dice, keys, element);
            }
        }
        Value::Object(members) => {
            for key in ["name", "id"] {
                let Some(name) = members.get(key).filter(|name| name.is_string()).cloned() else {
                    continue;
                };
                if keys == Keys::Integers {
                    members[key] = number(&name).map_or(name, |number| json!(number));
                    continue;
                }
                let (name, zone) = composite(&name);
                members[key] = name;
                match dice.below(4) {
                    0 if zone == "TCP" => drop(members.remove(ZONE)),
                    1 if zone == "TCP" => drop(members.insert(ZONE.to_owned(), Value::Null)),
                    _ => drop(members.insert(ZONE.to_owned(), zone)),
                }
            }
            members.values_mut().for_each(|member| rekey_value(dice, keys, member));
        }
        _ => {}
    }
}
