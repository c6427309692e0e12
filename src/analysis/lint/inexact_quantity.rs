//! Quantities that are compared exactly.

use super::definition::{Context, Input, Lint, LintFinding, Severity};
use super::schema::exact::exact;
use crate::analysis::kinds::Scalar;
use crate::engine::CompareAs;

pub(super) const LINT: Lint = Lint {
    name: "inexact-quantity",
    severity: Severity::Warning,
    input: Input::Schema,
    what: "Finds fields that hold quantities in the schema, that not everybody may change, and for \
           which the rule does not declare `as: Quantity`.",
    why: "Kubernetes and its clients rewrite quantities: `1000m` becomes `1`, `1024Mi` becomes \
          `1Gi`. The rule takes the other spelling for a change and denies an update that changes \
          nothing.",
    example: "\
spec:
  mutable:
  - metadata.annotations  # and not spec.limits, a map of quantities
",
    fix: "Add the line that the finding prints to `equality`.",
    fixed: "\
spec:
  mutable:
  - metadata.annotations
  equality:
  - path: spec.limits.*
    as: Quantity
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let consequence = ", so an update that respells one (1000m as 1) is a violation";
    exact(context, Scalar::Quantity, CompareAs::Quantity, |_| true, "quantities", consequence)
}
