//! Values compared as a rule declares of their location.

use serde_json::{Map, Value};

use super::scalar::scalar;
use super::{duration, quantity, time, value};
use crate::engine::review::{Node, NodeKind};
use crate::engine::rule::{CompareAs, Cursor, DeclaredEquality, Equal};

/// Why two values that are spelled differently are equal: as quantities or as durations; none if
/// they are not.
pub(crate) fn respelled(one: &Value, two: &Value) -> Option<Equal> {
    let is_equal = |compare_as| {
        let declared =
            DeclaredEquality { compare_as: Some(compare_as), ..DeclaredEquality::default() };
        let (one, two) = (declared.canonical_of(one), declared.canonical_of(two));
        // What does not parse is its own canonical form, which is no object.
        one == two && one.as_object().is_some_and(|form| !form.is_empty())
    };
    if scalar(one) == scalar(two) {
        None
    } else if is_equal(CompareAs::Quantity) {
        Some(Equal::Quantity)
    } else {
        is_equal(CompareAs::Duration).then_some(Equal::Duration)
    }
}

/// The one spelling of all values that mean the same.
pub(super) struct Spelling {
    pub(super) compare_as: CompareAs,
    pub(super) text: String,
}

impl Spelling {
    fn canonical(self) -> Value {
        let compare_as = format!("{:?}", self.compare_as);
        Value::Object(Map::from_iter([(compare_as, Value::String(self.text))]))
    }
}

/// The 32-bit float that Go reads from a number; none if the number is too large for one.
pub(super) fn float32(text: &str) -> Option<f32> {
    let number = text.parse().ok().filter(|number: &f32| number.is_finite())?;
    // There are two zeros, which are equal.
    Some(number + 0.0)
}

