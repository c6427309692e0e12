//! Random updates of an object, near to where its rule reaches.

use std::sync::LazyLock;

use fieldward::engine::{KeySelector, KeyValue, Step};
use serde_json::{Map, Value, json};

use super::scene::{Scene, User};
use crate::properties::dice::Dice;

/// What is not to be edited: the API server would refuse it, or put it back.
const FIXED: [&str; 12] = [
    "/apiVersion",
    "/kind",
    "/metadata/name",
    "/metadata/namespace",
    "/metadata/uid",
    "/metadata/resourceVersion",
    "/metadata/generation",
    "/metadata/creationTimestamp",
    "/metadata/deletionTimestamp",
    "/metadata/deletionGracePeriodSeconds",
    "/metadata/managedFields",
    "/metadata",
];

/// Another state of one of the objects, and who sends it.
pub(super) fn update(dice: &mut Dice<'_>, scene: &Scene) -> (usize, Value, User) {
    let index = dice.below(scene.objects.len());
    let mut object = scene.objects[index].clone();
    let mut user = ("developer".to_owned(), Vec::new());
    let permitted_only = dice.percent(50);
    for _ in 0..dice.weighted(&[(7, 1), (2, 2), (1, 3)]) {
        match dice.below(100) {
            0..60 => {
                let (path, by) = dice.pick(&scene.entries).clone();
                if let Some(by) = by.filter(|_| permitted_only || dice.percent(50)) {
                    user = by;
                }
                at_path(dice, &mut object, path.steps());
            }
            60..80 if !scene.equalities.is_empty() => {
                let (path, declared) = dice.pick(&scene.equalities).clone();
                respell(dice, &mut object, path.steps(), &declared);
            }
            _ if permitted_only => {}
            80..90 => stray(dice, &mut object),
            _ => anywhere(dice, &mut object),
        }
    }
    if !permitted_only && dice.percent(70) {
        stray(dice, &mut object);
    }
    keep_well_formed(&mut object["metadata"]);
    (index, object, user)
}

/// A member that nobody knows, near the top.
fn stray(dice: &mut Dice<'_>, object: &mut Value) {
    let mut places = Vec::new();
    collect(object, "", &mut places);
    places.retain(|place| {
        place.matches('/').count() < 3
            && !place.starts_with("/metadata")
            && object.pointer(place).unwrap().is_object()
    });
    let place = dice.pick(&places).clone();
    if let Some(Value::Object(members)) = object.pointer_mut(&place) {
        members.insert(format!("stray-{}", dice.below(3)), scalar(dice));
    }
}

/// What the API server would refuse to read is made readable.
fn keep_well_formed(metadata: &mut Value) {
    let metadata = metadata.as_object_mut().unwrap();
    for field in ["labels", "annotations"] {
        if metadata.get(field).is_some_and(|value| !value.is_object()) {
            metadata.remove(field);
        }
        for value in metadata
            .get_mut(field)
            .and_then(Value::as_object_mut)
            .into_iter()
            .flat_map(|members| members.values_mut())
        {
            if !value.is_string() {
                *value = "added".into();
            }
        }
    }
    for (field, fresh) in
        [("finalizers", json!("example.com/x")), ("ownerReferences", OWNER.clone())]
    {
        let Some(value) = metadata.get_mut(field) else { continue };
        let Value::Array(list) = value else {
            metadata.remove(field);
            continue;
        };
        let mut seen = Vec::new();
        list.retain_mut(|item| {
            let fits = if field == "finalizers" {
                item.as_str().is_some_and(|item| item.contains('/'))
            } else {
                ["apiVersion", "kind", "name", "uid"].iter().all(|part| item[part].is_string())
            };
            if !fits {
                *item = fresh.clone();
            }
            let fits = field == "finalizers" || !seen.contains(&item["uid"]);
            seen.push(item["uid"].clone());
            fits
        });
    }
    if metadata.get("generateName").is_some_and(|value| !value.is_string()) {
        metadata.insert("generateName".to_owned(), "added-".into());
    }
}

static OWNER: LazyLock<Value> = LazyLock::new(|| {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "other",
        "uid": "00000000-0000-4000-8000-000000000000"})
});

/// Edits a location that the path selects, or puts one there.
fn at_path(dice: &mut Dice<'_>, object: &mut Value, steps: &[Step]) {
    // Now and then what stands around it, or only what stands below.
    let around = if dice.percent(15) { dice.below(steps.len()) } else { 0 };
    let steps = &steps[..steps.len() - around];
    let found = select(object, steps);
    if found.is_empty() || dice.percent(10) {
        put(dice, object, steps);
        return;
    }
    let mut place = dice.pick(&found).clone();
    if dice.percent(50) {
        let mut below = Vec::new();
        collect(object.pointer(&place).unwrap(), &place, &mut below);
        place = dice.pick(&below).clone();
    }
    change(dice, object, &place);
}

