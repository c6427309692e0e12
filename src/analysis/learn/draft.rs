//! From changes to the entries and equalities of a rule: keys of maps are generalised, changes of
//! controllers are theirs alone.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::changes::{self, ObservedChange, Reading};
use super::reviews::{Target, Update};
use super::shape::{KEY, ObservedShape, name_of};
use crate::engine::{Equal, Step, Verb, Verbs};

/// The group of the kubelets.
pub(crate) const NODES: &str = "system:nodes";

/// A rule in the making.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    pub(crate) entries: Vec<Entry>,
    pub(crate) equality: Vec<Equality>,
}

/// What would be an entry of `mutable`.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub path: Vec<Step>,
    pub verbs: BTreeSet<Verb>,
    /// Whom it is for; empty: everybody.
    pub by: BTreeSet<Who>,
    /// The reviews that it was learned from, by their numbers.
    pub(crate) reviews: BTreeSet<usize>,
    pub(crate) users: BTreeSet<String>,
    pub(crate) is_masked: bool,
    /// The equality under which all of its changes would be none.
    pub(crate) spelled: Option<Equal>,
}

/// What would be an entry of `equality`.
#[derive(Debug, Clone)]
pub(crate) struct Equality {
    pub path: Vec<Step>,
    pub(crate) equal: Equal,
    pub(crate) reviews: BTreeSet<usize>,
}

/// One of the system's own requesters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// `namespace/name`.
    Account(String),
    /// A component of the control plane.
    User(String),
    /// The kubelets.
    Nodes,
}

impl Who {
    /// None of a person, or of what may be one.
    fn of(Update { user, groups, .. }: &Update) -> Option<Self> {
        if let Some((namespace, name)) =
            user.strip_prefix("system:serviceaccount:").and_then(|account| account.split_once(':'))
        {
            let is_name = |text: &str| {
                !text.is_empty()
                    && text.bytes().all(|byte| {
                        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
                    })
            };
            return (is_name(namespace) && is_name(name))
                .then(|| Self::Account(format!("{namespace}/{name}")));
        }
        match user.as_str() {
            "system:apiserver" | "system:kube-controller-manager" | "system:kube-scheduler" => {
                Some(Self::User(user.to_owned()))
            }
            _ if user.starts_with("system:node:") && groups.iter().any(|group| group == NODES) => {
                Some(Self::Nodes)
            }
            _ => None,
        }
    }
}

impl Entry {
    pub(crate) fn verbs(&self) -> Verbs {
        self.verbs.iter().fold(Verbs::default(), |verbs, verb| verbs.with(*verb))
    }
}

impl Draft {
    /// Everything that the updates need, and perhaps more.
    pub(crate) fn of(target: &Target, updates: &[Update], reading: Reading) -> Self {
        let shape = ObservedShape::of(updates.iter().flat_map(|update| [&update.old, &update.new]));
        let found = |maps: &Maps| -> Vec<Vec<ObservedChange>> {
            updates
                .iter()
                .map(|update| {
                    changes::of(
                        &shape,
                        reading,
                        &|path| maps.is_any(path),
                        &update.old,
                        &update.new,
                    )
                })
                .collect()
        };
        let (mut maps, mut changes) = (Maps::default(), found(&Maps::default()));
        // Where all keys of a map are meant, each appears as a whole, so less is touched below it:
        // settled from the root down.
        loop {
            let next = Maps::of(&shape, target, changes.iter().flatten());
            if next == maps {
                break;
            }
            changes = found(&next);
            maps = next;
        }
        let found = changes;
        let chosen = Chosen::of(&maps, found.iter().flatten());
        let mut draft = Self::default();
        for (review, (update, changes)) in updates.iter().zip(&found).enumerate() {
            for change in changes {
                draft.keys(&shape, reading, &maps, change, review);
                draft.change(&maps, &chosen, reading, change, review, update);
            }
        }
        draft.settle();
        draft.entries = by_requester(draft.entries);
        draft
    }

