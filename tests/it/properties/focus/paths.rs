//! Path forms, and what appears on the way.

use crate::oracle::rule::{Path, Reading, Step};
use crate::properties::scene::{Last, Scene, keyed_step as step_to, member_step, step};
use crate::properties::wild;
use crate::properties::world::{self, ELEMENTS};
use serde_json::{Map, Value, json};

fn member(scene: &mut Scene, last: Last) {
    let place = scene.place(last);
    let (old, new) = world::change(scene.dice);
    scene.put(&place, old, new);
    scene.bare(place.path);
}

pub(super) fn quoted_key(scene: &mut Scene) {
    member(scene, Last::Quoted);
}

pub(super) fn any_member(scene: &mut Scene) {
    member(scene, Last::AnyMember);
}

pub(super) fn prefix(scene: &mut Scene) {
    member(scene, Last::Prefix);
}

/// A list with one element that changes, or one more at its end.
pub(super) fn any_element(scene: &mut Scene) {
    let place = scene.place(Last::Any);
    let path = place.path.then(Step::AnyElement);
    let mut old: Vec<Value> =
        (0..scene.dice.between(1, 3)).map(|_| world::object(scene.dice, 1).into()).collect();
    let mut new = old.clone();
    let index = scene.dice.below(old.len());
    let (a, b) = world::two_values(scene.dice);
    match scene.dice.below(3) {
        0 => {
            (old[index], new[index]) = (a, b);
            scene.bare(path);
        }
        1 => {
            old.push(a);
            if scene.dice.percent(50) {
                (old, new) = (new, old);
            }
            scene.bare(path);
        }
        _ => {
            let name = world::name(scene.dice);
            (old[index][&name], new[index][&name]) = (a, b);
            let last = member_step(scene.dice, &name, Last::Any);
            scene.bare(path.then(last));
        }
    }
    scene.put(&place, Some(old.into()), Some(new.into()));
}

/// An element of a keyed list changes, wherever it stands.
pub(super) fn keyed_step(scene: &mut Scene) {
    let place = scene.place(Last::Any);
    let names = &ELEMENTS[..scene.dice.between(1, 4)];
    let mut old: Vec<Value> =
        names.iter().map(|name| world::named(scene.dice, "name", name, 1)).collect();
    scene.dice.shuffle(&mut old);
    let mut new = old.clone();
    let index = scene.dice.below(old.len());
    let target = new[index]["name"].as_str().unwrap().to_owned();
    let path = place.path.then(step_to(scene.dice, "name", &target));
    if scene.dice.percent(40) {
        new.remove(index);
        if scene.dice.percent(50) {
            (old, new) = (new, old);
        }
        scene.bare(path);
    } else {
        let (a, b) = world::two_values(scene.dice);
        (old[index]["x"], new[index]["x"]) = (a, b);
        let path = if scene.dice.percent(50) { path } else { path.then(step("x")) };
        scene.bare(path);
    }
    scene.equality(place.path.clone(), crate::oracle::rule::Reading::key("name"));
    scene.put(&place, Some(old.into()), Some(new.into()));
}

/// A change that an entry at or above it permits, and a path that protects some of what is there.
pub(super) fn protected(scene: &mut Scene) {
    let place = scene.place(Last::Any);
    let (old, new) = if scene.dice.percent(50) {
        world::change(scene.dice)
    } else {
        let list = world::keyed_list(scene.dice, 2);
        let mut other = list.clone();
        wild::edit_list(scene.dice, other.as_array_mut().unwrap());
        (Some(list), Some(other))
    };
    let value = if scene.dice.percent(50) { &old } else { &new };
    let value = value.clone().or_else(|| old.clone()).or_else(|| new.clone()).unwrap();
    scene.put(&place, old, new);
    if value.is_array() && scene.dice.percent(60) {
        let readings = [Reading::key("name"), Reading::key("name"), Reading::Set];
        let reading = scene.dice.pick(&readings).clone();
        scene.equality(place.path.clone(), reading);
    }
    let length = scene.dice.between(1, place.path.0.len());
    let above = Path(place.path.0[..length].to_vec());
    if scene.dice.percent(80) {
        scene.bare(above);
    } else {
        let entry = scene.entry(above);
        scene.rule.mutable.push(entry);
    }
    let path = match scene.dice.below(8) {
        0 => Path(place.path.0[..scene.dice.between(1, place.path.0.len())].to_vec()),
        1 => place.path,
        _ => wild::walk_from(scene.dice, &scene.rule, place.path, &value).0,
    };
    scene.rule.protected.push(path);
}

/// A field that is set or cleared deep below an object that is absent.
pub(super) fn on_the_way(scene: &mut Scene) {
    let place = scene.place(Last::Named);
    let names: Vec<String> =
        (0..scene.dice.between(1, 3)).map(|_| world::name(scene.dice)).collect();
    let mut path = place.path.clone();
    for (index, name) in names.iter().enumerate() {
        let last = if index + 1 == names.len() { Last::Any } else { Last::Named };
        path = path.then(member_step(scene.dice, name, last));
    }
    // Nothing is set at the end of the path now and then: the objects above it are still on the
    // way.
    let end = if scene.dice.percent(15) { None } else { Some(world::tree(scene.dice, 1)) };
    let mut value = end;
    for name in names.iter().rev() {
        let mut object = Map::new();
        if scene.dice.percent(4) {
            object = world::object(scene.dice, 0);
        }
        if let Some(value) = value {
            object.insert(name.clone(), value);
        }
        value = Some(object.into());
    }
    let entry = if scene.dice.percent(90) {
        crate::oracle::rule::Entry::bare(path)
    } else {
        scene.entry(path)
    };
    scene.rule.mutable.push(entry);
    if scene.dice.percent(50) {
        scene.put(&place, None, value);
    } else {
        scene.put(&place, value, None);
    }
}

/// Something that holds nothing but mutable fields, and that must still not appear.
pub(super) fn only_named_objects(scene: &mut Scene) {
    let place = scene.place(Last::Named);
    let name = world::name(scene.dice);
    let value = world::tree(scene.dice, 1);
    let new = Value::from(Map::from_iter([(name.clone(), value.clone())]));
    let (above, steps) = match scene.dice.below(4) {
        0 => (json!([]), vec![Step::AnyElement, step(&name)]),
        1 => (json!({}), vec![Step::AnyMember, step(&name)]),
        2 => (
            json!({}),
            vec![Step::Prefix(String::new()), member_step(scene.dice, &name, Last::Any)],
        ),
        _ => (json!({}), vec![step("x"), Step::AnyElement]),
    };
    let appeared = match (&above, &steps[0]) {
        (Value::Array(_), _) => json!([new]),
        (_, Step::Name { .. }) => json!({"x": [value]}),
        _ => Value::from(Map::from_iter([(world::name(scene.dice), new)])),
    };
    let path = steps.into_iter().fold(place.path.clone(), |path, step| path.then(step));
    scene.bare(path);
    let (old, new) = if scene.dice.percent(50) { (above, appeared) } else { (appeared, above) };
    scene.put(&place, Some(old), Some(new));
}