/// Edits any location.
fn anywhere(dice: &mut Dice<'_>, object: &mut Value) {
    let mut places = Vec::new();
    collect(object, "", &mut places);
    let place = dice.pick(&places).clone();
    change(dice, object, &place);
}

fn json(value: &KeyValue<'_>) -> Value {
    match value {
        KeyValue::Bool(value) => json!(value),
        KeyValue::Integer(value) => json!(value),
        KeyValue::Unsigned(value) => json!(value),
        KeyValue::Text(text) => json!(text),
    }
}

fn has_key(element: &Value, selector: &KeySelector) -> bool {
    selector.members().all(|(name, value)| element[name] == json(value))
}

/// The places that the steps select.
pub(super) fn select(object: &Value, steps: &[Step]) -> Vec<String> {
    let mut places = vec![String::new()];
    for step in steps {
        let mut next = Vec::new();
        for place in places {
            let children = object.pointer(&place).map(children).unwrap_or_default();
            for (token, name, child) in children {
                let selected = match step {
                    Step::Name(own) => name.as_ref() == Some(own),
                    Step::Prefix(prefix) => {
                        name.as_ref().is_some_and(|name| name.starts_with(prefix.as_str()))
                    }
                    Step::AnyMember => name.is_some(),
                    Step::AnyElement => name.is_none(),
                    Step::Keyed(selector) => has_key(child, selector),
                };
                if selected {
                    next.push(format!("{place}/{token}"));
                }
            }
        }
        places = next;
    }
    places
}

/// Creates what the steps lead through.
fn put(dice: &mut Dice<'_>, object: &mut Value, steps: &[Step]) {
    let mut at = object;
    for (index, step) in steps.iter().enumerate() {
        let is_end = index + 1 == steps.len();
        let fresh = if is_end { scalar(dice) } else { Value::Null };
        if let Step::AnyElement | Step::Keyed(_) = step {
            if !at.is_array() {
                *at = json!([]);
            }
            let list = at.as_array_mut().unwrap();
            let place = dice.below(list.len() + 1);
            match step {
                Step::Keyed(selector) if !list.iter().any(|element| has_key(element, selector)) => {
                    let members = selector.members().map(|(name, value)| (name, json(value)));
                    list.insert(place, members.collect());
                }
                _ if list.is_empty() || dice.percent(30) => {
                    let element = list.last().cloned().map_or(fresh, |last| renamed(dice, last));
                    list.insert(place, element);
                }
                _ => {}
            }
            let place = place.min(list.len() - 1);
            at = &mut list[place];
            continue;
        }
        if !at.is_object() {
            *at = json!({});
        }
        let members = at.as_object_mut().unwrap();
        let key = match step {
            Step::Name(name) => name.clone(),
            Step::Prefix(prefix) => format!("{prefix}added"),
            _ => members
                .keys()
                .next()
                .cloned()
                .filter(|_| dice.percent(60))
                .unwrap_or_else(|| "added".to_owned()),
        };
        at = members.entry(key).or_insert(fresh);
    }
}

/// Another spelling, or nearly one, of what is declared equal.
fn respell(dice: &mut Dice<'_>, object: &mut Value, steps: &[Step], declared: &Value) {
    let found = select(object, steps);
    if let Some(absent) = declared.get("absentAs") {
        let (last, above) = steps.split_last().unwrap();
        let above = select(object, above);
        let (Step::Name(name), false) = (last, above.is_empty()) else { return };
        let place = dice.pick(&above).clone();
        if let Some(Value::Object(members)) = object.pointer_mut(&place) {
            if members.contains_key(name) && dice.percent(60) {
                members.remove(name);
            } else {
                members.insert(name.clone(), absent.clone());
            }
        }
        return;
    }
    if found.is_empty() {
        return put(dice, object, steps);
    }
    let place = dice.pick(&found).clone();
    let value = object.pointer_mut(&place).unwrap();
    if let Value::Array(list) = value {
        match dice.below(4) {
            0 => dice.shuffle(list),
            1 if !list.is_empty() => {
                let copy = dice.pick(list).clone();
                list.push(copy);
            }
            2 if !list.is_empty() => {
                let element = renamed(dice, dice_pick(list));
                list.push(element);
            }
            _ if list.len() > 1 => {
                let place = dice.below(list.len());
                list.remove(place);
            }
            _ => list.reverse(),
        }
        return;
    }
    let spellings: &[Value] = match declared["as"].as_str() {
        Some("Duration") => &[
            json!("60s"),
            json!("1m0s"),
            json!("1m"),
            json!("0.5h"),
            json!("30m"),
            json!("soon"),
            json!(60),
            json!("0"),
        ],
        _ => &[
            json!("1"),
            json!(1),
            json!("1000m"),
            json!("1Gi"),
            json!("1024Mi"),
            json!("1e3"),
            json!(1000),
            json!("0.5"),
            json!("500m"),
            json!(0.5),
            json!("much"),
            json!("1k"),
        ],
    };
    let alike: Vec<&Value> =
        spellings.iter().filter(|other| means(other) == means(value)).collect();
    *value = if dice.percent(80) && !alike.is_empty() {
        (*dice.pick(&alike)).clone()
    } else {
        dice.pick(spellings).clone()
    };
}

