//! Rules that exempt everybody.

use super::common::entries::is_for_all;
use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use crate::engine::Requesters;

pub(super) const LINT: Lint = Lint {
    name: "exempts-everybody",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds rules whose `exempt` names a group to which every user or every service account \
           belongs.",
    why: "The rule then refuses nothing.",
    example: "\
spec:
  exempt:
    groups: [system:authenticated]
",
    fix: "Name those who may change anything in an emergency.",
    fixed: "\
spec:
  exempt:
    groups: [emergency-operators]
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let exempt = context.rule.exempt();
    if *exempt == Requesters::default() || !is_for_all(Some(exempt)) {
        return Vec::new();
    }
    vec![finding(
        "/spec/exempt",
        "`exempt` names everybody, so the rule refuses nothing",
        "name who may change anything, such as a group for emergencies",
    )]
}
