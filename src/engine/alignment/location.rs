//! A location of the two objects.

use std::sync::Arc;

use serde_json::Value;

use super::pairing::Pairing;
use crate::engine::activation::Sent;
use crate::engine::rule::Cursor;

/// The number of a location.
pub(crate) type Id = usize;

/// The root's number.
pub(crate) const ROOT: Id = 0;

/// One location of the two objects, and what each has there after normalisation.
#[derive(Debug)]
pub(crate) struct Location<'a> {
    pub(crate) parent: Id,
    pub(crate) segment: Segment<'a>,
    /// What the rule says here.
    pub(crate) cursor: Cursor<'a>,
    pub(crate) old: Option<&'a Value>,
    pub(crate) new: Option<&'a Value>,
    /// Both as they were sent, which is what conditions see.
    pub(crate) sent: Sent<'a>,
    /// How the children pair; a location without children of its own is compared as a whole.
    pub(crate) pairing: Pairing,
}

/// How a location is reached from its parent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Segment<'a> {
    /// A member of an object.
    Member(&'a str),
    /// An element by position.
    Index(usize),
    /// An element of a list keyed by `key`.
    Keyed { value: &'a str, key: Arc<str> },
}
