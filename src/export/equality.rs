//! Lists, and what counts as equal although it is spelled differently.

use super::entries::text;
use super::expression::Expr;
use super::literal::cel;
use super::permitted::{Judge, Local, is_kind};
use crate::engine::{CompareAs, Cursor, KeyMember, KeyOrigin, KeySelector, ListKey, Verb};

/// A Go duration.
const DURATION: &str = r"^[-+]?(0|(([0-9]+([.][0-9]*)?|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$";

impl Judge<'_> {
    /// The elements of two lists.
    pub(super) fn elements(self, cursor: &Cursor<'_>, items: &Local, (x, y): (&str, &str)) -> Expr {
        let declared = cursor.declared();
        match declared.key {
            _ if declared.compare_as == Some(CompareAs::Set) => {
                self.membership(&cursor.element(), items, (x, y))
            }
            // Where nothing but equality permits a change, the order that a type's key keeps makes
            // pairing by position the same.
            Some(key) if key.origin == KeyOrigin::Line || !self.permits_nothing(cursor) => {
                self.keyed(cursor, items, key, (x, y))
            }
            _ => self.positions(&cursor.element(), items, (x, y)),
        }
    }

    fn membership(self, cursor: &Cursor<'_>, items: &Local, (x, y): (&str, &str)) -> Expr {
        let here = self.deeper();
        let (e, f) = (here.name('e'), here.name('f'));
        Expr::and([
            Expr::all(
                x,
                &e,
                Expr::or([Expr::text(format!("{e} in {y}")), here.removed(cursor, items, &e)]),
            ),
            Expr::all(
                y,
                &f,
                Expr::or([Expr::text(format!("{f} in {x}")), here.added(cursor, items, &f)]),
            ),
        ])
    }

    fn positions(self, cursor: &Cursor<'_>, items: &Local, (x, y): (&str, &str)) -> Expr {
        let here = self.deeper();
        let (i, e, f) = (here.name('i'), here.name('e'), here.name('f'));
        let (removed, added) = (here.removed(cursor, items, &e), here.added(cursor, items, &f));
        let paired = Expr::bind(&format!("{y}[{i}]"), &f, here.pair(cursor, items, (&e, &f)));
        if removed == Expr::False && added == Expr::False {
            return Expr::and([
                Expr::text(format!("size({x}) == size({y})")),
                Expr::all(x, format!("{i}, {e}"), paired),
            ]);
        }
        let within = |list: &str| Expr::text(format!("{i} < size({list})"));
        Expr::and([
            Expr::all(x, format!("{i}, {e}"), within(y).choose(paired, removed)),
            Expr::all(y, format!("{i}, {f}"), Expr::or([within(x), added])),
        ])
    }

    /// By key if the old list can be keyed, else by position. Keys that agree position by position
    /// need neither to be unique nor to be looked up: then both ways pair the same elements.
    fn keyed(
        self,
        cursor: &Cursor<'_>,
        items: &Local,
        key: &ListKey,
        (x, y): (&str, &str),
    ) -> Expr {
        let here = self.deeper();
        let (u, i, e, f, m) =
            (here.name('u'), here.name('i'), here.name('e'), here.name('f'), here.name('m'));
        let selected = cursor.selected(key);
        // Only an element of a list that is keyed is selected by its key.
        let each = |element: &str, judged: &dyn Fn(&Cursor<'_>) -> Expr| {
            let is_it = |selector: &KeySelector| {
                Expr::text(format!("({u} && {})", is_selected(element, key, selector)))
            };
            by_value(cursor, key, &is_it, judged)
        };
        let removed = each(&e, &|cursor| here.removed(cursor, items, &e));
        let added = each(&f, &|cursor| here.added(cursor, items, &f));
        let agree = here.agree(key, (x, y));
        let unique_old = unique(here, x, key);
        if selected.is_empty()
            && !key.ignores_order
            && [&removed, &added, items.narrowed(Verb::Modify)]
                .into_iter()
                .all(|grant| *grant == Expr::False)
        {
            return Expr::and([
                Expr::or([agree, unique_old.negated()]),
                self.positions(&cursor.element(), items, (x, y)),
            ]);
        }
        let is_keyed =
            if selected.is_empty() { Expr::and([agree.negated(), unique_old]) } else { unique_old };
        let order = if key.ignores_order {
            Expr::True
        } else {
            Expr::or([items.narrowed(Verb::Modify).clone(), here.same_order(key, (x, y))])
        };
        let paired = each(&e, &|cursor| here.pair(cursor, items, (&e, &f)));
        let keyed = |yes: String, no: String| format!("({u} ? {yes} : {no})");
        let partners = keyed(
            format!("{y}.filter({f}, {})", same_key(key, &f, &e)),
            format!("({i} < size({y}) ? [{y}[{i}]] : [])"),
        );
        let has_partner = keyed(
            format!("{x}.exists({e}, {})", same_key(key, &e, &f)),
            format!("{i} < size({x})"),
        );
        let none = Expr::text(format!("size({m}) == 0"));
        let body = Expr::and([
            Expr::or([Expr::text(format!("!{u}")), Expr::and([unique(here, y, key), order])]),
            Expr::all(
                x,
                format!("{i}, {e}"),
                Expr::bind(&partners, &m, none.choose(removed, Expr::all(&m, &f, paired))),
            ),
            Expr::all(y, format!("{i}, {f}"), Expr::or([Expr::text(has_partner), added])),
        ]);
        Expr::bind(&is_keyed.print(), &u, body)
    }

    /// Whether the keys are the same at every position.
    fn agree(self, key: &ListKey, (x, y): (&str, &str)) -> Expr {
        let (i, e) = (self.name('i'), self.name('e'));
        let other = format!("{y}[{i}]");
        let members = key
            .names()
            .map(text)
            .map(|name| Expr::text(format!("{e}[?{name}] == {other}[?{name}]")));
        let same =
            Expr::and([is_kind(&e, "map"), is_kind(&other, "map")].into_iter().chain(members));
        Expr::and([
            Expr::text(format!("size({x}) == size({y})")),
            Expr::all(x, format!("{i}, {e}"), same),
        ])
    }

    /// Whether the elements that stay are in the same order.
    fn same_order(self, key: &ListKey, (x, y): (&str, &str)) -> Expr {
        let (e, k, p, q) = (self.name('e'), self.name('k'), self.name('p'), self.name('q'));
        let staying = |of: &str, other: &str| format!("{of}.filter({k}, {k} in {other})");
        let same = Expr::text(format!("{} == {}", staying(&p, &q), staying(&q, &p)));
        let values: Vec<String> = key.members().iter().map(|member| value_of(&e, member)).collect();
        let value = match values.as_slice() {
            [one] => one.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        let names = |list: &str| format!("{list}.map({e}, {value})");
        Expr::bind(&names(x), &p, Expr::bind(&names(y), &q, same))
    }

    /// Whether a value equals a literal of the rule.
    pub(super) fn equals(
        self,
        cursor: &Cursor<'_>,
        value: &str,
        literal: &serde_json::Value,
    ) -> Expr {
        let here = self.deeper();
        let (v, w) = (here.name('v'), here.name('w'));
        // No list with elements equals the empty one, however its elements compare.
        let is_empty_list = literal.as_array().is_some_and(Vec::is_empty);
        let literal = cel(literal);
        let same = Expr::text(format!("{value} == {literal}"));
        if is_empty_list {
            return same;
        }
        let plain = Expr::text(format!("{v} == {w}"));
        match here.equality_only().pair(cursor, &Local::none(), (&v, &w)) {
            judged if judged == plain => same,
            judged => Expr::or([same, Expr::bind(value, &v, Expr::bind(&literal, &w, judged))]),
        }
    }

    /// Whether two spellings mean the same.
    pub(super) fn respelled(self, cursor: &Cursor<'_>, (x, y): (&str, &str)) -> Expr {
        let here = self.deeper();
        let (s, t) = (here.name('s'), here.name('t'));
        match cursor.declared().compare_as {
            None | Some(CompareAs::Set | CompareAs::Time | CompareAs::Float32) => Expr::False,
            Some(CompareAs::Quantity) => {
                let spells = |value: &str| {
                    Expr::or(["string", "int", "double"].map(|kind| is_kind(value, kind)))
                };
                let same = format!(
                    "isQuantity({s}) && isQuantity({t}) && quantity({s}).compareTo(quantity({t})) \
                     == 0"
                );
                let same = Expr::bind(
                    &format!("string({x}).trim()"),
                    &s,
                    Expr::bind(&format!("string({y}).trim()"), &t, Expr::text(format!("({same})"))),
                );
                Expr::and([spells(x), spells(y), same])
            }
            Some(CompareAs::Duration) => {
                let spells = |value: &str| {
                    Expr::and([
                        is_kind(value, "string"),
                        Expr::text(format!("{value}.matches({})", text(DURATION))),
                    ])
                };
                Expr::and([
                    spells(x),
                    spells(y),
                    Expr::text(format!("duration({x}) == duration({y})")),
                ])
            }
        }
    }
}

