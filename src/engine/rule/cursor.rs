//! A location in a rule's tree: what the rule says there, and how to step to those below.
//!
//! Everything that asks a rule about locations walks with this cursor. The verdict steps along one
//! object (`member`, `element`, `keyed_element`). Questions about all objects at once step along
//! classes of locations (`covering`, `meeting`), such as "any other member".

use std::collections::BTreeSet;
use std::sync::Arc;

use super::definition::Rule;
use super::mark::{Declared, Mark};
use super::path::Step;
use super::tree::{Reached, Tree};

/// A location, as far as the paths of a rule tell it from others.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'t> {
    tree: &'t Tree<Mark>,
    reached: Reached,
    is_protected: bool,
}

impl<'t> Cursor<'t> {
    /// The root of the objects that a rule covers.
    pub(crate) fn root(rule: &'t Rule) -> Self {
        Self::of(&rule.tree)
    }

    /// The root of a tree.
    pub(crate) fn of(tree: &'t Tree<Mark>) -> Self {
        Self { tree, reached: Tree::<Mark>::root(), is_protected: false }
    }

    /// The nodes of the tree that the location reaches: two locations that reach the same ones are
    /// alike to the rule.
    pub(crate) fn nodes(&self) -> &[u32] {
        &self.reached
    }

    fn at(&self, reached: Reached) -> Self {
        let is_protected =
            self.is_protected || self.tree.marks(&reached).any(|mark| mark.protected().is_some());
        Self { tree: self.tree, reached, is_protected }
    }

    /// The member `name` of an object here.
    pub(crate) fn member(&self, name: &str) -> Self {
        self.at(self.tree.member(&self.reached, name))
    }

    /// An element of a list here that pairs by position or is a member of a set.
    pub(crate) fn element(&self) -> Self {
        self.at(self.tree.element(&self.reached))
    }

    /// The element whose `key` is `value`, of a list here that pairs by that key.
    pub(crate) fn keyed_element(&self, key: &str, value: &str) -> Self {
        self.at(self.tree.keyed_element(&self.reached, key, value))
    }

    /// What the rule says of every location that the step selects.
    pub(crate) fn covering(&self, step: &Step) -> Self {
        self.at(self.tree.next(&self.reached, |own| step.within(own)))
    }

    /// What the rule says of some location that the step selects.
    pub(crate) fn meeting(&self, step: &Step) -> Self {
        self.at(self.tree.next(&self.reached, |own| step.meets(own)))
    }

    /// The steps by which paths of the rule go on from here, without those that lead to protected
    /// locations only.
    pub(crate) fn steps(&self) -> BTreeSet<Step> {
        let leads_on = |step: &Step| {
            let below = self.at(self.tree.next(&self.reached, |own| own == step));
            below.has_here_or_below(|mark| mark.protected().is_none())
        };
        self.all_steps().into_iter().filter(leads_on).collect()
    }

    /// The steps by which paths of the rule go on from here.
    pub(crate) fn all_steps(&self) -> BTreeSet<Step> {
        self.tree.steps(&self.reached)
    }

