//! `Set` and `Clear` of a field that every element has.

use super::definition::{Context, Input, Lint, LintFinding, Severity, never_permit};
use super::schema::catalogue::{MatchedKind, ResolvedPath, resolve};
use crate::analysis::kinds::Shape;
use crate::engine::{Entry, Step};

pub(super) const LINT: Lint = Lint {
    name: "required-field",
    severity: Severity::Warning,
    input: Input::Schema,
    what: "Finds entries that allow only `Set` and `Clear` of a field that the schema requires in \
           every element of a list or map.",
    why: "Elements come and go as a whole, so the field is never set or cleared by itself. The \
          entry permits nothing.",
    example: "\
spec:
  mutable:
  - metadata.annotations
  - path: spec.tasks[*].image  # the schema requires it
    allow: [Set]
",
    fix: "Allow `Modify`, or remove the entry.",
    fixed: "\
spec:
  mutable:
  - metadata.annotations
  - path: spec.tasks[*].image
    allow: [Modify]
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    never_permit(
        context.entries().filter(|(_, entry)| is_required(entry, &context.targets)),
        "the schema requires it, so it is never set or cleared",
        "allow `Modify`, or remove the entry",
    )
}

fn is_required(entry: &Entry, targets: &[MatchedKind<'_>]) -> bool {
    let only_presence = entry.verbs.names().all(|name| matches!(name, "Set" | "Clear"));
    // Elements come and go as a whole; the objects above another field do not.
    let [parent @ .., Step::Name(name)] = entry.path.steps() else { return false };
    let is_element =
        matches!(parent.last(), Some(Step::AnyElement | Step::Keyed(_) | Step::AnyMember));
    if !(only_presence && is_element) {
        return false;
    }
    let parents = resolve(targets, parent).unwrap_or_default();
    let requires = |parent: &ResolvedPath<'_>| match parent.shape() {
        Shape::Object(members) => members.required.contains(name),
        _ => false,
    };
    !parents.is_empty() && parents.iter().all(requires)
}
