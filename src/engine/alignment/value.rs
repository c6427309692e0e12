//! The normal form of one value by itself: two values are equal (semantics, equality) exactly when
//! their normal forms are.

use serde_json::{Map, Number, Value};

use super::pairing;
use crate::engine::rule::{Cursor, Tree};

/// A scalar with numbers spelled by value: `1.0` as `1`, `-0.0` as `0`.
pub(crate) fn scalar(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(by_value(number)),
        other => other.clone(),
    }
}

/// The normal form where a rule declares nothing.
pub(crate) fn exact(value: &Value) -> Value {
    normal(&Cursor::of(&Tree::default()), value)
}

/// The text of [`exact`], to sort by.
pub(crate) fn exact_text(value: &Value) -> String {
    exact(value).to_string()
}

/// The normal form at a location.
pub(crate) fn normal(cursor: &Cursor<'_>, value: &Value) -> Value {
    let declared = cursor.declared();
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .filter_map(|(key, member)| {
                    let below = cursor.member(key);
                    Some((key.clone(), below.declared().present(&below, member)?))
                })
                .collect::<Map<_, _>>(),
        ),
        Value::Array(elements) if declared.is_set() => {
            let mut members: Vec<String> = elements.iter().map(exact_text).collect();
            members.sort_unstable();
            members.dedup();
            Value::Array(members.into_iter().map(Value::String).collect())
        }
        Value::Array(elements) => {
            let key = declared.key.filter(|key| pairing::keys_are_unique(elements, key));
            Value::Array(
                elements
                    .iter()
                    .map(|element| {
                        let below =
                            match key.and_then(|key| Some((key, pairing::key_of(element, key)?))) {
                                Some((key, value)) => cursor.keyed_element(key, value),
                                None => cursor.element(),
                            };
                        normal(&below, element)
                    })
                    .collect(),
            )
        }
        _ => declared.shown(value),
    }
}

/// A float that is an integer of 64 bits becomes that integer.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the ranges are checked first"
)]
fn by_value(number: &Number) -> Number {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else { return number.clone() };
    // The largest of each type rounds up to a power of two that the type itself does not hold.
    if float.fract() != 0.0 {
        return number.clone();
    }
    if (0.0..u64::MAX as f64).contains(&float) {
        return Number::from(float as u64);
    }
    if (i64::MIN as f64..0.0).contains(&float) {
        return Number::from(float as i64);
    }
    number.clone()
}

#[cfg(test)]
mod tests {
    use super::exact;
    use serde_json::{Value, json};

    #[test]
    fn numbers_are_equal_by_value() {
        let parse =
            |text: &str| serde_json::from_str::<Value>(text).map(|value| exact(&value)).ok();
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
            assert_eq!(parse(one), parse(two), "{one} {two}");
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
                assert_ne!(parse(one), parse(two), "{one} {two}");
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
                assert_ne!(exact(one), exact(two), "{one} {two}");
            }
        }
    }
}