    /// The members that paths name.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let name = |step| if let Step::Name(name) = step { Some(name) } else { None };
        self.steps().into_iter().filter_map(name).collect()
    }

    /// The prefixes of members that paths select, the longest first.
    pub(crate) fn prefixes(&self) -> Vec<String> {
        let prefix = |step| if let Step::Prefix(prefix) = step { Some(prefix) } else { None };
        let mut prefixes: Vec<String> = self.steps().into_iter().filter_map(prefix).collect();
        prefixes.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
        prefixes
    }

    /// The values of `key` that paths select elements by.
    pub(crate) fn selected(&self, key: &str) -> BTreeSet<String> {
        let selected = |step| match step {
            Step::Keyed { key: own, value } if own == key => Some(value),
            _ => None,
        };
        self.steps().into_iter().filter_map(selected).collect()
    }

    /// Whether no path of the rule leads here or through here.
    pub(crate) fn is_beyond_all_paths(&self) -> bool {
        self.reached.is_empty()
    }

    /// The entries whose paths end here, by index.
    pub(crate) fn entries(&self) -> impl Iterator<Item = usize> + use<'_, 't> {
        self.tree.marks(&self.reached).filter_map(Mark::entry)
    }

    /// The entries that an object here is intermediate to, by index: their paths come here by a
    /// named member and go on to a member. With each the number of its steps that lead here.
    pub(crate) fn entries_below(&self) -> impl Iterator<Item = (usize, usize)> + use<'_, 't> {
        self.tree.entries_below(&self.reached)
    }

    /// The equality that the rule declares here.
    pub(crate) fn declared(&self) -> Declared<'t> {
        Declared::of(self.tree.marks(&self.reached))
    }

    /// The keys that the rule declares for a list here, in the document's order, each with its
    /// place in the list of equalities.
    pub(crate) fn keys(&self) -> Vec<(usize, Arc<str>)> {
        let key = |mark: &Mark| match mark {
            Mark::Key { order, key } => Some((*order, Arc::clone(key))),
            _ => None,
        };
        let mut keys: Vec<_> = self.tree.marks(&self.reached).filter_map(key).collect();
        keys.sort();
        keys
    }

    /// The equalities that the rule declares here, by their place in its list.
    pub(crate) fn equalities(&self) -> BTreeSet<usize> {
        let order = |mark: &Mark| match mark {
            Mark::As { order, .. } | Mark::AbsentAs { order, .. } | Mark::Key { order, .. } => {
                Some(*order)
            }
            Mark::Entry(_) | Mark::Owned | Mark::Finalizers | Mark::Protected(_) => None,
        };
        self.tree.marks(&self.reached).filter_map(order).collect()
    }

    /// Whether the API server writes what is here, so that it is never a change.
    pub(crate) fn is_owned(&self) -> bool {
        self.has(|mark| matches!(mark, Mark::Owned))
    }

    /// Whether it is `metadata.finalizers`, which may shrink while the object is being deleted.
    pub(crate) fn is_finalizers(&self) -> bool {
        self.has(|mark| matches!(mark, Mark::Finalizers))
    }

    /// Whether no entry permits a change here, because a protected path leads here or above.
    pub(crate) fn is_protected(&self) -> bool {
        self.is_protected
    }

    /// Whether a protected path leads here or below.
    pub(crate) fn leads_to_protected(&self) -> bool {
        self.has_here_or_below(|mark| mark.protected().is_some())
    }

    /// The protected paths that lead here, by index.
    pub(crate) fn protected(&self) -> impl Iterator<Item = usize> + use<'_, 't> {
        self.tree.marks(&self.reached).filter_map(Mark::protected)
    }

    /// The protected paths that lead here or below, by index.
    pub(crate) fn protected_here_or_below(&self) -> BTreeSet<usize> {
        self.tree.marks_below(&self.reached).filter_map(Mark::protected).collect()
    }

    fn has(&self, is_it: impl Fn(&Mark) -> bool) -> bool {
        self.tree.marks(&self.reached).any(is_it)
    }

    /// Whether a mark here or below satisfies `is_it`.
    pub(crate) fn has_here_or_below(&self, is_it: fn(&Mark) -> bool) -> bool {
        self.tree.marks_below(&self.reached).any(is_it)
    }

    /// The entries whose paths end here or below, by index.
    pub(crate) fn entries_here_or_below(&self) -> BTreeSet<usize> {
        self.tree.marks_below(&self.reached).filter_map(Mark::entry).collect()
    }

    /// Whether paths come here by named members only, and all go on to members.
    pub(crate) fn is_named_ancestor(&self) -> bool {
        !self.reached.is_empty()
            && self.tree.are_named(&self.reached)
            && self.tree.marks(&self.reached).next().is_none()
            && self.steps().iter().all(Step::is_member)
    }
}
