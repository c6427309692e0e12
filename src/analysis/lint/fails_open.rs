//! Rules that an outage of the webhook switches off.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use crate::engine::{Effect, FailurePolicy};

pub(super) const LINT: Lint = Lint {
    name: "fails-open",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds rules that deny updates and have `failurePolicy: Ignore`.",
    why: "While the API server cannot reach the webhook, every update goes through. Whoever can \
          disturb the webhook can change protected fields.",
    example: "\
spec:
  validationActions: [Deny]
  failurePolicy: Ignore
",
    fix: "Leave `failurePolicy` out, or write `Fail`. If the rule is only meant to warn, say so \
          with `validationActions: [Warn]`.",
    fixed: "\
spec:
  validationActions: [Deny]
  failurePolicy: Fail
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let rule = context.rule;
    if rule.actions().effect != Effect::Deny || rule.failure_policy() != FailurePolicy::Ignore {
        return Vec::new();
    }
    vec![finding(
        "/spec/failurePolicy",
        "with `failurePolicy: Ignore` any update goes through while the webhook cannot be reached",
        "set `failurePolicy: Fail`, or `validationActions: [Warn]` if that is meant",
    )]
}
