//! What counts as equal, and what does not.

use crate::oracle::rule::{Key, Path, Reading, Step, Verb};
use crate::properties::scene::{Last, Place, Scene, step};
use crate::properties::world::{
    self, DURATIONS, ELEMENTS, NO_DURATIONS, NO_QUANTITIES, NUMBERS, QUANTITIES,
};
use serde_json::{Value, json};

/// Puts two values in a random order.
fn either_way(scene: &mut Scene, place: &Place, a: Option<Value>, b: Option<Value>) {
    if scene.dice.percent(50) { scene.put(place, a, b) } else { scene.put(place, b, a) }
}

pub(super) fn numbers_by_value(scene: &mut Scene) {
    let place = scene.place(Last::Any);
    let (mut a, mut b) = world::two_of_a_line(scene.dice, &NUMBERS);
    while a == b {
        (a, b) = world::two_of_a_line(scene.dice, &NUMBERS);
    }
    if scene.dice.percent(25) {
        (a, b) = (json!([{"x": a}]), json!([{"x": b}]));
    }
    either_way(scene, &place, Some(a), Some(b));
}

fn is_a_value(scene: &mut Scene, value: Value) {
    let place = scene.place(Last::Any);
    either_way(scene, &place, None, Some(value));
}

pub(super) fn null_is_a_value(scene: &mut Scene) {
    is_a_value(scene, Value::Null);
}

pub(super) fn empty_object_is_a_value(scene: &mut Scene) {
    is_a_value(scene, json!({}));
}

pub(super) fn empty_list_is_a_value(scene: &mut Scene) {
    is_a_value(scene, json!([]));
}

pub(super) fn list_is_no_map(scene: &mut Scene) {
    let place = scene.place(Last::Any);
    let item = world::tree(scene.dice, 1);
    let (a, b) = if scene.dice.percent(40) {
        (json!([]), json!({}))
    } else {
        (json!([item]), json!({"0": item}))
    };
    either_way(scene, &place, Some(a), Some(b));
}

fn respelled(scene: &mut Scene, reading: Reading, lines: &[&[&str]], unknown: &[&str]) {
    let place = scene.place(Last::Any);
    let (mut a, mut b) = world::two_of_a_line(scene.dice, lines);
    if scene.dice.percent(10) {
        b = world::two_of_a_line(scene.dice, lines).0;
    } else if scene.dice.percent(5) {
        let text = *scene.dice.pick(unknown);
        b = world::parse(text);
    }
    let mut path = place.path.clone();
    match scene.dice.below(5) {
        0 => {
            (a, b) = (json!({"cpu": a, "memory": "1"}), json!({"cpu": b, "memory": "1"}));
            path = path.then(Step::AnyMember);
        }
        1 => {
            (a, b) = (json!([a]), json!([b]));
            path = path.then(Step::AnyElement);
        }
        _ => {}
    }
    scene.equality(path, reading);
    scene.put(&place, Some(a), Some(b));
}

pub(super) fn quantity(scene: &mut Scene) {
    respelled(scene, Reading::Quantity, &QUANTITIES, &NO_QUANTITIES);
}

pub(super) fn duration(scene: &mut Scene) {
    respelled(scene, Reading::Duration, &DURATIONS, &NO_DURATIONS);
}

pub(super) fn absent_as(scene: &mut Scene) {
    let place = scene.place(Last::Any);
    let absent = if scene.dice.percent(15) {
        world::tree(scene.dice, 2)
    } else {
        scene
            .dice
            .pick(&[
                json!(null),
                json!({}),
                json!([]),
                json!(""),
                json!("0"),
                json!(0),
                json!(false),
            ])
            .clone()
    };
    scene.equality(place.path.clone(), Reading::AbsentAs(absent.clone()));
    let mut spelled =
        if absent == json!(0) && scene.dice.percent(50) { json!(-0.0) } else { absent.clone() };
    if absent == json!("0") && scene.dice.percent(50) {
        scene.equality(place.path.clone(), Reading::Quantity);
        spelled = json!("0Ki");
    }
    if scene.dice.percent(85) {
        either_way(scene, &place, None, Some(spelled));
    } else {
        // From or to the value that counts as left out is Set or Clear.
        let value = world::tree(scene.dice, 1);
        either_way(scene, &place, Some(spelled), Some(value));
        let verbs = [Verb::Set, Verb::Clear];
        scene.allow(place.path, verbs.to_vec());
    }
}

