//! A location in a rule's tree: what the rule says there, and how to step to those below.
//!
//! Everything that asks a rule about locations walks with this cursor. The verdict steps along one
//! object (`member`, `element`, `keyed_element`). Questions about all objects at once step along
//! classes of locations (`step_for_all`, `step_for_some`), such as "any other member".

use std::collections::BTreeSet;

use super::definition::Rule;
use super::list_key::{KeySelector, KeyValue, ListKey};
use super::mark::{DeclaredEquality, Mark};
use super::path::Step;
use super::tree::{ReachedNodes, Tree};
use super::types::{TypeName, TypedLocation, TypedLocationId};

/// The identity of a location: a rule treats locations with equal ids alike.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct CursorId {
    reached: ReachedNodes,
    typed: Option<TypedLocationId>,
    is_protected: bool,
}

/// A location, as far as the paths of a rule tell it from others.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'t> {
    tree: &'t Tree<Mark>,
    reached: ReachedNodes,
    typed: Option<TypedLocation>,
    is_protected: bool,
}

impl<'t> Cursor<'t> {
    /// The root of the objects that a rule covers.
    pub(crate) fn root(rule: &'t Rule) -> Self {
        Self::at_root_of(&rule.tree)
    }

    /// The root of a tree.
    pub(crate) fn at_root_of(tree: &'t Tree<Mark>) -> Self {
        let reached = Tree::<Mark>::root();
        let typed = declared_type(tree, &reached);
        Self { tree, reached, typed, is_protected: false }
    }

    /// What the rule says of every location that the steps select.
    pub(crate) fn of_all(rule: &'t Rule, steps: &[Step]) -> Self {
        steps.iter().fold(Self::root(rule), |cursor, step| cursor.step_for_all(step))
    }

    /// What the rule says of some location that the steps select.
    pub(crate) fn of_some(rule: &'t Rule, steps: &[Step]) -> Self {
        steps.iter().fold(Self::root(rule), |cursor, step| cursor.step_for_some(step))
    }

    /// The rule treats locations with equal ids alike.
    pub(crate) fn identity(&self) -> CursorId {
        let typed = self.typed.map(|typed| typed.identity());
        CursorId { reached: self.reached.clone(), typed, is_protected: self.is_protected }
    }

    fn at(&self, reached: ReachedNodes, inherited: Option<TypedLocation>) -> Self {
        let (mut typed, mut is_protected) = (inherited, self.is_protected);
        for mark in self.tree.marks(&reached) {
            is_protected |= mark.protected().is_some();
            if let Some(own) = mark.typed() {
                typed = Some(typed.map_or(own, |other| other.or_earlier(own)));
            }
        }
        Self { tree: self.tree, reached, typed, is_protected }
    }

    /// The member `name` of an object here.
    pub(crate) fn member(&self, name: &str) -> Self {
        self.at(
            self.tree.member(&self.reached, name),
            self.typed.and_then(|typed| typed.member(name)),
        )
    }

    /// An element of a list here that pairs by position or is a member of a set.
    pub(crate) fn element(&self) -> Self {
        self.at(self.tree.unkeyed_element(&self.reached), self.typed_element())
    }

