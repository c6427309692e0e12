//! The canonical forms of both objects. In them `json_patch::diff` reports each change once, at an
//! address that does not shift.
//!
//! The two objects are walked together, in step with the rule's tree. Every location that either of
//! them has gets a number if it differs; list elements pair by key, membership or position as the
//! rule declares; values are normalised. The canonical form of an object is one flat JSON object
//! that maps the number of each of its locations to what stands there: a scalar, or for a container
//! an empty container of its kind. The forms are made for a part of the locations at a time.
//!
//! - An absent location has no member, so absent, `null`, `{}` and `[]` stay four different things.
//! - Object and list have different canonical forms (`{}`, `[]`), so a list and an object with the
//!   same members differ.
//! - A location's name is its number, so no key can be taken for an index or for a piece of a
//!   pointer, and removing an element shifts nothing.
//! - A form is linear in its object: the diff's pointers are short however long and deep the keys
//!   are.
//! - A keyed list whose elements changed their order, and one that replaces a keyed list, have
//!   another canonical form than the old list.

mod declared_equality;
mod duration;
mod intermediate;
mod list_fault;
mod location;
mod objects;
mod pairing;
mod quantity;
mod scalar;
mod time;
mod typed;
mod value;
mod walk;

pub(crate) use declared_equality::respelled;
pub(crate) use list_fault::list_fault;
pub(crate) use location::{Id, Location, ROOT, Segment};
pub(crate) use objects::Alignment;
pub(crate) use pairing::{KeyFault, Pairing, key_value};
pub(crate) use scalar::scalar;
pub(crate) use time::ZERO as ZERO_TIME;
pub(crate) use value::exact;
pub(crate) use walk::{Coverage, MAX_REPORTED};
