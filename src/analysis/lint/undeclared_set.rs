//! Lists that are sets in the schema and have an order in the rule.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use super::schema::lists::undeclared;
use crate::analysis::kinds::ListType;
use crate::analysis::words::{equality_line, written};

pub(super) const LINT: Lint = Lint {
    name: "undeclared-set",
    severity: Severity::Warning,
    input: Input::Schema,
    what: "Finds entries for the items of a list that is a set in the schema, where the rule does \
           not declare `as: Set`.",
    why: "The rule compares the list by position, so it takes another order for a change, and \
          permits items to be added and removed at the end only.",
    example: "\
spec:
  mutable:
  - metadata.annotations
  - path: spec.zones  # the schema has `x-kubernetes-list-type: set`
    allow: [AddItem]
",
    fix: "Declare `as: Set` under `equality`.",
    fixed: "\
spec:
  mutable:
  - metadata.annotations
  - path: spec.zones
    allow: [AddItem]
  equality:
  - path: spec.zones
    as: Set
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let lists = undeclared(context);
    let sets = lists.iter().filter(|list| {
        let list_type = list.list_type().map(|(_, elements)| &elements.list_type);
        list_type == Some(&ListType::Set) && list.below.len() <= 1
    });
    let found = sets.map(|set| {
        let message = format!(
            "`{}` is a set in the schema, and the rule compares it by position: it takes an order \
             for a change",
            written(set.list)
        );
        finding(&set.at, message, equality_line(set.list, "as: Set"))
    });
    found.collect()
}
