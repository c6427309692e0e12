//! Conditions that read a field which no object has.

use super::common::conditions::{RuleCondition, location, of_each_read, shown_read};
use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use super::schema::catalogue::{Mismatch, resolve};
use super::schema::path::Why;
use super::schema::suggestion::{fix, reason};
use crate::engine::Read;

pub(super) const LINT: Lint = Lint {
    name: "condition-reads-unknown-field",
    severity: Severity::Warning,
    input: Input::Schema,
    what: "Finds conditions, of entries and in `matchConditions`, that read a field which the kind \
           does not have.",
    why: "Reading a field that does not exist is an error in CEL. A condition with an error \
          grants nothing, so the entry never permits a change.",
    example: "\
spec:
  mutable:
  - metadata.annotations
  - path: spec.image
    when: oldObject.spec.pause == true  # gadgets have spec.paused
",
    fix: "Correct the field.",
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
    of_each_read(context, unknown)
}

fn unknown(
    context: &Context<'_>,
    condition: &RuleCondition<'_>,
    read: &Read,
) -> Option<LintFinding> {
    let steps = location(read, condition.entry)?;
    let Mismatch { target, misfit } = resolve(&context.targets, &steps).err()?;
    // CEL selects list elements in ways that are not known here. A path that is wrong itself is
    // reported as such.
    let is_in_entry = misfit.at < steps.len() - read.members.len();
    if is_in_entry || !matches!(misfit.why, Why::Missing | Why::Scalar(_)) {
        return None;
    }
    Some(finding(
        &condition.at,
        format!(
            "{} reads `{}`: {}",
            condition.name,
            shown_read(read),
            reason(target, &steps, &misfit)
        ),
        fix(target.schema, &steps, &misfit, &[]),
    ))
}
