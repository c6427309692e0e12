//! Below a narrowed entry that permits the change around it everything is permitted but one: that a
//! keyed list is replaced by one that cannot be keyed takes a bare entry.

use super::entries::{SentExprs, text};
use super::equality::{by_value, is_selected, same_key, unique};
use super::expression::Expr;
use super::permitted::{Judge, by_prefix, has_keyed_list, is_kind, names_have};
use super::types;
use crate::engine::{CompareAs, Cursor, KeySelector};

impl Judge<'_> {
    /// Whether no keyed list in `x` was replaced in `y`.
    pub(super) fn granted(
        self,
        cursor: &Cursor<'_>,
        (x, y): (&str, &str),
        sent: &SentExprs,
    ) -> Expr {
        if !has_keyed_list(cursor) || cursor.declared().compare_as == Some(CompareAs::Set) {
            return Expr::True;
        }
        let here = self.deeper();
        let both = |kind: &str| Expr::and([is_kind(x, kind), is_kind(y, kind)]);
        Expr::and([
            Expr::or([both("map").negated(), here.granted_members(cursor, (x, y))]),
            Expr::or([both("list").negated(), here.granted_elements(cursor, (x, y), sent)]),
        ])
    }

    fn granted_members(self, cursor: &Cursor<'_>, (x, y): (&str, &str)) -> Expr {
        let (k, v) = (self.name('k'), self.name('v'));
        let named = types::names(cursor).into_iter().map(|name| {
            let (old, new) = (format!("{x}[{}]", text(&name)), format!("{y}[{}]", text(&name)));
            let lacks = |side: &str| Expr::text(format!("!({} in {side})", text(&name)));
            Expr::or([lacks(x), lacks(y), self.granted_pair(&cursor.member(&name), (&old, &new))])
        });
        let other =
            by_prefix(cursor, &k, |other| self.granted_pair(other, (&v, &format!("{y}[{k}]"))));
        let other = Expr::or([names_have(cursor, &k), Expr::text(format!("!({k} in {y})")), other]);
        let other = Expr::all(x, format!("{k}, {v}"), other);
        Expr::and(named.chain([other]).collect::<Vec<_>>())
    }

    fn granted_elements(self, cursor: &Cursor<'_>, (x, y): (&str, &str), sent: &SentExprs) -> Expr {
        let (i, e, f) = (self.name('i'), self.name('e'), self.name('f'));
        let by_position = Expr::or([
            Expr::text(format!("{i} >= size({y})")),
            self.granted_pair(&cursor.element(), (&e, &format!("{y}[{i}]"))),
        ]);
        let by_position = Expr::all(x, format!("{i}, {e}"), by_position);
        let Some(key) = cursor.declared().key else { return by_position };
        let is_it = |selector: &KeySelector| Expr::text(is_selected(&e, key, selector));
        let paired = by_value(cursor, key, &is_it, &|element| self.granted_pair(element, (&e, &f)));
        let by_key = Expr::all(
            x,
            &e,
            Expr::all(format!("{y}.filter({f}, {})", same_key(key, &f, &e)), &f, paired),
        );
        let kept = Expr::or([unique(self, y, key), self.local(cursor, sent).every()]);
        let keyed = Expr::and([kept, Expr::or([unique(self, y, key).negated(), by_key])]);
        unique(self, x, key).choose(keyed, by_position)
    }

    fn granted_pair(self, cursor: &Cursor<'_>, (old, new): (&str, &str)) -> Expr {
        if !has_keyed_list(cursor) {
            return Expr::True;
        }
        let here = self.deeper();
        let (x, y) = (here.name('x'), here.name('y'));
        let sent = SentExprs::new(&*x, &*y);
        let judged = here.granted(cursor, (&x, &y), &sent);
        Expr::bind(old, &x, Expr::bind(new, &y, judged))
    }
}
