//! Declarations of equality that an earlier one replaces.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use crate::analysis::paths::covers;
use crate::analysis::words::shown;
use crate::engine::Equality;

pub(super) const LINT: Lint = Lint {
    name: "redundant-equality",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds entries of `equality` that repeat what an earlier entry declares for the same \
           locations.",
    why: "Of several declarations of one kind for one location the first counts, so the later \
          entry has no effect.",
    example: "\
spec:
  equality:
  - path: spec.*
    as: Quantity
  - path: spec.timeout
    as: Duration
",
    fix: "Remove the later entry, or move it before the other.",
    fixed: "\
spec:
  equality:
  - path: spec.timeout
    as: Duration
  - path: spec.*
    as: Quantity
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let equality = context.rule.equality();
    let redundant = context.equality().enumerate().filter_map(|(index, (at, entry))| {
        let replaces = |earlier: &&Equality| {
            (entry.compare_as.is_none() || earlier.compare_as.is_some())
                && (entry.type_name.is_none() || earlier.type_name.is_some())
                && (entry.key.is_none() || earlier.key.is_some())
                && (entry.absent_as.is_none() || earlier.absent_as.is_some())
                && covers(earlier.path.steps(), entry.path.steps())
        };
        let earlier = equality.iter().take(index).find(replaces)?;
        let message = format!(
            "`{}` in `equality` says nothing: of several declarations for one location the first \
             counts, `{}`",
            shown(&entry.path),
            shown(&earlier.path)
        );
        Some(finding(at, message, "remove it, or move it before the other"))
    });
    redundant.collect()
}
