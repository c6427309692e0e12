//! What a rule says of a location, as marks of its tree.

use std::sync::Arc;

use serde_json::Value;

use super::equality::CompareAs;
use super::list_key::ListKey;
use super::types::{TypeName, TypedLocation};

/// What the rule says of the locations that a path selects.
#[derive(Debug, Clone)]
pub(crate) enum Mark {
    /// The mutable entry of that index.
    Entry(usize),
    /// Compared by meaning; of several the lowest `order` counts.
    As { order: usize, compare_as: CompareAs },
    /// Of that type, with all below it; of several the lowest `order` counts.
    Type { order: usize, name: TypeName },
    /// Counts as left out if it equals the value.
    AbsentAs { order: usize, value: Arc<Value> },
    /// A list whose elements pair by that key.
    Key { order: usize, key: Arc<ListKey> },
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

    /// The type of the location, if it is one.
    pub(crate) fn typed(&self) -> Option<TypedLocation> {
        match self {
            Self::Type { order, name } => TypedLocation::declared(*order, *name),
            _ => None,
        }
    }

    /// The index of the protected path, if it is one.
    pub(crate) fn protected(&self) -> Option<usize> {
        if let Self::Protected(index) = self { Some(*index) } else { None }
    }
}

/// The declaration that is listed first.
struct FirstListed<T> {
    order: usize,
    value: Option<T>,
}

impl<T> FirstListed<T> {
    fn none() -> Self {
        Self { order: usize::MAX, value: None }
    }

    /// Whether a declaration in this place of the list precedes the one that is known.
    fn is_preceded_by(&self, order: usize) -> bool {
        order < self.order
    }

    fn consider(&mut self, order: usize, value: T) {
        if self.is_preceded_by(order) {
            *self = Self { order, value: Some(value) };
        }
    }
}

/// The equality declared of a location; of several declarations the first listed.
#[derive(Default, PartialEq)]
pub(crate) struct DeclaredEquality<'t> {
    pub(crate) key: Option<&'t ListKey>,
    pub(crate) compare_as: Option<CompareAs>,
    pub(crate) absent_as: Option<&'t Value>,
    /// What the location's type says of zeros and null.
    pub(crate) typed: Option<TypedLocation>,
    pub(crate) owned: bool,
}

impl<'t> DeclaredEquality<'t> {
    /// What the marks declare, and a type that is declared here or above.
    pub(crate) fn from_marks(
        marks: impl Iterator<Item = &'t Mark>,
        typed: Option<TypedLocation>,
    ) -> Self {
        let (mut compare_as, mut absent_as, mut key) =
            (FirstListed::none(), FirstListed::none(), FirstListed::none());
        let mut owned = false;
        for mark in marks {
            match mark {
                Mark::As { order, compare_as: own } => compare_as.consider(*order, *own),
                Mark::AbsentAs { order, value } => absent_as.consider(*order, &**value),
                Mark::Key { order, key: own } => key.consider(*order, &**own),
                Mark::Owned => owned = true,
                _ => {}
            }
        }
        if let Some((typed, own)) = typed.and_then(|typed| Some((typed, typed.compare_as()?))) {
            compare_as.consider(typed.order, own);
        }
        if let Some((typed, own)) = typed.and_then(|typed| Some((typed, typed.key()?))) {
            key.consider(typed.order, own);
        }
        let typed = typed.filter(|typed| absent_as.is_preceded_by(typed.order));
        if typed.is_some_and(|typed| typed.is_field()) {
            absent_as.value = None;
        }
        Self {
            key: key.value,
            compare_as: compare_as.value,
            absent_as: absent_as.value,
            typed,
            owned,
        }
    }

    pub(crate) fn is_set(&self) -> bool {
        self.compare_as == Some(CompareAs::Set)
    }

    /// Whether there are values that count as left out.
    pub(crate) fn may_be_left_out(&self) -> bool {
        self.absent_as.is_some() || self.typed.is_some_and(|typed| typed.is_field())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_declarations_in_one_place_the_first_counts() {
        let mut first = FirstListed::none();
        for (order, value) in [(3, "c"), (2, "b"), (2, "other"), (4, "d")] {
            first.consider(order, value);
        }
        assert_eq!((first.order, first.value), (2, Some("b")));
        let typed = TypeName::all().find_map(|name| TypedLocation::declared(2, name));
        assert!(typed.is_some());
        let value = Arc::new(Value::Null);
        for (order, is_typed) in [(1, false), (2, false), (3, true)] {
            let marks = [Mark::AbsentAs { order, value: Arc::clone(&value) }];
            let declared = DeclaredEquality::from_marks(marks.iter(), typed);
            assert_eq!(declared.typed.is_some(), is_typed, "{order}");
        }
    }
}
