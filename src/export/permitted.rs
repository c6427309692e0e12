//! From what a rule says of a location to CEL that says whether the location is permitted.
//!
//! Every function here is a sentence of the definition: a location is permitted if both sides are
//! equal, or its entries permit the change, or both are containers of one kind and every child is
//! permitted. No grant is ever negated: a condition that errs can only refuse.

use super::any_location::below;
use super::entries::{CelEntries, SentExprs, text};
use super::expression::Expr;
use super::literal::cel;
use super::types::{self, LeftOutAs};
use crate::engine::{Cursor, LocalPermissions, Mark, Permissions, Step};

/// What the entries at a location permit, as CEL.
pub(super) type Local = LocalPermissions<Expr>;

/// The compiler at some depth of loops in loops; the variables of each have its number.
#[derive(Clone, Copy)]
pub(super) struct Judge<'g> {
    pub(super) entries: &'g CelEntries,
    pub(super) depth: usize,
}

impl Judge<'_> {
    pub(super) fn deeper(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }

    /// The same without entries: only what is equal counts.
    pub(super) fn equality_only(self) -> Judge<'static> {
        static NONE: CelEntries = CelEntries::none();
        Judge { entries: &NONE, depth: self.depth }
    }

    pub(super) fn name(self, letter: char) -> String {
        format!("{letter}{}", self.depth)
    }

    /// The member `key` of the objects `x` and `y`, which either may lack.
    pub(super) fn member(
        self,
        cursor: &Cursor<'_>,
        holder: &Local,
        key: &str,
        (x, y): (&str, &str),
    ) -> Expr {
        if cursor.is_owned() {
            return Expr::True;
        }
        let (old, new) = (format!("{x}[?{key}]"), format!("{y}[?{key}]"));
        let sent = SentExprs::new(format!("{old}.orValue(null)"), format!("{new}.orValue(null)"));
        let Some(absent) = types::left_out_as(cursor) else {
            return self.optional(cursor, holder, (&old, &new), &sent);
        };
        let here = self.deeper();
        if !holder.permit_items() && self.permits_nothing(cursor) {
            // Nothing but equality permits a change here, and what is absent equals the literal, so
            // it may stand in for it.
            let (x, y) = (here.name('x'), here.name('y'));
            let value = |side: &str| format!("{side}.orValue({})", cel(absent.value()));
            let (old, new) = (value(&old), value(&new));
            let judged = here.pair(cursor, holder, (&x, &y));
            return if judged == Expr::text(format!("{x} == {y}")) {
                Expr::text(format!("{old} == {new}"))
            } else {
                Expr::bind(&old, &x, Expr::bind(&new, &y, judged))
            };
        }
        let (a, b) = (here.name('a'), here.name('b'));
        let normal = |side: &str| {
            let value = format!("{side}.value()");
            let left_out = match &absent {
                LeftOutAs::DeclaredEquality(literal) => {
                    here.equals(cursor, &value, literal).print()
                }
                LeftOutAs::Zero(literal) => format!("{value} == {}", cel(literal)),
            };
            format!("{side}.hasValue() && ({left_out}) ? optional.none() : {side}")
        };
        let judged = here.optional(cursor, holder, (&a, &b), &sent);
        Expr::or([
            Expr::text(format!("{old} == {new}")),
            Expr::bind(&normal(&old), &a, Expr::bind(&normal(&new), &b, judged)),
        ])
    }

    /// The optional values `a` and `b`.
    fn optional(
        self,
        cursor: &Cursor<'_>,
        holder: &Local,
        (a, b): (&str, &str),
        sent: &SentExprs,
    ) -> Expr {
        let has = |side: &str| Expr::text(format!("{side}.hasValue()"));
        let own = self.local(cursor, sent);
        let may = Permissions::new(&own, holder);
        let whole = |side: &str, any: &Expr, container: &Expr| {
            one_sided(any, container, &format!("{side}.value()"))
        };
        let here = self.deeper();
        let (x, y) = (here.name('x'), here.name('y'));
        let both = Expr::and([has(a), has(b)]);
        let intermediate = here.is_intermediate(cursor, (a, b));
        let children = here.children(cursor, (&x, &y), &own);
        let others = here.others(cursor, &may, (&x, &y), sent);
        let (body, absent) = match intermediate {
            Expr::False => (Expr::or([children, others]), "value()"),
            _ => (Expr::or([children, Expr::and([both.clone(), others])]), "orValue({})"),
        };
        Expr::or([
            Expr::text(format!("{a} == {b}")),
            may.every.clone(),
            self.finalizers_shrink(cursor, (a, b)),
            Expr::and([has(b).negated(), whole(a, &may.clear, &may.clear_container)]),
            Expr::and([has(a).negated(), whole(b, &may.set, &may.set_container)]),
            Expr::and([
                Expr::or([both, intermediate]),
                Expr::bind(
                    &format!("{a}.{absent}"),
                    &x,
                    Expr::bind(&format!("{b}.{absent}"), &y, body),
                ),
            ]),
        ])
    }

    /// The elements `x` and `y` that pair.
    pub(super) fn pair(self, cursor: &Cursor<'_>, holder: &Local, (x, y): (&str, &str)) -> Expr {
        let sent = SentExprs::new(x, y);
        let own = self.local(cursor, &sent);
        let may = Permissions::new(&own, holder);
        Expr::or([
            Expr::text(format!("{x} == {y}")),
            may.every.clone(),
            self.children(cursor, (x, y), &own),
            self.others(cursor, &may, (x, y), &sent),
        ])
    }

    /// An element that is gone.
    pub(super) fn removed(self, cursor: &Cursor<'_>, holder: &Local, x: &str) -> Expr {
        let sent = SentExprs::new(x, "null");
        let may = Permissions::new(&self.local(cursor, &sent), holder);
        Expr::or([may.every, one_sided(&may.clear, &may.clear_container, x)])
    }

    /// An element that is new.
    pub(super) fn added(self, cursor: &Cursor<'_>, holder: &Local, y: &str) -> Expr {
        let sent = SentExprs::new("null", y);
        let may = Permissions::new(&self.local(cursor, &sent), holder);
        Expr::or([may.every, one_sided(&may.set, &may.set_container, y)])
    }

    /// Two containers of one kind, of which every child is permitted.
    fn children(self, cursor: &Cursor<'_>, (x, y): (&str, &str), own: &Local) -> Expr {
        let of_kind =
            |kind: &str, judged: Expr| Expr::and([is_kind(x, kind), is_kind(y, kind), judged]);
        let steps = cursor.steps();
        let mut parts = Vec::new();
        if own.permit_items() || steps.iter().any(Step::is_member) || types::reaches_members(cursor)
        {
            parts.push(of_kind("map", self.members(cursor, own, (x, y))));
        }
        if own.permit_items()
            || steps.iter().any(|step| !step.is_member())
            || cursor.declared().is_set()
            || types::reaches_elements(cursor)
        {
            parts.push(of_kind("list", self.elements(cursor, own, (x, y))));
        }
        Expr::or(parts)
    }

    /// The members of two objects.
    fn members(self, cursor: &Cursor<'_>, holder: &Local, (x, y): (&str, &str)) -> Expr {
        let here = self.deeper();
        let k = here.name('k');
        let named = types::names(cursor)
            .into_iter()
            .map(|name| here.member(&cursor.member(&name), holder, &text(&name), (x, y)));
        let named = Expr::and(named.collect::<Vec<_>>());
        let other = here.other_member(cursor, holder, &k, (x, y));
        let is_named = names_have(cursor, &k);
        if other == Expr::text(format!("{x}[?{k}] == {y}[?{k}]")) {
            let kept = Expr::all(x, &k, Expr::or([is_named.clone(), other]));
            let old = Expr::all(y, &k, Expr::or([is_named, Expr::text(format!("{k} in {x}"))]));
            return Expr::and([kept, old, named]);
        }
        Expr::and([Expr::all(keys(&k, (x, y)), &k, Expr::or([is_named, other])), named])
    }

    /// A member that no path names.
    pub(super) fn other_member(
        self,
        cursor: &Cursor<'_>,
        holder: &Local,
        k: &str,
        (x, y): (&str, &str),
    ) -> Expr {
        by_prefix(cursor, k, |other| self.member(other, holder, k, (x, y)))
    }

    /// What permits a change of a value into another but its children.
    fn others(
        self,
        cursor: &Cursor<'_>,
        may: &Permissions<Expr>,
        (x, y): (&str, &str),
        sent: &SentExprs,
    ) -> Expr {
        let containers =
            ["map", "list"].map(|kind| Expr::and([is_kind(x, kind), is_kind(y, kind)]));
        Expr::or([
            Expr::and([may.modify_item.clone(), self.granted(cursor, (x, y), sent)]),
            self.respelled(cursor, (x, y)),
            Expr::and([may.modify.clone(), Expr::or(containers).negated()]),
        ])
    }

    /// Whether the object is intermediate to an active entry; to one that is about the value only
    /// if it is active at some location below.
    pub(super) fn is_intermediate(self, cursor: &Cursor<'_>, (a, b): (&str, &str)) -> Expr {
        let here = self.deeper();
        let there = cursor.entries_below().map(|(entry, depth)| {
            if !self.entries.is_by_value(entry) {
                return self.entries.at(entry, &SentExprs::new("null", "null"));
            }
            let side = |side: &str, is_old: bool| {
                let at = |value: &str| {
                    let (old, new) = if is_old { (value, "null") } else { ("null", value) };
                    self.entries.at(entry, &SentExprs::new(old, new))
                };
                let rest = self.entries.steps(entry).get(depth..).unwrap_or_default();
                let somewhere = below(here.depth, rest, &format!("{side}.value()"), &at);
                Expr::and([Expr::text(format!("{side}.hasValue()")), somewhere])
            };
            Expr::or([side(a, true), side(b, false)])
        });
        Expr::or(there.collect::<Vec<_>>())
    }

    pub(super) fn local(self, cursor: &Cursor<'_>, sent: &SentExprs) -> Local {
        let entries = cursor.entries();
        Local::from_entries(
            entries.map(|entry| (self.entries.verbs(entry), self.entries.at(entry, sent))),
        )
    }

    /// Whether nothing but equality permits a change here or below.
    pub(super) fn permits_nothing(self, cursor: &Cursor<'_>) -> bool {
        let permits = |mark: &Mark| matches!(mark, Mark::Entry(_) | Mark::Finalizers);
        self.entries.is_none() || !cursor.has_here_or_below(permits)
    }

    /// While an object is being deleted, its finalizers may go one by one or all at once.
    fn finalizers_shrink(self, cursor: &Cursor<'_>, (a, b): (&str, &str)) -> Expr {
        if self.entries.is_none() || !cursor.is_finalizers() {
            return Expr::False;
        }
        let (old, new) = (format!("{a}.value()"), format!("{b}.value()"));
        let in_order = format!("{old}.filter(f, f in {new}) == {new}");
        let dropped = Expr::and([
            Expr::text(format!("{a}.hasValue()")),
            is_kind(&old, "list"),
            is_kind(&new, "list"),
            Expr::text(in_order),
        ]);
        Expr::and([
            Expr::text("variables.deleting"),
            Expr::or([Expr::text(format!("!{b}.hasValue()")), dropped]),
        ])
    }
}

