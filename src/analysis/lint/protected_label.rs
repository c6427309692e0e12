//! Entries for labels that the object selector protects.

use super::definition::{Context, Input, Lint, LintFinding, Severity, never_permit};
use crate::engine::Cursor;

pub(super) const LINT: Lint = Lint {
    name: "protected-label",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds entries for labels that `objectSelector` names.",
    why: "A rule protects the labels of its `objectSelector`, because an object without the label \
          would escape the rule. The entry permits nothing.",
    example: "\
spec:
  matchConstraints:
    objectSelector:
      matchLabels: {team: red}
  mutable:
  - metadata.annotations
  - metadata.labels.team
",
    fix: "Remove the entry, or select objects by a label that nobody needs to change.",
    fixed: "\
spec:
  matchConstraints:
    objectSelector:
      matchLabels: {guarded: 'true'}
  mutable:
  - metadata.annotations
  - metadata.labels.team
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let protected = context
        .entries()
        .filter(|(_, entry)| Cursor::of_all(context.rule, entry.path.steps()).is_protected());
    never_permit(
        protected,
        "the objectSelector names that label, which protects it",
        "remove the entry, or select by another label",
    )
}
