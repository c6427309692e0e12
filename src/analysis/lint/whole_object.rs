//! Entries for the whole object.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use crate::analysis::words::shown;
use crate::engine::{Step, Verbs};

pub(super) const LINT: Lint = Lint {
    name: "whole-object",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds entries whose path is `*` or `['*']` and that permit every change.",
    why: "The path selects all members of the object, so the rule protects nothing from those \
          whom the entry names.",
    example: "\
spec:
  mutable:
  - metadata.annotations
  - path: '*'
    by:
      groups: [operators]
",
    fix: "Name the fields that may change. Those who may change anything belong under `exempt`, \
          where their updates are recorded.",
    fixed: "\
spec:
  mutable:
  - metadata.annotations
  exempt:
    groups: [operators]
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let selects_all = |steps: &[Step]| match steps {
        [Step::AnyMember] => true,
        [Step::Prefix(prefix)] => prefix.is_empty(),
        _ => false,
    };
    let whole = context
        .entries()
        .filter(|(_, entry)| selects_all(entry.path.steps()) && entry.verbs == Verbs::ALL);
    let found = whole.map(|(at, entry)| {
        let who = if entry.by.is_some() { "its requesters" } else { "everybody" };
        finding(
            at,
            format!("`{}` permits {who} every change of the whole object", shown(&entry.path)),
            "name the fields that may change",
        )
    });
    found.collect()
}
