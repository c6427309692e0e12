//! Suppressions that suppress nothing.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use super::ignore::{AT, ignores};

pub(super) const LINT: Lint = Lint {
    name: "unused-lint-ignore",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds lines of the annotation `fieldward.io/lint-ignore` whose lint finds nothing in \
           the rule. Lints that did not run because no schema was given are left out.",
    why: "The reason for the suppression is gone. If the line stays, it hides the next finding of \
          that lint.",
    example: "\
metadata:
  annotations:
    fieldward.io/lint-ignore: |
      fails-open: the cluster must stay usable
spec:
  failurePolicy: Fail
",
    fix: "Remove the line.",
    fixed: "\
metadata:
  annotations:
    fieldward.io/lint-ignore: |
      fails-open: the cluster must stay usable
spec:
  failurePolicy: Ignore
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let mut found = Vec::new();
    for ignore in ignores(context.rule.lint_ignore()) {
        let Some(lint) = context.lints.iter().find(|lint| lint.name == ignore.lint) else {
            continue;
        };
        let ran = lint.input == Input::Rule || !context.targets.is_empty();
        let is_unused = lint.name == LINT.name || (ran && (lint.check)(context).is_empty());
        if is_unused && !ignore.reason.is_empty() {
            found.push(finding(
                AT,
                format!("`{}` in `fieldward.io/lint-ignore` suppresses nothing", lint.name),
                "remove it",
            ));
        }
    }
    found
}