pub(super) fn leaves_up(scene: &mut Scene) {
    let place = scene.place(Last::Any);
    let inner = place.path.then(step("t"));
    let (empty, full) = match scene.dice.below(3) {
        0 => (None, json!({"t": null})),
        1 => (Some(json!({})), json!({"t": null, "u": null})),
        _ => (None, json!({"t": {"v": null}})),
    };
    if full["t"].is_object() {
        scene.equality(inner.then(step("v")), Reading::AbsentAs(Value::Null));
        scene.equality(inner, Reading::AbsentAs(json!({})));
    } else {
        let members =
            if full.get("u").is_some() { place.path.then(Step::AnyMember) } else { inner };
        scene.equality(members, Reading::AbsentAs(Value::Null));
    }
    scene.equality(place.path.clone(), Reading::AbsentAs(json!({})));
    either_way(scene, &place, empty, Some(full));
}

/// A list of different names in random order.
fn list(scene: &mut Scene, least: usize) -> Vec<Value> {
    let mut list: Vec<Value> = ELEMENTS[..scene.dice.between(least, 5)]
        .iter()
        .map(|name| world::named(scene.dice, "name", name, 1))
        .collect();
    scene.dice.shuffle(&mut list);
    list
}

/// Something is removed or added before the end, or an element changes beside one that moved.
pub(super) fn key(scene: &mut Scene) {
    let place = scene.place(Last::Any);
    let whole = list(scene, 2);
    let mut part = whole.clone();
    part.remove(scene.dice.below(whole.len() - 1));
    scene.equality(place.path.clone(), Reading::key("name"));
    let elements = place.path.then(Step::AnyElement);
    let added = scene.dice.percent(50);
    match scene.dice.below(3) {
        0 => scene
            .allow(place.path.clone(), vec![if added { Verb::AddItem } else { Verb::RemoveItem }]),
        1 => scene.allow(elements, vec![Verb::Set, Verb::Clear]),
        _ => {
            // What changes is only mutable in the element that it is in.
            let index = scene.dice.below(part.len());
            part[index]["x"] = world::two_values(scene.dice).0;
            scene.allow(elements.clone(), vec![if added { Verb::Set } else { Verb::Clear }]);
            scene.bare(elements.then(step("x")));
        }
    }
    if added {
        scene.put(&place, Some(part.into()), Some(whole.into()));
    } else {
        scene.put(&place, Some(whole.into()), Some(part.into()));
    }
}

/// Elements that only their name and zone together tell apart change beside one that comes or goes.
pub(super) fn composite_key(scene: &mut Scene) {
    let place = scene.place(Last::Any);
    let mut keys = vec![("a", "TCP"), ("a", "UDP"), ("b", "TCP"), ("b", "UDP")];
    scene.dice.shuffle(&mut keys);
    let mut element = |(name, zone): &(&str, &str)| {
        let mut element = world::named(scene.dice, "name", name, 1);
        if *zone != "TCP" || scene.dice.percent(40) {
            element["zone"] = json!(zone);
        }
        element
    };
    let mut old: Vec<Value> = keys.iter().map(&mut element).collect();
    let mut new = old.clone();
    let index = scene.dice.below(3);
    (old[index]["x"], new[index]["x"]) = world::two_values(scene.dice);
    let members = vec![("name".to_owned(), None), ("zone".to_owned(), Some(json!("TCP")))];
    scene.equality(place.path.clone(), Reading::Key(Key { members, any_order: false }));
    let (name, zone) = keys[index];
    let key = [("name", name), ("zone", zone)];
    let key = key.map(|(name, value)| (name.to_owned(), json!(value).to_string())).into();
    let selected = Step::Keyed { key, quoted: scene.dice.percent(50) };
    let selected = if scene.dice.percent(50) { Step::AnyElement } else { selected };
    scene.bare(place.path.then(selected).then(step("x")));
    if scene.dice.percent(60) {
        old.remove(3);
        scene.allow(place.path.clone(), vec![Verb::AddItem]);
        new.rotate_right(1);
    }
    scene.put(&place, Some(old.into()), Some(new.into()));
}

pub(super) fn in_any_order() -> Reading {
    Reading::Key(Key { members: vec![("name".to_owned(), None)], any_order: true })
}

pub(super) fn keyed_order(scene: &mut Scene, key: Reading) {
    let place = scene.place(Last::Any);
    let old = list(scene, 2);
    let mut new = old.clone();
    let (a, b) = (scene.dice.below(old.len()), scene.dice.below(old.len() - 1));
    new.swap(a, if b < a { b } else { b + 1 });
    scene.equality(place.path.clone(), key);
    if scene.dice.percent(50) {
        scene.bare(place.path.then(Step::AnyElement));
        if scene.dice.percent(50) {
            new.push(json!({"name": "more"}));
        }
    } else if scene.dice.percent(40) {
        scene.allow(
            place.path.clone(),
            vec![Verb::AddItem, Verb::RemoveItem, Verb::Set, Verb::Clear],
        );
    }
    scene.put(&place, Some(old.into()), Some(new.into()));
}

