//! Conditions that a requester can bring about.

use super::common::conditions::{RuleCondition, location, of_each_read, shown_read};
use super::common::entries::is_for_all;
use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use crate::analysis::paths::meets;
use crate::analysis::words::{shown, written};
use crate::engine::{Cursor, Entry, Read};

pub(super) const LINT: Lint = Lint {
    name: "bypassable-condition",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds conditions, of entries and in `matchConditions`, that read a field which the same \
           rule lets everybody change.",
    why: "Two updates do what one may not: the first brings the condition about, the second makes \
          the change that the condition guards.",
    example: "\
spec:
  mutable:
  - metadata.annotations
  - spec.paused
  - path: spec.image
    when: oldObject.spec.paused == true
",
    fix: "Let only some requesters change the field that the condition reads, or add it to \
          `protected`.",
    fixed: "\
spec:
  mutable:
  - metadata.annotations
  - path: spec.paused
    by:
      groups: [operators]
  - path: spec.image
    when: oldObject.spec.paused == true
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    of_each_read(context, bypassed)
}

fn bypassed(
    context: &Context<'_>,
    condition: &RuleCondition<'_>,
    read: &Read,
) -> Option<LintFinding> {
    let location = location(read, condition.entry).filter(|location| {
        !read.is_compared && !Cursor::of_all(context.rule, location).is_protected()
    })?;
    let opens = |entry: &&Entry| {
        is_for_all(entry.by.as_ref())
            && meets(entry.path.steps(), &location)
            && !condition.entry.is_some_and(|own| is_about(own, entry, read))
    };
    let opening = || context.rule.entries().filter(opens);
    let entry = opening().find(|entry| entry.when.is_none()).or_else(|| opening().next())?;
    // Another condition does not help: who may bring that about as well may change the state.
    let where_it_may = if entry.when.is_some() { ", where its own condition holds" } else { "" };
    let path = shown(&entry.path);
    let is_above = entry.path.steps().len() < location.len();
    let or = if is_above {
        format!("add `{}` to `protected`", written(&location))
    } else {
        "read a field that the rule protects".to_owned()
    };
    Some(finding(
        &condition.at,
        format!(
            "{} reads `{}`, which `{path}` lets anybody change{where_it_may}: a requester can \
             change that first, and then the rest",
            condition.name,
            shown_read(read)
        ),
        format!("narrow `{path}` by `by`, or {or}"),
    ))
}

/// Whether what the condition of `own` reads says which changes of that location may be made,
/// rather than in which state.
fn is_about(own: &Entry, entry: &Entry, read: &Read) -> bool {
    // Another entry for the same location permits other changes. But what it lets anybody write
    // without a condition is state by the time of the next update.
    let permits_more = || {
        own.path.steps() == entry.path.steps()
            && read.members.is_empty()
            && (read.variable == "value" || entry.when.is_some())
    };
    matches!(read.variable.as_str(), "oldValue" | "value")
        && (std::ptr::eq(own, entry) || permits_more())
}
