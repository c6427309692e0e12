//! Entries that add nothing to another.

use super::common::entries::is_bare;
use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use crate::analysis::paths::{covers, reaches};
use crate::analysis::words::shown;
use crate::engine::Entry;

pub(super) const LINT: Lint = Lint {
    name: "redundant-entry",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds entries at or below the path of an entry that permits every change.",
    why: "The verbs of all entries add up, so the narrower entry restricts nothing. Its author \
          probably meant it to.",
    example: "\
spec:
  mutable:
  - metadata.annotations
  - spec.tasks
  - path: spec.tasks[*].replicas
    allow: [Modify]
",
    fix: "Remove one of the two entries: the wide one if the narrow one says what is meant.",
    fixed: "\
spec:
  mutable:
  - metadata.annotations
  - path: spec.tasks[*].replicas
    allow: [Modify]
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let entries: Vec<&Entry> = context.rule.entries().collect();
    let redundant = context.entries().enumerate().filter_map(|(index, (at, entry))| {
        let steps = entry.path.steps();
        let makes_redundant = |(other, wider): &(usize, &&Entry)| {
            // Of two that cover each other the first stays.
            let is_mutual = is_bare(entry) && covers(steps, wider.path.steps());
            *other != index
                && is_bare(wider)
                && reaches(wider.path.steps(), steps)
                && (!is_mutual || *other < index)
        };
        let (_, wider) = entries.iter().enumerate().find(makes_redundant)?;
        let message = format!(
            "`{}` adds nothing: `{}` permits every change there already",
            shown(&entry.path),
            shown(&wider.path)
        );
        Some(finding(at, message, "remove one of the two"))
    });
    redundant.collect()
}
