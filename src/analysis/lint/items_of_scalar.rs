//! Verbs for items, at a location that has none.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use super::schema::catalogue::{MatchedKind, shapes};
use crate::analysis::kinds::Shape;
use crate::analysis::words::{shown, what};
use crate::engine::{Entry, Verbs};

pub(super) const LINT: Lint = Lint {
    name: "items-of-scalar",
    severity: Severity::Warning,
    input: Input::Schema,
    what: "Finds `AddItem` and `RemoveItem` in entries for fields that are neither a list nor an \
           object.",
    why: "Only lists and objects have items. With no other verb, the entry permits nothing.",
    example: "\
spec:
  mutable:
  - metadata.annotations
  - path: spec.replicas  # an integer
    allow: [AddItem, RemoveItem]
",
    fix: "Allow `Set`, `Modify` or `Clear`, whichever is meant.",
    fixed: "\
spec:
  mutable:
  - metadata.annotations
  - path: spec.replicas
    allow: [Modify]
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    context.entries().filter_map(|(at, entry)| of_entry(at, entry, &context.targets)).collect()
}

fn of_entry(at: String, entry: &Entry, targets: &[MatchedKind<'_>]) -> Option<LintFinding> {
    let idle: Vec<&str> =
        entry.verbs.names().filter(|name| matches!(*name, "AddItem" | "RemoveItem")).collect();
    if entry.verbs == Verbs::ALL || idle.is_empty() {
        return None;
    }
    let shapes = shapes(targets, entry.path.steps());
    let first =
        shapes.first().filter(|_| shapes.iter().all(|shape| matches!(shape, Shape::Scalar(_))))?;
    let (path, reason) = (shown(&entry.path), format!("{} has no items", what(first)));
    let idle_verbs = format!("`{}`", idle.join(", "));
    Some(if idle.len() == entry.verbs.names().count() {
        finding(
            at,
            format!(
                "`{path}` never permits anything: {reason}, so {idle_verbs} never happens there"
            ),
            "allow `Set`, `Modify` or `Clear`",
        )
    } else {
        let message = format!("{idle_verbs} of `{path}` never happens: {reason}");
        finding(at, message, "leave it out")
    })
}
