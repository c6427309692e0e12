//! All paths of a rule as one tree, walked in step with an object: what the rule says of a location
//! is known on arrival.

use std::collections::{BTreeMap, BTreeSet};

use smallvec::{SmallVec, smallvec};

use super::Step;
use super::list_key::KeySelector;

/// A tree of paths with marks of type `M` at the locations that the paths select.
#[derive(Debug, Clone)]
pub(crate) struct Tree<M> {
    nodes: Vec<TreeNode<M>>,
}

/// The tree's nodes that a location has reached: none when no path leads there, several where
/// wildcards overlap.
pub(crate) type ReachedNodes = SmallVec<[u32; 6]>;

#[derive(Debug, Clone)]
struct TreeNode<M> {
    names: BTreeMap<String, u32>,
    prefixes: BTreeMap<String, u32>,
    any_member: Option<u32>,
    any_element: Option<u32>,
    keyed: BTreeMap<KeySelector, u32>,
    /// The node of an element that may be any of `keyed`; see [`Tree::mark_with_unkeyed`].
    unkeyed: Option<u32>,
    marks: Vec<M>,
    /// Entries whose path goes on from here by a member step, with the number of its steps so far.
    entries_below: Vec<(usize, usize)>,
    by_name: ByName,
}

/// Whether a node is reached by a named member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ByName {
    Yes,
    No,
}

impl<M> TreeNode<M> {
    fn new(by_name: ByName) -> Self {
        Self {
            names: BTreeMap::new(),
            prefixes: BTreeMap::new(),
            any_member: None,
            any_element: None,
            keyed: BTreeMap::new(),
            unkeyed: None,
            marks: Vec::new(),
            entries_below: Vec::new(),
            by_name,
        }
    }

    /// The steps by which paths go on from here, and the nodes that they lead to.
    fn children(&self) -> impl Iterator<Item = (Step, u32)> {
        let names = self.names.iter().map(|(name, next)| (Step::Name(name.clone()), *next));
        let prefixes =
            self.prefixes.iter().map(|(prefix, next)| (Step::Prefix(prefix.clone()), *next));
        let any_member = self.any_member.map(|next| (Step::AnyMember, next));
        let any_element = self.any_element.map(|next| (Step::AnyElement, next));
        let keyed =
            self.keyed.iter().map(|(selector, next)| (Step::Keyed(selector.clone()), *next));
        names.chain(prefixes).chain(any_member).chain(any_element).chain(keyed)
    }
}

impl<M> Default for Tree<M> {
    fn default() -> Self {
        Self { nodes: vec![TreeNode::new(ByName::No)] }
    }
}

impl<M> Tree<M> {
    /// Puts a mark at the locations that `steps` select.
    pub(crate) fn mark(&mut self, steps: &[Step], mark: M) {
        let end = steps.iter().fold(0, |at, step| self.child(at, step));
        if let Some(node) = self.node_mut(end) {
            node.marks.push(mark);
        }
    }

    /// Puts a mark at the locations that `steps` select, and at those that they may select. If a
    /// list does not pair by the key that a step names, each of its elements may be the one that the
    /// step selects; the same holds for the lists below it.
    pub(crate) fn mark_with_unkeyed(&mut self, steps: &[Step], mark: M)
    where
        M: Clone,
    {
        let (mut end, mut possible) = (0, Vec::new());
        for step in steps {
            let is_keyed = matches!(step, Step::Keyed { .. });
            for end in &mut possible {
                *end = self.child(*end, if is_keyed { &Step::AnyElement } else { step });
            }
            if is_keyed {
                possible.push(self.unkeyed_child(end));
            }
            end = self.child(end, step);
        }
        for end in possible.into_iter().chain([end]) {
            if let Some(node) = self.node_mut(end) {
                node.marks.push(mark.clone());
            }
        }
    }

    /// Records the objects above the location of an entry. They are intermediate objects, so they
    /// may appear and vanish.
    pub(crate) fn add_entry_below(&mut self, steps: &[Step], entry: usize) {
        let mut at = 0;
        for (depth, (step, next)) in steps.iter().zip(steps.iter().skip(1)).enumerate() {
            at = self.child(at, step);
            if let Some(node) = self.node_mut(at).filter(|_| next.is_member()) {
                node.entries_below.push((entry, depth + 1));
            }
        }
    }

    /// Where every walk starts.
    pub(crate) fn root() -> ReachedNodes {
        smallvec![0]
    }

    /// What the member `name` reaches from `from`.
    pub(crate) fn member(&self, from: &[u32], name: &str) -> ReachedNodes {
        let mut to = ReachedNodes::new();
        for node in self.reached(from) {
            to.extend(node.names.get(name).copied());
            to.extend(node.any_member);
            to.extend(
                node.prefixes
                    .iter()
                    .filter(|(prefix, _)| name.starts_with(prefix.as_str()))
                    .map(|(_, next)| *next),
            );
        }
        to
    }

    /// What an element of a list reaches, whatever its key.
    pub(crate) fn element(&self, from: &[u32]) -> ReachedNodes {
        self.reached(from).filter_map(|node| node.any_element).collect()
    }

    /// What an element of a list that does not pair by key reaches.
    pub(crate) fn unkeyed_element(&self, from: &[u32]) -> ReachedNodes {
        self.reached(from).flat_map(|node| [node.any_element, node.unkeyed]).flatten().collect()
    }

