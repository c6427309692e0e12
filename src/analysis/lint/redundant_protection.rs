//! Protected paths without which the rule permits nothing more.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use crate::analysis::paths::{is_out_of_reach, meets, reaches};
use crate::analysis::words::shown;
use crate::engine::{Protection, ProtectionOrigin};

pub(super) const LINT: Lint = Lint {
    name: "redundant-protection",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds paths in `protected` that no entry of `mutable` meets, that are protected \
           already, or that the API server writes or refuses to change.",
    why: "What no entry lists may not change anyway. Usually the path is misspelt, and what it \
          should protect may change.",
    example: "\
spec:
  mutable:
  - metadata.labels
  protected:
  - metadata.label['example.com/*']
",
    fix: "Correct the path or remove it.",
    fixed: "\
spec:
  mutable:
  - metadata.labels
  protected:
  - metadata.labels['example.com/*']
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let protected = context.rule.protected().iter().enumerate();
    let listed = protected.filter(|(_, own)| own.origin == ProtectionOrigin::Listed);
    let redundant = listed.filter_map(|(index, own)| {
        let steps = own.path.steps();
        let is_wider = |(other, wider): &(usize, &Protection)| {
            // Of two that cover each other the first stays, if the document lists both.
            let is_mutual =
                wider.origin == ProtectionOrigin::Listed && reaches(steps, wider.path.steps());
            *other != index && reaches(wider.path.steps(), steps) && (!is_mutual || *other < index)
        };
        let wider = context.rule.protected().iter().enumerate().find(is_wider);
        let reason = match wider {
            _ if is_out_of_reach(steps) => "no entry permits a change there anyway".to_owned(),
            Some((_, wider)) => format!("`{}` is protected already", shown(&wider.path)),
            None if context.rule.entries().any(|entry| meets(entry.path.steps(), steps)) => {
                return None;
            }
            None => "no entry of `mutable` permits a change there".to_owned(),
        };
        let message = format!("`{}` in `protected` adds nothing: {reason}", shown(&own.path));
        let at = format!("/spec/protected/{index}");
        Some(finding(at, message, "correct the path or remove it"))
    });
    redundant.collect()
}
