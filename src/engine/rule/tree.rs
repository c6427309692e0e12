//! All paths of a rule as one tree, walked in step with an object: what the rule says of a location
//! is known on arrival.

use std::collections::BTreeMap;

use smallvec::{SmallVec, smallvec};

use super::Step;

/// A tree of paths with marks of type `M` at the locations that the paths select.
#[derive(Debug, Clone)]
pub(crate) struct Tree<M> {
    nodes: Vec<Node<M>>,
}

/// The tree's nodes that a location has reached: none when no path leads there, several where
/// wildcards overlap.
pub(crate) type Reached = SmallVec<[u32; 6]>;

#[derive(Debug, Clone)]
struct Node<M> {
    names: BTreeMap<String, u32>,
    prefixes: BTreeMap<String, u32>,
    any_member: Option<u32>,
    any_element: Option<u32>,
    keyed: BTreeMap<(String, String), u32>,
    marks: Vec<M>,
    /// Entries whose path goes on from here by a member step.
    entries_below: Vec<usize>,
    by_name: ByName,
}

/// Whether a node is reached by a named member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ByName {
    Yes,
    No,
}

impl<M> Node<M> {
    fn new(by_name: ByName) -> Self {
        Self {
            names: BTreeMap::new(),
            prefixes: BTreeMap::new(),
            any_member: None,
            any_element: None,
            keyed: BTreeMap::new(),
            marks: Vec::new(),
            entries_below: Vec::new(),
            by_name,
        }
    }
}

impl<M> Default for Tree<M> {
    fn default() -> Self {
        Self { nodes: vec![Node::new(ByName::No)] }
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

    /// Notes that the entry's path leads through the objects above it, which are intermediate to it
    /// and may so appear and vanish.
    pub(crate) fn add_entry_below(&mut self, steps: &[Step], entry: usize) {
        let mut at = 0;
        for (step, next) in steps.iter().zip(steps.iter().skip(1)) {
            at = self.child(at, step);
            if let Some(node) = self.node_mut(at).filter(|_| next.is_member()) {
                node.entries_below.push(entry);
            }
        }
    }

    /// Where every walk starts.
    pub(crate) fn root() -> Reached {
        smallvec![0]
    }

    /// What the member `name` reaches from `from`.
    pub(crate) fn member(&self, from: &[u32], name: &str) -> Reached {
        let mut to = Reached::new();
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

    /// What an element of a list by position, or of a set, reaches.
    pub(crate) fn element(&self, from: &[u32]) -> Reached {
        self.reached(from).filter_map(|node| node.any_element).collect()
    }

    /// What the element with that key reaches.
    pub(crate) fn keyed_element(&self, from: &[u32], key: &str, value: &str) -> Reached {
        let mut to = self.element(from);
        for node in self.reached(from).filter(|node| !node.keyed.is_empty()) {
            to.extend(node.keyed.get(&(key.to_owned(), value.to_owned())).copied());
        }
        to
    }

    /// What a member reaches if steps into list elements go into members too.
    pub(crate) fn loosely_member(&self, from: &[u32], name: &str) -> Reached {
        let mut to = self.member(from, name);
        for node in self.reached(from) {
            to.extend(node.any_element.iter().chain(node.keyed.values()).copied());
        }
        to
    }

    /// What an element reaches if its list counts as keyed by whatever selects it (key and value),
    /// and steps into any member go into elements too.
    pub(crate) fn loosely_element(
        &self,
        from: &[u32],
        is_selected: impl Fn(&str, &str) -> bool,
    ) -> Reached {
        let mut to = self.element(from);
        for node in self.reached(from) {
            to.extend(node.any_member);
            to.extend(
                node.keyed
                    .iter()
                    .filter(|((key, value), _)| is_selected(key, value))
                    .map(|(_, next)| *next),
            );
        }
        to
    }

    /// The marks at a location.
    pub(crate) fn marks<'a>(&'a self, at: &'a [u32]) -> impl Iterator<Item = &'a M> {
        self.reached(at).flat_map(|node| &node.marks)
    }

    /// The entries on whose way a location is: reached by a named member and left by a member step.
    pub(crate) fn entries_below<'a>(&'a self, at: &'a [u32]) -> impl Iterator<Item = usize> + 'a {
        self.reached(at)
            .filter(|node| node.by_name == ByName::Yes)
            .flat_map(|node| node.entries_below.iter().copied())
    }

    fn reached<'a>(&'a self, at: &'a [u32]) -> impl Iterator<Item = &'a Node<M>> {
        at.iter().filter_map(|index| self.nodes.get(*index as usize))
    }

    fn node_mut(&mut self, at: u32) -> Option<&mut Node<M>> {
        self.nodes.get_mut(at as usize)
    }

    fn child(&mut self, at: u32, step: &Step) -> u32 {
        // A rule document has far fewer steps than u32 can count.
        let fresh = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let Some(node) = self.node_mut(at) else { return fresh };
        let (slot, by_name) = match step {
            Step::Name(name) => (node.names.entry(name.clone()).or_insert(fresh), ByName::Yes),
            Step::Prefix(prefix) => {
                (node.prefixes.entry(prefix.clone()).or_insert(fresh), ByName::No)
            }
            Step::AnyMember => (node.any_member.get_or_insert(fresh), ByName::No),
            Step::AnyElement => (node.any_element.get_or_insert(fresh), ByName::No),
            Step::Keyed { key, value } => {
                (node.keyed.entry((key.clone(), value.clone())).or_insert(fresh), ByName::No)
            }
        };
        let next = *slot;
        if next == fresh {
            self.nodes.push(Node::new(by_name));
        }
        next
    }
}
