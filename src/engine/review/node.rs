//! A value in an indexed text.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use super::index::{FLAG, IndexEntry, IndexedText, NONE, plain};
use super::unjudgeable::DEEPEST;

/// A value in an indexed text, by its position. Equal nodes of one text have equal values; nodes
/// that differ may have equal values too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'t> {
    document: &'t IndexedText<'t>,
    /// The number of the entry that has the value.
    value: u32,
    /// The number of the entry at this place of the text. If it differs from `value`, it only refers
    /// to that entry.
    entry: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeKind {
    Null,
    Bool,
    Number,
    String,
    List,
    Object,
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for Node<'_> {}

impl<'t> IndexedText<'t> {
    pub(crate) fn root(&self) -> Node<'_> {
        self.node(0)
    }

    pub(crate) fn node(&self, at: u32) -> Node<'_> {
        let referred = self.entries.get(at as usize).and_then(|entry| entry.refers());
        Node { document: self, value: referred.unwrap_or(at), entry: at }
    }

    /// The text of a string, borrowed where it is written as it is.
    pub(crate) fn string(&self, node: Node<'_>) -> Option<Cow<'t, str>> {
        let entry = self.entry(node.value);
        if entry.has_escape() {
            return node.as_str().map(|text| Cow::Owned(text.to_owned()));
        }
        let text = self.text.get(entry.start as usize..entry.end())?;
        text.strip_prefix('"')?.strip_suffix('"').map(Cow::Borrowed)
    }

    /// The levels of an object of the review, without those that only repeat the other one.
    pub(crate) fn levels(&self, object: Node<'_>) -> usize {
        let is_it = |(at, _): &&(u32, u32)| self.node(*at) == object;
        let levels = self.objects.iter().filter(is_it).map(|(_, levels)| *levels as usize);
        levels.max().unwrap_or_default()
    }

    /// The levels of the deepest object that is judged, or that a judged object repeats. Such an
    /// object may be outside `request`, or in a member that a later key overwrites.
    pub(crate) fn deepest(&self) -> usize {
        let levels = self.objects.iter().map(|(_, levels)| *levels as usize);
        levels.filter(|levels| *levels <= DEEPEST).max().unwrap_or_default()
    }

    fn entry(&self, at: u32) -> IndexEntry {
        let nothing = IndexEntry { key: NONE, start: 0, end: 0, next: u32::MAX };
        self.entries.get(at as usize).copied().unwrap_or(nothing)
    }

    /// The name of the member with this number; none if no text can hold it.
    fn name(&self, at: u32) -> Option<&str> {
        let IndexEntry { key, start, .. } = self.entry(at);
        if key & FLAG != 0 {
            return self.escaped.get(key & !FLAG);
        }
        let text = self.text.get(key as usize + 1..(start & !FLAG) as usize)?;
        text.strip_suffix("\":").or_else(|| text.get(..plain(text.as_bytes(), 0)))
    }

    /// The numbers of what is directly in the container with this number.
    fn children(&self, container: u32) -> impl Iterator<Item = u32> + Clone + use<'_, 't> {
        let end = self.entry(container).next;
        std::iter::successors(Some(container + 1), move |at| Some(self.entry(*at).next))
            .take_while(move |at| *at < end)
    }
}

impl<'t> Node<'t> {
    /// The number of the entry at this place of the text. Nodes of several entries may be equal.
    pub(crate) fn entry(self) -> u32 {
        self.entry
    }

    /// The node of the entry with this number in the same text.
    pub(crate) fn at_entry(self, entry: u32) -> Self {
        self.document.node(entry)
    }

