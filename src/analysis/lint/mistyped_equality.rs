//! `as` at values that are never written so.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use super::schema::catalogue::{MatchedKind, shapes};
use crate::analysis::kinds::{Scalar, Shape};
use crate::analysis::words::{shown, what};
use crate::engine::{CompareAs, Equality};

pub(super) const LINT: Lint = Lint {
    name: "mistyped-equality",
    severity: Severity::Warning,
    input: Input::Schema,
    what: "Finds `as: Quantity` and `as: Duration` at fields that hold neither.",
    why: "The declaration has no effect. Often its path stops one step short: at the map of \
          quantities, not at its values.",
    example: "\
spec:
  equality:
  - path: spec.limits  # a map of quantities
    as: Quantity
",
    fix: "Correct the path or the type.",
    fixed: "\
spec:
  equality:
  - path: spec.limits.*
    as: Quantity
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    context.equality().filter_map(|(at, entry)| mistyped(at, entry, &context.targets)).collect()
}

fn mistyped(at: String, entry: &Equality, targets: &[MatchedKind<'_>]) -> Option<LintFinding> {
    let compare_as = entry.compare_as.filter(|compare_as| *compare_as != CompareAs::Set)?;
    let never = |shape: &Shape| match (compare_as, shape) {
        (_, Shape::Anything | Shape::Scalar(Scalar::Text)) => false,
        (_, Shape::Object(_) | Shape::List(_) | Shape::Scalar(Scalar::Boolean)) => true,
        (CompareAs::Duration, Shape::Scalar(scalar)) => *scalar != Scalar::Duration,
        (_, Shape::Scalar(scalar)) => *scalar == Scalar::Duration,
    };
    let shapes = shapes(targets, entry.path.steps());
    let first = shapes.first().filter(|_| shapes.iter().all(|shape| never(shape)))?;
    let name = if compare_as == CompareAs::Quantity { "Quantity" } else { "Duration" };
    let fix = match first {
        Shape::Object(_) => "name its members: add `.*`",
        Shape::List(_) => "name its elements: add `[*]`",
        Shape::Scalar(Scalar::Quantity) => "write `as: Quantity`",
        Shape::Scalar(Scalar::Duration) => "write `as: Duration`",
        Shape::Scalar(_) | Shape::Anything => "remove it",
    };
    let message =
        format!("`as: {name}` of `{}` says nothing: there is {}", shown(&entry.path), what(first));
    Some(finding(at, message, fix))
}
