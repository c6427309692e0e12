//! Verbs and equalities that do not go with what stands at a path.

use serde_json::Value;

use super::target::{Found, Target, places};
use super::words::what;
use crate::analysis::kinds::{Scalar, Shape};
use crate::analysis::lint::finding::{Finding, finding, shown};
use crate::engine::{Entry, Equality, Meaning, Rule, Step, Verbs, escape_control};

/// What can never happen at the paths of a rule.
pub(crate) fn of(rule: &Rule, targets: &[Target<'_>]) -> Vec<Finding> {
    let mut found = Vec::new();
    for entry in rule.entries() {
        found.extend(items_of_a_scalar(entry, targets));
        found.extend(always_there(entry, targets));
    }
    for entry in rule.equality() {
        found.extend(other_meaning(entry, targets));
        found.extend(other_value(entry, targets));
    }
    found
}

/// The shapes at a path, wherever it leads; none if that is not known.
fn shapes<'t>(targets: &'t [Target<'_>], steps: &[Step]) -> Vec<&'t Shape> {
    let shapes: Vec<&Shape> =
        places(targets, steps).unwrap_or_default().into_iter().map(Found::shape).collect();
    if shapes.iter().any(|shape| matches!(shape, Shape::Anything)) { Vec::new() } else { shapes }
}

/// Verbs about items, where there are none.
fn items_of_a_scalar(entry: &Entry, targets: &[Target<'_>]) -> Option<Finding> {
    if entry.verbs == Verbs::ALL {
        return None;
    }
    let shapes = shapes(targets, entry.path.steps());
    let first =
        shapes.first().filter(|_| shapes.iter().all(|shape| matches!(shape, Shape::Scalar(_))))?;
    let idle: Vec<&str> =
        entry.verbs.names().filter(|name| matches!(*name, "AddItem" | "RemoveItem")).collect();
    if idle.is_empty() {
        return None;
    }
    let reason = format!("{} has no items", what(first));
    Some(if idle.len() == entry.verbs.names().count() {
        finding(
            format!(
                "`{}` never permits anything: {reason}, so `{}` never happens there",
                shown(&entry.path),
                idle.join(", ")
            ),
            "allow `Set`, `Modify` or `Clear`",
        )
    } else {
        finding(
            format!("`{}` of `{}` never happens: {reason}", idle.join(", "), shown(&entry.path)),
            "leave it out",
        )
    })
}

/// `Set` and `Clear` of a field that no element is without.
fn always_there(entry: &Entry, targets: &[Target<'_>]) -> Option<Finding> {
    let only_presence = entry.verbs.names().all(|name| matches!(name, "Set" | "Clear"));
    let [parent @ .., Step::Name(name)] = entry.path.steps() else { return None };
    // Elements come and go as a whole; the objects on the way to another field do not.
    if !only_presence
        || !parent.last().is_some_and(|step| {
            matches!(step, Step::AnyElement | Step::Keyed { .. } | Step::AnyMember)
        })
    {
        return None;
    }
    let found = places(targets, parent).unwrap_or_default();
    let requires = |found: &Found<'_>| {
        matches!(found.shape(), Shape::Object(members)
        if members.required.contains(name))
    };
    let always = !found.is_empty() && found.iter().all(requires);
    always.then(|| {
        finding(
            format!(
                "`{}` never permits anything: the schema requires it, so it is never set or \
                     cleared",
                shown(&entry.path)
            ),
            "allow `Modify`, or remove the entry",
        )
    })
}

/// `as` at what is never spelled so.
fn other_meaning(entry: &Equality, targets: &[Target<'_>]) -> Option<Finding> {
    let meaning = entry.meaning?;
    let never = |shape: &Shape| match (meaning, shape) {
        (Meaning::Set, _) | (_, Shape::Anything | Shape::Scalar(Scalar::Text)) => false,
        (_, Shape::Object(_) | Shape::List(_) | Shape::Scalar(Scalar::Boolean)) => true,
        (Meaning::Quantity, Shape::Scalar(scalar)) => *scalar == Scalar::Duration,
        (Meaning::Duration, Shape::Scalar(scalar)) => *scalar != Scalar::Duration,
    };
    let shapes = shapes(targets, entry.path.steps());
    let first = shapes.first().filter(|_| shapes.iter().all(|shape| never(shape)))?;
    let name = if meaning == Meaning::Quantity { "Quantity" } else { "Duration" };
    let fix = match first {
        Shape::Object(_) => "name its members: add `.*`",
        Shape::List(_) => "name its elements: add `[*]`",
        Shape::Scalar(Scalar::Quantity) => "write `as: Quantity`",
        Shape::Scalar(Scalar::Duration) => "write `as: Duration`",
        Shape::Scalar(_) | Shape::Anything => "remove it",
    };
    Some(finding(
        format!("`as: {name}` of `{}` says nothing: there is {}", shown(&entry.path), what(first)),
        fix,
    ))
}

/// `absentAs` a value that never stands there.
fn other_value(entry: &Equality, targets: &[Target<'_>]) -> Option<Finding> {
    let value = entry.absent_as.as_ref()?;
    let shapes = shapes(targets, entry.path.steps());
    let first = shapes.first().filter(|_| !shapes.iter().any(|shape| may_stand(value, shape)))?;
    Some(finding(
        format!(
            "`absentAs: {}` of `{}` says nothing: there is {}",
            escape_control(&value.to_string()),
            shown(&entry.path),
            what(first)
        ),
        "name the value that stands for the field left out",
    ))
}

/// Whether a value may stand at a place; what null means is each writer's own affair.
fn may_stand(value: &Value, shape: &Shape) -> bool {
    match (value, shape) {
        (Value::Null, _)
        | (_, Shape::Anything)
        | (Value::Object(_), Shape::Object(_))
        | (Value::Array(_), Shape::List(_)) => true,
        (Value::String(_), Shape::Scalar(scalar)) => {
            matches!(
                scalar,
                Scalar::Text | Scalar::IntegerOrText | Scalar::Quantity | Scalar::Duration
            )
        }
        (Value::Bool(_), Shape::Scalar(scalar)) => *scalar == Scalar::Boolean,
        (Value::Number(_), Shape::Scalar(scalar)) => {
            matches!(
                scalar,
                Scalar::Integer | Scalar::Number | Scalar::IntegerOrText | Scalar::Quantity
            )
        }
        _ => false,
    }
}
