//! What a rule protects: no update may change it, whatever an entry at or above it permits.

use super::entries::{CelEntries, text};
use super::expression::Expr;
use super::permitted::{Judge, Local, by_prefix, is_kind, keys, names_have};
use super::types;
use crate::engine::{Cursor, Path, Rule, Step, escape_control, written};

/// For each protected path a list of fields, empty if nothing changed there.
pub(super) fn lists(rule: &Rule, depth: usize) -> Vec<String> {
    let lifecycle = CelEntries::of_every_rule(&rule.entries);
    let none = CelEntries::none();
    let list = |path: &Path| {
        let may_change = rule.lifecycle_entries().any(|entry| {
            let mut steps = entry.path.steps().iter().zip(path.steps());
            steps.all(|(one, two)| one.meets(two))
        });
        let judge = Judge { entries: if may_change { &lifecycle } else { &none }, depth };
        let objects = ("variables.old", "variables.new");
        let kept = kept(judge, &Cursor::root(rule), judged(path.steps()), objects);
        let field = escape_control(&written(judged(path.steps())));
        format!("({} ? [] : [{}])", kept.print(), text(&field))
    };
    rule.protected().iter().map(|protection| list(&protection.path)).collect()
}

/// The steps of a path down to the first list: all of that is kept as it is.
fn judged(steps: &[Step]) -> &[Step] {
    let end = steps.iter().position(|step| !step.is_member()).unwrap_or(steps.len());
    steps.get(..end).unwrap_or_default()
}

/// Whether lists above what it protects may not change at all.
pub(super) fn keeps_lists(path: &Path) -> bool {
    judged(path.steps()).len() < path.steps().len()
}

/// Whether what the steps lead to from the maps `x` and `y` did not change.
fn kept(judge: Judge<'_>, cursor: &Cursor<'_>, steps: &[Step], (x, y): (&str, &str)) -> Expr {
    let Some((step, rest)) = steps.split_first() else { return Expr::True };
    let member = |below: &Cursor<'_>, key: &str| {
        let here = judge.deeper();
        if rest.is_empty() {
            return here.member(below, &Local::none(), key, (x, y));
        }
        let (v, old, new) = (here.name('v'), here.name('x'), here.name('y'));
        let map = |side: &str| {
            let is_map = is_kind(&v, "map").print();
            format!("[dyn({side}[?{key}].orValue({{}}))].map({v}, {is_map} ? {v} : {{}})")
        };
        let kept = kept(here, below, rest, (&old, &new));
        Expr::all(map(x), old, Expr::all(map(y), new, kept))
    };
    let prefix = match step {
        Step::Name(name) => return member(&cursor.member(name), &text(name)),
        Step::Prefix(prefix) => prefix,
        Step::AnyMember | Step::AnyElement | Step::Keyed(_) => "",
    };
    // Members that paths name may compare otherwise than those that have only the prefix.
    let named = types::names(cursor).into_iter().filter(|name| name.starts_with(prefix));
    let named = named.map(|name| member(&cursor.member(&name), &text(&name)));
    let k = judge.name('k');
    let is_other = match prefix {
        "" => Expr::False,
        prefix => Expr::text(format!("{k}.startsWith({})", text(prefix))).negated(),
    };
    let others = by_prefix(cursor, &k, |below| member(below, &k));
    let others = Expr::all(
        keys(&k, (x, y)),
        k.as_str(),
        Expr::or([is_other, names_have(cursor, &k), others]),
    );
    Expr::and(named.chain([others]).collect::<Vec<_>>())
}
