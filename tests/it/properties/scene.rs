//! A case while it is being made: a rule and an object on both sides, at first the same, into which
//! changes are placed.

use super::dice::Dice;
use super::world::{self, ELEMENTS};
use crate::oracle::notation::is_bare;
use crate::oracle::rule::{
    Entry, Equality, Naming, Path, Reading, Rule, Step, User, VERBS, Verb, Who,
};
use serde_json::{Map, Value, json};

/// Requesters, besides those that the API server's own components use.
pub(super) const USERS: [&str; 4] = [
    "alice",
    "bob",
    "system:serviceaccount:ns:robot",
    "system:serviceaccount:volcano-system:volcano-controllers",
];
pub(super) const COLLECTORS: [&str; 2] = [
    "system:serviceaccount:kube-system:generic-garbage-collector",
    "system:kube-controller-manager",
];
pub(super) const GROUPS: [&str; 3] = ["staff", "ops", "system:masters"];
/// Conditions, whatever the object looks like: some hold, some do not, some cannot be decided.
pub(super) const CONDITIONS: [&str; 22] = [
    "true",
    "oldObject.spec.a == 1",
    "has(oldObject.spec.x)",
    "oldObject.?spec.?a.orValue(null) != null",
    "oldObject.spec == object.spec",
    "size(oldObject.spec) > 1",
    "oldObject.spec.all(k, k != 'b')",
    "oldObject.metadata.?finalizers.orValue([]).exists(f, f.startsWith('x'))",
    "value == null",
    "oldValue == null",
    "value != null && oldValue != null",
    "value > oldValue",
    "type(value) == string",
    "size(value) <= size(oldValue)",
    "value in [1, 'a', 'b', null]",
    "has(value.a) || has(oldValue.a)",
    "!has(oldValue.b)",
    "request.userInfo.username == 'alice'",
    "'ops' in request.userInfo.groups",
    "oldObject.nothing.there == 1",
    "1 / size([]) == 1 || value == 1",
    "oldObject.spec",
];
/// Labels that an objectSelector may name.
pub(super) const LABELS: [&str; 4] = ["team", "example.com/queue", "app", "a.b/c-d"];

pub(super) struct Scene<'d, 'r> {
    pub dice: &'d mut Dice<'r>,
    pub rule: Rule,
    pub old: Value,
    pub new: Value,
    pub user: User,
    places: usize,
}

/// How the last step of a place's path is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    Any,
    Named,
    Quoted,
    AnyMember,
    Prefix,
}

/// A member of some object below `spec`, which both sides have, and a path that reaches it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub path: Path,
    levels: Vec<Level>,
}

