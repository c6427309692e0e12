//! Entries for what the rule protects.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use crate::analysis::paths::reaches;
use crate::analysis::words::shown;
use crate::engine::ProtectionOrigin;

pub(super) const LINT: Lint = Lint {
    name: "protected-entry",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds entries at or below a path in `protected`, and entries for labels that \
           `objectSelector` names.",
    why: "What is protected may not change, whatever `mutable` lists, so the entry permits \
          nothing. A rule protects the labels of its `objectSelector` because an object without \
          the label would escape the rule.",
    example: "\
spec:
  matchConstraints:
    objectSelector:
      matchLabels: {team: red}
  mutable:
  - metadata.annotations
  - metadata.labels.team
  - spec.tasks[*].image
  protected:
  - spec.tasks
",
    fix: "Remove the entry, narrow the path in `protected`, or select objects by a label that \
          nobody needs to change.",
    fixed: "\
spec:
  matchConstraints:
    objectSelector:
      matchLabels: {guarded: 'true'}
  mutable:
  - metadata.annotations
  - metadata.labels.team
  - spec.tasks[*].image
  protected:
  - spec.tasks[*].name
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let findings = context.entries().filter_map(|(at, entry)| {
        let steps = entry.path.steps();
        let mut covering = context.rule.protected().iter();
        let protection = covering.find(|own| reaches(own.path.steps(), steps))?;
        let (reason, fix) = match protection.origin {
            ProtectionOrigin::Listed => (
                format!("`{}` in `protected` covers it", shown(&protection.path)),
                "remove one of the two",
            ),
            ProtectionOrigin::ObjectSelector => (
                "the objectSelector names that label, which protects it".to_owned(),
                "remove the entry, or select by another label",
            ),
        };
        let message = format!("`{}` never permits anything: {reason}", shown(&entry.path));
        Some(finding(at, message, fix))
    });
    findings.collect()
}
