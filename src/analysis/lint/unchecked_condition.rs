//! Match conditions that lint cannot read.

use super::common::conditions::conditions;
use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use crate::engine::escape_control;

pub(super) const LINT: Lint = Lint {
    name: "unchecked-condition",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds match conditions that lint does not understand, because they are nested too \
           deeply or use syntax that only the API server knows.",
    why: "The API server evaluates match conditions, so the rule works. But lint cannot tell \
          whether a requester can bring the condition about, or whether it reads a field that \
          does not exist.",
    example: "\
spec:
  matchConditions:
  - name: example
    expression: object.spec.`image` != ''
",
    fix: "Write the condition more simply, or check it by hand.",
    fixed: "\
spec:
  matchConditions:
  - name: example
    expression: object.spec.image != ''
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let mut found = Vec::new();
    for condition in conditions(context) {
        let Err(unread) = &condition.reads else { continue };
        found.push(finding(
            &condition.at,
            format!("{} is {}", condition.name, escape_control(&unread.to_string())),
            "see that the API server takes it and that it reads nothing that the rule lets \
             anybody change, or write it more simply",
        ));
    }
    found
}
