//! Keys by which no elements pair, or by which the API server does not pair them.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use super::schema::catalogue::{MatchedKind, ResolvedPath, resolve};
use super::schema::lists::{strings, text_key};
use crate::analysis::kinds::{ListShape, Scalar, Schema, Shape};
use crate::analysis::words::{shown, what};
use crate::engine::{Equality, escape_control};

pub(super) const LINT: Lint = Lint {
    name: "wrong-list-key",
    severity: Severity::Warning,
    input: Input::Schema,
    what: "Finds `key` with a member that the elements of the list do not have, that is no string, \
           or that is not the key of the list in the schema.",
    why: "A list that cannot be keyed compares by position. If the schema has another key, users \
          and server-side apply see other elements added and removed than the rule does.",
    example: "\
spec:
  equality:
  - path: spec.tasks  # the elements have `name` and `image`
    key: title
",
    fix: "Write the key that the schema declares (`x-kubernetes-list-map-keys`), or a string that \
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
    key: &str,
) -> Option<(String, String)> {
    let declared = text_key(schema, elements).map(escape_control);
    let fix = |otherwise: String| {
        declared
            .as_ref()
            .map_or(otherwise, |declared| format!("write `key: {declared}`, as the schema does"))
    };
    let shown_key = escape_control(key);
    let keyed = format!("`{path}` is keyed by `{shown_key}`");
    let members = match schema.shape(elements.each) {
        Shape::Object(members) => members,
        Shape::Anything => return None,
        other => {
            return Some((
                format!(
                    "{keyed}, and each of its elements is {}, so they compare by position",
                    what(other)
                ),
                "remove the key, or declare `as: Set` if order does not matter".to_owned(),
            ));
        }
    };
    let Some(member) = members.member(key) else {
        let strings = strings(schema, elements.each).join(", ");
        let strings =
            if strings.is_empty() { strings } else { format!(" (strings there: {strings})") };
        return Some((
            format!("{keyed}, which its elements do not have, so they compare by position"),
            fix(format!("name a string that tells them apart{strings}")),
        ));
    };
    match (schema.shape(member), &declared) {
        (Shape::Scalar(Scalar::Text) | Shape::Anything, Some(declared))
            if *declared != shown_key =>
        {
            Some((
                format!("{keyed}, and the schema pairs its elements by `{declared}`"),
                format!("write `key: {declared}`"),
            ))
        }
        (Shape::Scalar(Scalar::Text) | Shape::Anything, _) => None,
        (other, _) => Some((
            format!(
                "{keyed}, which is {}: only strings key a list, so it compares by position",
                what(other)
            ),
            fix("name a string that tells its elements apart".to_owned()),
        )),
    }
}
