//! Match conditions that read a variable which is always null.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use crate::engine::{Condition, escape_control};

pub(super) const LINT: Lint = Lint {
    name: "null-namespace-object",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds match conditions that read `namespaceObject`.",
    why: "The API server declares `namespaceObject` in the match conditions of a webhook, but it \
          is always null there. A condition that reads one of its members fails, and then \
          `failurePolicy` decides.",
    example: "\
spec:
  matchConditions:
  - name: team-red
    expression: namespaceObject.metadata.labels['team'] == 'red'
",
    fix: "Select namespaces by `namespaceSelector`.",
    fixed: "\
spec:
  matchConstraints:
    namespaceSelector:
      matchLabels: {team: red}
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let conditions = context.rule.match_conditions().iter().enumerate();
    // Of an expression that cannot be read, `unchecked-condition` speaks.
    let reading = conditions.filter(|(_, condition)| {
        Condition::reads_of(&condition.expression).is_ok()
            && Condition::reads_namespace(&condition.expression)
    });
    let found = reading.map(|(index, condition)| {
        finding(
            format!("/spec/matchConditions/{index}/expression"),
            format!(
                "the match condition `{}` reads `namespaceObject`, which is null in the \
                 conditions of a webhook",
                escape_control(&condition.name)
            ),
            "select namespaces by `namespaceSelector`",
        )
    });
    found.collect()
}
