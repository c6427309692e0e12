//! Declarations for lists, at what is none.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use super::schema::catalogue::{MatchedKind, shapes};
use crate::analysis::kinds::Shape;
use crate::analysis::words::{shown, what};
use crate::engine::{CompareAs, Equality};

pub(super) const LINT: Lint = Lint {
    name: "not-a-list",
    severity: Severity::Warning,
    input: Input::Schema,
    what: "Finds `key` and `as: Set` in entries of `equality` whose path leads to no list.",
    why: "The declaration has no effect. The list is probably one step above or below.",
    example: "\
spec:
  equality:
  - path: spec.labels  # an object
    key: name
",
    fix: "Correct the path, or remove the entry.",
    fixed: "\
spec:
  equality:
  - path: spec.tasks
    key: name
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    context.equality().filter_map(|(at, entry)| of_entry(at, entry, &context.targets)).collect()
}

fn of_entry(at: String, entry: &Equality, targets: &[MatchedKind<'_>]) -> Option<LintFinding> {
    let declared = match &entry.key {
        Some(key) => format!("key: {key}"),
        None if entry.compare_as == Some(CompareAs::Set) => "as: Set".to_owned(),
        None => return None,
    };
    let shapes = shapes(targets, entry.path.steps());
    let is_list = |shape: &&Shape| matches!(shape, Shape::List(_));
    let first = shapes.first().filter(|_| !shapes.iter().any(is_list))?;
    let path = shown(&entry.path);
    let message =
        format!("`{declared}` of `{path}` says nothing: `{path}` is {}, not a list", what(first));
    Some(finding(at, message, "remove it"))
}
