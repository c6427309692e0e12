//! How the children of a location in one object pair with those in the other.

use std::collections::HashSet;

use super::scalar::scalar;
use crate::engine::review::{Node, NodeKind};
use crate::engine::rule::{DeclaredEquality, ElementKey, KeyMember, KeyOrigin, KeyValue, ListKey};

/// How children pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pairing {
    /// Not at all: the location is compared as a whole.
    Whole,
    /// Members by name; one side may be absent where the object is intermediate to an entry.
    Members,
    /// Elements by index.
    Position,
    /// Elements by the key that the rule declares.
    Key,
    /// Elements of a set by value.
    SetMembers,
    /// Not at all: the old list is keyed, the new one cannot be.
    NewUnkeyed,
}

/// The elements of a list with their keys.
pub(crate) type KeyedElements<'a> = Vec<(ElementKey<'a>, Node<'a>)>;

impl Pairing {
    /// How children pair, and the elements of both lists if they pair by key.
    pub(crate) fn of<'a>(
        declared: &DeclaredEquality<'a>,
        old: Option<Node<'a>>,
        new: Option<Node<'a>>,
        is_intermediate: impl Fn() -> bool,
    ) -> (Self, Option<(KeyedElements<'a>, KeyedElements<'a>)>) {
        let kind = |node: Option<Node<'a>>| node.map(|node| declared.kind(node));
        let kinds = (kind(old), kind(new));
        let pairing = match kinds {
            (Some(NodeKind::Object), Some(NodeKind::Object)) => Self::Members,
            (Some(NodeKind::Object), None) | (None, Some(NodeKind::Object))
                if is_intermediate() =>
            {
                Self::Members
            }
            (Some(NodeKind::List), Some(NodeKind::List)) if declared.is_set() => Self::SetMembers,
            (Some(NodeKind::List), Some(NodeKind::List)) => {
                let keyed = |list: Option<Node<'a>>, like| keys(list?, declared.key?, like).ok();
                return match keyed(old, None) {
                    None => (Self::Position, None),
                    Some(olds) => match keyed(new, Some(&olds)) {
                        None => (Self::NewUnkeyed, None),
                        Some(news) => (Self::Key, Some((olds, news))),
                    },
                };
            }
            _ => Self::Whole,
        };
        (pairing, None)
    }
}

/// Why a list does not pair by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyFault<'a> {
    /// The element is not an object.
    NoObject,
    /// The element lacks this member.
    Missing(&'a str),
    /// This member of the element is no string, integer or boolean.
    OtherKind(&'a str),
    /// The element has the same key as one before it.
    Repeated,
}

/// The elements of a list with their keys, or the first element that has no key of its own. `like`
/// is a list with unique keys; equal elements reuse them.
pub(crate) fn keys<'a>(
    list: Node<'a>,
    key: &'a ListKey,
    like: Option<&KeyedElements<'a>>,
) -> Result<KeyedElements<'a>, (usize, KeyFault<'a>)> {
    let like = like.map(Vec::as_slice).unwrap_or_default();
    let mut keys = KeyedElements::with_capacity(list.elements().count());
    let mut others = like.iter();
    let mut is_the_same = true;
    for (index, element) in list.elements().enumerate() {
        let other = others.next();
        let values = match other {
            Some((values, other)) if *other == element => values.clone(),
            _ => {
                let values = element_key(key, element).map_err(|fault| (index, fault))?;
                is_the_same &= other.is_some_and(|(other, _)| *other == values);
                values
            }
        };
        keys.push((values, element));
    }
    // The keys with which a list of unique keys begins are unique.
    if is_the_same {
        return Ok(keys);
    }
    let mut seen = HashSet::with_capacity(keys.len());
    match keys.iter().position(|(values, _)| !seen.insert(values)) {
        Some(index) => Err((index, KeyFault::Repeated)),
        None => Ok(keys),
    }
}

/// The values of the key's members in an element.
pub(crate) fn element_key<'a>(
    key: &'a ListKey,
    element: Node<'a>,
) -> Result<ElementKey<'a>, KeyFault<'a>> {
    // Go decodes null as a struct with nothing in it.
    let is_empty_struct = element.is_null() && key.origin == KeyOrigin::Type;
    if !element.is_object() && !is_empty_struct {
        return Err(KeyFault::NoObject);
    }
    let value = |member: &'a KeyMember| match element.get(&member.name) {
        Some(found) if !found.is_null() => key_value(found)
            .map(|found| member.value(found))
            .ok_or(KeyFault::OtherKind(&member.name)),
        _ => member.default.clone().ok_or(KeyFault::Missing(&member.name)),
    };
    match key.members() {
        [member] => value(member).map(ElementKey::One),
        members => members.iter().map(value).collect::<Result<_, _>>().map(ElementKey::Several),
    }
}

/// None if the value is no string, integer or boolean.
pub(crate) fn key_value(node: Node<'_>) -> Option<KeyValue<'_>> {
    match node.kind() {
        NodeKind::String => node.as_str().map(|text| KeyValue::Text(text.into())),
        NodeKind::Bool | NodeKind::Number => KeyValue::from_value(&scalar(&node.to_value())),
        NodeKind::Null | NodeKind::List | NodeKind::Object => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::review::scan;

    #[test]
    fn null_is_a_struct_with_nothing_in_it_only_where_a_type_says_so() {
        let zero = Some(KeyValue::Text("".into()));
        let key = |origin| {
            let member = KeyMember { name: "k".to_owned(), default: zero.clone(), zero: None };
            ListKey::new(vec![member], origin).unwrap()
        };
        let (line, of_type) = (key(KeyOrigin::Line), key(KeyOrigin::Type));
        let empty = ElementKey::One(KeyValue::Text("".into()));
        let key_of = |key, text: &str| {
            let document = scan(text).unwrap();
            let found = element_key(key, document.root()).map(|found| found == empty);
            found.map_err(|fault| format!("{fault:?}"))
        };
        let no_object = || Err("NoObject".to_owned());
        assert_eq!(key_of(&of_type, "null"), Ok(true));
        assert_eq!(key_of(&line, "null"), no_object());
        for key in [&of_type, &line] {
            assert_eq!(key_of(key, "{}"), Ok(true));
            assert_eq!(key_of(key, r#"{"k": null}"#), Ok(true));
            assert_eq!(key_of(key, r#"{"k": "v"}"#), Ok(false));
            assert_eq!(key_of(key, r#"{"k": 0.5}"#), Err(r#"OtherKind("k")"#.to_owned()));
            assert_eq!(key_of(key, "\"k\""), no_object());
        }
    }
}
