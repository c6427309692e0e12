//! Requesters, labels that a selector names, and what the API server does itself.

use crate::oracle::rule::{Entry, Reading, Step, User, Verb, Who};
use crate::properties::scene::{self, COLLECTORS, LABELS, Last, Scene, USERS, step};
use crate::properties::world;
use serde_json::{Value, json};

/// A change that somebody may make.
fn by(scene: &mut Scene, by: Who) {
    let place = scene.place(Last::Any);
    let (old, new) = world::change(scene.dice);
    scene.put(&place, old, new);
    scene.rule.mutable.push(Entry { path: place.path, allow: None, when: None, by: Some(by) });
}

/// Some others, of whom the requester is none.
fn others(scene: &mut Scene) -> Who {
    loop {
        let who = scene::who(scene.dice);
        if !who.includes(&scene.user) {
            return who;
        }
        scene.user = User { name: "mallory".into(), groups: vec!["nobody".into()] };
    }
}

pub(super) fn users(scene: &mut Scene) {
    let mut who = others(scene);
    who.users.push(scene.user.name.clone());
    by(scene, who);
}

pub(super) fn groups(scene: &mut Scene) {
    let mut who = others(scene);
    scene.user.groups.push("ops".into());
    who.groups.push("ops".into());
    by(scene, who);
}

pub(super) fn accounts(scene: &mut Scene) {
    let mut who = others(scene);
    scene.user.name = "system:serviceaccount:ns:robot".into();
    who.accounts.push("ns/robot".into());
    by(scene, who);
}

pub(super) fn not_by(scene: &mut Scene) {
    let who = others(scene);
    by(scene, who);
}

/// Labels may change, but for one.
pub(super) fn protected_label(scene: &mut Scene) {
    let label = *scene.dice.pick(&LABELS);
    scene.protect(label);
    let mut old = scene::labels(scene.dice);
    let mut new = old.clone();
    if scene.dice.percent(10) {
        new = scene::labels(scene.dice);
    } else {
        new[label] = json!("y");
    }
    old["free"] = json!("1");
    let metadata = crate::oracle::rule::Path(vec![step("metadata")]);
    let labels = metadata.then(step("labels"));
    match scene.dice.below(4) {
        3 => scene.bare(metadata),
        0 => scene.bare(labels),
        1 => scene.bare(labels.then(Step::AnyMember)),
        _ => {
            scene.bare(labels.then(step(label)));
            scene.bare(labels.then(step("free")));
        }
    }
    let both = [Some(old), if scene.dice.percent(85) { Some(new) } else { None }];
    let backwards = scene.dice.percent(50);
    for (index, value) in both.into_iter().enumerate() {
        let side = if (index == 0) == backwards { &mut scene.new } else { &mut scene.old };
        let metadata = scene::metadata(side);
        metadata.remove("labels");
        metadata.extend(value.map(|value| ("labels".to_owned(), value)));
    }
    if scene.dice.percent(8) {
        let strange = world::tree(scene.dice, 2);
        let side = if scene.dice.percent(50) { &mut scene.new } else { &mut scene.old };
        match scene::metadata(side).get_mut("labels") {
            Some(Value::Object(labels)) if scene.dice.percent(50) => {
                drop(labels.insert(label.to_owned(), strange));
            }
            _ => drop(scene::metadata(side).insert("labels".to_owned(), strange)),
        }
    }
}

pub(super) fn exempt(scene: &mut Scene) {
    match scene.dice.below(3) {
        0 => {
            scene.user.groups.push("system:masters".into());
            scene.rule.exempt.groups.push("system:masters".into());
        }
        1 => {
            scene.user.name = USERS[2].into();
            scene.rule.exempt.accounts.push("ns/robot".into());
        }
        _ => scene.rule.exempt.users.push(scene.user.name.clone()),
    }
    scene.spoil();
}

pub(super) fn owned(scene: &mut Scene) {
    let fields = crate::oracle::OWNED;
    let field = *scene.dice.pick(&fields);
    let (old, new) = world::change(scene.dice);
    for (side, value) in [(&mut scene.old, old), (&mut scene.new, new)] {
        let metadata = scene::metadata(side);
        metadata.remove(field);
        metadata.extend(value.map(|value| (field.to_owned(), value)));
    }
}

/// Finalizers dropped while the object is being deleted; now and then not quite.
pub(super) fn deleting(scene: &mut Scene) {
    let old: Vec<Value> = ["a", "b", "a", "c", "foregroundDeletion"]
        .iter()
        .take(scene.dice.between(1, 5))
        .map(|name| json!(name))
        .collect();
    let mut new = old.clone();
    new.remove(scene.dice.below(old.len()));
    new.retain(|_| scene.dice.percent(70));
    match scene.dice.below(14) {
        0 => new.reverse(),
        1 => new.push(json!("d")),
        2 => new.insert(0, json!("d")),
        _ => {}
    }
    scene.old["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    scene.old["metadata"]["finalizers"] = old.into();
    scene.new["metadata"]["finalizers"] = new.into();
    if scene.dice.percent(20) {
        scene::metadata(&mut scene.new).remove("finalizers");
    }
    if scene.dice.percent(6) {
        scene.old["metadata"]["finalizers"] = world::tree(scene.dice, 1);
    }
    if scene.dice.percent(6) {
        scene.new["metadata"]["finalizers"] = world::tree(scene.dice, 1);
    }
    if scene.dice.percent(6) {
        scene.equality(
            crate::oracle::rule::Path(vec![step("metadata"), step("finalizers")]),
            Reading::Set,
        );
    }
    if scene.dice.percent(4) {
        scene.new.as_object_mut().unwrap().remove("metadata");
    }
    if scene.dice.percent(10) {
        let verb = *scene.dice.pick(&[Verb::AddItem, Verb::RemoveItem]);
        scene.allow(
            crate::oracle::rule::Path(vec![step("metadata"), step("finalizers")]),
            vec![verb],
        );
    }
}

/// What the garbage collector does to objects.
pub(super) fn collector(scene: &mut Scene) {
    scene.user.name = (*scene.dice.pick(&COLLECTORS)).into();
    let (finalizers, owners) =
        (scene::finalizers(scene.dice), json!([{"uid": "b", "blockOwnerDeletion": true}]));
    let field = *scene.dice.pick(&["finalizers", "ownerReferences"]);
    let value = if field == "finalizers" { finalizers } else { owners };
    let side = if scene.dice.percent(50) { &mut scene.new } else { &mut scene.old };
    let metadata = scene::metadata(side);
    if scene.dice.percent(20) {
        metadata.remove(field);
    } else {
        metadata.insert(field.into(), value);
    }
    if scene.dice.percent(10) {
        // Metadata that holds nothing else goes with it.
        scene.new.as_object_mut().unwrap().remove("metadata");
        scene::metadata(&mut scene.old).retain(|key, _| key == field);
    }
}
