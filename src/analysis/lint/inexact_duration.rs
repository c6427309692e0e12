//! Durations that are compared exactly.

use super::definition::{Context, Input, Lint, LintFinding, Severity};
use super::schema::exact::exact;
use crate::analysis::kinds::Scalar;
use crate::engine::CompareAs;

pub(super) const LINT: Lint = Lint {
    name: "inexact-duration",
    severity: Severity::Warning,
    input: Input::Schema,
    what: "Finds fields that hold durations in the schema, that not everybody may change, and for \
           which the rule does not declare `as: Duration`.",
    why: "Go programs rewrite durations: `60s` becomes `1m0s`. The rule takes the other spelling \
          for a change and denies an update that changes nothing.",
    example: "\
spec:
  mutable:
  - metadata.annotations  # and not spec.timeout, a duration
",
    fix: "Add the line that the finding prints to `equality`.",
    fixed: "\
spec:
  mutable:
  - metadata.annotations
  equality:
  - path: spec.timeout
    as: Duration
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let consequence = ", so an update that respells one (60s as 1m0s) is a violation";
    exact(context, Scalar::Duration, CompareAs::Duration, |_| true, "durations", consequence)
}
