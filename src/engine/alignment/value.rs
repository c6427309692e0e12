//! The normal form of one value by itself, as text: two values are equal (semantics, equality)
//! exactly when their normal forms are.

use std::fmt::Write;

use serde_json::Value;

use super::pairing;
use super::scalar::scalar;
use crate::engine::review::{Node, NodeKind, scan};
use crate::engine::rule::{Cursor, DeclaredEquality, Tree};

/// The normal form where a rule declares nothing.
pub(crate) fn exact(node: Node<'_>) -> String {
    normal(&Cursor::at_root_of(&Tree::default()), node)
}

/// The normal form at a location.
pub(crate) fn normal(cursor: &Cursor<'_>, node: Node<'_>) -> String {
    let mut text = String::new();
    write_normal(&mut text, cursor, &cursor.declared(), node);
    text
}

/// The normal form of a value that a rule has.
pub(crate) fn normal_of(cursor: &Cursor<'_>, value: &Value) -> String {
    let text = value.to_string();
    scan(&text).map(|document| normal(cursor, document.root())).unwrap_or_default()
}

/// The value by which the elements of a set are compared. They compare exactly.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SetMember<'a> {
    /// A string, which most sets are made of.
    Text(&'a str),
    /// The normal form of another value.
    Other(Box<str>),
}

/// What an element of a set stands for. Null is the zero of its type.
pub(super) fn member_of_set<'a>(cursor: &Cursor<'_>, element: Node<'a>) -> SetMember<'a> {
    match cursor.declared().zero_for_null().filter(|_| element.is_null()) {
        Some(zero) if zero == "" => SetMember::Text(""),
        Some(zero) => {
            SetMember::Other(normal_of(&Cursor::at_root_of(&Tree::default()), &zero).into())
        }
        None => match element.as_str() {
            Some(text) => SetMember::Text(text),
            None => SetMember::Other(exact(element).into()),
        },
    }
}

fn write_normal(
    out: &mut String,
    cursor: &Cursor<'_>,
    declared: &DeclaredEquality<'_>,
    node: Node<'_>,
) {
    match declared.kind(node) {
        NodeKind::Object => {
            out.push('{');
            for (name, member) in node.members() {
                let below = cursor.member(name);
                let declared = below.declared();
                if declared.owned || declared.is_zero_field(&below, member) {
                    continue;
                }
                let start = out.len();
                write_text(out, name);
                let value = out.len();
                write_normal(out, &below, &declared, member);
                let normal = out.get(value..).unwrap_or_default();
                if declared.absent_as.is_some_and(|absent| normal_of(&below, absent) == normal) {
                    out.truncate(start);
                }
            }
            out.push('}');
        }
        NodeKind::List if declared.is_set() => {
            let below = cursor.element();
            let mut members: Vec<SetMember<'_>> =
                node.elements().map(|element| member_of_set(&below, element)).collect();
            members.sort_unstable();
            members.dedup();
            out.push('<');
            for member in &members {
                match member {
                    SetMember::Text(text) => write_text(out, text),
                    SetMember::Other(normal) => out.push_str(normal),
                }
            }
            out.push('>');
        }
        NodeKind::List => {
            out.push('[');
            let mut write = |below: &Cursor<'_>, element| {
                write_normal(out, below, &below.declared(), element);
                out.push(',');
            };
            match declared.key.and_then(|key| Some((key, pairing::keys(node, key).ok()?))) {
                Some((key, mut keys)) => {
                    if key.ignores_order {
                        keys.sort_unstable_by(|(one, _), (two, _)| one.cmp(two));
                    }
                    for (values, element) in keys {
                        write(&cursor.keyed_element(key, values.as_slice()), element);
                    }
                }
                None => node.elements().for_each(|element| write(&cursor.element(), element)),
            }
            out.push(']');
        }
        NodeKind::Null => match declared.zero_for_null() {
            Some(zero) => out.push_str(&normal_of(cursor, &zero)),
            None => out.push_str("null "),
        },
        // Writing to a text does not fail.
        kind => {
            if let Some(spelling) = declared.respelled(kind, node.scalar_text()) {
                let _ = write!(out, "{:?} {} ", spelling.compare_as, spelling.text);
            } else if let Some(text) = node.as_str() {
                write_text(out, text);
            } else {
                let _ = write!(out, "{} ", scalar(&node.to_value()));
            }
        }
    }
}

/// Writes a text so that its end is known.
fn write_text(out: &mut String, text: &str) {
    let _ = write!(out, "\"{}:{text}", text.len());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::engine::review::scan;

    fn exact(text: &str) -> String {
        super::exact(scan(text).unwrap().root())
    }

    #[test]
    fn numbers_are_equal_by_value() {
        let table = [
            ("1.0", "1"),
            ("-0.0", "0"),
            ("-0", "0"),
            ("1e3", "1000"),
            ("1e19", "10000000000000000000"),
            ("-9223372036854775808.0", "-9223372036854775808"),
            ("0.10", "0.1"),
        ];
        for (one, two) in table {
            assert_eq!(exact(one), exact(two), "{one} {two}");
        }
        let distinct = [
            "9007199254740992",
            "9007199254740993",
            "18446744073709551615",
            "18446744073709551616",
            "-9223372036854775808",
            "9223372036854775808",
            "0.1",
            "null",
            "\"1\"",
            "1",
        ];
        for (index, one) in distinct.iter().enumerate() {
            for two in distinct.iter().skip(index + 1) {
                assert_ne!(exact(one), exact(two), "{one} {two}");
            }
        }
    }

    #[test]
    fn containers_keep_their_kind() {
        let distinct = [
            json!({}),
            json!([]),
            json!(null),
            json!({"0": 1}),
            json!([1]),
            json!({"": 1}),
            json!([null]),
            json!({"a": null}),
        ];
        for (index, one) in distinct.iter().enumerate() {
            for two in distinct.iter().skip(index + 1) {
                assert_ne!(exact(&one.to_string()), exact(&two.to_string()), "{one} {two}");
            }
        }
    }
}