    /// The element with these values of the key, of a list here that pairs by that key.
    pub(crate) fn keyed_element(&self, key: &ListKey, values: &[KeyValue<'_>]) -> Self {
        let reached = self.tree.keyed_element(&self.reached, || key.selector(values));
        self.at(reached, self.typed_element())
    }

    /// The element that the selector selects.
    pub(crate) fn selected_element(&self, selector: &KeySelector) -> Self {
        let reached = self.tree.keyed_element(&self.reached, || selector.clone());
        self.at(reached, self.typed_element())
    }

    fn typed_element(&self) -> Option<TypedLocation> {
        self.typed.and_then(TypedLocation::element)
    }

    fn typed_next(&self, step: &Step) -> Option<TypedLocation> {
        self.typed.and_then(|typed| typed.next(step))
    }

    /// What the rule says of every location that the step selects.
    pub(crate) fn step_for_all(&self, step: &Step) -> Self {
        self.at(self.tree.next(&self.reached, |own| step.within(own)), self.typed_next(step))
    }

    /// What the rule says of some location that the step selects.
    pub(crate) fn step_for_some(&self, step: &Step) -> Self {
        self.at(self.tree.next(&self.reached, |own| step.meets(own)), self.typed_next(step))
    }

    /// The steps by which paths of the rule go on from here, without those that lead to protected
    /// locations only.
    pub(crate) fn steps(&self) -> BTreeSet<Step> {
        let leads_on = |step: &Step| {
            let below = self.at(self.tree.next(&self.reached, |own| own == step), None);
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

    /// The values of the key that paths select elements by.
    pub(crate) fn selected(&self, key: &ListKey) -> BTreeSet<KeySelector> {
        let selected = |step| match step {
            Step::Keyed(selector) if key.fits(&selector) => Some(selector),
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

    /// The entries that an object here is intermediate to: their paths reach it by a named member
    /// and go on to a member. Each item is the index of the entry, and how many steps of its path
    /// lead here.
    pub(crate) fn entries_below(&self) -> impl Iterator<Item = (usize, usize)> + use<'_, 't> {
        self.tree.entries_below(&self.reached)
    }

    /// The equality that the rule declares here, itself or by a type.
    pub(crate) fn declared(&self) -> DeclaredEquality<'t> {
        DeclaredEquality::from_marks(self.tree.marks(&self.reached), self.typed)
    }

    /// The equality that the lines of the rule declare here, without what a type says.
    pub(crate) fn declared_by_lines(&self) -> DeclaredEquality<'t> {
        DeclaredEquality::from_marks(self.tree.marks(&self.reached), None)
    }

    /// The type that a line of the rule declares here.
    pub(crate) fn declared_type(&self) -> Option<TypeName> {
        declared_type(self.tree, &self.reached).and_then(|typed| typed.name())
    }

    /// What a type that is declared here or above says of the location.
    pub(crate) fn typed(&self) -> Option<TypedLocation> {
        self.typed
    }

    /// The keys that the rule and its types declare for a list here, in the document's order, each
    /// with its place in the list of equalities.
    pub(crate) fn keys(&self) -> Vec<(usize, &'t ListKey)> {
        let key = |mark: &'t Mark| match mark {
            Mark::Key { order, key } => Some((*order, &**key)),
            _ => None,
        };
        let of_type = self.typed.and_then(|typed| Some((typed.order, typed.key()?)));
        let mut keys: Vec<_> =
            self.tree.marks(&self.reached).filter_map(key).chain(of_type).collect();
        keys.sort();
        keys
    }

    /// Whether elements of a list here or below pair by key.
    pub(crate) fn leads_to_keyed_list(&self) -> bool {
        self.has_here_or_below(|mark| match mark {
            Mark::Key { .. } => true,
            mark => mark.typed().is_some_and(TypedLocation::leads_to_keyed_list),
        }) || self.typed.is_some_and(TypedLocation::leads_to_keyed_list)
    }

    /// The equalities that the rule declares here, by their place in its list.
    pub(crate) fn equalities(&self) -> BTreeSet<usize> {
        let order = |mark: &Mark| match mark {
            Mark::As { order, .. }
            | Mark::Type { order, .. }
            | Mark::AbsentAs { order, .. }
            | Mark::Key { order, .. } => Some(*order),
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
        // A struct that is left out when all its members are cannot be judged member by member.
        let may_be_left_out =
            self.typed.is_some_and(|typed| typed.is_field() && !typed.is_pointer());
        !self.reached.is_empty()
            && !may_be_left_out
            && self.tree.are_named(&self.reached)
            && self.tree.marks(&self.reached).all(|mark| matches!(mark, Mark::Type { .. }))
            && self.steps().iter().all(Step::is_member)
    }
}

/// The type that the first line about the location declares.
fn declared_type(tree: &Tree<Mark>, reached: &ReachedNodes) -> Option<TypedLocation> {
    tree.marks(reached).filter_map(Mark::typed).reduce(TypedLocation::or_earlier)
}
