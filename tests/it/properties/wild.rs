//! Cases without a focus: rules that walk through a random object, and edits near where they reach.

use super::dice::Dice;
use super::scene::{Last, Scene, keyed_step, member_step};
use super::world::{self, DURATIONS, NUMBERS, QUANTITIES};
use crate::oracle::rule::{Path, Reading, Rule, Step};
use serde_json::{Map, Value, json};

/// A step in a JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Key(String),
    Index(usize),
}

/// Fills a scene with random entries and edits.
pub(super) fn stage(scene: &mut Scene) {
    let object = scene.old.clone();
    for _ in 0..scene.dice.weighted(&[(30, 0), (40, 1), (20, 2), (10, 4)]) {
        let (path, value) = walk(scene.dice, &scene.rule, &object);
        let reading = reading(scene.dice, &value);
        scene.equality(path, reading);
    }
    for _ in 0..scene.dice.between(1, 4) {
        let (path, _) = walk(scene.dice, &scene.rule, &object);
        let entry = scene.entry(path);
        scene.rule.mutable.push(entry);
    }
    if scene.dice.percent(10) {
        let label = *scene.dice.pick(&super::scene::LABELS);
        scene.protect(label);
    }
    if scene.dice.percent(20) {
        let (path, _) = walk(scene.dice, &scene.rule, &object);
        scene.rule.protected.push(path);
    }
    let edits = scene.dice.weighted(&[(50, 1), (30, 2), (20, 4)]);
    edit_near(scene.dice, &scene.rule, &mut scene.new, edits);
    if scene.dice.percent(15) {
        std::mem::swap(&mut scene.old, &mut scene.new);
    }
}

/// Edits an object, mostly at, above or below a location that the rule covers.
pub(super) fn edit_near(dice: &mut Dice, rule: &Rule, object: &mut Value, edits: usize) {
    let paths: Vec<&Path> = rule
        .mutable
        .iter()
        .map(|entry| &entry.path)
        .chain(rule.equality.iter().map(|entry| &entry.path))
        .chain(&rule.protected)
        .collect();
    for _ in 0..edits {
        let mut target = if paths.is_empty() || dice.percent(15) {
            Vec::new()
        } else {
            let path = *dice.pick(&paths);
            follow(dice, object, path)
        };
        if target.is_empty() {
            let (path, _) = walk(dice, &Rule::default(), object);
            target = follow(dice, object, &path);
        }
        match dice.below(10) {
            0 if target.len() > 1 => drop(target.pop()),
            1 | 2 => {
                let below = below(dice, find(object, &target));
                target.extend(below);
            }
            _ => {}
        }
        edit(dice, object, &target);
    }
}

/// A path through an object, and the value at its end.
fn walk(dice: &mut Dice, rule: &Rule, object: &Value) -> (Path, Value) {
    let root = if dice.percent(20) { "metadata" } else { "spec" };
    let last = dice.weighted(&[(90, Last::Named), (10, Last::Quoted)]);
    let path = Path(vec![member_step(dice, root, last)]);
    walk_from(dice, rule, path, &object[root])
}

/// The same from a value on, to which a path leads.
pub(super) fn walk_from(
    dice: &mut Dice,
    rule: &Rule,
    mut path: Path,
    mut value: &Value,
) -> (Path, Value) {
    for _ in 0..4 {
        if dice.percent(20) {
            break;
        }
        match value {
            Value::Object(members) => {
                let names: Vec<&String> = members.keys().collect();
                let name = if names.is_empty() || dice.percent(10) {
                    world::name(dice)
                } else {
                    (*dice.pick(&names)).clone()
                };
                path = path.then(member_step(dice, &name, Last::Any));
                value = members.get(&name).unwrap_or(&Value::Null);
            }
            Value::Array(elements) if !elements.is_empty() => {
                let element = dice.pick(elements);
                let keyed = rule.equality.iter().find(|entry| entry.path == path);
                let step = match (keyed.map(|entry| &entry.reading), element["name"].as_str()) {
                    (Some(reading), Some(name))
                        if *reading == Reading::key("name") && dice.percent(60) =>
                    {
                        keyed_step(dice, "name", name)
                    }
                    _ => Step::AnyElement,
                };
                path = path.then(step);
                value = element;
            }
            Value::Array(_) => path = path.then(Step::AnyElement),
            _ => break,
        }
    }
    (path, value.clone())
}

