//! Why the elements of a list do not pair by the key that the rule declares.

use super::location::Location;
use super::pairing::{KeyFault, Pairing, keys};

/// Why a list for which the rule declares a key does not pair by it: the index of an element, and
/// what is wrong with its key. If the old list pairs by key, the element is one of the new list.
pub(crate) fn list_fault<'a>(location: &Location<'_, 'a>) -> Option<(usize, KeyFault<'a>)> {
    let list = match location.pairing {
        Pairing::Position => location.old,
        Pairing::NewUnkeyed => location.new,
        _ => None,
    };
    keys(list?, location.cursor.declared().key?).err()
}
