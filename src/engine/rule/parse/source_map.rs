//! Where the parts of a rule document are written.
//!
//! A [`Rule`](crate::engine::rule::Rule) keeps values, not positions. Only lint asks for positions, so it reads
//! the document a second time, as a tree with a position at every key and list element.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::parser::read;
use super::rule_file::{RuleFile, split};

/// A line and a column, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: u64,
    pub(crate) column: u64,
}

/// The positions in one rule.
#[derive(Debug)]
pub(crate) struct SourceMap(Spanned<SourceValue>);

/// A value of the document.
#[derive(Debug, Default)]
struct SourceValue {
    text: String,
    members: BTreeMap<String, Spanned<SourceValue>>,
    elements: Vec<Spanned<SourceValue>>,
}

impl SourceMap {
    /// The rules of a file, by name. A document that cannot be read has no positions.
    pub(crate) fn of_rules(document: &RuleFile) -> BTreeMap<String, Self> {
        let parts = split(&document.text);
        let roots = parts.iter().filter_map(|(_, text)| read(&document.origin, text).ok());
        let rules = roots.flat_map(|mut root: Spanned<SourceValue>| {
            match root.value.members.remove("items") {
                Some(items) => items.value.elements,
                None => vec![root],
            }
        });
        let named = rules.filter_map(|rule| {
            let metadata = &rule.value.members.get("metadata")?.value;
            let name = metadata.members.get("name")?.value.text.clone();
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
            let SourceValue { members, elements, .. } = &node.value;
            let element = || elements.get(step.parse::<usize>().ok()?);
            let Some(next) = members.get(&step).or_else(element) else { break };
            node = next;
        }
        Position { line: node.referenced.line(), column: node.referenced.column() }
    }
}

impl<'de> Deserialize<'de> for SourceValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

/// Accepts a scalar of a type; a name may look like a number.
macro_rules! accept {
    ($($visit:ident: $type:ty),*) => {
        $(fn $visit<E>(self, scalar: $type) -> Result<SourceValue, E> {
            Ok(SourceValue { text: scalar.to_string(), ..SourceValue::default() })
        })*
    };
}

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = SourceValue;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any value")
    }

    accept!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_i128: i128, visit_u128: u128);
    accept!(visit_f64: f64, visit_str: &str);

    fn visit_unit<E>(self) -> Result<SourceValue, E> {
        Ok(SourceValue::default())
    }

    fn visit_none<E>(self) -> Result<SourceValue, E> {
        Ok(SourceValue::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<SourceValue, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(SourceValue { elements, ..SourceValue::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SourceValue, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((key, mut node)) =
            map.next_entry::<Spanned<String>, Spanned<Self::Value>>()?
        {
            if !(node.value.members.is_empty() && node.value.elements.is_empty()) {
                node.referenced = key.referenced;
            }
            members.insert(key.value, node);
        }
        Ok(SourceValue { members, ..SourceValue::default() })
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
- metadata: {name: 2}
  spec:
    mutable: [spec.d, spec.e]
";

    #[test]
    fn everything_written_has_a_position() {
        let document = RuleFile { origin: "rules.yaml".to_owned(), text: FILE.to_owned() };
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
            ("one", "/spec/mutable/2/when", (13, 9)),
            // Nothing is written there.
            ("one", "/spec/mutable/7/path", (8, 3)),
            ("one", "/spec/equality/0", (7, 1)),
            ("2", "/spec/mutable/1", (20, 23)),
        ];
        for (rule, pointer, expected) in table {
            assert_eq!(at(rule, pointer), expected, "{rule}: {pointer}");
        }
    }
}
