//! A location of the two objects.

use super::pairing::Pairing;
use crate::engine::activation::Sent;
use crate::engine::review::Node;
use crate::engine::rule::Cursor;

/// The number of a location.
pub(crate) type Id = usize;

/// The root's number.
pub(crate) const ROOT: Id = 0;

/// One location of the two objects, and what each has there after normalisation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Location<'l, 'a> {
    pub(crate) parent: Id,
    pub(crate) segment: Segment<'a>,
    /// What the rule says here.
    pub(crate) cursor: &'l Cursor<'a>,
    pub(crate) old: Option<Node<'a>>,
    pub(crate) new: Option<Node<'a>>,
    /// Both as they were sent, which is what conditions see.
    pub(crate) sent: Sent<'a>,
    /// How the children pair; a location without children of its own is compared as a whole.
    pub(crate) pairing: Pairing,
}

/// How a location is reached from its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Segment<'a> {
    /// A member of an object.
    Member(&'a str),
    /// An element by position.
    Index(usize),
    /// An element of a list keyed by `key`.
    Keyed { value: &'a str, key: &'a str },
}
