//! Lists whose elements pair otherwise than the rule says.

use std::collections::BTreeSet;

use super::resources::equality_line;
use super::target::{Found, Target, places};
use super::words::{what, written};
use crate::analysis::kinds::{Members, Others, Pairing, Place, Scalar, Schema, Shape};
use crate::analysis::lint::finding::{Finding, covers, finding, is_bare, shown};
use crate::engine::{Entry, Equality, Meaning, Rule, Step, Verbs, escape_control};

/// What is wrong with the keys of a rule, and which are left out.
pub(crate) fn of(rule: &Rule, targets: &[Target<'_>]) -> Vec<Finding> {
    let mut found = Vec::new();
    for entry in rule.equality() {
        found.extend(entry.key.as_ref().and_then(|key| wrong_key(entry, key, targets)));
        found.extend(
            (entry.meaning == Some(Meaning::Set))
                .then(|| no_list(entry, "as: Set", targets))
                .flatten(),
        );
    }
    found.extend(undeclared(rule, targets));
    found
}

/// A declaration for lists, at what is none.
fn no_list(entry: &Equality, declared: &str, targets: &[Target<'_>]) -> Option<Finding> {
    let shapes: Vec<&Shape> =
        places(targets, entry.path.steps()).ok()?.into_iter().map(Found::shape).collect();
    let first = shapes.first().filter(|_| {
        !shapes.iter().any(|shape| matches!(shape, Shape::List(_) | Shape::Anything))
    })?;
    Some(finding(
        format!(
            "`{declared}` of `{}` says nothing: {} is {}, not a list",
            shown(&entry.path),
            written(entry.path.steps()),
            what(first)
        ),
        "remove it",
    ))
}

/// A key by which no elements pair, or by which the API server pairs them not.
fn wrong_key(entry: &Equality, key: &str, targets: &[Target<'_>]) -> Option<Finding> {
    if let Some(found) = no_list(entry, &format!("key: {}", escape_control(key)), targets) {
        return Some(found);
    }
    let mut wrong = None;
    for found in places(targets, entry.path.steps()).ok()? {
        let Shape::List(elements) = found.shape() else { return None };
        // One list that it fits is what it was written for.
        wrong = Some(unfit(found.schema, elements.each, &elements.pairing, entry, key)?);
    }
    wrong
}

fn unfit(
    schema: &Schema,
    element: Place,
    pairing: &Pairing,
    entry: &Equality,
    key: &str,
) -> Option<Finding> {
    let (path, shown_key) = (shown(&entry.path), escape_control(key));
    let declared = match pairing {
        Pairing::Keys(keys) => match keys.as_slice() {
            [only] if is_text(schema, element, only) => Some(only),
            _ => None,
        },
        Pairing::Position | Pairing::Membership => None,
    };
    let fix = |fallback: String| {
        declared.map_or(fallback, |declared| {
            format!("write `key: {}`, as the schema does", escape_control(declared))
        })
    };
    match schema.shape(element) {
        Shape::Object(members) => match member(members, key) {
            None => {
                let strings = strings(schema, element);
                let others = if strings.is_empty() {
                    String::new()
                } else {
                    format!(" (strings there: {})", strings.join(", "))
                };
                Some(finding(
                    format!(
                        "`{path}` is keyed by `{shown_key}`, which its elements do not have, \
                             so they compare by position"
                    ),
                    fix(format!("name a string that tells them apart{others}")),
                ))
            }
            Some(place) => match schema.shape(place) {
                Shape::Scalar(Scalar::Text) | Shape::Anything => {
                    declared.filter(|declared| *declared != key).map(|declared| {
                        finding(
                            format!(
                                "`{path}` is keyed by `{shown_key}`, and the schema pairs its \
                                 elements by `{}`",
                                escape_control(declared)
                            ),
                            format!("write `key: {}`", escape_control(declared)),
                        )
                    })
                }
                other => Some(finding(
                    format!(
                        "`{path}` is keyed by `{shown_key}`, which is {}: only strings key a list, \
                         so it compares by position",
                        what(other)
                    ),
                    fix("name a string that tells its elements apart".to_owned()),
                )),
            },
        },
        Shape::Anything => None,
        other => Some(finding(
            format!(
                "`{path}` is keyed by `{shown_key}`, and each of its elements is {}, so they \
                     compare by position",
                what(other)
            ),
            "remove the key, or declare `as: Set` if order does not matter",
        )),
    }
}

fn member(members: &Members, name: &str) -> Option<Place> {
    let others = match members.others {
        Others::Dropped => None,
        Others::Kept => Some(Place::ANYTHING),
        Others::Of(place) => Some(place),
    };
    members.named.get(name).copied().or(others)
}

/// Some of the strings that each element has.
fn strings(schema: &Schema, element: Place) -> Vec<String> {
    let Shape::Object(members) = schema.shape(element) else { return Vec::new() };
    members
        .named
        .keys()
        .filter(|name| is_text(schema, element, name))
        .take(4)
        .map(|name| escape_control(name))
        .collect()
}

fn is_text(schema: &Schema, element: Place, name: &str) -> bool {
    let Shape::Object(members) = schema.shape(element) else { return false };
    members
        .named
        .get(name)
        .is_some_and(|place| matches!(schema.shape(*place), Shape::Scalar(Scalar::Text)))
}

/// Lists that the schema pairs and the rule does not, where an entry makes the pairing matter.
fn undeclared(rule: &Rule, targets: &[Target<'_>]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for entry in rule.entries() {
        for length in 1..=entry.path.steps().len() {
            let (list, below) = entry.path.steps().split_at(length);
            if !matters(entry, below)
                || is_declared(rule, list)
                || is_open(rule, list)
                || !seen.insert(list.to_vec())
            {
                continue;
            }
            let Ok(fitting) = places(targets, list) else { continue };
            let declared: Option<Vec<Declared<'_>>> = fitting.into_iter().map(pairing).collect();
            match declared.as_deref() {
                Some([Declared::Key(key), rest @ ..])
                    if rest.iter().all(|other| {
                        matches!(other,
                    Declared::Key(name) if name == key)
                    }) =>
                {
                    if matches!(below, [_, Step::Name(name)] if name == key) {
                        found.push(is_the_key(entry, list, key));
                        continue;
                    }
                    found.push(finding(
                        format!(
                            "the schema pairs the elements of `{}` by `{}`, the rule by position: \
                             with an element added or removed before others, `{}` speaks of the \
                             wrong ones",
                            written(list),
                            escape_control(key),
                            shown(&entry.path)
                        ),
                        equality_line(list, &format!("key: {}", escape_control(key))),
                    ));
                }
                Some([Declared::Other { keys, strings }, rest @ ..])
                    if rest.iter().all(|other| {
                        matches!(other, Declared::Other { keys: others, .. }
                        if others == keys)
                    }) =>
                {
                    found.push(of_other_keys(entry, list, keys, strings));
                }
                Some([Declared::Set, rest @ ..])
                    if rest.iter().all(|other| matches!(other, Declared::Set))
                        && below.len() <= 1 =>
                {
                    found.push(finding(
                        format!(
                            "`{}` is a set in the schema, and the rule compares it by position: it \
                             takes an order for a change",
                            written(list)
                        ),
                        equality_line(list, "as: Set"),
                    ));
                }
                _ => {}
            }
        }
    }
    found
}

/// The key itself, which is changed by replacing the element.
fn is_the_key(entry: &Entry, list: &[Step], key: &str) -> Finding {
    finding(
        format!(
            "the schema pairs the elements of `{}` by `{}`: another `{1}` is another element",
            written(list),
            escape_control(key)
        ),
        format!(
            "remove `{}`, or list `{}` if elements may be replaced",
            shown(&entry.path),
            written(list)
        ),
    )
}

/// Keys of which a rule cannot speak: it pairs by one string.
fn of_other_keys(entry: &Entry, list: &[Step], keys: &[String], strings: &[String]) -> Finding {
    let together = |names: &[String], joint: &str| {
        names
            .iter()
            .map(|name| format!("`{}`", escape_control(name)))
            .collect::<Vec<_>>()
            .join(joint)
    };
    let strings = if strings.is_empty() {
        String::new()
    } else {
        format!(" ({})", together(strings, " or "))
    };
    finding(
        format!(
            "the schema pairs the elements of `{}` by {}, which a rule cannot, and the rule by \
             position: with an element added or removed before others, `{}` speaks of the wrong \
             ones",
            written(list),
            together(keys, " and "),
            shown(&entry.path)
        ),
        format!(
            "declare as `key` a string that tells the elements apart{strings}, or let `{}` change \
             as a whole",
            written(list)
        ),
    )
}

/// What a schema declares of a list.
enum Declared<'s> {
    /// A string that keys it.
    Key(&'s str),
    /// Several keys together, or one that is no string; and the strings that its elements have.
    Other {
        keys: &'s [String],
        strings: Vec<String>,
    },
    Set,
}

fn pairing(found: Found<'_>) -> Option<Declared<'_>> {
    let Shape::List(elements) = found.shape() else { return None };
    match &elements.pairing {
        Pairing::Keys(keys) => match keys.as_slice() {
            [key] if is_text(found.schema, elements.each, key) => Some(Declared::Key(key)),
            keys => Some(Declared::Other { keys, strings: strings(found.schema, elements.each) }),
        },
        Pairing::Membership => Some(Declared::Set),
        Pairing::Position => None,
    }
}

/// Whether it makes a difference to the entry how the elements pair: it goes through them, or tells
/// them apart by verbs.
fn matters(entry: &Entry, below: &[Step]) -> bool {
    match below.first() {
        Some(step) => !step.is_member(),
        None => entry.verbs != Verbs::ALL,
    }
}

fn is_declared(rule: &Rule, list: &[Step]) -> bool {
    let declares = |entry: &&Equality| entry.key.is_some() || entry.meaning == Some(Meaning::Set);
    rule.equality().iter().filter(declares).any(|entry| covers(entry.path.steps(), list))
}

/// Whether everybody may change everything there.
fn is_open(rule: &Rule, list: &[Step]) -> bool {
    let opens = |entry: &Entry| {
        is_bare(entry)
            && list
                .get(..entry.path.steps().len())
                .is_some_and(|start| covers(entry.path.steps(), start))
    };
    rule.entries().any(opens)
}
