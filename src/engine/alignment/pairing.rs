//! How the children of a location in one object pair with those in the other.

use std::collections::HashSet;

use crate::engine::review::{Node, NodeKind};
use crate::engine::rule::{DeclaredEquality, ListKey};

/// How children pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pairing {
    /// Not at all: the location is compared as a whole.
    Whole,
    /// Members by name; one side may be absent where the object is intermediate to an entry.
    Members,
    /// Elements by index.
    Position,
    /// Elements by the member that the rule declares to be the key.
    Key,
    /// Elements of a set by value.
    Membership,
    /// Not at all: the old list is keyed, the new one cannot be.
    Replaced,
}

/// The elements of a list with their keys.
pub(crate) type Keys<'a> = Vec<(&'a str, Node<'a>)>;

impl Pairing {
    /// How children pair, and the elements of both lists if they pair by key.
    pub(crate) fn of<'a>(
        declared: &DeclaredEquality<'_>,
        old: Option<Node<'a>>,
        new: Option<Node<'a>>,
        is_intermediate: impl Fn() -> bool,
    ) -> (Self, Option<(Keys<'a>, Keys<'a>)>) {
        let kind = |node: Option<Node<'a>>| node.map(|node| declared.kind(node));
        let kinds = (kind(old), kind(new));
        let pairing = match kinds {
            (Some(NodeKind::Object), Some(NodeKind::Object)) => Self::Members,
            (Some(NodeKind::Object), None) | (None, Some(NodeKind::Object))
                if is_intermediate() =>
            {
                Self::Members
            }
            (Some(NodeKind::List), Some(NodeKind::List)) if declared.is_set() => Self::Membership,
            (Some(NodeKind::List), Some(NodeKind::List)) => {
                let keyed = |list: Option<Node<'a>>, like| keys(list?, declared.key?, like);
                return match keyed(old, None) {
                    None => (Self::Position, None),
                    Some(olds) => match keyed(new, Some(&olds)) {
                        None => (Self::Replaced, None),
                        Some(news) => (Self::Key, Some((olds, news))),
                    },
                };
            }
            _ => Self::Whole,
        };
        (pairing, None)
    }
}

/// The elements of a list with their keys; `None` unless every element is an object whose key is a
/// string that no other element has. `like` is a list with unique keys; equal elements reuse them.
pub(crate) fn keys<'a>(
    list: Node<'a>,
    key: ListKey<'_>,
    like: Option<&Keys<'a>>,
) -> Option<Keys<'a>> {
    let like = like.map(Vec::as_slice).unwrap_or_default();
    let mut keys = Keys::with_capacity(list.elements().count());
    let mut others = like.iter();
    let mut is_the_same = true;
    for element in list.elements() {
        let other = others.next();
        let value = match other {
            Some((value, other)) if *other == element => *value,
            _ => match element.get(key.name) {
                Some(value) if !value.is_null() || key.default.is_none() => value.as_str()?,
                _ => key.default?,
            },
        };
        is_the_same &= other.is_some_and(|(other, _)| *other == value);
        keys.push((value, element));
    }
    is_the_same &= keys.len() == like.len();
    let mut seen = HashSet::with_capacity(if is_the_same { 0 } else { keys.len() });
    (is_the_same || keys.iter().all(|(value, _)| seen.insert(*value))).then_some(keys)
}
