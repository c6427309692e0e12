//! Denials that make tools delete the object.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use crate::engine::{Effect, Reason};

pub(super) const LINT: Lint = Lint {
    name: "invites-recreation",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds rules that deny updates with `reason: Invalid`.",
    why: "Flux with `force: true` and `kubectl apply --force` take a response 422 Invalid as a \
          request to delete the object and create it anew. A running job loses its progress.",
    example: "\
spec:
  reason: Invalid
",
    fix: "Leave `reason` out, or write `Forbidden`. Keep `Invalid` only where losing the object \
          is acceptable.",
    fixed: "\
spec:
  reason: Forbidden
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let rule = context.rule;
    if rule.actions().effect != Effect::Deny || rule.reason() != Reason::Invalid {
        return Vec::new();
    }
    vec![finding(
        "/spec/reason",
        "`reason: Invalid` (422) makes Flux with `force` and `kubectl apply --force` delete and \
         recreate the object",
        "set `reason: Forbidden` unless losing the running object is meant",
    )]
}
