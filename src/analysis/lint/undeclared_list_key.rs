//! Lists that the schema pairs by key and the rule by position.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use super::schema::lists::{UndeclaredList, strings, text_key, undeclared};
use crate::analysis::kinds::ListType;
use crate::analysis::words::{equality_line, quoted, shown, written};
use crate::engine::{Step, escape_control};

pub(super) const LINT: Lint = Lint {
    name: "undeclared-list-key",
    severity: Severity::Warning,
    input: Input::Schema,
    what: "Finds entries that go into the elements of a list, or tell them apart by verbs, where \
           the schema declares keys for the list and the rule does not.",
    why: "The rule compares the list by position. When an element is added or removed before \
          others, each later element is compared with its neighbour, and the entry permits or \
          denies changes of the wrong element.",
    example: "\
spec:
  mutable:
  - metadata.annotations
  - spec.tasks[*].image  # the schema has `x-kubernetes-list-map-keys: [name]`
",
    fix: "Declare the key under `equality`.",
    fixed: "\
spec:
  mutable:
  - metadata.annotations
  - spec.tasks[*].image
  equality:
  - path: spec.tasks
    key: name
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    undeclared(context).iter().filter_map(of_list).collect()
}

fn of_list(undeclared: &UndeclaredList<'_>) -> Option<LintFinding> {
    let UndeclaredList { at, entry, list, below, .. } = undeclared;
    let (schema, elements) = undeclared.list_type()?;
    let ListType::Map(keys) = &elements.list_type else { return None };
    let (list, path) = (written(list), shown(&entry.path));
    let pairs = format!("the schema pairs the elements of `{list}` by");
    let wrong = format!(
        "by position: with an element added or removed before others, `{path}` covers the \
         wrong ones"
    );
    let Some(key) = text_key(schema, elements) else {
        let strings = match strings(schema, elements.each) {
            strings if strings.is_empty() => String::new(),
            strings => format!(" ({})", quoted(&strings, " or ")),
        };
        return Some(finding(
            at,
            format!("{pairs} {}, which a rule cannot, and the rule {wrong}", quoted(keys, " and ")),
            format!(
                "declare as `key` a string that tells the elements apart{strings}, or let \
                 `{list}` change as a whole"
            ),
        ));
    };
    let shown_key = escape_control(key);
    Some(if matches!(below, [_, Step::Name(name)] if name == key) {
        // The key itself is changed by replacing the element.
        finding(
            at,
            format!("{pairs} `{shown_key}`: another `{shown_key}` is another element"),
            format!("remove `{path}`, or list `{list}` if elements may be replaced"),
        )
    } else {
        finding(
            at,
            format!("{pairs} `{shown_key}`, the rule {wrong}"),
            equality_line(undeclared.list, &format!("key: {shown_key}")),
        )
    })
}