impl DeclaredEquality<'_> {
    /// The value, unless it counts as left out.
    pub(crate) fn normalise<'a>(
        &self,
        cursor: &Cursor<'_>,
        value: Option<Node<'a>>,
    ) -> Option<Node<'a>> {
        let left_out = |value: &Node<'a>| {
            self.owned
                || self.absent_as.is_some_and(|absent| self.equal(cursor, *value, absent))
                || self.is_zero_field(cursor, *value)
        };
        value.filter(|value| !left_out(value))
    }

    /// What stands for the value in a canonical form: the scalar itself, or a value that no scalar
    /// has.
    pub(crate) fn canonical(&self, value: Node<'_>) -> Value {
        match self.kind(value) {
            NodeKind::Object => Value::Object(Map::new()),
            NodeKind::List => Value::Array(Vec::new()),
            NodeKind::Null => self.canonical_of(&Value::Null),
            kind => match self.respelled(kind, value.scalar_text()) {
                Some(spelling) => spelling.canonical(),
                None => scalar(&value.to_value()),
            },
        }
    }

    /// Like `canonical`, for a value that is built.
    pub(crate) fn canonical_of(&self, value: &Value) -> Value {
        match value {
            Value::Object(_) => Value::Object(Map::new()),
            Value::Array(_) => Value::Array(Vec::new()),
            Value::Null => match self.zero_for_null() {
                Some(zero) => self.canonical_of(&zero),
                None => Value::Null,
            },
            _ => {
                let spelling = match value {
                    Value::String(text) => self.respelled(NodeKind::String, text),
                    Value::Number(number) => self.respelled(NodeKind::Number, &number.to_string()),
                    _ => None,
                };
                spelling.map_or_else(|| scalar(value), Spelling::canonical)
            }
        }
    }

    /// The one spelling of a scalar that the rule gives a meaning, if it has that meaning.
    pub(super) fn respelled(&self, kind: NodeKind, text: &str) -> Option<Spelling> {
        let compare_as = self.compare_as?;
        let text = match (kind, compare_as) {
            (NodeKind::String | NodeKind::Number, CompareAs::Quantity) => quantity::spell(text),
            (NodeKind::String, CompareAs::Duration) => {
                duration::nanoseconds(text).map(|count| count.to_string())
            }
            (NodeKind::String, CompareAs::Time) => {
                time::instant(text).map(|count| count.to_string())
            }
            (NodeKind::Number, CompareAs::Float32) => {
                float32(text).map(|number| number.to_string())
            }
            _ => None,
        };
        text.map(|text| Spelling { compare_as, text })
    }

    /// Whether two locations without children have the same canonical form.
    pub(crate) fn alike(&self, old: Option<Node<'_>>, new: Option<Node<'_>>) -> bool {
        let (Some(old), Some(new)) = (old, new) else { return false };
        if old == new {
            return true;
        }
        let kinds = (self.kind(old), self.kind(new));
        let is_container = |kind| matches!(kind, NodeKind::Object | NodeKind::List);
        if is_container(kinds.0) || is_container(kinds.1) {
            return kinds.0 == kinds.1;
        }
        if old.text() == new.text() {
            return true;
        }
        match (old.as_str(), new.as_str()) {
            (Some(old), Some(new)) if self.compare_as.is_none() => old == new,
            _ => self.canonical(old) == self.canonical(new),
        }
    }

    fn equal(&self, cursor: &Cursor<'_>, one: Node<'_>, two: &Value) -> bool {
        match (one.kind(), two) {
            (NodeKind::Object, Value::Object(two)) if two.is_empty() => {
                one.members().all(|(name, member)| {
                    let below = cursor.member(name);
                    below.declared().normalise(&below, Some(member)).is_none()
                })
            }
            (NodeKind::Object, Value::Object(_)) => {
                value::normal(cursor, one) == value::normal_of(cursor, two)
            }
            (NodeKind::List, Value::Array(list)) => {
                one.is_empty() == list.is_empty()
                    && value::normal(cursor, one) == value::normal_of(cursor, two)
            }
            // No scalar has the canonical form of a container.
            _ => self.canonical(one) == self.canonical_of(two),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::review::scan;

    #[test]
    fn scalars_are_alike_by_value() {
        let table = [
            (json!("a"), json!("a"), true),
            (json!("a"), json!("b"), false),
            (json!(1), json!(1), true),
            (json!(1), json!(2), false),
            (json!(null), json!(null), true),
        ];
        for (old, new, are_alike) in table {
            let text = json!([old, new]).to_string();
            let document = scan(&text).unwrap();
            let mut elements = document.root().elements();
            let (old, new) = (elements.next(), elements.next());
            assert_eq!(DeclaredEquality::default().alike(old, new), are_alike, "{text}");
            assert!(!DeclaredEquality::default().alike(old, None));
        }
    }

    #[test]
    fn a_quantity_has_all_digits_of_its_text() {
        let table = [
            (r#"[12345678901234567890.0, "12345678901234567890"]"#, true),
            ("[9007199254740992.0, 9007199254740993.0]", false),
        ];
        for (text, are_alike) in table {
            let document = scan(text).unwrap();
            let mut elements = document.root().elements();
            let (old, new) = (elements.next(), elements.next());
            let quantity = DeclaredEquality {
                compare_as: Some(CompareAs::Quantity),
                ..DeclaredEquality::default()
            };
            assert_eq!(quantity.alike(old, new), are_alike, "{text}");
        }
    }

    #[test]
    fn both_zeros_are_one_float() {
        let document = scan("[0.0, -0.0]").unwrap();
        let mut elements = document.root().elements();
        let (old, new) = (elements.next(), elements.next());
        let float = DeclaredEquality {
            compare_as: Some(CompareAs::Float32),
            ..DeclaredEquality::default()
        };
        assert!(float.alike(old, new));
    }

    #[test]
    fn what_two_values_are_the_same_as_is_told() {
        let table = [
            (json!("1000m"), json!("1"), Some(Equal::Quantity)),
            (json!("1000m"), json!(1), Some(Equal::Quantity)),
            (json!("60s"), json!("1m0s"), Some(Equal::Duration)),
            (json!("1000m"), json!("2"), None),
            (json!("60s"), json!("61s"), None),
            (json!("a"), json!("b"), None),
            (json!(true), json!(false), None),
            // Alike without any meaning.
            (json!("1"), json!("1"), None),
            (json!(1), json!(1.0), None),
            (json!({}), json!({"a": 1}), None),
            (json!([]), json!([1]), None),
            (json!({}), json!([]), None),
        ];
        for (one, two, expected) in table {
            assert_eq!(respelled(&one, &two), expected, "{one} {two}");
            assert_eq!(respelled(&two, &one), expected, "{two} {one}");
        }
        // No value is what stands for another.
        let quantity = DeclaredEquality {
            compare_as: Some(CompareAs::Quantity),
            ..DeclaredEquality::default()
        };
        assert_eq!(respelled(&quantity.canonical_of(&json!(1)), &json!(1)), None);
    }
}
