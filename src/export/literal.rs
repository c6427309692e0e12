//! JSON values as literals of CEL.

use serde_json::Value;

use super::entries::text;

/// A JSON value as CEL; a list or an object may hold values of several types.
pub(super) fn cel(value: &Value) -> String {
    match value {
        Value::Array(elements) => {
            format!(
                "[{}]",
                elements
                    .iter()
                    .map(|element| format!("dyn({})", cel(element)))
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        }
        Value::Object(members) => {
            let member =
                |(key, member): (&String, &Value)| format!("{}: dyn({})", text(key), cel(member));
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        Value::Number(number) if number.is_u64() && !number.is_i64() => format!("{number}.0"),
        other => other.to_string(),
    }
}