#[derive(Debug, Clone)]
enum Level {
    Key { name: String, siblings: Map<String, Value> },
    Element { key: Option<(&'static str, String)>, before: Vec<Value>, after: Vec<Value> },
}

impl<'d, 'r> Scene<'d, 'r> {
    /// A stage with nothing on it that changes, but what the API server owns.
    pub(super) fn new(dice: &'d mut Dice<'r>) -> Self {
        let mut object = Map::new();
        let spec = world::object(dice, 2);
        object.insert("spec".into(), spec.into());
        if dice.percent(20) {
            object.insert(world::name(dice), world::tree(dice, 2));
        }
        let mut metadata = Map::new();
        if dice.percent(50) {
            metadata.insert("labels".into(), labels(dice));
        }
        if dice.percent(30) {
            metadata.insert(
                "annotations".into(),
                (0..dice.below(3))
                    .map(|_| (world::name(dice), json!("x")))
                    .collect::<Map<_, _>>()
                    .into(),
            );
        }
        if dice.percent(30) {
            metadata.insert("finalizers".into(), finalizers(dice));
        }
        if dice.percent(15) {
            metadata.insert("ownerReferences".into(), json!([{"uid": "a"}]));
        }
        let (mut old, mut new) = (metadata.clone(), metadata);
        if dice.percent(50) {
            owned(dice, &mut old);
            owned(dice, &mut new);
        }
        if dice.percent(8) {
            old.insert(
                "deletionTimestamp".into(),
                if dice.percent(80) { json!("2026-01-01T00:00:00Z") } else { Value::Null },
            );
        }
        let mut sides = [old, new].map(|metadata| {
            let mut object = object.clone();
            object.insert("metadata".into(), metadata.into());
            Value::Object(object)
        });
        let user = user(dice);
        let (old, new) = (sides[0].take(), sides[1].take());
        Self { dice, rule: Rule::default(), old, new, user, places: 0 }
    }

    /// A place for a change. Its first member is its own, what is further down is shared with
    /// siblings.
    pub(super) fn place(&mut self, last: Last) -> Place {
        let depth = self.dice.weighted(&[(40, 0), (40, 1), (20, 2)]);
        let mut place = Place { path: Path(vec![step("spec")]), levels: Vec::new() };
        let first = if depth == 0 {
            last
        } else {
            self.dice.weighted(&[(80, Last::Named), (20, Last::Any)])
        };
        self.places += 1;
        let own =
            if self.places == 1 { world::name(self.dice) } else { format!("p{}", self.places) };
        self.member(&mut place, first, Some(own));
        for level in 1..=depth {
            match self.dice.below(4) {
                0 => self.element(&mut place),
                1 => self.keyed_element(&mut place),
                _ => {}
            }
            self.member(&mut place, if level == depth { last } else { Last::Any }, None);
        }
        place
    }

    fn member(&mut self, place: &mut Place, last: Last, name: Option<String>) {
        let own = name.is_some();
        let name = name.unwrap_or_else(|| {
            if last == Last::Quoted {
                world::strange_name(self.dice)
            } else {
                world::name(self.dice)
            }
        });
        let mut siblings = if own { Map::new() } else { world::object(self.dice, 1) };
        siblings.remove(&name);
        place.path = place.path.then(member_step(self.dice, &name, last));
        place.levels.push(Level::Key { name, siblings });
    }

    fn element(&mut self, place: &mut Place) {
        let others = |dice: &mut Dice| (0..dice.below(3)).map(|_| world::tree(dice, 1)).collect();
        let (before, after) = (others(self.dice), others(self.dice));
        place.path = place.path.then(Step::AnyElement);
        place.levels.push(Level::Element { key: None, before, after });
    }

    fn keyed_element(&mut self, place: &mut Place) {
        let mut names = ELEMENTS;
        self.dice.shuffle(&mut names);
        let before: Vec<Value> = names[1..=self.dice.below(3)]
            .iter()
            .map(|name| world::named(self.dice, "id", name, 1))
            .collect();
        let after = names[3..3 + self.dice.below(3)]
            .iter()
            .map(|name| world::named(self.dice, "id", name, 1))
            .collect();
        self.rule.equality.push(Equality { path: place.path.clone(), reading: Reading::key("id") });
        place.path = place.path.then(element_step(self.dice, "id", names[0]));
        place.levels.push(Level::Element { key: Some(("id", names[0].to_owned())), before, after });
    }

    /// Puts a value, or its absence, at a place, on both sides.
    pub(super) fn put(&mut self, place: &Place, old: Option<Value>, new: Option<Value>) {
        for (side, value) in [(&mut self.old, old), (&mut self.new, new)] {
            let Level::Key { name, .. } = &place.levels[0] else {
                panic!("a place begins with a member of spec")
            };
            let spec = side["spec"].as_object_mut().unwrap();
            spec.remove(name);
            if let Some(value) = wrap(&place.levels[1..], value) {
                spec.insert(name.clone(), value);
            }
        }
    }

    /// Changes something that nothing permits.
    pub(super) fn spoil(&mut self) {
        let place = self.place(Last::Named);
        let (old, new) = world::change(self.dice);
        self.put(&place, old, new);
    }

    /// Adds an entry where nothing changes.
    pub(super) fn idle_entry(&mut self) {
        let place = self.place(Last::Any);
        let value = world::tree(self.dice, 2);
        self.put(&place, Some(value.clone()), Some(value));
        let entry = self.entry(place.path);
        self.rule.mutable.push(entry);
    }

    /// An entry with random verbs, by anybody.
    pub(super) fn entry(&mut self, path: Path) -> Entry {
        let allow = self.dice.percent(50).then(|| some_verbs(self.dice, &VERBS));
        let by = self.dice.percent(20).then(|| who(self.dice));
        let when = self.dice.percent(12).then(|| (*self.dice.pick(&CONDITIONS)).to_owned());
        Entry { path, allow, by, when }
    }

    pub(super) fn bare(&mut self, path: Path) {
        self.rule.mutable.push(Entry::bare(path));
    }

    pub(super) fn allow(&mut self, path: Path, allow: Vec<Verb>) {
        self.rule.mutable.push(Entry { path, allow: Some(allow), by: None, when: None });
    }

    pub(super) fn equality(&mut self, path: Path, reading: Reading) {
        self.rule.equality.push(Equality { path, reading });
    }

    /// Lets the objectSelector name a label.
    pub(super) fn protect(&mut self, label: &str) {
        if self.rule.selector.iter().all(|(other, _)| other != label) {
            let naming = *self.dice.pick(&[Naming::MatchLabels, Naming::MatchExpressions]);
            self.rule.selector.push((label.to_owned(), naming));
        }
    }
}

fn wrap(levels: &[Level], value: Option<Value>) -> Option<Value> {
    let [level, below @ ..] = levels else { return value };
    let value = wrap(below, value);
    Some(match level {
        Level::Key { name, siblings } => {
            let mut object = siblings.clone();
            if let Some(value) = value {
                object.insert(name.clone(), value);
            }
            object.into()
        }
        Level::Element { key, before, after } => {
            let mut element = value.expect("an element's member is in an object, which is there");
            if let Some((key, name)) = key {
                element.as_object_mut().unwrap().insert((*key).to_owned(), name.as_str().into());
            }
            [before.as_slice(), &[element], after].concat().into()
        }
    })
}

/// The step to a name as it is.
pub(super) fn step(name: &str) -> Step {
    Step::Name { name: name.to_owned(), quoted: !is_bare(name) }
}

/// A step that reaches a member of that name.
pub(super) fn member_step(dice: &mut Dice, name: &str, last: Last) -> Step {
    match last {
        Last::Any => {
            let last = dice.weighted(&[
                (60, Last::Named),
                (15, Last::AnyMember),
                (15, Last::Prefix),
                (10, Last::Quoted),
            ]);
            member_step(dice, name, last)
        }
        Last::Named => step(name),
        Last::Quoted => Step::Name { name: name.to_owned(), quoted: true },
        Last::AnyMember => Step::AnyMember,
        Last::Prefix => {
            let ends: Vec<usize> =
                name.char_indices().map(|(index, _)| index).chain([name.len()]).collect();
            let prefix = &name[..*dice.pick(&ends)];
            Step::Prefix(prefix.trim_end_matches('*').to_owned())
        }
    }
}

/// A step that reaches an element of that name in a keyed list.
pub(super) fn element_step(dice: &mut Dice, key: &str, name: &str) -> Step {
    if dice.percent(50) {
        return Step::AnyElement;
    }
    keyed_step(dice, key, name)
}

pub(super) fn keyed_step(dice: &mut Dice, key: &str, name: &str) -> Step {
    let key = [(key.to_owned(), json!(name).to_string())].into();
    Step::Keyed { key, quoted: dice.percent(50) }
}

/// At least one of the verbs, in any order.
pub(super) fn some_verbs(dice: &mut Dice, verbs: &[Verb]) -> Vec<Verb> {
    let mut verbs = verbs.to_vec();
    dice.shuffle(&mut verbs);
    verbs.truncate(1 + dice.below(verbs.len()));
    verbs
}

pub(super) fn user(dice: &mut Dice) -> User {
    let name = if dice.percent(7) { *dice.pick(&COLLECTORS) } else { *dice.pick(&USERS) };
    let groups =
        GROUPS.iter().filter(|_| dice.percent(30)).map(|group| (*group).to_owned()).collect();
    User { name: name.to_owned(), groups }
}

/// Somebody; never nobody, which no rule may say.
pub(super) fn who(dice: &mut Dice) -> Who {
    let mut who = Who::default();
    while who.is_empty() {
        if dice.percent(40) {
            who.users.push((*dice.pick(&USERS)).to_owned());
        }
        if dice.percent(40) {
            who.groups.push((*dice.pick(&GROUPS)).to_owned());
        }
        if dice.percent(40) {
            who.accounts.push(
                (*dice.pick(&["ns/robot", "volcano-system/volcano-controllers", "other/robot"]))
                    .to_owned(),
            );
        }
    }
    who
}

pub(super) fn labels(dice: &mut Dice) -> Value {
    let labels = LABELS.iter().filter(|_| dice.percent(50));
    labels.map(|label| ((*label).to_owned(), json!("x"))).collect::<Map<_, _>>().into()
}

pub(super) fn finalizers(dice: &mut Dice) -> Value {
    (0..dice.below(4))
        .map(|_| json!(dice.pick(&["foregroundDeletion", "orphan", "x/y", "a"])))
        .collect()
}

/// Some of what the API server owns.
pub(super) fn owned(dice: &mut Dice, metadata: &mut Map<String, Value>) {
    for field in crate::oracle::OWNED {
        if field != "deletionTimestamp" && dice.percent(20) {
            metadata.insert(field.to_owned(), world::scalar(dice));
        }
    }
}

/// The metadata of a side, there again if another scene took it away.
pub(super) fn metadata(side: &mut Value) -> &mut Map<String, Value> {
    let metadata = &mut side["metadata"];
    if metadata.is_null() {
        *metadata = json!({});
    }
    metadata.as_object_mut().expect("scenes leave metadata an object")
}
