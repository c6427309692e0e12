//! Scalars in the one spelling of their value.

use serde_json::{Number, Value};

/// A scalar with numbers spelled by value: `1.0` as `1`, `-0.0` as `0`.
pub(crate) fn scalar(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(by_value(number)),
        other => other.clone(),
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