/// Makes a list one that cannot be keyed.
fn spoil_keys(scene: &mut Scene, list: &mut [Value]) {
    let index = scene.dice.below(list.len());
    match scene.dice.below(4) {
        0 => drop(list[index].as_object_mut().unwrap().remove("name")),
        1 => list[index]["name"] = json!(1.5),
        2 => list[index] = json!("worker"),
        _ => list[(index + 1) % list.len()]["name"] = list[index]["name"].clone(),
    }
}

pub(super) fn old_unkeyable(scene: &mut Scene) {
    let place = scene.place(Last::Any);
    let mut old = list(scene, 2);
    spoil_keys(scene, &mut old);
    let mut new = old.clone();
    let index = scene.dice.below(new.len());
    let (a, b) = world::two_values(scene.dice);
    scene.equality(place.path.clone(), Reading::key("name"));
    let elements = place.path.then(Step::AnyElement);
    match scene.dice.below(3) {
        0 if old[index].is_object() => {
            (old[index]["x"], new[index]["x"]) = (a, b);
            scene.bare(elements.then(step("x")));
        }
        1 => {
            new.push(a);
            scene.bare(elements);
        }
        _ => {
            new[index] = if old[index] == a { b } else { a };
            scene.allow(place.path.clone(), vec![Verb::Modify]);
        }
    }
    scene.put(&place, Some(old.into()), Some(new.into()));
}

pub(super) fn new_unkeyable(scene: &mut Scene) {
    let place = scene.place(Last::Any);
    let old = list(scene, 2);
    let mut new = old.clone();
    spoil_keys(scene, &mut new);
    scene.equality(place.path.clone(), Reading::key("name"));
    match scene.dice.below(5) {
        0 => scene.allow(
            place.path.clone(),
            vec![Verb::Set, Verb::Modify, Verb::AddItem, Verb::RemoveItem],
        ),
        1 => scene.bare(place.path.clone()),
        _ => scene.bare(place.path.then(Step::AnyElement)),
    }
    scene.put(&place, Some(old.into()), Some(new.into()));
}

pub(super) fn set(scene: &mut Scene) {
    let place = scene.place(Last::Any);
    let mut old: Vec<Value> = ["a", "b", "c"].iter().map(|text| json!(text)).collect();
    old.push(world::tree(scene.dice, 1));
    scene.dice.shuffle(&mut old);
    let mut new = old.clone();
    if scene.dice.percent(30) {
        let (a, b) = world::two_of_a_line(scene.dice, &NUMBERS);
        old.push(json!({"x": [a]}));
        new.push(json!({"x": [b]}));
    }
    scene.dice.shuffle(&mut new);
    if scene.dice.percent(30) {
        new.push(old[0].clone());
    }
    if scene.dice.percent(30) {
        new.insert(scene.dice.below(new.len()), json!("d"));
        let (path, verb) = if scene.dice.percent(50) {
            (place.path.clone(), Verb::AddItem)
        } else {
            (place.path.then(Step::AnyElement), Verb::Set)
        };
        scene.allow(path, vec![verb]);
    }
    scene.equality(place.path.clone(), Reading::Set);
    scene.put(&place, Some(old.into()), Some(new.into()));
}

/// Two entries at one location that do not agree.
pub(super) fn first_listed(scene: &mut Scene) {
    let place = scene.place(Last::Named);
    let (mut a, mut b, mut readings) = match scene.dice.below(3) {
        0 => (Some(json!("1")), Some(json!("1000m")), vec![Reading::Quantity, Reading::Duration]),
        1 => (
            Some(Value::Null),
            None,
            vec![Reading::AbsentAs(Value::Null), Reading::AbsentAs(json!({}))],
        ),
        _ => {
            let element = |name: &str, id: &str| json!({"name": name, "id": id});
            let old = json!([element("a", "1"), element("b", "2")]);
            let new = json!([element("a", "2"), element("b", "1")]);
            scene.bare(place.path.then(Step::AnyElement).then(step("id")));
            (Some(old), Some(new), vec![Reading::key("name"), Reading::key("id")])
        }
    };
    if scene.dice.percent(50) {
        readings.reverse();
    }
    if scene.dice.percent(50) {
        (a, b) = (b, a);
    }
    for reading in readings {
        let mut steps = place.path.0.clone();
        if scene.dice.percent(30) {
            steps.pop();
            steps.push(Step::AnyMember);
        }
        scene.equality(Path(steps), reading);
    }
    scene.put(&place, a, b);
}
