//! Match conditions that call a function which no known version of Kubernetes declares.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use crate::engine::{Condition, cut_bytes, escape_control};

/// The longest description of a call in a finding, in bytes. Function names have no length limit.
const FAULT: usize = 200;

pub(super) const LINT: Lint = Lint {
    name: "unknown-function",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds match conditions that call a function which no version of Kubernetes up to 1.37 \
           declares, or one with another number of arguments.",
    why: "A newer API server may declare the function, so the rule is not refused. Any other API \
          server rejects the webhook of the rule, and then the rule is not enforced.",
    example: "\
spec:
  matchConditions:
  - name: example
    expression: object.spec.image.beginsWith('example.com/')
",
    fix: "Correct the name or the arguments, or make sure that all your API servers declare the \
          function.",
    fixed: "\
spec:
  matchConditions:
  - name: example
    expression: object.spec.image.startsWith('example.com/')
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let mut found = Vec::new();
    for (index, condition) in context.rule.match_conditions().iter().enumerate() {
        for fault in Condition::unknown_functions(&condition.expression) {
            found.push(finding(
                format!("/spec/matchConditions/{index}/expression"),
                format!(
                    "the match condition `{}`: {}",
                    escape_control(&condition.name),
                    escape_control(&cut_bytes(&fault, FAULT))
                ),
                "correct the call, or make sure that all your API servers declare the function",
            ));
        }
    }
    found
}
