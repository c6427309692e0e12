//! Keys by which no elements pair, or by which the API server does not pair them.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use super::schema::catalogue::{MatchedKind, ResolvedPath, resolve};
use super::schema::lists::{is_key_kind, schema_key, strings};
use crate::analysis::kinds::{ListShape, Schema, Shape};
use crate::analysis::words::{key_words, shown, what};
use crate::engine::{Equality, ListKey, escape_control};

pub(super) const LINT: Lint = Lint {
    name: "wrong-list-key",
    severity: Severity::Warning,
    input: Input::Schema,
    what: "Finds a `key` that names a member which the elements of the list lack, or which is not a \
           string, an integer or a boolean. It also finds a `key` whose members differ from \
           `x-kubernetes-list-map-keys` in the schema.",
    why: "A list that cannot be keyed compares by position. If the schema has another key, users \
          and server-side apply see other elements added and removed than the rule does.",
    example: "\
spec:
  equality:
  - path: spec.tasks  # the elements have `name` and `image`
    key: title
",
    fix: "Write the key that the schema declares (`x-kubernetes-list-map-keys`), or a member that \
          tells the elements apart.",
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
    let key = entry.key.as_ref()?;
    let mut wrong = None;
    for ResolvedPath { schema, location } in resolve(targets, entry.path.steps()).ok()? {
        let Shape::List(elements) = schema.shape(location) else { return None };
        // The rule was written for a list that the key fits.
        wrong = Some(of_list(schema, elements, &shown(&entry.path), key)?);
    }
    wrong.map(|(message, fix)| finding(at, message, fix))
}

fn of_list(
    schema: &Schema,
    elements: &ListShape,
    path: &str,
    key: &ListKey,
) -> Option<(String, String)> {
    let declared = schema_key(schema, elements);
    let fix = |otherwise: String| {
        declared
            .map_or(otherwise, |declared| format!("write `key: {declared}`, as the schema does"))
    };
    let keyed = |name: &str| format!("`{path}` is keyed by `{}`", escape_control(name));
    let members = match schema.shape(elements.each) {
        Shape::Object(members) => members,
        Shape::Anything => return None,
        other => {
            return Some((
                format!(
                    "`{path}` is keyed by {}, and each of its elements is {}, so they compare by \
                     position",
                    key_words(key),
                    what(other)
                ),
                "remove the key, or declare `as: Set` if order does not matter".to_owned(),
            ));
        }
    };
    for name in key.names() {
        let Some(member) = members.member(name) else {
            let strings = strings(schema, elements.each).join(", ");
            let strings =
                if strings.is_empty() { strings } else { format!(" (strings there: {strings})") };
            return Some((
                format!(
                    "{}, which its elements do not have, so they compare by position",
                    keyed(name)
                ),
                fix(format!("name a member that tells them apart{strings}")),
            ));
        };
        let shape = schema.shape(member);
        if !is_key_kind(shape) && !matches!(shape, Shape::Anything) {
            return Some((
                format!(
                    "{}, which is {}: only strings, integers and booleans key a list, so it \
                     compares by position",
                    keyed(name),
                    what(shape)
                ),
                fix("name a member that tells its elements apart".to_owned()),
            ));
        }
    }
    let declared = declared.filter(|declared| !declared.has_names_of(key))?;
    Some((
        format!(
            "`{path}` is keyed by {}, and the schema pairs its elements by {}",
            key_words(key),
            key_words(declared)
        ),
        format!("write `key: {declared}`"),
    ))
}
