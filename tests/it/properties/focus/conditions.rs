//! Entries with `when`: conditions that hold, that do not, and that cannot be decided.

use crate::oracle::rule::{Entry, Path, Step};
use crate::properties::scene::{Last, Scene, member_step};
use crate::properties::world;
use serde_json::{Map, Value, json};

/// Lets a change be made where a condition holds.
fn when(scene: &mut Scene, path: Path, text: &str) {
    scene.rule.mutable.push(Entry { path, allow: None, by: None, when: Some(text.to_owned()) });
}

fn changed(scene: &mut Scene) -> Path {
    let place = scene.place(Last::Any);
    let (old, new) = world::change(scene.dice);
    scene.put(&place, old, new);
    place.path
}

/// The old object is in a state, which the update may change too.
pub(super) fn state_holds(scene: &mut Scene) {
    let path = changed(scene);
    scene.old["spec"]["gate"] = json!("open");
    scene.new["spec"]["gate"] = json!("open");
    let text = *scene.dice.pick(&[
        "oldObject.spec.gate == 'open'",
        "oldObject.spec.gate in ['open', 'ajar']",
        "has(oldObject.spec.gate) && !has(oldObject.spec.shut)",
        "oldObject.?spec.?gate.orValue('shut') == 'open'",
        "oldObject.spec.exists(key, key == 'gate')",
        "[oldObject.spec.gate].map(g, g + '!').filter(g, g.contains('pen')).size() == 1",
    ]);
    when(scene, path, text);
}

pub(super) fn request_holds(scene: &mut Scene) {
    let path = changed(scene);
    scene.user.name = "alice".into();
    scene.user.groups.push("ops".into());
    let text = *scene.dice.pick(&[
        "request.userInfo.username == 'alice'",
        "'ops' in request.userInfo.groups",
        "request.userInfo.groups.exists_one(group, group == 'ops') || true",
        "request.operation == 'UPDATE' && !request.userInfo.username.startsWith('system:')",
    ]);
    when(scene, path, text);
}

/// Numbers that may grow, texts that may be set, elements one by one.
pub(super) fn value_holds(scene: &mut Scene) {
    let place = scene.place(Last::Any);
    let (old, new, text) = scene.dice.pick(&values()).clone();
    if scene.dice.percent(50) {
        scene.put(&place, old, new);
        return when(scene, place.path, text);
    }
    // One of several members, each asked for itself.
    let side = |value: Option<Value>| {
        let mut members = Map::from_iter([("same".to_owned(), json!(7))]);
        members.extend(value.map(|value| ("x".to_owned(), value)));
        Value::from(members)
    };
    scene.put(&place, Some(side(old)), Some(side(new)));
    let path = place.path.then(member_step(scene.dice, "x", Last::Any));
    when(scene, path, text);
}

fn values() -> [(Option<Value>, Option<Value>, &'static str); 8] {
    [
        (Some(json!(1)), Some(json!(5)), "value > oldValue"),
        (Some(json!(1)), Some(json!(2.5)), "value > oldValue && value < 3"),
        (Some(json!(5)), Some(json!(1)), "int(value) < int(oldValue)"),
        (None, Some(json!("x")), "oldValue == null && value == 'x'"),
        (Some(json!("x")), None, "value == null && type(oldValue) == string"),
        (Some(json!([1])), Some(json!([1, 2])), "oldValue.all(x, x in value)"),
        (Some(json!({"a": 1})), Some(json!({"a": 1, "b": 2})), "value.a == oldValue.a"),
        (
            Some(json!(9_007_199_254_740_993_u64)),
            Some(json!(9_007_199_254_740_992_u64)),
            "value < oldValue",
        ),
    ]
}

/// Conditions that do not hold, that are no bool, and that go wrong.
pub(super) fn fails(scene: &mut Scene) {
    let path = changed(scene);
    let text = *scene.dice.pick(&[
        "false",
        "oldObject.spec.shut == true",
        "object.nothing.there",
        "oldObject.metadata",
        "oldValue == value",
        "1 / (size(oldObject.spec) - size(oldObject.spec)) == 1",
        "request.userInfo.username == 'nobody'",
        "value.all(x, true) && oldValue.all(x, true) && false",
    ]);
    when(scene, path, text);
}

/// Objects that appear or vanish above a location that is asked for itself; among them empty ones,
/// below which there is none.
pub(super) fn on_the_way(scene: &mut Scene) {
    let place = scene.place(Last::Named);
    let inner = world::name(scene.dice);
    let leaf = world::name(scene.dice);
    let value = scene.dice.pick(&[json!(1), json!("a"), json!({}), json!([1])]).clone();
    let object = match scene.dice.below(4) {
        0 => json!({}),
        1 => json!({&inner: {}}),
        _ => json!({&inner: {&leaf: value}}),
    };
    let appears = scene.dice.percent(50);
    let (old, new) = if appears { (None, Some(object)) } else { (Some(object), None) };
    scene.put(&place, old, new);
    let inner = Step::Name { quoted: true, name: inner };
    let path = place.path.then(inner).then(member_step(scene.dice, &leaf, Last::Any));
    let text = *scene.dice.pick(&[
        "true || value == 1",
        "value == 1 || oldValue == 1",
        "oldValue == null",
        "value == null || type(value) == int",
        "size(value) > 0",
    ]);
    when(scene, path, text);
}
