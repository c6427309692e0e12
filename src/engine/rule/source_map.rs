//! Where the parts of a rule document are written.
//!
//! A [`Rule`](super::Rule) keeps values, not positions. Only lint asks for positions, so it reads
//! the document a second time, as a tree with a position at every key and list element.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::document::{Document, split};
use super::parser::read;

/// A line and a column, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: u64,
    pub(crate) column: u64,
}

/// The positions in one rule.
#[derive(Debug)]
pub(crate) struct SourceMap(Node);

impl SourceMap {
    /// The rules of a file, by name. A document that cannot be read has no positions.
    pub(crate) fn of_rules(document: &Document) -> BTreeMap<String, Self> {
        let parts = split(&document.text);
        let roots = parts.iter().filter_map(|(_, text)| read(&document.origin, text).ok());
        let rules = roots.flat_map(|mut root: Node| match root.members.remove("items") {
            Some(items) => items.elements,
            None => vec![root],
        });
        let named = rules.filter_map(|rule| {
            let name = rule.members.get("metadata")?.members.get("name")?.text.clone();
            Some((name, Self(rule)))
        });
        named.collect()
    }

    /// Where a JSON pointer leads: to a scalar, or to the key of anything else. If nothing is
    /// written there, to the nearest location above it.
    pub(crate) fn position(&self, pointer: &str) -> Position {
        let mut node = &self.0;
        for step in pointer.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            let element = || node.elements.get(step.parse::<usize>().ok()?);
            let Some(next) = node.members.get(&step).or_else(element) else { break };
            node = next;
        }
        node.at
    }
}

/// A value of the document.
#[derive(Debug)]
struct Node {
    at: Position,
    /// The value, if it is a string.
    text: String,
    members: BTreeMap<String, Node>,
    elements: Vec<Node>,
}

#[derive(Default)]
struct Content {
    text: String,
    members: BTreeMap<String, Node>,
    elements: Vec<Node>,
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::<Content>::deserialize(from)?;
        let Content { text, members, elements } = value;
        let at = Position { line: referenced.line(), column: referenced.column() };
        Ok(Self { at, text, members, elements })
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

/// Scalars other than strings have no content.
macro_rules! empty {
    ($($visit:ident: $type:ty),*) => {
        $(fn $visit<E>(self, _: $type) -> Result<Content, E> { Ok(Content::default()) })*
    };
}

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any value")
    }

    empty!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_i128: i128, visit_u128: u128);
    empty!(visit_f64: f64);

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::default())
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::default())
    }

    fn visit_str<E>(self, text: &str) -> Result<Content, E> {
        Ok(Content { text: text.to_owned(), ..Content::default() })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Content, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Content { elements, ..Content::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((key, mut node)) = map.next_entry::<Spanned<String>, Node>()? {
            let is_container = !(node.members.is_empty() && node.elements.is_empty());
            if is_container {
                node.at = Position { line: key.referenced.line(), column: key.referenced.column() };
            }
            members.insert(key.value, node);
        }
        Ok(Content { members, ..Content::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# A comment.
---
kind: UpdateRule
metadata:
  name: one
  annotations: {fieldward.io/source: here}
spec:
  mutable:
    - spec.a
    - {path: spec.b, allow: [Set]}
    - path: \"spec.c[*]\"
      when: >-
        true
  exempt: {}
---
kind: List
items:
- metadata: {name: two}
  spec:
    mutable: [spec.d, spec.e]
";

    #[test]
    fn everything_written_has_a_position() {
        let document = Document { origin: "rules.yaml".to_owned(), text: FILE.to_owned() };
        let maps = SourceMap::of_rules(&document);
        let at = |rule: &str, pointer: &str| {
            let Position { line, column } = maps[rule].position(pointer);
            (line, column)
        };
        let table = [
            ("one", "/metadata/name", (5, 9)),
            ("one", "/metadata/annotations/fieldward.io~1source", (6, 38)),
            ("one", "/spec/mutable", (8, 3)),
            ("one", "/spec/mutable/0", (9, 7)),
            ("one", "/spec/mutable/0/path", (9, 7)),
            ("one", "/spec/mutable/1/path", (10, 14)),
            ("one", "/spec/mutable/1/allow/0", (10, 30)),
            ("one", "/spec/mutable/2/path", (11, 13)),
            ("one", "/spec/mutable/2/when", (12, 13)),
            // Nothing is written there.
            ("one", "/spec/mutable/7/path", (8, 3)),
            ("one", "/spec/equality/0", (7, 1)),
            ("two", "/spec/mutable/1", (20, 23)),
        ];
        for (rule, pointer, expected) in table {
            assert_eq!(at(rule, pointer), expected, "{rule}: {pointer}");
        }
    }
}
