//! From what a rule says of a location to CEL that says whether the location is permitted.
//!
//! Every function here is a sentence of the definition: a location is permitted if both sides are
//! equal, or its entries permit the change, or both are containers of one kind and every child is
//! permitted. No grant is ever negated: a condition that errs can only refuse.

use super::expression::Expr;
use super::grants::{Grants, Sent, text};
use super::literal::cel;
use super::reach::Reach;
use super::walk::below;
use crate::engine::{Meaning, Verb, Verbs};

/// The compiler at some depth of loops in loops; the variables of each have its number.
#[derive(Clone, Copy)]
pub(super) struct Judge<'g> {
    pub(super) grants: &'g Grants,
    pub(super) depth: usize,
}

/// What the entries at a container permit of its items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Items {
    pub(super) add: Expr,
    pub(super) remove: Expr,
    pub(super) modify: Expr,
}

impl Items {
    pub(super) const NONE: Self =
        Self { add: Expr::False, remove: Expr::False, modify: Expr::False };
}

/// The five.
const VERBS: [Verb; 5] = [Verb::Set, Verb::Modify, Verb::Clear, Verb::AddItem, Verb::RemoveItem];

impl Judge<'_> {
    pub(super) fn deeper(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }

    pub(super) fn name(self, letter: char) -> String {
        format!("{letter}{}", self.depth)
    }

    /// The member `key` of the objects `x` and `y`, which either may lack.
    pub(super) fn member(
        self,
        reach: &Reach<'_>,
        items: &Items,
        key: &str,
        (x, y): (&str, &str),
    ) -> Expr {
        if reach.is_owned() {
            return Expr::True;
        }
        let (old, new) = (format!("{x}[?{key}]"), format!("{y}[?{key}]"));
        let sent =
            Sent { old: format!("{old}.orValue(null)"), new: format!("{new}.orValue(null)") };
        let Some(absent) = reach.declared().absent_as else {
            return self.optional(reach, items, (&old, &new), &sent);
        };
        let here = self.deeper();
        if *items == Items::NONE && reach.is_ungranted() {
            // Nothing but equality permits a change here, and what is absent equals the literal, so
            // it may stand in for it.
            let (x, y) = (here.name('x'), here.name('y'));
            let value = |side: &str| format!("{side}.orValue({})", cel(absent));
            let (old, new) = (value(&old), value(&new));
            let judged = here.pair(reach, items, (&x, &y));
            return if judged == Expr::text(format!("{x} == {y}")) {
                Expr::text(format!("{old} == {new}"))
            } else {
                Expr::bind(&old, &x, Expr::bind(&new, &y, judged))
            };
        }
        let (a, b) = (here.name('a'), here.name('b'));
        let normal = |side: &str| {
            let left_out = here.equals(reach, &format!("{side}.value()"), absent).print();
            format!("{side}.hasValue() && ({left_out}) ? optional.none() : {side}")
        };
        let judged = here.optional(reach, items, (&a, &b), &sent);
        Expr::or([
            Expr::text(format!("{old} == {new}")),
            Expr::bind(&normal(&old), &a, Expr::bind(&normal(&new), &b, judged)),
        ])
    }

    /// The optional values `a` and `b`.
    fn optional(self, reach: &Reach<'_>, items: &Items, (a, b): (&str, &str), sent: &Sent) -> Expr {
        let has = |side: &str| Expr::text(format!("{side}.hasValue()"));
        let whole = |side: &str, verb: Verb, item: Verb, of_item: &Expr| {
            let container =
                Expr::and([self.verb(reach, item, sent), is_container(&format!("{side}.value()"))]);
            Expr::or([of_item.clone(), self.verb(reach, verb, sent), container])
        };
        let here = self.deeper();
        let (x, y) = (here.name('x'), here.name('y'));
        let both = Expr::and([has(a), has(b)]);
        let way = here.is_intermediate(reach, (a, b));
        let children = here.children(reach, (&x, &y), sent);
        let others = here.others(reach, items, (&x, &y), sent);
        let (body, absent) = match way {
            Expr::False => (Expr::or([children, others]), "value()"),
            _ => (Expr::or([children, Expr::and([both.clone(), others])]), "orValue({})"),
        };
        Expr::or([
            Expr::text(format!("{a} == {b}")),
            self.bare(reach, sent),
            finalizers_shrink(reach, (a, b)),
            Expr::and([has(b).negated(), whole(a, Verb::Clear, Verb::RemoveItem, &items.remove)]),
            Expr::and([has(a).negated(), whole(b, Verb::Set, Verb::AddItem, &items.add)]),
            Expr::and([
                Expr::or([both, way]),
                Expr::bind(
                    &format!("{a}.{absent}"),
                    &x,
                    Expr::bind(&format!("{b}.{absent}"), &y, body),
                ),
            ]),
        ])
    }

    /// The elements `x` and `y` that pair.
    pub(super) fn pair(self, reach: &Reach<'_>, items: &Items, (x, y): (&str, &str)) -> Expr {
        let sent = Sent { old: x.to_owned(), new: y.to_owned() };
        Expr::or([
            Expr::text(format!("{x} == {y}")),
            self.bare(reach, &sent),
            self.children(reach, (x, y), &sent),
            self.others(reach, items, (x, y), &sent),
        ])
    }

    /// An element that is gone.
    pub(super) fn removed(self, reach: &Reach<'_>, items: &Items, x: &str) -> Expr {
        let sent = Sent { old: x.to_owned(), new: "null".to_owned() };
        let container = Expr::and([self.verb(reach, Verb::RemoveItem, &sent), is_container(x)]);
        Expr::or([
            items.remove.clone(),
            self.bare(reach, &sent),
            self.verb(reach, Verb::Clear, &sent),
            container,
        ])
    }

    /// An element that is new.
    pub(super) fn added(self, reach: &Reach<'_>, items: &Items, y: &str) -> Expr {
        let sent = Sent { old: "null".to_owned(), new: y.to_owned() };
        let container = Expr::and([self.verb(reach, Verb::AddItem, &sent), is_container(y)]);
        Expr::or([
            items.add.clone(),
            self.bare(reach, &sent),
            self.verb(reach, Verb::Set, &sent),
            container,
        ])
    }

    /// Two containers of one kind, of which every child is permitted.
    fn children(self, reach: &Reach<'_>, (x, y): (&str, &str), sent: &Sent) -> Expr {
        let items = Items {
            add: self.verb(reach, Verb::AddItem, sent),
            remove: self.verb(reach, Verb::RemoveItem, sent),
            modify: self.verb(reach, Verb::Modify, sent),
        };
        let of_kind =
            |kind: &str, judged: Expr| Expr::and([is_kind(x, kind), is_kind(y, kind), judged]);
        let mut parts = Vec::new();
        if reach.goes_into_members() || items != Items::NONE {
            parts.push(of_kind("map", self.members(reach, &items, (x, y))));
        }
        if reach.goes_into_elements()
            || reach.declared().meaning == Some(Meaning::Set)
            || items != Items::NONE
        {
            parts.push(of_kind("list", self.elements(reach, &items, (x, y))));
        }
        Expr::or(parts)
    }

    /// The members of two objects.
    fn members(self, reach: &Reach<'_>, items: &Items, (x, y): (&str, &str)) -> Expr {
        let here = self.deeper();
        let k = here.name('k');
        let named = reach
            .names()
            .into_iter()
            .map(|name| here.member(&reach.member(name), items, &text(name), (x, y)));
        let named = Expr::and(named.collect::<Vec<_>>());
        let other = here.other_member(reach, items, &k, (x, y));
        let is_named = names_have(reach, &k);
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
        reach: &Reach<'_>,
        items: &Items,
        k: &str,
        (x, y): (&str, &str),
    ) -> Expr {
        let other = self.member(&reach.other_member(None), items, k, (x, y));
        reach.prefixes().into_iter().rev().fold(other, |shorter, prefix| {
            let judged = self.member(&reach.other_member(Some(prefix)), items, k, (x, y));
            Expr::text(format!("{k}.startsWith({})", text(prefix))).choose(judged, shorter)
        })
    }

    /// What permits a change of a value into another but its children.
    fn others(self, reach: &Reach<'_>, items: &Items, (x, y): (&str, &str), sent: &Sent) -> Expr {
        let containers =
            ["map", "list"].map(|kind| Expr::and([is_kind(x, kind), is_kind(y, kind)]));
        Expr::or([
            Expr::and([items.modify.clone(), self.granted(reach, (x, y), sent)]),
            self.respelled(reach, (x, y)),
            Expr::and([self.verb(reach, Verb::Modify, sent), Expr::or(containers).negated()]),
        ])
    }

    /// Whether the object is intermediate to an active entry; to one that is about the value only
    /// if it is active at some location below.
    pub(super) fn is_intermediate(self, reach: &Reach<'_>, (a, b): (&str, &str)) -> Expr {
        let here = self.deeper();
        let null = || "null".to_owned();
        let there = reach.entries_below().map(|(entry, rest)| {
            if !self.grants.is_by_value(entry) {
                return self.grants.at(entry, &Sent { old: null(), new: null() });
            }
            let side = |side: &str, is_old: bool| {
                let at = |value: &str| {
                    let (old, new) = if is_old {
                        (value.to_owned(), null())
                    } else {
                        (null(), value.to_owned())
                    };
                    self.grants.at(entry, &Sent { old, new })
                };
                let somewhere = below(here.depth, rest, &format!("{side}.value()"), &at);
                Expr::and([Expr::text(format!("{side}.hasValue()")), somewhere])
            };
            Expr::or([side(a, true), side(b, false)])
        });
        Expr::or(there.collect::<Vec<_>>())
    }

    /// Whether every change is permitted: by a bare entry, or by narrowed ones together.
    pub(super) fn bare(self, reach: &Reach<'_>, sent: &Sent) -> Expr {
        let bare = reach
            .entries()
            .filter(|entry| self.grants.verbs(*entry) == Verbs::ALL)
            .map(|entry| self.grants.at(entry, sent));
        let together = Expr::and(VERBS.map(|verb| self.verb(reach, verb, sent)));
        Expr::or(bare.chain([together]).collect::<Vec<_>>())
    }

    /// Whether a narrowed entry permits the verb; where a bare one is there, nothing else is asked.
    fn verb(self, reach: &Reach<'_>, verb: Verb, sent: &Sent) -> Expr {
        let narrowed = reach.entries().filter(|entry| {
            self.grants.verbs(*entry) != Verbs::ALL && self.grants.verbs(*entry).has(verb)
        });
        Expr::or(narrowed.map(|entry| self.grants.at(entry, sent)).collect::<Vec<_>>())
    }
}

/// The keys of both objects, each once.
pub(super) fn keys(k: &str, (x, y): (&str, &str)) -> String {
    format!("({x}.map({k}, {k}) + {y}.filter({k}, !({k} in {x})))")
}

/// Whether paths name the member `k`.
pub(super) fn names_have(reach: &Reach<'_>, k: &str) -> Expr {
    let names: Vec<&str> = reach.names().into_iter().collect();
    match names.as_slice() {
        [] => Expr::False,
        [one] => Expr::text(format!("{k} == {}", text(one))),
        several => Expr::text(format!("{k} in {}", super::grants::texts(several))),
    }
}

pub(super) fn is_kind(value: &str, kind: &str) -> Expr {
    Expr::text(format!("type({value}) == {kind}"))
}

fn is_container(value: &str) -> Expr {
    Expr::or([is_kind(value, "map"), is_kind(value, "list")])
}

/// While an object is being deleted, its finalizers may go one by one or all at once.
fn finalizers_shrink(reach: &Reach<'_>, (a, b): (&str, &str)) -> Expr {
    if !reach.is_finalizers() {
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
