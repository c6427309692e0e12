//! JSON as CEL sees it: integers are int, beyond that uint, other numbers double; text is borrowed,
//! not copied.

use std::collections::HashMap;

use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt,
};
use cel::common::value::Val;
use serde_json::{Number, Value};

use super::failure::{DEEPEST, Failure};
use crate::engine::condition::Budget;
use crate::engine::rule::Reads;

pub(crate) type Boxed<'v> = Box<dyn Val + 'v>;

/// What `reads` says is read of a value; absent reads as null.
pub(crate) fn convert<'v>(
    value: Option<&'v Value>,
    reads: &Reads,
    budget: &Budget,
) -> Result<Boxed<'v>, Failure> {
    value.map_or_else(|| Ok(Box::new(CelNull) as Boxed<'v>), |value| part(value, reads, budget, 0))
}

fn part<'v>(
    value: &'v Value,
    reads: &Reads,
    budget: &Budget,
    depth: usize,
) -> Result<Boxed<'v>, Failure> {
    if depth > DEEPEST {
        return Err(Failure::Depth);
    }
    if !budget.pay(1) {
        return Err(Failure::Budget);
    }
    Ok(match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(bool) => Box::new(CelBool::from(*bool)),
        Value::Number(value) => number(value),
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Array(elements) => {
            // Of a list only the whole can be read.
            let elements: &[Value] = if reads.is_whole() { elements } else { &[] };
            let elements: Result<Vec<Boxed<'v>>, Failure> =
                elements.iter().map(|element| part(element, reads, budget, depth + 1)).collect();
            Box::new(CelList::from(elements?))
        }
        Value::Object(members) if reads.is_whole() => {
            let mut map: HashMap<CelMapKey<'v>, Boxed<'v>> = HashMap::with_capacity(members.len());
            for (key, member) in members {
                map.insert(CelMapKey::from(key.as_str()), part(member, reads, budget, depth + 1)?);
            }
            Box::new(CelMap::from(map))
        }
        Value::Object(members) => {
            let mut map: HashMap<CelMapKey<'v>, Boxed<'v>> = HashMap::new();
            for (name, reads) in reads.members() {
                if let Some((key, member)) = members.get_key_value(name) {
                    map.insert(
                        CelMapKey::from(key.as_str()),
                        part(member, reads, budget, depth + 1)?,
                    );
                }
            }
            Box::new(CelMap::from(map))
        }
    })
}

fn number<'v>(number: &Number) -> Boxed<'v> {
    if let Some(int) = number.as_i64() {
        Box::new(CelInt::from(int))
    } else if let Some(uint) = number.as_u64() {
        Box::new(CelUInt::from(uint))
    } else {
        Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN)))
    }
}