    /// The same with one entry each, for one verb, replaced by entries for the members of what
    /// appears or vanishes at its locations.
    pub(crate) fn deeper<'d>(
        &'d self,
        updates: &'d [Update],
    ) -> impl Iterator<Item = Self> + use<'d> {
        (0..self.entries.len()).flat_map(move |index| {
            [Verb::Set, Verb::Clear]
                .into_iter()
                .filter_map(move |verb| self.further_down(index, verb, updates))
        })
    }

    fn further_down(&self, index: usize, verb: Verb, updates: &[Update]) -> Option<Self> {
        let entry = self.entries.get(index).filter(|entry| entry.verbs.contains(&verb))?;
        let mut found = Vec::new();
        for update in updates {
            one_sided(&entry.path, Some(&update.old), Some(&update.new), &mut found);
        }
        // An empty one that appears is itself meant.
        let is_empty = |value: &Value| value.as_object().is_none_or(Map::is_empty);
        if found.iter().any(is_empty) {
            return None;
        }
        let members: BTreeSet<String> =
            found.iter().filter_map(Value::as_object).flat_map(Map::keys).cloned().collect();
        let below = members.into_iter().map(|name| Entry {
            path: entry.path.iter().cloned().chain([Step::Name(name)]).collect(),
            verbs: BTreeSet::from([verb]),
            ..entry.clone()
        });
        let below: Vec<Entry> = below.filter(|entry| !changes::is_owned(&entry.path)).collect();
        let mut draft = self.clone();
        draft.entries.get_mut(index)?.verbs.remove(&verb);
        draft.entries.retain(|entry| !entry.verbs.is_empty());
        (!below.is_empty()).then(|| draft.entries.extend(below))?;
        draft.settle();
        Some(draft)
    }

    /// The lists of named things that a change is in, or of.
    fn keys(
        &mut self,
        shape: &ObservedShape,
        reading: Reading,
        maps: &Maps,
        change: &ObservedChange,
        review: usize,
    ) {
        if !reading.equality {
            return;
        }
        for length in 1..=change.path.len() {
            let list = change.path.get(..length).unwrap_or_default();
            if shape.is_keyed(list) {
                self.declare(maps.general(list), Equal::Key(KEY.to_owned()), review);
            }
        }
    }

    fn declare(&mut self, path: Vec<Step>, equal: Equal, review: usize) {
        match self.equality.iter_mut().find(|known| known.path == path && known.equal == equal) {
            Some(known) => drop(known.reviews.insert(review)),
            None => self.equality.push(Equality { path, equal, reviews: BTreeSet::from([review]) }),
        }
    }

    /// Another spelling becomes an equality, every other change an entry of its own requester and
    /// verb.
    fn change(
        &mut self,
        maps: &Maps,
        chosen: &Chosen,
        reading: Reading,
        change: &ObservedChange,
        review: usize,
        update: &Update,
    ) {
        // What only a controller leaves out or fills in is its own affair: an equality would be
        // everybody's.
        let by = Who::of(update);
        let is_their_own = by.is_some()
            && change.equal.iter().any(|(_, equal)| matches!(equal, Equal::AbsentAs(_)));
        if !change.equal.is_empty()
            && !is_their_own
            && change.equal.iter().all(|(path, equal)| chosen.has(&maps.general(path), equal))
        {
            for (path, equal) in &change.equal {
                self.declare(maps.general(path), equal.clone(), review);
            }
            return;
        }
        let leaves = leaves(maps, change)
            .filter(|_| reading.on_the_way)
            .unwrap_or_else(|| vec![&change.path]);
        self.entries.extend(leaves.into_iter().map(|path| Entry {
            path: maps.general(path),
            verbs: BTreeSet::from([change.verb]),
            by: by.clone().into_iter().collect(),
            reviews: BTreeSet::from([review]),
            users: BTreeSet::from([update.user.clone()]),
            is_masked: change.is_masked,
            spelled: change.spelled.clone(),
        }));
    }

    /// An order that does not depend on that of the reviews: keys of lists first, all by path.
    fn settle(&mut self) {
        self.equality
            .sort_by(|one, two| (rank(&one.equal), &one.path).cmp(&(rank(&two.equal), &two.path)));
    }
}

