//! Values compared as a rule declares of their location.

use serde_json::{Map, Value};

use super::{duration, quantity, value};
use crate::engine::rule::{Cursor, Declared, Equal, Meaning};

/// As what two different values are the same: quantities, or durations; none if they are not.
pub(crate) fn respelled(one: &Value, two: &Value) -> Option<Equal> {
    let as_meaning = |meaning| {
        let declared = Declared { meaning: Some(meaning), ..Declared::default() };
        let (one, two) = (declared.shown(one), declared.shown(two));
        // What does not parse is shown as it is, which is no object.
        one == two && one.as_object().is_some_and(|shown| !shown.is_empty())
    };
    if value::scalar(one) == value::scalar(two) {
        None
    } else if as_meaning(Meaning::Quantity) {
        Some(Equal::Quantity)
    } else {
        as_meaning(Meaning::Duration).then_some(Equal::Duration)
    }
}

impl Declared<'_> {
    /// The value, unless it counts as left out.
    pub(crate) fn normalise<'a>(
        &self,
        cursor: &Cursor<'_>,
        value: Option<&'a Value>,
    ) -> Option<&'a Value> {
        let left_out = |value: &&Value| {
            self.owned || self.absent_as.is_some_and(|absent| self.equal(cursor, value, absent))
        };
        value.filter(|value| !left_out(value))
    }

    /// The normal form of the value, unless it counts as left out.
    pub(crate) fn present(&self, cursor: &Cursor<'_>, value: &Value) -> Option<Value> {
        let normal = value::normal(cursor, value);
        let left_out = self.owned
            || self.absent_as.is_some_and(|absent| value::normal(cursor, absent) == normal);
        (!left_out).then_some(normal)
    }

    /// What stands for the value in a canonical form: the scalar itself, or a mark that no scalar
    /// has.
    pub(crate) fn shown(&self, value: &Value) -> Value {
        let respelled = |name: &str, text: String| {
            Value::Object(Map::from_iter([(name.to_owned(), Value::String(text))]))
        };
        let respelled = match (value, self.meaning) {
            (Value::Object(_), _) => return Value::Object(Map::new()),
            (Value::Array(_), _) => return Value::Array(Vec::new()),
            (Value::String(text), Some(Meaning::Quantity)) => {
                quantity::spell(text).map(|text| respelled("quantity", text))
            }
            (Value::Number(number), Some(Meaning::Quantity)) => {
                quantity::spell(&number.to_string()).map(|text| respelled("quantity", text))
            }
            (Value::String(text), Some(Meaning::Duration)) => {
                duration::nanoseconds(text).map(|count| respelled("duration", count.to_string()))
            }
            _ => None,
        };
        respelled.unwrap_or_else(|| value::scalar(value))
    }

    /// Whether two locations without children have the same mark.
    pub(crate) fn alike(&self, old: Option<&Value>, new: Option<&Value>) -> bool {
        match (old, new) {
            // Most strings are equal to the letter; that needs no copy.
            (Some(Value::String(old)), Some(Value::String(new))) if old == new => true,
            (Some(old), Some(new)) => self.shown(old) == self.shown(new),
            _ => false,
        }
    }

    fn equal(&self, cursor: &Cursor<'_>, one: &Value, two: &Value) -> bool {
        match (one, two) {
            (Value::Object(one), Value::Object(two)) if two.is_empty() => {
                one.iter().all(|(key, member)| {
                    let below = cursor.member(key);
                    below.declared().normalise(&below, Some(member)).is_none()
                })
            }
            (Value::Object(_), Value::Object(_)) => {
                value::normal(cursor, one) == value::normal(cursor, two)
            }
            (Value::Array(one_list), Value::Array(two_list)) => {
                one_list.is_empty() == two_list.is_empty()
                    && value::normal(cursor, one) == value::normal(cursor, two)
            }
            // A mark that stands for a container is no scalar's.
            _ => self.shown(one) == self.shown(two),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
            assert_eq!(Declared::default().alike(Some(&old), Some(&new)), are_alike, "{old} {new}");
        }
        assert!(!Declared::default().alike(Some(&json!(null)), None));
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
    }
}