/// Which of the spellings mean the same, roughly; what is not among them stands for itself.
fn means(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let class = [
        ["1", "1000m", "1.0"],
        ["1Gi", "1024Mi", "1073741824"],
        ["1e3", "1000", "1k"],
        ["0.5", "500m", "0.50"],
        ["60s", "1m0s", "1m"],
        ["0.5h", "30m", "30m0s"],
    ];
    class
        .iter()
        .find(|class| class.contains(&text.as_str()))
        .map_or(text.clone(), |class| class[0].to_owned())
}

fn dice_pick(list: &[Value]) -> Value {
    list[list.len() - 1].clone()
}

/// A like element by another name.
fn renamed(dice: &mut Dice<'_>, mut element: Value) -> Value {
    match &mut element {
        Value::Object(members) => {
            for value in members.values_mut() {
                if let Value::String(text) = value {
                    *text = format!("{text}-{}", dice.below(3));
                    break;
                }
            }
        }
        Value::String(text) => *text = format!("{text}-{}", dice.below(3)),
        other => *other = scalar(dice),
    }
    element
}

fn change(dice: &mut Dice<'_>, object: &mut Value, place: &str) {
    if FIXED.contains(&place) || place.is_empty() {
        return;
    }
    let (above, token) = place.rsplit_once('/').unwrap();
    if dice.percent(20) {
        match object.pointer_mut(above) {
            Some(Value::Object(members)) => {
                drop(members.remove(&token.replace("~1", "/").replace("~0", "~")));
            }
            Some(Value::Array(list)) => drop(list.remove(token.parse().unwrap())),
            _ => {}
        }
        return;
    }
    let Some(value) = object.pointer_mut(place) else { return };
    // The API server knows what metadata looks like.
    let free = !place.starts_with("/metadata/");
    match value {
        _ if free && dice.percent(6) => {
            *value = dice
                .pick(&[json!(null), json!({}), json!([]), json!("x"), json!(7), json!(true)])
                .clone();
        }
        Value::Object(members) => {
            let key = members
                .keys()
                .next()
                .cloned()
                .filter(|_| dice.percent(40))
                .unwrap_or_else(|| format!("added-{}", dice.below(9)));
            let fresh = if free { scalar(dice) } else { json!("x") };
            members.insert(key, fresh);
        }
        Value::Array(list) if list.is_empty() => list.push(json!("example.com/x")),
        Value::Array(list) => match dice.below(4) {
            0 => {
                let element = renamed(dice, dice_pick(list));
                list.push(element);
            }
            1 => {
                let element = renamed(dice, dice_pick(list));
                list.insert(0, element);
            }
            2 => dice.shuffle(list),
            _ => drop(list.pop()),
        },
        Value::String(text) => *text = format!("{text}{}", dice.pick(&["x", "y", "-2"])),
        Value::Number(number) => {
            *value = number
                .as_i64()
                .map_or(json!(1), |number| json!(number + [-1, 1, 5][dice.below(3)]));
        }
        Value::Bool(bool) => *bool = !*bool,
        Value::Null => *value = scalar(dice),
    }
}

fn scalar(dice: &mut Dice<'_>) -> Value {
    dice.pick(&[
        json!("added"),
        json!("added"),
        json!(3),
        json!(true),
        json!({"a": "b"}),
        json!(["a"]),
    ])
    .clone()
}

/// All places at and below a value.
fn collect(value: &Value, place: &str, places: &mut Vec<String>) {
    places.push(place.to_owned());
    for (token, _, child) in children(value) {
        collect(child, &format!("{place}/{token}"), places);
    }
}

/// What a container holds: by token, and of an object by name.
fn children(value: &Value) -> Vec<(String, Option<String>, &Value)> {
    let token = |key: &String| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(members) => {
            let members: &Map<String, Value> = members;
            members.iter().map(|(key, child)| (token(key), Some(key.clone()), child)).collect()
        }
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .map(|(index, child)| (index.to_string(), None, child))
            .collect(),
        _ => Vec::new(),
    }
}
