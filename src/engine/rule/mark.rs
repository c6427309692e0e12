//! What a rule says of a location, as marks of its tree.

use std::sync::Arc;

use serde_json::Value;

use super::equality::Meaning;

/// What the rule says of the locations that a path selects.
#[derive(Debug, Clone)]
pub(crate) enum Mark {
    /// The mutable entry of that index.
    Entry(usize),
    /// Compared by meaning; of several the lowest `order` counts.
    As { order: usize, meaning: Meaning },
    /// Counts as left out if it equals the value.
    AbsentAs { order: usize, value: Arc<Value> },
    /// A list whose elements pair by that member.
    Key { order: usize, key: Arc<str> },
    /// The API server's own: never a change.
    Owned,
    /// `metadata.finalizers`, which may shrink while the object is being deleted.
    Finalizers,
    /// The protected path of that index: no entry permits a change here or below.
    Protected(usize),
}

impl Mark {
    /// The index of the entry, if it is one.
    pub(crate) fn entry(&self) -> Option<usize> {
        if let Self::Entry(index) = self { Some(*index) } else { None }
    }

    /// The index of the protected path, if it is one.
    pub(crate) fn protected(&self) -> Option<usize> {
        if let Self::Protected(index) = self { Some(*index) } else { None }
    }
}