/// Of an object with nothing but empty ones in it, these; none where it cannot appear or vanish
/// with them.
fn leaves<'c>(maps: &Maps, change: &'c ObservedChange) -> Option<Vec<&'c Vec<Step>>> {
    let inner = || {
        change
            .equal
            .iter()
            .filter(|(_, equal)| matches!(equal, Equal::AbsentAs(_)))
            .map(|(path, _)| path)
    };
    let leaves: Vec<_> = inner()
        .filter(|path| !inner().any(|other| other.len() > path.len() && other.starts_with(path)))
        .collect();
    let is_on_the_way = |path: &Vec<Step>| {
        !(change.path.len()..path.len())
            .any(|length| path.get(..length).is_some_and(|above| maps.is_any(above)))
    };
    (!leaves.is_empty() && leaves.iter().all(|path| is_on_the_way(path))).then_some(leaves)
}

/// What only one side has where a path leads to.
fn one_sided(path: &[Step], old: Option<&Value>, new: Option<&Value>, found: &mut Vec<Value>) {
    let Some((step, rest)) = path.split_first() else {
        if let (None, Some(value)) | (Some(value), None) = (old, new) {
            found.push(value.clone());
        }
        return;
    };
    let members = |value: Option<&Value>| {
        value
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(Map::keys)
            .cloned()
            .collect::<BTreeSet<_>>()
    };
    for name in
        members(old).union(&members(new)).filter(|name| Step::Name((*name).clone()).within(step))
    {
        let member = |value: Option<&'_ Value>| value.and_then(|value| value.get(name)).cloned();
        one_sided(rest, member(old).as_ref(), member(new).as_ref(), found);
    }
    if let (Some(Value::Array(old)), Some(Value::Array(new)), false) = (old, new, step.is_member())
    {
        let pairs = |one: &Value| {
            new.iter()
                .filter(|two| name_of(one).is_some() && name_of(one) == name_of(two))
                .collect::<Vec<_>>()
        };
        let by_name = old.iter().flat_map(|one| pairs(one).into_iter().map(move |two| (one, two)));
        old.iter()
            .zip(new)
            .chain(by_name)
            .for_each(|(one, two)| one_sided(rest, Some(one), Some(two), found));
    }
}

fn rank(equal: &Equal) -> u8 {
    match equal {
        Equal::Key(_) => 0,
        Equal::Set => 1,
        Equal::Quantity => 2,
        Equal::Duration => 3,
        Equal::AbsentAs(value) => 4 + u8::from(!value.is_null()),
    }
}

/// Of the equalities that would contradict each other at one location, the one that is declared.
struct Chosen(BTreeMap<(Vec<Step>, bool), Equal>);

impl Chosen {
    fn of<'c>(maps: &Maps, changes: impl Iterator<Item = &'c ObservedChange>) -> Self {
        let mut chosen: BTreeMap<(Vec<Step>, bool), Equal> = BTreeMap::new();
        for (path, equal) in changes.flat_map(|change| &change.equal) {
            let best = chosen
                .entry(Self::place(maps.general(path), equal))
                .or_insert_with(|| equal.clone());
            if rank(equal) < rank(best) {
                *best = equal.clone();
            }
        }
        Self(chosen)
    }

    fn has(&self, path: &[Step], equal: &Equal) -> bool {
        self.0.get(&Self::place(path.to_vec(), equal)) == Some(equal)
    }

    fn place(path: Vec<Step>, equal: &Equal) -> (Vec<Step>, bool) {
        (path, matches!(equal, Equal::AbsentAs(_)))
    }
}

