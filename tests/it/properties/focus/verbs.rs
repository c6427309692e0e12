//! Verbs: granted, withheld, added up, and what entries below permit.

use crate::oracle::rule::{Path, Reading, Step, VERBS, Verb};
use crate::properties::scene::{Last, Place, Scene, member_step, some_verbs};
use crate::properties::world::{self, ELEMENTS};
use serde_json::{Map, Value, json};

/// Places a change that needs that verb, and says where.
fn needing(scene: &mut Scene, verb: Verb) -> Path {
    match verb {
        Verb::Set | Verb::Clear => appearing(scene, verb == Verb::Clear),
        Verb::Modify => modified(scene),
        Verb::AddItem | Verb::RemoveItem => item(scene, verb == Verb::RemoveItem),
    }
}

fn put(
    scene: &mut Scene,
    place: &Place,
    (old, new): (Option<Value>, Option<Value>),
    backwards: bool,
) {
    if backwards { scene.put(place, new, old) } else { scene.put(place, old, new) }
}

fn appearing(scene: &mut Scene, vanishing: bool) -> Path {
    let place = scene.place(Last::Any);
    let value =
        if scene.dice.percent(50) { world::scalar(scene.dice) } else { world::tree(scene.dice, 2) };
    if scene.dice.percent(60) {
        put(scene, &place, (None, Some(value)), vanishing);
        return place.path;
    }
    // An item, reached at its own path.
    let (list, items, added) = container(scene, &place, value);
    put(scene, &place, (Some(list), Some(added)), vanishing);
    place.path.then(items)
}

fn item(scene: &mut Scene, gone: bool) -> Path {
    let place = scene.place(Last::Any);
    let value = world::tree(scene.dice, 2);
    let (list, _, added) = container(scene, &place, value);
    put(scene, &place, (Some(list), Some(added)), gone);
    place.path
}

/// A container, a step to its items, and the container with one item more.
fn container(scene: &mut Scene, place: &Place, item: Value) -> (Value, Step, Value) {
    match scene.dice.below(4) {
        0 => {
            let mut list: Vec<Value> =
                (0..scene.dice.below(3)).map(|_| world::tree(scene.dice, 1)).collect();
            let before = list.clone();
            list.push(item);
            (before.into(), Step::AnyElement, list.into())
        }
        1 => {
            scene.equality(place.path.clone(), Reading::key("name"));
            let mut list: Vec<Value> = ELEMENTS
                .iter()
                .take(scene.dice.between(1, 4))
                .map(|name| world::named(scene.dice, "name", name, 1))
                .collect();
            let after = list.clone();
            list.remove(scene.dice.below(list.len()));
            (list.into(), Step::AnyElement, after.into())
        }
        2 => {
            scene.equality(place.path.clone(), Reading::Set);
            let list: Vec<Value> =
                ["a", "b", "c"].iter().take(scene.dice.below(4)).map(|text| json!(text)).collect();
            let mut after = list.clone();
            after.insert(scene.dice.below(list.len() + 1), json!({"new": item}));
            (list.into(), Step::AnyElement, after.into())
        }
        _ => {
            let mut map = world::object(scene.dice, 1);
            let name = world::name(scene.dice);
            map.remove(&name);
            let mut after = map.clone();
            after.insert(name.clone(), item);
            (map.into(), member_step(scene.dice, &name, Last::Any), after.into())
        }
    }
}

fn modified(scene: &mut Scene) -> Path {
    let place = scene.place(Last::Any);
    let (a, b) = world::two_values(scene.dice);
    let mut map = world::object(scene.dice, 1);
    let (old, new) = match scene.dice.below(4) {
        0 | 1 => (a, b),
        2 => {
            let name = world::name(scene.dice);
            map.insert(name.clone(), a);
            let old = map.clone();
            map.insert(name, b);
            (old.into(), map.into())
        }
        _ => {
            scene.equality(place.path.clone(), Reading::key("name"));
            let mut list: Vec<Value> = ELEMENTS
                .iter()
                .take(scene.dice.between(2, 4))
                .map(|name| world::named(scene.dice, "name", name, 1))
                .collect();
            let old = list.clone();
            let end = list.len() - 1;
            list.swap(0, end);
            (old.into(), list.into())
        }
    };
    scene.put(&place, Some(old), Some(new));
    place.path
}

