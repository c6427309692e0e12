//! How the children of a location in one object pair with those in the other.

use std::collections::HashMap;

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

/// The elements of two lists, paired by key.
#[derive(Debug, Default)]
pub(crate) struct KeyedPairs<'a> {
    /// In the order of the keys, without those that are the same node.
    pub(crate) pairs: Vec<(ElementKey<'a>, Option<Node<'a>>, Option<Node<'a>>)>,
    /// Whether elements that both lists have are in another order in the new list.
    pub(crate) is_reordered: bool,
}

/// Which of two lists does not pair by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnkeyedSide {
    Old,
    New,
}

impl Pairing {
    /// How children pair, and the elements of both lists if they pair by key, without the pairs
    /// that are the same node.
    pub(crate) fn of<'a>(
        declared: &DeclaredEquality<'a>,
        old: Option<Node<'a>>,
        new: Option<Node<'a>>,
        is_intermediate: impl Fn() -> bool,
        is_same: impl Fn(Node<'a>, Node<'a>) -> bool,
    ) -> (Self, Option<KeyedPairs<'a>>) {
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
                return match declared.key.map(|key| pair_by_key(key, (old, new), is_same)) {
                    None | Some(Err(UnkeyedSide::Old)) => (Self::Position, None),
                    Some(Err(UnkeyedSide::New)) => (Self::NewUnkeyed, None),
                    Some(Ok(pairs)) => (Self::Key, Some(pairs)),
                };
            }
            _ => Self::Whole,
        };
        (pairing, None)
    }
}

/// Pairs the elements of two lists, either of which may be absent.
pub(crate) fn pair_by_key<'a>(
    key: &'a ListKey,
    (old, new): (Option<Node<'a>>, Option<Node<'a>>),
    is_same: impl Fn(Node<'a>, Node<'a>) -> bool,
) -> Result<KeyedPairs<'a>, UnkeyedSide> {
    let olds = match old {
        Some(list) => elements_with_keys(key, list).map_err(|_| UnkeyedSide::Old)?,
        None => KeyedElements::new(),
    };
    let by_key = index_by_key(&olds).map_err(|_| UnkeyedSide::Old)?;
    let mut pairs = Vec::new();
    let mut is_paired = vec![false; olds.len()];
    let mut is_reordered = false;
    // The position in the old list of the previous match, and the highest one so far.
    let (mut found, mut furthest) = (0, 0);
    for element in new.map(Node::elements).into_iter().flatten() {
        // An element of the same text has the same key. It is usually the next one, or the one
        // after it if an element was removed.
        let mut near = olds.iter().enumerate().skip(found).take(3);
        let place = if let Some((place, _)) = near.find(|(_, (_, old))| *old == element) {
            place
        } else {
            let values = element_key(key, element).map_err(|_| UnkeyedSide::New)?;
            if let Some(place) = by_key.get(&values) {
                *place
            } else {
                pairs.push((values, None, Some(element)));
                continue;
            }
        };
        let (Some((values, old)), Some(is_paired)) = (olds.get(place), is_paired.get_mut(place))
        else {
            continue;
        };
        if *is_paired {
            return Err(UnkeyedSide::New);
        }
        *is_paired = true;
        is_reordered |= place < furthest;
        (found, furthest) = (place, furthest.max(place));
        if !is_same(*old, element) {
            pairs.push((values.clone(), Some(*old), Some(element)));
        }
    }
    drop(by_key);
    // Growth by doubling would take too much memory for a list with many new keys.
    pairs.reserve_exact(is_paired.iter().filter(|is_paired| !**is_paired).count());
    let removed = olds.into_iter().zip(is_paired).filter(|(_, is_paired)| !is_paired);
    pairs.extend(removed.map(|((values, old), _)| (values, Some(old), None)));
    if !pairs.is_sorted_by(|(one, ..), (two, ..)| one <= two) {
        pairs.sort_unstable_by(|(one, ..), (two, ..)| one.cmp(two));
    }
    // Only elements that the old list lacks can still share a key.
    if pairs.windows(2).any(|pair| matches!(pair, [(one, ..), (two, ..)] if one == two)) {
        return Err(UnkeyedSide::New);
    }
    Ok(KeyedPairs { pairs, is_reordered })
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

/// The elements of a list with their keys, or the first element that has no key of its own.
pub(crate) fn keys<'a>(
    list: Node<'a>,
    key: &'a ListKey,
) -> Result<KeyedElements<'a>, (usize, KeyFault<'a>)> {
    let keys = elements_with_keys(key, list)?;
    match index_by_key(&keys) {
        Ok(_) => Ok(keys),
        Err(index) => Err((index, KeyFault::Repeated)),
    }
}

/// The elements of a list with their keys, some of which may be equal.
fn elements_with_keys<'a>(
    key: &'a ListKey,
    list: Node<'a>,
) -> Result<KeyedElements<'a>, (usize, KeyFault<'a>)> {
    let with_key = |(index, element)| {
        let values = element_key(key, element).map_err(|fault| (index, fault))?;
        Ok((values, element))
    };
    list.elements().enumerate().map(with_key).collect()
}

/// The index of the element with each key, or that of the first element whose key is repeated.
fn index_by_key<'k, 'a>(
    keys: &'k KeyedElements<'a>,
) -> Result<HashMap<&'k ElementKey<'a>, usize>, usize> {
    let mut by_key = HashMap::with_capacity(keys.len());
    for (index, (values, _)) in keys.iter().enumerate() {
        if by_key.insert(values, index).is_some() {
            return Err(index);
        }
    }
    Ok(by_key)
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
        _ => member.default.as_ref().map(KeyValue::borrowed).ok_or(KeyFault::Missing(&member.name)),
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
