//! What holds at all, or at some, of the locations below a value that a path leads to.

use super::expression::Expr;
use super::grants::text;
use super::judge::Judge;
use crate::engine::Step;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantifier {
    All,
    Exists,
}

/// `holds` at the locations below `value`.
pub(super) fn below(judge: Judge<'_>, rest: &[Step], value: &str, which: Quantifier, holds: &dyn Fn(Judge<'_>, &str) -> Expr) -> Expr {
    let Some((step, rest)) = rest.split_first() else { return holds(judge, value) };
    let here = judge.deeper();
    let (k, v) = (here.name('k'), here.name('v'));
    let inner = || below(here, rest, &v, which, holds);
    let selected = |test: String| match which {
        Quantifier::All => Expr::or([Expr::text(test).negated(), inner()]),
        Quantifier::Exists => Expr::and([Expr::text(test), inner()]),
    };
    let members = format!("(type({value}) == map ? {value} : {{}})");
    let elements = format!("(type({value}) == list ? {value} : [])");
    let (range, variables, body) = match step {
        Step::Name(name) => {
            let name = text(name);
            (format!("(type({value}) == map && {name} in {value} ? [{value}[{name}]] : [])"), v.clone(), inner())
        }
        Step::AnyMember => (members, format!("{k}, {v}"), inner()),
        Step::Prefix(prefix) => (members, format!("{k}, {v}"), selected(format!("{k}.startsWith({})", text(prefix)))),
        Step::AnyElement => (elements, v.clone(), inner()),
        Step::Keyed { key, value } => {
            let (key, value) = (text(key), text(value));
            (elements, v.clone(), selected(format!("(type({v}) == map && {v}[?{key}] == optional.of(dyn({value})))")))
        }
    };
    match which {
        Quantifier::All => Expr::all(range, variables, body),
        Quantifier::Exists => Expr::exists(range, variables, body),
    }
}