/// Per path and verb everybody if a person is among the requesters; then one entry for all verbs of
/// the same requesters.
fn by_requester(single: Vec<Entry>) -> Vec<Entry> {
    let mut verbs: BTreeMap<(Vec<Step>, Verb), Entry> = BTreeMap::new();
    for entry in single {
        let Some(verb) = entry.verbs.first().copied() else { continue };
        match verbs.get_mut(&(entry.path.clone(), verb)) {
            None => drop(verbs.insert((entry.path.clone(), verb), entry)),
            Some(known) => {
                known.by = if known.by.is_empty() || entry.by.is_empty() {
                    BTreeSet::new()
                } else {
                    &known.by | &entry.by
                };
                join(known, entry);
            }
        }
    }
    let mut entries: BTreeMap<(Vec<Step>, BTreeSet<Who>), Entry> = BTreeMap::new();
    for ((path, verb), entry) in verbs {
        match entries.get_mut(&(path.clone(), entry.by.clone())) {
            None => drop(entries.insert((path, entry.by.clone()), entry)),
            Some(known) => {
                known.verbs.insert(verb);
                join(known, entry);
            }
        }
    }
    entries.into_values().collect()
}

fn join(known: &mut Entry, entry: Entry) {
    known.reviews.extend(entry.reviews);
    known.users.extend(entry.users);
    known.is_masked |= entry.is_masked;
    known.spelled = known.spelled.take().filter(|spelled| entry.spelled.as_ref() == Some(spelled));
}

/// Which keys were touched in each map.
#[derive(Default, PartialEq)]
struct Maps {
    keys: BTreeMap<Vec<Step>, Step>,
}

impl Maps {
    fn of<'c>(
        shape: &ObservedShape,
        target: &Target,
        changes: impl Iterator<Item = &'c ObservedChange>,
    ) -> Self {
        let mut touched: BTreeMap<Vec<Step>, BTreeSet<String>> = BTreeMap::new();
        let all = changes.flat_map(|change| {
            std::iter::once(&change.path).chain(change.equal.iter().map(|(path, _)| path))
        });
        for path in all {
            for (depth, step) in path.iter().enumerate().skip(1) {
                let above = path.get(..depth).unwrap_or_default();
                if let (Step::Name(key), true) = (step, shape.is_map(above)) {
                    touched.entry(above.to_vec()).or_default().insert(key.clone());
                }
            }
        }
        let is_secret = |map: &[Step]| {
            target.is_secret()
                && matches!(map, [Step::Name(data)] if data == "data" || data == "stringData")
        };
        let general = |map: &[Step], keys: &BTreeSet<String>| {
            let prefix = keys
                .first()
                .and_then(|key| key.split_once('/'))
                .map(|(prefix, _)| format!("{prefix}/"));
            match prefix.filter(|prefix| keys.iter().all(|key| key.starts_with(prefix))) {
                _ if is_secret(map) => Some(Step::AnyMember),
                _ if keys.len() < 2 => None,
                Some(prefix)
                    if Step::Prefix(prefix.clone()).is_member() && !prefix.ends_with('*') =>
                {
                    Some(Step::Prefix(prefix))
                }
                _ => Some(Step::AnyMember),
            }
        };
        let keys = touched
            .into_iter()
            .filter_map(|(map, keys)| general(&map, &keys).map(|step| (map, step)))
            .collect();
        Self { keys }
    }

    /// Whether a location is one of a map of which all keys are meant, or those of a prefix.
    fn is_any(&self, path: &[Step]) -> bool {
        path.split_last().is_some_and(|(last, map)| last.is_member() && self.keys.contains_key(map))
    }

    /// The path with the steps into maps in which several keys were touched generalised; what is a
    /// map in one review may be a list in another.
    fn general(&self, path: &[Step]) -> Vec<Step> {
        let key = |depth: usize| path.get(..depth).and_then(|map| self.keys.get(map));
        let step = |(depth, step): (usize, &Step)| {
            key(depth).filter(|_| step.is_member()).unwrap_or(step).clone()
        };
        path.iter().enumerate().map(step).collect()
    }
}