/// Whether a value that only one side has may appear or vanish.
fn one_sided(any: &Expr, container: &Expr, value: &str) -> Expr {
    Expr::or([any.clone(), Expr::and([container.clone(), is_container(value)])])
}

/// What is judged of the member `k`, which no path names, as the longest listed of its prefixes has
/// it.
pub(super) fn by_prefix(
    cursor: &Cursor<'_>,
    k: &str,
    judged: impl Fn(&Cursor<'_>) -> Expr,
) -> Expr {
    let others = judged(&cursor.step_for_all(&Step::AnyMember));
    cursor.prefixes().into_iter().rev().fold(others, |shorter, prefix| {
        let has_prefix = Expr::text(format!("{k}.startsWith({})", text(&prefix)));
        has_prefix.choose(judged(&cursor.step_for_all(&Step::Prefix(prefix))), shorter)
    })
}

/// Whether there is a keyed list here or below.
pub(super) fn has_keyed_list(cursor: &Cursor<'_>) -> bool {
    cursor.has_here_or_below(|mark| matches!(mark, Mark::Key { .. }))
}

/// The keys of both objects, each once.
pub(super) fn keys(k: &str, (x, y): (&str, &str)) -> String {
    format!("({x}.map({k}, {k}) + {y}.filter({k}, !({k} in {x})))")
}

/// Whether paths name the member `k`.
pub(super) fn names_have(cursor: &Cursor<'_>, k: &str) -> Expr {
    let names: Vec<String> = types::names(cursor).into_iter().collect();
    match names.as_slice() {
        [] => Expr::False,
        [one] => Expr::text(format!("{k} == {}", text(one))),
        several => Expr::text(format!("{k} in {}", super::entries::texts(several))),
    }
}

pub(super) fn is_kind(value: &str, kind: &str) -> Expr {
    Expr::text(format!("type({value}) == {kind}"))
}

fn is_container(value: &str) -> Expr {
    Expr::or([is_kind(value, "map"), is_kind(value, "list")])
}
