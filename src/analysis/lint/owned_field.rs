//! Entries for fields that the API server writes.

use super::definition::{Context, Input, Lint, LintFinding, Severity, never_permit};
use crate::engine::is_owned;

pub(super) const LINT: Lint = Lint {
    name: "owned-field",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds entries for fields of `metadata` that the API server writes, such as \
           `metadata.generation` and `metadata.managedFields`.",
    why: "These fields never count as changed, so the entry permits nothing. \
          Documentation often lists them because they differ after an update.",
    example: "\
spec:
  mutable:
  - metadata.annotations
  - metadata.generation
",
    fix: "Remove the entry.",
    fixed: "\
spec:
  mutable:
  - metadata.annotations
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let owned = context.entries().filter(|(_, entry)| is_owned(entry.path.steps()));
    never_permit(owned, "the API server writes it, so it is never a change", "remove the entry")
}
