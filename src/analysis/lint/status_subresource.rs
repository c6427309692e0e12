//! Entries for a status that only its subresource changes.

use super::definition::{Context, Input, Lint, LintFinding, Severity, never_permit};
use crate::analysis::paths::is_of_status;

pub(super) const LINT: Lint = Lint {
    name: "status-subresource",
    severity: Severity::Warning,
    input: Input::Schema,
    what: "Finds entries below `status` for kinds with a status subresource, in rules that do not \
           name the subresource.",
    why: "An update of the object itself leaves its status as it was, and the rule does not judge \
          updates of the subresource. The entry permits nothing.",
    example: "\
spec:
  mutable:
  - metadata.annotations
  - path: status  # the CRD has `subresources: {status: {}}`
    by:
      serviceAccounts: [gadget-system/controller]
",
    fix: "Remove the entry.",
    fixed: "\
spec:
  mutable:
  - metadata.annotations
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let hiding = context.targets.iter().filter(|target| target.hides_status(context.rule));
    let found = hiding.flat_map(|target| {
        let reason = format!(
            "{} has the status subresource, and an update of the object itself leaves its status \
             as it was",
            target.name()
        );
        let of_status = context.entries().filter(|(_, entry)| is_of_status(entry.path.steps()));
        never_permit(of_status, &reason, "remove the entry")
    });
    found.collect()
}
