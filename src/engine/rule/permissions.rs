//! What the verbs of entries permit, over any Boolean algebra: truth values for the verdict,
//! formulas for questions about a rule, CEL expressions for its policy.
//!
//! Nothing here is negated, so a value that is not known can only refuse.

use super::verbs::{Verb, Verbs};

/// When something is permitted.
pub(crate) trait Algebra: Clone {
    /// In no case.
    fn never() -> Self;
    /// In every case.
    fn always() -> Self;
    /// Where either holds.
    fn or(&self, other: &Self) -> Self;
    /// Where both hold.
    fn and(&self, other: &Self) -> Self;
}

impl Algebra for bool {
    fn never() -> Self {
        false
    }

    fn always() -> Self {
        true
    }

    fn or(&self, other: &Self) -> Self {
        *self || *other
    }

    fn and(&self, other: &Self) -> Self {
        *self && *other
    }
}

/// What the entries at one location permit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalPermissions<A> {
    /// By entries with every verb.
    bare: A,
    /// By entries with some verbs only, for each verb in the order of [`Verb::ALL`].
    narrowed: [A; 5],
}

impl<A: Algebra> LocalPermissions<A> {
    /// What no entry permits: nothing.
    pub(crate) fn none() -> Self {
        Self { bare: A::never(), narrowed: std::array::from_fn(|_| A::never()) }
    }

    /// What several entries permit, each with its verbs and where it is active.
    pub(crate) fn from_entries(entries: impl Iterator<Item = (Verbs, A)>) -> Self {
        let mut all = Self::none();
        for (verbs, active) in entries {
            all.add(verbs, &active);
        }
        all
    }

    /// Adds an entry.
    pub(crate) fn add(&mut self, verbs: Verbs, active: &A) {
        if verbs == Verbs::ALL {
            self.bare = self.bare.or(active);
            return;
        }
        for (slot, (verb, _)) in self.narrowed.iter_mut().zip(Verb::ALL) {
            if verbs.has(verb) {
                *slot = slot.or(active);
            }
        }
    }

    /// Every change, here and below: by bare entries, or by narrowed ones together.
    pub(crate) fn every(&self) -> A {
        let together = self.narrowed.iter().fold(A::always(), |all, verb| all.and(verb));
        self.bare.or(&together)
    }

    /// Whether narrowed entries permit anything of the items of an object or list.
    pub(crate) fn permit_items(&self) -> bool
    where
        A: PartialEq,
    {
        [Verb::AddItem, Verb::RemoveItem, Verb::Modify]
            .into_iter()
            .any(|verb| *self.narrowed(verb) != A::never())
    }

    /// What narrowed entries permit by the verb.
    pub(crate) fn narrowed(&self, verb: Verb) -> &A {
        let [set, modify, clear, add, remove] = &self.narrowed;
        match verb {
            Verb::Set => set,
            Verb::Modify => modify,
            Verb::Clear => clear,
            Verb::AddItem => add,
            Verb::RemoveItem => remove,
        }
    }
}

/// What may happen to a location, by the entries there and at the object or list that holds it.
/// What an entry further up permits is not in here.
#[derive(Debug, Clone)]
pub(crate) struct Permissions<A> {
    /// Every change, here and below.
    pub(crate) every: A,
    /// To appear with any value.
    pub(crate) set: A,
    /// To appear as an object or list with anything in it, besides `set`.
    pub(crate) set_container: A,
    /// To vanish, whatever the value.
    pub(crate) clear: A,
    /// To vanish as an object or list, besides `clear`.
    pub(crate) clear_container: A,
    /// To get another value, unless both values are objects or both are lists.
    pub(crate) modify: A,
    /// To get another value, as an item that may be modified. Everything below may change, but a
    /// keyed list must keep unique keys.
    pub(crate) modify_item: A,
}

impl<A: Algebra> Permissions<A> {
    pub(crate) fn new(own: &LocalPermissions<A>, parent: &LocalPermissions<A>) -> Self {
        Self {
            every: own.every(),
            set: parent.narrowed(Verb::AddItem).or(own.narrowed(Verb::Set)),
            set_container: own.narrowed(Verb::AddItem).clone(),
            clear: parent.narrowed(Verb::RemoveItem).or(own.narrowed(Verb::Clear)),
            clear_container: own.narrowed(Verb::RemoveItem).clone(),
            modify: own.narrowed(Verb::Modify).clone(),
            modify_item: parent.narrowed(Verb::Modify).clone(),
        }
    }
}
