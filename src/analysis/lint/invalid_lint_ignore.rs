//! Suppressions that name no lint or give no reason.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use super::ignore::{AT, ignores};
use crate::analysis::words::likely_name;
use crate::engine::escape_control;

pub(super) const LINT: Lint = Lint {
    name: "invalid-lint-ignore",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds lines of the annotation `fieldward.io/lint-ignore` that do not name a lint or do \
           not give a reason.",
    why: "Such a line suppresses nothing. Without a reason, the next reader cannot tell whether \
          the finding was understood or only silenced.",
    example: "\
metadata:
  annotations:
    fieldward.io/lint-ignore: |
      fail-open: the cluster must stay usable
      invites-recreation
spec:
  failurePolicy: Ignore
  reason: Invalid
",
    fix: "Write one `NAME: reason` a line.",
    fixed: "\
metadata:
  annotations:
    fieldward.io/lint-ignore: |
      fails-open: the cluster must stay usable
      invites-recreation: nothing here runs for long
spec:
  failurePolicy: Ignore
  reason: Invalid
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let mut found = Vec::new();
    for ignore in ignores(context.rule.lint_ignore()) {
        let name = escape_control(ignore.lint);
        if !context.lints.iter().any(|lint| lint.name == ignore.lint) {
            let message = format!(
                "`{name}` in `fieldward.io/lint-ignore` suppresses nothing: no lint has that name"
            );
            let fix = likely_name(context.lints.iter().map(|lint| lint.name), ignore.lint)
                .map_or_else(
                    || "name a lint that `lint --explain` lists".to_owned(),
                    |meant| format!("did you mean `{meant}`?"),
                );
            found.push(finding(AT, message, fix));
        } else if ignore.reason.is_empty() {
            let message = format!(
                "`{name}` in `fieldward.io/lint-ignore` suppresses nothing: it has no reason"
            );
            found.push(finding(AT, message, format!("write `{name}: REASON`")));
        }
    }
    found
}