    /// The name of the value, which is a member of an object.
    pub(crate) fn name(self) -> Option<&'t str> {
        self.document.name(self.entry)
    }

    /// What tells it from the other nodes of the text.
    pub(crate) fn number(self) -> u32 {
        self.value
    }

    pub(crate) fn kind(self) -> NodeKind {
        let start = self.document.entry(self.value).start as usize;
        match self.document.text.as_bytes().get(start) {
            Some(b'{') => NodeKind::Object,
            Some(b'[') => NodeKind::List,
            Some(b'"') => NodeKind::String,
            Some(b't' | b'f') => NodeKind::Bool,
            Some(b'n') | None => NodeKind::Null,
            Some(_) => NodeKind::Number,
        }
    }

    pub(crate) fn is_object(self) -> bool {
        self.kind() == NodeKind::Object
    }

    pub(crate) fn is_list(self) -> bool {
        self.kind() == NodeKind::List
    }

    pub(crate) fn is_container(self) -> bool {
        matches!(self.kind(), NodeKind::Object | NodeKind::List)
    }

    pub(crate) fn is_null(self) -> bool {
        self.kind() == NodeKind::Null
    }

    /// As it is written.
    pub(crate) fn text(self) -> &'t str {
        let entry = self.document.entry(self.value);
        self.document.text.get(entry.start as usize..entry.end()).unwrap_or_default()
    }

    /// The string that a scalar is, or its text. A number may have more digits than a float holds.
    pub(crate) fn scalar_text(self) -> &'t str {
        self.as_str().unwrap_or_else(|| self.text())
    }

    pub(crate) fn as_str(self) -> Option<&'t str> {
        let text = self.text();
        let inner = text.strip_prefix('"')?;
        let entry = self.document.entry(self.value);
        if entry.has_escape() {
            self.document.escaped.get(entry.start)
        } else {
            inner.strip_suffix('"')
        }
    }

    /// The member of that name, of several the last; none if it is no object.
    pub(crate) fn get(self, name: &str) -> Option<Self> {
        if !self.is_object() {
            return None;
        }
        let document = self.document;
        let bytes = document.text.as_bytes();
        let mut found = None;
        let (mut at, end) = (self.value + 1, document.entry(self.value).next);
        while at < end {
            let IndexEntry { key, next, .. } = document.entry(at);
            let is_named = if key & FLAG == 0 {
                let start = key as usize + 1;
                let end = start + name.len();
                bytes.get(end) == Some(&b'"')
                    && bytes.get(start..end) == Some(name.as_bytes())
                    // A name with a quote or a backslash could match text behind the key.
                    && plain(bytes, start) == end
            } else {
                document.escaped.get(key & !FLAG) == Some(name)
            };
            if is_named {
                found = Some(document.node(at));
            }
            at = next;
        }
        found
    }

    /// The members of those names, as [`Self::get`] finds each.
    pub(crate) fn get_all<const COUNT: usize>(self, names: [&str; COUNT]) -> [Option<Self>; COUNT] {
        let mut found = [None; COUNT];
        if self.is_object() {
            for member in self.document.children(self.value) {
                let Some(name) = self.document.name(member) else { continue };
                let slots = names.iter().zip(&mut found).filter(|(wanted, _)| **wanted == name);
                slots.for_each(|(_, slot)| *slot = Some(self.document.node(member)));
            }
        }
        found
    }

    /// The members of an object in the order of their names, of each name the last; none of
    /// anything else.
    pub(crate) fn members(self) -> Members<'t> {
        let document = self.document;
        let entry = document.entry(self.value);
        if !self.is_object() {
            return Members::default();
        }
        let members = document.children(self.value);
        let names = members.clone().map(|at| document.name(at));
        if names.is_sorted_by(|one, two| one.is_some() && one < two) {
            return Members(Order::Text { document, at: self.value + 1, end: entry.next });
        }
        let mut members: Vec<(&str, u32)> =
            members.filter_map(|at| Some((document.name(at)?, at))).collect();
        // The sort is stable, so of equal names the last in the text comes last.
        members.sort_by_key(|(name, _)| *name);
        members.dedup_by(|later, earlier| {
            let is_repeated = later.0 == earlier.0;
            if is_repeated {
                *earlier = *later;
            }
            is_repeated
        });
        Members(Order::Names { document, members: members.into_iter() })
    }

    /// The elements of a list; none of anything else.
    pub(crate) fn elements(self) -> NodeElements<'t> {
        let end = if self.is_list() { self.document.entry(self.value).next } else { 0 };
        NodeElements { document: self.document, at: self.value + 1, end }
    }

    /// Whether it is a container with nothing in it.
    pub(crate) fn is_empty(self) -> bool {
        self.is_container() && self.document.entry(self.value).next == self.value + 1
    }

    /// Builds the value. An unreadable number or string becomes null; an object that contains one
    /// is never judged. The recursion is as deep as the value.
    pub(crate) fn to_value(self) -> Value {
        if let Some(text) = self.as_str() {
            return Value::String(text.to_owned());
        }
        let mut reader = serde_json::Deserializer::from_str(self.text());
        reader.disable_recursion_limit();
        Value::deserialize(&mut reader).unwrap_or_default()
    }

    pub(crate) fn levels(self) -> usize {
        let (mut ends, mut deepest) = (Vec::new(), 0);
        let end = self.document.entry(self.value).next;
        for at in self.value..end {
            while ends.last().is_some_and(|end| *end <= at) {
                ends.pop();
            }
            let node = self.document.node(at);
            if node.value == at && node.is_container() {
                ends.push(self.document.entry(at).next);
                deepest = deepest.max(ends.len());
            }
        }
        deepest
    }

    /// The first number or string in it that nothing can hold: where its text starts in this one.
    pub(crate) fn unreadable(self) -> Option<usize> {
        let entry = self.document.entry(self.value);
        let start = entry.start as usize;
        self.document.escaped.unreadable_in(start, entry.end()).map(|at| at - start)
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Members<'t>(Order<'t>);

#[derive(Debug, Clone, Default)]
enum Order<'t> {
    #[default]
    Nothing,
    /// The names ascend in the text.
    Text {
        document: &'t IndexedText<'t>,
        at: u32,
        end: u32,
    },
    Names {
        document: &'t IndexedText<'t>,
        members: std::vec::IntoIter<(&'t str, u32)>,
    },
}

impl<'t> Iterator for Members<'t> {
    type Item = (&'t str, Node<'t>);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Order::Nothing => None,
            Order::Text { document, at, end } => {
                if at >= end {
                    return None;
                }
                let member = *at;
                *at = document.entry(member).next;
                Some((document.name(member)?, document.node(member)))
            }
            Order::Names { document, members } => {
                let (name, at) = members.next()?;
                Some((name, document.node(at)))
            }
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct NodeElements<'t> {
    document: &'t IndexedText<'t>,
    at: u32,
    end: u32,
}

impl<'t> Iterator for NodeElements<'t> {
    type Item = Node<'t>;

    fn next(&mut self) -> Option<Node<'t>> {
        if self.at >= self.end {
            return None;
        }
        let element = self.at;
        self.at = self.document.entry(element).next;
        Some(self.document.node(element))
    }
}
