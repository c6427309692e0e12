//! Lists that the schema pairs by key and the rule by position.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use super::schema::lists::{UndeclaredList, schema_key, strings, undeclared};
use crate::analysis::kinds::ListType;
use crate::analysis::words::{equality_line, key_words, quoted, shown, written};
use crate::engine::Step;

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
    let ListType::Map(key) = &elements.list_type else { return None };
    let (list, path) = (written(list), shown(&entry.path));
    let pairs = format!("the schema pairs the elements of `{list}` by");
    let wrong = format!(
        "by position: with an element added or removed before others, `{path}` covers the \
         wrong ones"
    );
    if schema_key(schema, elements).is_none() {
        let strings = match strings(schema, elements.each) {
            strings if strings.is_empty() => String::new(),
            strings => format!(" ({})", quoted(&strings, " or ")),
        };
        return Some(finding(
            at,
            format!("{pairs} {}, which a rule cannot, and the rule {wrong}", key_words(key)),
            format!(
                "declare as `key` a string that tells the elements apart{strings}, or let \
                 `{list}` change as a whole"
            ),
        ));
    }
    let names = key_words(key);
    Some(if matches!(below, [_, Step::Name(name)] if key.is_fixed(name)) {
        // The key itself is changed by replacing the element.
        finding(
            at,
            format!("{pairs} {names}: an element with another value there is another element"),
            format!("remove `{path}`, or list `{list}` if elements may be replaced"),
        )
    } else {
        finding(
            at,
            format!("{pairs} {names}, the rule {wrong}"),
            equality_line(undeclared.list, &format!("key: {key}")),
        )
    })
}
