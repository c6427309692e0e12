//! Entries for fields that the API server never lets change.

use super::definition::{Context, Input, Lint, LintFinding, Severity, never_permit};
use crate::analysis::paths::is_fixed;

pub(super) const LINT: Lint = Lint {
    name: "fixed-field",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds entries for `apiVersion`, `kind`, `metadata.name` and `metadata.namespace`.",
    why: "The API server itself refuses to change these fields, so the entry permits nothing and \
          misleads its readers.",
    example: "\
spec:
  mutable:
  - metadata.annotations
  - metadata.name
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
    let fixed = context.entries().filter(|(_, entry)| is_fixed(entry.path.steps()));
    never_permit(fixed, "the API server itself refuses to change it", "remove the entry")
}
