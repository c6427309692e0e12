//! Rules without the page that documents their list.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};

pub(super) const LINT: Lint = Lint {
    name: "missing-source",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds rules without the annotation `fieldward.io/source`.",
    why: "A rule repeats what some page says about a kind. Without the address of that page, \
          nobody can check the rule when the page changes.",
    example: "\
metadata:
  annotations: null
",
    fix: "Add the address of the page that documents the mutable fields.",
    fixed: "\
metadata:
  annotations:
    fieldward.io/source: https://example.com/docs/gadgets
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    if context.rule.source().is_some() {
        return Vec::new();
    }
    vec![finding(
        "/metadata/name",
        "nothing says where the list of mutable fields is documented",
        "add the annotation `fieldward.io/source` with the address of the page",
    )]
}