    /// The nodes for the element that the selector selects. If paths select elements of this list by
    /// other members, it may be any of those elements too. `selector` is called only if paths select
    /// elements by a key.
    pub(crate) fn keyed_element(
        &self,
        from: &[u32],
        selector: impl Fn() -> KeySelector,
    ) -> ReachedNodes {
        let mut to = self.element(from);
        for node in self.reached(from).filter(|node| !node.keyed.is_empty()) {
            let selector = selector();
            to.extend(node.keyed.get(&selector).copied());
            let has_other_key = || node.keyed.keys().any(|own| !own.has_names_of(&selector));
            to.extend(node.unkeyed.filter(|_| has_other_key()));
        }
        to
    }

    /// What a member reaches if steps into list elements go into members too.
    pub(crate) fn loosely_member(&self, from: &[u32], name: &str) -> ReachedNodes {
        let mut to = self.member(from, name);
        for node in self.reached(from) {
            to.extend(node.any_element.iter().chain(node.keyed.values()).copied());
        }
        to
    }

    /// What an element reaches if `is_selected` decides which selectors select it. A step into any
    /// member selects elements too.
    pub(crate) fn loosely_element(
        &self,
        from: &[u32],
        is_selected: impl Fn(&KeySelector) -> bool,
    ) -> ReachedNodes {
        let mut to = self.element(from);
        for node in self.reached(from) {
            to.extend(node.any_member);
            to.extend(
                node.keyed
                    .iter()
                    .filter(|(selector, _)| is_selected(selector))
                    .map(|(_, next)| *next),
            );
        }
        to
    }

    /// What those steps reach that `goes_on` accepts.
    pub(crate) fn next(&self, from: &[u32], goes_on: impl Fn(&Step) -> bool) -> ReachedNodes {
        self.reached(from)
            .flat_map(TreeNode::children)
            .filter(|(step, _)| goes_on(step))
            .map(|(_, next)| next)
            .collect()
    }

    /// The steps by which paths go on.
    pub(crate) fn steps(&self, from: &[u32]) -> BTreeSet<Step> {
        self.reached(from).flat_map(TreeNode::children).map(|(step, _)| step).collect()
    }

    /// The marks at a location.
    pub(crate) fn marks<'t>(&'t self, at: &[u32]) -> impl Iterator<Item = &'t M> {
        self.reached(at).flat_map(|node| &node.marks)
    }

    /// The marks at a location and at those below it.
    pub(crate) fn marks_below(&self, at: &[u32]) -> impl Iterator<Item = &M> {
        let mut nodes: Vec<&TreeNode<M>> = self.reached(at).collect();
        let next = move || {
            let node = nodes.pop()?;
            nodes.extend(node.children().filter_map(|(_, next)| self.nodes.get(next as usize)));
            Some(node)
        };
        std::iter::from_fn(next).flat_map(|node| &node.marks)
    }

    /// Whether all the nodes are reached by a named member.
    pub(crate) fn are_named(&self, at: &[u32]) -> bool {
        self.reached(at).all(|node| node.by_name == ByName::Yes)
    }

    /// The entries whose paths come here by a named member and go on to a member, each with the
    /// number of its steps that lead here.
    pub(crate) fn entries_below(&self, at: &[u32]) -> impl Iterator<Item = (usize, usize)> {
        self.reached(at)
            .filter(|node| node.by_name == ByName::Yes)
            .flat_map(|node| node.entries_below.iter().copied())
    }

    fn reached<'t>(&'t self, at: &[u32]) -> impl Iterator<Item = &'t TreeNode<M>> {
        at.iter().filter_map(|index| self.nodes.get(*index as usize))
    }

    fn node_mut(&mut self, at: u32) -> Option<&mut TreeNode<M>> {
        self.nodes.get_mut(at as usize)
    }

    fn unkeyed_child(&mut self, at: u32) -> u32 {
        let fresh = self.fresh();
        let Some(node) = self.node_mut(at) else { return fresh };
        let next = *node.unkeyed.get_or_insert(fresh);
        if next == fresh {
            self.nodes.push(TreeNode::new(ByName::No));
        }
        next
    }

    /// The number of the next node. A rule document has far fewer steps than u32 can count.
    fn fresh(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }

    fn child(&mut self, at: u32, step: &Step) -> u32 {
        let fresh = self.fresh();
        let Some(node) = self.node_mut(at) else { return fresh };
        let (slot, by_name) = match step {
            Step::Name(name) => (node.names.entry(name.clone()).or_insert(fresh), ByName::Yes),
            // `['*']` selects what `*` does.
            Step::Prefix(prefix) if prefix.is_empty() => {
                (node.any_member.get_or_insert(fresh), ByName::No)
            }
            Step::Prefix(prefix) => {
                (node.prefixes.entry(prefix.clone()).or_insert(fresh), ByName::No)
            }
            Step::AnyMember => (node.any_member.get_or_insert(fresh), ByName::No),
            Step::AnyElement => (node.any_element.get_or_insert(fresh), ByName::No),
            Step::Keyed(selector) => {
                (node.keyed.entry(selector.clone()).or_insert(fresh), ByName::No)
            }
        };
        let next = *slot;
        if next == fresh {
            self.nodes.push(TreeNode::new(by_name));
        }
        next
    }
}