/// What is judged of an element, as the paths have it that select elements by values of the key.
pub(super) fn by_value(
    cursor: &Cursor<'_>,
    key: &ListKey,
    is_it: &dyn Fn(&KeySelector) -> Expr,
    judged: &dyn Fn(&Cursor<'_>) -> Expr,
) -> Expr {
    cursor.selected(key).iter().fold(judged(&cursor.element()), |others, selector| {
        is_it(selector).choose(judged(&cursor.selected_element(selector)), others)
    })
}

/// Whether every element is an object with a key that no other element has.
pub(super) fn unique(judge: Judge<'_>, list: &str, key: &ListKey) -> Expr {
    let (e, f) = (judge.name('e'), judge.name('f'));
    let member = |member: &KeyMember| {
        let found = format!("{e}[?{}].orValue(null)", text(&member.name));
        let kinds = ["string", "int", "bool"].map(|kind| is_kind(&found, kind));
        let left_out = member.default.is_some().then(|| Expr::text(format!("{found} == null")));
        Expr::or(kinds.into_iter().chain(left_out))
    };
    let keyed = Expr::and([is_kind(&e, "map")].into_iter().chain(key.members().iter().map(member)));
    let once = Expr::text(format!("{list}.exists_one({f}, {})", same_key(key, &f, &e)));
    Expr::and([Expr::all(list, &e, keyed), Expr::all(list, &e, once)])
}

/// The value of a key's member in an element that has a key.
fn value_of(element: &str, member: &KeyMember) -> String {
    let name = text(&member.name);
    match &member.default {
        None => format!("{element}[{name}]"),
        Some(default) => {
            let found = format!("{element}[?{name}].orValue(null)");
            let zero = member.zero.as_ref().filter(|zero| *zero != default);
            let is_zero = zero.map(|zero| format!(" || {found} == {}", cel(&zero.to_value())));
            format!(
                "({found} == null{} ? dyn({}) : {element}[{name}])",
                is_zero.unwrap_or_default(),
                cel(&default.to_value())
            )
        }
    }
}

/// Whether two elements that have keys have the same.
pub(super) fn same_key(key: &ListKey, one: &str, two: &str) -> String {
    let same =
        |member: &KeyMember| format!("{} == {}", value_of(one, member), value_of(two, member));
    key.members().iter().map(same).collect::<Vec<_>>().join(" && ")
}

/// Whether a selector selects an element that has a key.
pub(super) fn is_selected(element: &str, key: &ListKey, selector: &KeySelector) -> String {
    let same = |member: &KeyMember| {
        let value = selector.get(&member.name)?.to_value();
        Some(format!("{} == {}", value_of(element, member), cel(&value)))
    };
    key.members().iter().filter_map(same).collect::<Vec<_>>().join(" && ")
}
