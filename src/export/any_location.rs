//! What holds at one at least of the locations below a value that a path leads to.

use super::entries::text;
use super::expression::Expr;
use super::literal::cel;
use crate::engine::{KeyValue, Step};

/// Whether `holds` at one of the locations below `value`. Each loop numbers its variables by its
/// depth in other loops.
pub(super) fn below(
    depth: usize,
    rest: &[Step],
    value: &str,
    holds: &dyn Fn(&str) -> Expr,
) -> Expr {
    let Some((step, rest)) = rest.split_first() else { return holds(value) };
    let depth = depth + 1;
    let (k, v) = (format!("k{depth}"), format!("v{depth}"));
    let inner = || below(depth, rest, &v, holds);
    let selected = |test: String| Expr::and([Expr::text(test), inner()]);
    let members = format!("dyn(type({value}) == map ? {value} : {{}})");
    let elements = format!("dyn(type({value}) == list ? {value} : [])");
    let (range, variables, body) = match step {
        Step::Name(name) => {
            let name = text(name);
            (
                format!("dyn(type({value}) == map && {name} in {value} ? [{value}[{name}]] : [])"),
                v.clone(),
                inner(),
            )
        }
        Step::AnyMember => (members, format!("{k}, {v}"), inner()),
        Step::Prefix(prefix) => {
            (members, format!("{k}, {v}"), selected(format!("{k}.startsWith({})", text(prefix))))
        }
        Step::AnyElement => (elements, v.clone(), inner()),
        Step::Keyed(selector) => {
            let has = |(name, value): (&str, &KeyValue<'_>)| {
                format!("{v}[?{}] == optional.of(dyn({}))", text(name), cel(&value.to_value()))
            };
            let all: Vec<String> = selector.members().map(has).collect();
            let test = format!("(type({v}) == map && {})", all.join(" && "));
            (elements, v.clone(), selected(test))
        }
    };
    Expr::exists(range, variables, body)
}
