//! Which rules the generator may hand to the engine: those that no sentence of the specification
//! has refused at load.

use std::collections::BTreeSet;

use crate::oracle::rule::{Key, Path, Reading, Rule, Step};

/// Errs on the side of refusing, where two paths might meet.
pub(super) fn loads(rule: &Rule) -> bool {
    let paths = || {
        rule.mutable
            .iter()
            .map(|entry| &entry.path)
            .chain(rule.equality.iter().map(|entry| &entry.path))
            .chain(&rule.protected)
    };
    let keys = || {
        rule.equality.iter().filter_map(|entry| match &entry.reading {
            Reading::Key(key) => Some((&entry.path, key)),
            _ => None,
        })
    };
    let mut sets =
        rule.equality.iter().filter(|entry| entry.reading == Reading::Set).map(|entry| &entry.path);

    let keyed_steps_fit = paths().all(|path| {
        path.0.iter().enumerate().all(|(index, step)| match step {
            Step::Keyed { key, .. } => {
                let list = &path.0[..index];
                let names: BTreeSet<&String> = key.keys().collect();
                let fits =
                    |other: &Key| names == other.members.iter().map(|(name, _)| name).collect();
                keys().filter(|(path, _)| meet(&path.0, list)).all(|(_, other)| fits(other))
                    && keys().any(|(path, _)| covers(&path.0, list))
            }
            _ => true,
        })
    });
    let key_fields_are_plain = keys().all(|(path, key)| {
        key.members.iter().all(|(name, _)| {
            let name = Step::Name { name: name.clone(), quoted: false };
            let field = path.then(Step::AnyElement).then(name);
            rule.equality.iter().all(|entry| !meet(&entry.path.0, &field.0))
        })
    });
    let sets_are_whole = sets.all(|set| {
        let length = set.0.len();
        let enters = |path: &Path| {
            path.0.len() > length && meet(&path.0[..length], &set.0) && is_element(&path.0[length])
        };
        let permits = rule.mutable.iter().map(|entry| &entry.path);
        permits.chain(&rule.protected).all(|path| !enters(path) || path.0.len() == length + 1)
            && rule.equality.iter().all(|entry| !enters(&entry.path))
            && keys().all(|(path, _)| !meet(&path.0, &set.0))
    });
    let absent_members = rule.equality.iter().all(|entry| {
        !matches!(entry.reading, Reading::AbsentAs(_))
            || entry.path.0.last().is_some_and(Step::is_member)
    });
    let are_distinct = rule.protected.iter().enumerate().all(|(index, path)| {
        rule.protected[..index]
            .iter()
            .all(|other| !(covers(&path.0, &other.0) && covers(&other.0, &path.0)))
    });
    are_distinct && keyed_steps_fit && key_fields_are_plain && sets_are_whole && absent_members
}

fn is_element(step: &Step) -> bool {
    !step.is_member()
}

/// Whether there may be a location that both reach.
pub(super) fn meet(a: &[Step], b: &[Step]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| steps_meet(a, b))
}

fn steps_meet(a: &Step, b: &Step) -> bool {
    match (a, b) {
        (Step::Name { name: a, .. }, Step::Name { name: b, .. }) => a == b,
        (Step::Name { name, .. }, Step::Prefix(prefix))
        | (Step::Prefix(prefix), Step::Name { name, .. }) => name.starts_with(prefix),
        (Step::Prefix(a), Step::Prefix(b)) => a.starts_with(b) || b.starts_with(a),
        (Step::AnyMember, other) | (other, Step::AnyMember) => other.is_member(),
        (Step::Keyed { key: a, .. }, Step::Keyed { key: b, .. }) => a == b,
        (Step::AnyElement, other) | (other, Step::AnyElement) => is_element(other),
        _ => false,
    }
}

/// Whether the first reaches every location that the second reaches.
fn covers(a: &[Step], b: &[Step]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| match (a, b) {
            (Step::AnyMember, other) => other.is_member(),
            (Step::AnyElement, other) => is_element(other),
            (Step::Prefix(prefix), Step::Name { name, .. }) => name.starts_with(prefix),
            (Step::Prefix(prefix), Step::Prefix(other)) => other.starts_with(prefix),
            (Step::Name { name: a, .. }, Step::Name { name: b, .. }) => a == b,
            (Step::Keyed { key: a, .. }, Step::Keyed { key: b, .. }) => a == b,
            _ => false,
        })
}
