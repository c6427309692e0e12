//! Conditions that are `false`.

use super::definition::{Context, Input, Lint, LintFinding, Severity, never_permit};

pub(super) const LINT: Lint = Lint {
    name: "condition-never-holds",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds entries whose condition is the literal `false`.",
    why: "The entry permits nothing. A condition that was switched off for a test is easily \
          forgotten.",
    example: "\
spec:
  mutable:
  - metadata.annotations
  - path: spec.image
    when: 'false'
",
    fix: "Remove the entry, or give it the condition that is meant.",
    fixed: "\
spec:
  mutable:
  - metadata.annotations
  - path: spec.image
    when: oldObject.spec.paused == true
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let never = context.rule.entries().enumerate().filter(|(_, entry)| {
        entry.when.as_ref().is_some_and(|condition| condition.text().trim() == "false")
    });
    let never = never.map(|(index, entry)| (format!("/spec/mutable/{index}/when"), entry));
    never_permit(never, "its condition is `false`", "remove the entry, or the condition")
}