fn others(verb: Verb) -> Vec<Verb> {
    VERBS.into_iter().filter(|other| *other != verb).collect()
}

/// The verb that is needed is among those of the entry.
pub(super) fn granted(scene: &mut Scene, verb: Verb) {
    let path = needing(scene, verb);
    let mut allow = vec![verb];
    if scene.dice.percent(50) {
        allow.extend(some_verbs(scene.dice, &others(verb)[..2]));
        scene.dice.shuffle(&mut allow);
    }
    scene.allow(path, allow);
}

/// It is not.
pub(super) fn withheld(scene: &mut Scene) {
    let verb = *scene.dice.pick(&VERBS);
    let path = needing(scene, verb);
    let allow = some_verbs(scene.dice, &others(verb));
    scene.allow(path, allow);
}

/// Two entries at one location, each of which permits a part.
pub(super) fn adding_up(scene: &mut Scene) {
    let place = scene.place(Last::Named);
    let mut first = vec![Verb::AddItem];
    let mut second = vec![Verb::RemoveItem];
    if scene.dice.percent(30) {
        (first, second) =
            (vec![Verb::Set, Verb::AddItem, Verb::Clear], vec![Verb::Modify, Verb::RemoveItem]);
    }
    let (mut old, mut new) = (world::object(scene.dice, 1), world::object(scene.dice, 1));
    for key in old.keys().cloned().collect::<Vec<_>>() {
        if let Some(value) = new.get_mut(&key) {
            *value = old[&key].clone();
        }
    }
    old.insert("gone".into(), world::tree(scene.dice, 1));
    new.insert("new".into(), world::tree(scene.dice, 1));
    let other = match place.path.0.last() {
        Some(Step::Name { name, .. }) if scene.dice.percent(50) => {
            let mut steps = place.path.0.clone();
            steps.pop();
            Path(steps).then(member_step(scene.dice, name, Last::Any))
        }
        _ => place.path.clone(),
    };
    scene.put(&place, Some(old.into()), Some(new.into()));
    scene.allow(place.path, first);
    scene.allow(other, second);
}

/// A container that appears or vanishes with its items.
pub(super) fn absent_container(scene: &mut Scene) {
    let place = scene.place(Last::Any);
    let value = match scene.dice.below(4) {
        0 => json!([]),
        1 => json!({}),
        2 => world::keyed_list(scene.dice, 1),
        _ => world::object(scene.dice, 1).into(),
    };
    let removed = scene.dice.percent(50);
    let allow =
        if removed { [Verb::RemoveItem, Verb::Modify] } else { [Verb::AddItem, Verb::Modify] };
    let count = scene.dice.between(1, 2);
    put(scene, &place, (None, Some(value)), removed);
    scene.allow(place.path, allow[..count].to_vec());
}

/// An item that no verb of its container permits, and entries that reach into it.
pub(super) fn entries_below(scene: &mut Scene) {
    let place = scene.place(Last::Any);
    let (a, b) = world::two_values(scene.dice);
    let (inner, other) = (world::name(scene.dice), world::name(scene.dice));
    let side = |value: Value| Value::from(Map::from_iter([(inner.clone(), value)]));
    let into = member_step(scene.dice, &inner, Last::Any);
    let (old, new, items) = match scene.dice.below(3) {
        0 => (json!([side(a)]), json!([side(b)]), Step::AnyElement),
        1 => {
            scene.equality(place.path.clone(), Reading::key("name"));
            let named = |value: Value| {
                let mut element = side(value);
                element["name"] = json!("worker");
                json!([element])
            };
            (named(a), named(b), Step::AnyElement)
        }
        _ => {
            let map = |value: Value| Value::from(Map::from_iter([(other.clone(), side(value))]));
            (map(a), map(b), member_step(scene.dice, &other, Last::Any))
        }
    };
    scene.put(&place, Some(old), Some(new));
    let allow = some_verbs(scene.dice, &[Verb::AddItem, Verb::RemoveItem, Verb::Set, Verb::Clear]);
    scene.allow(place.path.clone(), allow);
    let path = place.path.then(items);
    let path = if scene.dice.percent(80) { path.then(into) } else { path };
    scene.bare(path);
}
