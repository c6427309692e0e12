//! Integers or strings that may be quantities.

use super::definition::{Context, Input, Lint, LintFinding, Severity};
use super::schema::exact::exact;
use crate::analysis::kinds::Scalar;
use crate::engine::{CompareAs, Step};

pub(super) const LINT: Lint = Lint {
    name: "possible-quantity",
    severity: Severity::Note,
    input: Input::Schema,
    what: "Names the members of `limits`, `requests`, `capacity`, `allocatable` and `hard` that \
           the schema declares as integers or strings and that the rule compares exactly.",
    why: "Under these names Kubernetes has quantities, which its clients rewrite: `1000m` becomes \
          `1`. But the schema does not say so: a port is an integer or a string too.",
    example: "\
spec:
  mutable:
  - metadata.annotations  # and not spec.capacity, a map of integers or strings
",
    fix: "If they are quantities, add the line that the finding prints to `equality`.",
    fixed: "\
spec:
  mutable:
  - metadata.annotations
  equality:
  - path: spec.capacity.*
    as: Quantity
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let consequence = "; if they are quantities, respelling one (1000m as 1) is a violation";
    exact(
        context,
        Scalar::IntegerOrText,
        CompareAs::Quantity,
        holds_amounts,
        "integers or strings",
        consequence,
    )
}

/// Whether amounts of resources stand there, whatever the resources are called.
fn holds_amounts(path: &[Step]) -> bool {
    let holds = |step: &Step| {
        matches!(step, Step::Name(name) if matches!(name.as_str(),
            "limits" | "requests" | "capacity" | "allocatable" | "hard"))
    };
    matches!(path, [.., holder, Step::AnyMember | Step::Name(_)] if holds(holder))
}
