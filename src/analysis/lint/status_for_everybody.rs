//! A status that everybody may write.

use super::common::entries::judges_objects;
use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use crate::analysis::paths::is_of_status;
use crate::analysis::words::shown;

pub(super) const LINT: Lint = Lint {
    name: "status-for-everybody",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds entries below `status` without `by`.",
    why: "The status belongs to the controller. A user who writes it can make the controller, and \
          everything that reads the status, believe in a state that does not exist.",
    example: "\
spec:
  mutable:
  - metadata.annotations
  - status
",
    fix: "Name the controller under `by`. If the kind has a status subresource, remove the entry: \
          an update of the object itself cannot change its status.",
    fixed: "\
spec:
  mutable:
  - metadata.annotations
  - path: status
    by:
      serviceAccounts: [gadget-system/controller]
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    // With a schema, `status-subresource` reports the entry.
    let is_hidden = context.targets.iter().any(|target| target.hides_status(context.rule));
    if !judges_objects(context.rule) || is_hidden {
        return Vec::new();
    }
    let writable = context
        .entries()
        .filter(|(_, entry)| is_of_status(entry.path.steps()) && entry.by.is_none());
    let found = writable.map(|(at, entry)| {
        finding(
            at,
            format!(
                "`{}` lets everybody who may update the object write its status",
                shown(&entry.path)
            ),
            "name the controller under `by`, or remove the entry if the kind has a status \
             subresource",
        )
    });
    found.collect()
}
