//! `absentAs` a value that the field never has.

use serde_json::Value;

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use super::schema::catalogue::{MatchedKind, shapes};
use crate::analysis::kinds::{Scalar, Shape};
use crate::analysis::words::{shown, what};
use crate::engine::{Equality, escape_control};

pub(super) const LINT: Lint = Lint {
    name: "mistyped-absent-as",
    severity: Severity::Warning,
    input: Input::Schema,
    what: "Finds `absentAs` with a value that is not of the type of the field.",
    why: "The field never has that value, so the declaration has no effect. `\"1\"` in quotes, for \
          example, is a string and not the number 1.",
    example: "\
spec:
  equality:
  - path: spec.replicas  # an integer
    absentAs: '1'
",
    fix: "Write the value that stands for the field left out, in the type of the field.",
    fixed: "\
spec:
  equality:
  - path: spec.replicas
    absentAs: 1
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    context.equality().filter_map(|(at, entry)| mistyped(at, entry, &context.targets)).collect()
}

fn mistyped(at: String, entry: &Equality, targets: &[MatchedKind<'_>]) -> Option<LintFinding> {
    let value = entry.absent_as.as_ref()?;
    let shapes = shapes(targets, entry.path.steps());
    let first = shapes.first().filter(|_| !shapes.iter().any(|shape| may_stand(value, shape)))?;
    let message = format!(
        "`absentAs: {}` of `{}` says nothing: there is {}",
        escape_control(&value.to_string()),
        shown(&entry.path),
        what(first)
    );
    Some(finding(at, message, "name the value that stands for the field left out"))
}

/// Whether a value may stand at a location. What null means is each writer's own affair.
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
