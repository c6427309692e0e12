//! Conditions on nothing but what the requester wrote.

use super::common::conditions::conditions;
use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};

pub(super) const LINT: Lint = Lint {
    name: "condition-on-new-object",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds conditions of entries that read `object` and neither `oldObject`, `oldValue` nor \
           `request`.",
    why: "`object` is what the requester sends, so the requester can make the condition true in \
          the same update. The state of the object is in `oldObject`.",
    example: "\
spec:
  mutable:
  - metadata.annotations
  - path: spec.image
    when: object.spec.paused == true
",
    fix: "Read `oldObject` instead, or as well.",
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
    let mut found = Vec::new();
    for condition in conditions(context).iter().filter(|condition| condition.entry.is_some()) {
        let reads = |names: &[&str]| {
            let mut reads = condition.reads.iter().flatten();
            reads.any(|read| names.contains(&read.variable.as_str()))
        };
        if reads(&["object"]) && !reads(&["oldObject", "oldValue", "request"]) {
            found.push(finding(
                &condition.at,
                format!(
                    "{} reads only `object`, which the requester wrote; the state of the object is in \
                     `oldObject`",
                    condition.name
                ),
                "read `oldObject` instead, or as well",
            ));
        }
    }
    found
}