/// A reading that may mean something for a value.
fn reading(dice: &mut Dice, value: &Value) -> Reading {
    let absent =
        dice.pick(&[json!(null), json!({}), json!([]), json!(""), json!(0), json!(false)]).clone();
    match value {
        Value::Array(list) if list.iter().all(Value::is_object) && dice.percent(60) => {
            Reading::key("name")
        }
        Value::Array(_) if dice.percent(70) => Reading::Set,
        Value::Object(_) if dice.percent(70) => Reading::AbsentAs(json!({})),
        _ => dice
            .pick(&[
                Reading::Quantity,
                Reading::Quantity,
                Reading::Duration,
                Reading::AbsentAs(absent),
            ])
            .clone(),
    }
}

/// Where a path leads in an object, as far as it is there, and perhaps a step further.
fn follow(dice: &mut Dice, object: &Value, path: &Path) -> Vec<Token> {
    let mut target = Vec::new();
    let mut value = Some(object);
    for step in &path.0 {
        let names: Vec<&String> =
            value.and_then(Value::as_object).into_iter().flat_map(Map::keys).collect();
        let length = value.and_then(Value::as_array).map_or(0, Vec::len);
        let token = match step {
            Step::Name { name, .. } => Token::Key(name.clone()),
            Step::AnyMember if !names.is_empty() && dice.percent(80) => {
                Token::Key((*dice.pick(&names)).clone())
            }
            Step::AnyMember => Token::Key(world::name(dice)),
            Step::Prefix(prefix) => {
                let fitting: Vec<&&String> =
                    names.iter().filter(|name| name.starts_with(prefix)).collect();
                Token::Key(if fitting.is_empty() || dice.percent(20) {
                    format!("{prefix}a")
                } else {
                    (**dice.pick(&fitting)).clone()
                })
            }
            Step::AnyElement => {
                Token::Index(if dice.percent(25) { length } else { dice.below(length.max(1)) })
            }
            Step::Keyed { key, .. } => {
                let is_it = |element: &Value| {
                    let given = key.keys().map(|name| element[name].to_string());
                    given.eq(key.values().cloned())
                };
                let position =
                    value.and_then(Value::as_array).and_then(|list| list.iter().position(is_it));
                Token::Index(position.unwrap_or(length))
            }
        };
        value = value.and_then(|value| child(value, &token));
        target.push(token);
    }
    target
}

fn below(dice: &mut Dice, value: Option<&Value>) -> Option<Token> {
    match value? {
        Value::Object(members) => {
            let names: Vec<&String> = members.keys().collect();
            Some(Token::Key(if names.is_empty() || dice.percent(30) {
                world::name(dice)
            } else {
                (*dice.pick(&names)).clone()
            }))
        }
        Value::Array(list) => Some(Token::Index(dice.below(list.len() + 1))),
        _ => None,
    }
}

fn child<'v>(value: &'v Value, token: &Token) -> Option<&'v Value> {
    match token {
        Token::Key(key) => value.as_object()?.get(key),
        Token::Index(index) => value.as_array()?.get(*index),
    }
}

pub(super) fn find<'v>(value: &'v Value, target: &[Token]) -> Option<&'v Value> {
    target.iter().try_fold(value, child)
}

pub(super) fn find_mut<'v>(value: &'v mut Value, target: &[Token]) -> Option<&'v mut Value> {
    target.iter().try_fold(value, |value, token| match token {
        Token::Key(key) => value.as_object_mut()?.get_mut(key),
        Token::Index(index) => value.as_array_mut()?.get_mut(*index),
    })
}

