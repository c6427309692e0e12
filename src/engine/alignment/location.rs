//! A location of the two objects.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::pairing::{Pairing, element_key};
use crate::engine::activation::SentValues;
use crate::engine::review::Node;
use crate::engine::rule::{Cursor, ElementKey, KeySelector, KeyValue, ListKey};

/// The number of a location.
pub(crate) type Id = usize;

/// The root's number.
pub(crate) const ROOT: Id = 0;

/// One location of the two objects, and what each has there after normalisation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Location<'l, 'a> {
    pub(crate) parent: Id,
    pub(super) step: StepFromParent,
    /// What the rule says at the parent.
    pub(super) parent_cursor: &'l Cursor<'a>,
    /// What the rule says here.
    pub(crate) cursor: &'l Cursor<'a>,
    pub(crate) old: Option<Node<'a>>,
    pub(crate) new: Option<Node<'a>>,
    /// Both as they were sent, which is what conditions see.
    pub(crate) sent: SentValues<'a>,
    /// How the children pair; a location without children of its own is compared as a whole.
    pub(crate) pairing: Pairing,
}

/// How a location is reached, without the name of the member or the key of the element, which the
/// objects have.
#[derive(Debug, Clone, Copy)]
pub(super) enum StepFromParent {
    Member,
    Index(u32),
    Keyed,
}

impl<'a> Location<'_, 'a> {
    /// Whether it is a member of an object.
    pub(crate) fn is_member(&self) -> bool {
        matches!(self.step, StepFromParent::Member)
    }

    /// How it is reached from its parent. Of the root it says nothing of use.
    pub(crate) fn segment(&self) -> Segment<'a> {
        let value = self.sent.old.or(self.sent.new);
        match self.step {
            StepFromParent::Index(index) => Segment::Index(index as usize),
            StepFromParent::Keyed => match (self.parent_cursor.declared().key, value) {
                (Some(key), Some(element)) => Segment::Keyed { key, element },
                // Never: elements pair by the key that the rule declares for their list.
                _ => Segment::Member(""),
            },
            StepFromParent::Member => {
                Segment::Member(value.and_then(Node::name).unwrap_or_default())
            }
        }
    }
}

/// How a location is reached from its parent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Segment<'a> {
    /// A member of an object.
    Member(&'a str),
    /// An element by position.
    Index(usize),
    /// The element of a keyed list that has the same key as this one.
    Keyed { key: &'a ListKey, element: Node<'a> },
}

impl<'a> Segment<'a> {
    /// The key of a keyed list and its values in the element.
    pub(crate) fn key(self) -> Option<(&'a ListKey, ElementKey<'a>)> {
        let Self::Keyed { key, element } = self else { return None };
        element_key(key, element).ok().map(|values| (key, values))
    }

    /// The members of the key with their values in the element; empty for any other segment.
    pub(crate) fn members(self) -> Vec<(&'a str, KeyValue<'a>)> {
        self.key()
            .map_or_else(Vec::new, |(key, values)| key.names().zip(values.into_values()).collect())
    }

    /// The selector of the element of a keyed list.
    pub(crate) fn selector(self) -> Option<KeySelector> {
        self.key().map(|(key, values)| key.selector(values.as_slice()))
    }
}

/// Elements of keyed lists in the order of their keys. Two rules may reach one element by different
/// keys; then it has two paths.
impl Ord for Segment<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |segment: &Self| match segment {
            Self::Member(_) => 0,
            Self::Index(_) => 1,
            Self::Keyed { .. } => 2,
        };
        match (self, other) {
            (Self::Member(one), Self::Member(two)) => one.cmp(two),
            (Self::Index(one), Self::Index(two)) => one.cmp(two),
            _ => rank(self).cmp(&rank(other)).then_with(|| self.members().cmp(&other.members())),
        }
    }
}

impl PartialOrd for Segment<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Segment<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Segment<'_> {}

impl Hash for Segment<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Member(name) => name.hash(state),
            Self::Index(index) => index.hash(state),
            Self::Keyed { .. } => self.members().hash(state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::review::scan;

    #[test]
    fn segments_are_sorted_by_kind_and_then_by_what_they_name() {
        let key = ListKey::declared_by_schema([("k", None)].into_iter()).unwrap();
        let elements =
            [r#"{"k": "a", "v": 1}"#, r#"{"k": "b"}"#, r#"{"k": "a"}"#].map(|e| scan(e).unwrap());
        let keyed = |index: usize| Segment::Keyed { key: &key, element: elements[index].root() };
        let sorted = [
            Segment::Member("a"),
            Segment::Member("b"),
            Segment::Index(1),
            Segment::Index(2),
            keyed(0),
            keyed(1),
        ];
        for (at, one) in sorted.iter().enumerate() {
            for (other, two) in sorted.iter().enumerate() {
                assert_eq!(one.cmp(two), at.cmp(&other), "{one:?} {two:?}");
                assert_eq!(one.partial_cmp(two), Some(at.cmp(&other)), "{one:?} {two:?}");
                assert_eq!(one == two, at == other, "{one:?} {two:?}");
            }
        }
        assert_eq!(keyed(0), keyed(2), "elements of one key are one element");
    }
}
