//! JSON as CEL sees it: integers are int, beyond that uint, other numbers double; text is borrowed,
//! not copied.

use std::collections::HashMap;

use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt,
};
use cel::common::value::Val;
use serde_json::Number;

use super::failure::{DEEPEST, Failure};
use crate::engine::condition::Budget;
use crate::engine::review::{Node, NodeKind};
use crate::engine::rule::Reads;

/// What a map costs in addition to its members. It takes the memory of as many scalars.
const MAP: u64 = 8;

pub(crate) type Boxed<'v> = Box<dyn Val + 'v>;

/// What `reads` says is read of a value; absent reads as null.
pub(crate) fn convert<'v>(
    value: Option<Node<'v>>,
    reads: &Reads,
    budget: &Budget,
) -> Result<Boxed<'v>, Failure> {
    value.map_or_else(|| Ok(Box::new(CelNull) as Boxed<'v>), |value| part(value, reads, budget, 0))
}

/// What is read of an object with these members, which are sorted by name.
pub(crate) fn convert_object<'v>(
    members: &[(&'static str, Node<'v>)],
    reads: &Reads,
    budget: &Budget,
) -> Result<Boxed<'v>, Failure> {
    if !budget.charge(1) {
        return Err(Failure::Budget);
    }
    let get = |name: &str| members.iter().find(|(known, _)| *known == name).map(|(_, node)| *node);
    object(members.iter().copied(), get, reads, budget, 0)
}

fn part<'v>(
    value: Node<'v>,
    reads: &Reads,
    budget: &Budget,
    depth: usize,
) -> Result<Boxed<'v>, Failure> {
    if depth > DEEPEST {
        return Err(Failure::Depth);
    }
    if !budget.charge(1) {
        return Err(Failure::Budget);
    }
    Ok(match value.kind() {
        NodeKind::Null => Box::new(CelNull),
        NodeKind::Bool => Box::new(CelBool::from(value.text() == "true")),
        NodeKind::Number => number(value),
        NodeKind::String => Box::new(CelString::from(value.as_str().unwrap_or_default())),
        NodeKind::List => {
            let element = |element| part(element, reads, budget, depth + 1);
            // A list is read as a whole or not at all.
            let elements: Vec<Boxed<'v>> = if reads.is_whole {
                value.elements().map(element).collect::<Result<_, Failure>>()?
            } else {
                Vec::new()
            };
            Box::new(CelList::from(elements))
        }
        NodeKind::Object => object(value.members(), |name| value.get(name), reads, budget, depth)?,
    })
}

fn object<'v>(
    members: impl Iterator<Item = (&'v str, Node<'v>)>,
    get: impl Fn(&str) -> Option<Node<'v>>,
    reads: &Reads,
    budget: &Budget,
    depth: usize,
) -> Result<Boxed<'v>, Failure> {
    if !budget.charge(MAP) {
        return Err(Failure::Budget);
    }
    let mut map: HashMap<CelMapKey<'v>, Boxed<'v>> = HashMap::new();
    if reads.is_whole {
        for (name, member) in members {
            map.insert(CelMapKey::from(name), part(member, reads, budget, depth + 1)?);
        }
    } else {
        for (name, reads) in &reads.members {
            if let Some(member) = get(name) {
                let member = part(member, reads, budget, depth + 1)?;
                map.insert(CelMapKey::from(name.to_owned()), member);
            }
        }
    }
    Ok(Box::new(CelMap::from(map)))
}

fn number(node: Node<'_>) -> Boxed<'_> {
    let number = serde_json::from_str(node.text()).unwrap_or_else(|_| Number::from(0));
    if let Some(int) = number.as_i64() {
        Box::new(CelInt::from(int))
    } else if let Some(uint) = number.as_u64() {
        Box::new(CelUInt::from(uint))
    } else {
        Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN)))
    }
}