/// Changes what is at a target, or makes it appear or vanish.
fn edit(dice: &mut Dice, object: &mut Value, target: &[Token]) {
    let Some((last, above)) = target.split_last() else { return };
    for depth in 1..=above.len() {
        let missing = find(object, &above[..depth]).is_none();
        if missing {
            put(object, &above[..depth], json!({}));
        }
    }
    if find(object, target).is_none() {
        let value = world::tree(dice, 2);
        return put(object, target, value);
    }
    if dice.percent(25) {
        return remove(object, above, last);
    }
    let Some(value) = find_mut(object, target) else { return };
    match value {
        Value::Array(elements) if dice.percent(75) => edit_list(dice, elements),
        Value::Object(members) if dice.percent(75) => edit_members(dice, members),
        _ => match respelling(dice, value) {
            Some(other) if dice.percent(60) => *value = other,
            _ => *value = world::tree(dice, 2),
        },
    }
}

pub(super) fn edit_list(dice: &mut Dice, list: &mut Vec<Value>) {
    let length = list.len();
    if length == 0 {
        return list.push(world::tree(dice, 1));
    }
    let (at, other) = (dice.below(length), dice.below(length));
    match dice.below(8) {
        0 => list.swap(at, other),
        1 if length < 3 => (0..9).for_each(|_| list.push(world::scalar(dice))),
        1 => list.insert(other, list[at].clone()),
        2 => drop(list.remove(at)),
        3 => list.insert(at, world::named(dice, "name", "new", 1)),
        4 => list.push(world::tree(dice, 1)),
        5 if list[at].is_object() => list[at]["name"] = json!(dice.pick(&world::ELEMENTS)),
        6 if list[at].is_object() => drop(list[at].as_object_mut().unwrap().remove("name")),
        _ => list.reverse(),
    }
}

fn edit_members(dice: &mut Dice, members: &mut Map<String, Value>) {
    let names: Vec<String> = members.keys().cloned().collect();
    match dice.below(3) {
        0 if !names.is_empty() => drop(members.remove(dice.pick(&names))),
        1 if !names.is_empty() => {
            let value = members.remove(dice.pick(&names)).unwrap();
            members.insert(world::name(dice), value);
        }
        _ => drop(members.insert(world::name(dice), world::tree(dice, 1))),
    }
}

/// Another spelling of the same value.
fn respelling(dice: &mut Dice, value: &Value) -> Option<Value> {
    let lines: Vec<&[&str]> =
        QUANTITIES.iter().chain(&DURATIONS).chain(&NUMBERS).copied().collect();
    let fitting: Vec<&[&str]> = lines
        .into_iter()
        .filter(|line| line.iter().any(|text| world::parse(text) == *value))
        .collect();
    if fitting.is_empty() {
        return None;
    }
    let line = fitting[dice.below(fitting.len())];
    let text = *dice.pick(line);
    Some(world::parse(text))
}

fn put(object: &mut Value, target: &[Token], value: Value) {
    let Some((last, above)) = target.split_last() else { return };
    match (find_mut(object, above), last) {
        (Some(Value::Object(members)), Token::Key(key)) => drop(members.insert(key.clone(), value)),
        (Some(Value::Array(elements)), Token::Index(_)) => elements.push(value),
        (Some(place), Token::Key(key)) => *place = Map::from_iter([(key.clone(), value)]).into(),
        (Some(place), Token::Index(_)) => *place = json!([value]),
        (None, _) => {}
    }
}

fn remove(object: &mut Value, above: &[Token], last: &Token) {
    match (find_mut(object, above), last) {
        (Some(Value::Object(members)), Token::Key(key)) => drop(members.remove(key)),
        (Some(Value::Array(elements)), Token::Index(index)) => drop(elements.remove(*index)),
        _ => {}
    }
}
