//! Entries for the key of a list.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use crate::analysis::words::{key_words, shown};
use crate::engine::{Cursor, Entry, Rule, Step, escape_control, written};

pub(super) const LINT: Lint = Lint {
    name: "list-key",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds entries for the member by which the elements of a list pair.",
    why: "An element with another key is another element: the old one is removed and a new one is \
          added. So the key of an element never changes, and the entry permits nothing.",
    example: "\
spec:
  mutable:
  - metadata.annotations
  - spec.tasks[*].name
  equality:
  - path: spec.tasks
    key: name
",
    fix: "Remove the entry. If elements may come and go, permit that on the list.",
    fixed: "\
spec:
  mutable:
  - metadata.annotations
  - path: spec.tasks
    allow: [AddItem, RemoveItem]
  equality:
  - path: spec.tasks
    key: name
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    context.entries().filter_map(|(at, entry)| of_entry(context.rule, at, entry)).collect()
}

fn of_entry(rule: &Rule, at: String, entry: &Entry) -> Option<LintFinding> {
    let [list @ .., Step::AnyElement | Step::Keyed(_), Step::Name(name)] = entry.path.steps()
    else {
        return None;
    };
    let (_, key) = Cursor::of_all(rule, list).keys().into_iter().next()?;
    if !key.is_fixed(name) {
        return None;
    }
    let list = escape_control(&written(list));
    Some(finding(
        at,
        format!(
            "`{}` permits nothing: elements of `{list}` pair by {}, so one with another `{}` is \
             another element",
            shown(&entry.path),
            key_words(key),
            escape_control(name)
        ),
        format!(
            "remove the entry, or list `{list}` with `allow: [AddItem, RemoveItem]` if elements \
             may come and go"
        ),
    ))
}
