//! For whom and when something is permitted, as a formula that can be compared with another.

use std::collections::BTreeSet;
use std::fmt;

use crate::analysis::words::one_line;
use crate::engine::{Algebra, Entry, Requesters, escape_control};

/// One thing that must hold: who asks, or a condition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Atom {
    User(String),
    Group(String),
    /// The condition holds; for one about the value, at the location so many steps from the root.
    When(String, Option<usize>),
    /// The condition about the value holds at a location that the rest of the path leads to.
    WhenBelow(String, String),
}

/// A formula without negation: any of these, each all of those. Nothing in it: never. Kept minimal,
/// so equal formulas are the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Formula(BTreeSet<BTreeSet<Atom>>);

pub(crate) static NEVER: Formula = Formula(BTreeSet::new());

impl Formula {
    /// Where an entry is active; `at` is the depth of the location, or the rest of the path at an
    /// object that is intermediate to the entry.
    pub(crate) fn from_entry(entry: &Entry, at: AskedAt<'_>) -> Self {
        let by = entry.by.as_ref().map_or_else(Self::always, Self::requesters);
        let Some(when) = &entry.when else { return by };
        let text = when.text().trim().to_owned();
        let atom = match at {
            _ if !when.depends_on_the_value() => Atom::When(text, None),
            AskedAt::Depth(depth) => Atom::When(text, Some(depth)),
            AskedAt::Above(rest) => Atom::WhenBelow(text, rest.to_owned()),
        };
        by.and(&Self(BTreeSet::from([BTreeSet::from([atom])])))
    }

    /// Any of the requesters.
    fn requesters(by: &Requesters) -> Self {
        let users = by.user_names().map(Atom::User);
        let groups = by.groups.iter().cloned().map(Atom::Group);
        Self(users.chain(groups).map(|atom| BTreeSet::from([atom])).collect())
    }

    pub(crate) fn is_never(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn is_always(&self) -> bool {
        self.0.contains(&BTreeSet::new())
    }

    /// Whether it holds wherever the other holds.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|term| self.0.iter().any(|own| own.is_subset(term)))
    }

    fn minimal(terms: impl Iterator<Item = BTreeSet<Atom>>) -> Self {
        let mut terms: Vec<_> = terms.collect();
        terms.sort_by_key(BTreeSet::len);
        let mut kept: Vec<BTreeSet<Atom>> = Vec::new();
        for term in terms {
            if !kept.iter().any(|other| other.is_subset(&term)) {
                kept.push(term);
            }
        }
        Self(kept.into_iter().collect())
    }
}

impl Algebra for Formula {
    fn never() -> Self {
        Self::default()
    }

    fn always() -> Self {
        Self(BTreeSet::from([BTreeSet::new()]))
    }

    fn or(&self, other: &Self) -> Self {
        Self::minimal(self.0.union(&other.0).cloned())
    }

    fn and(&self, other: &Self) -> Self {
        let pairs = self.0.iter().flat_map(|one| {
            other.0.iter().map(move |two| one.union(two).cloned().collect::<BTreeSet<_>>())
        });
        // Nobody is two users.
        let is_possible = |term: &BTreeSet<Atom>| {
            term.iter().filter(|atom| matches!(atom, Atom::User(_))).count() < 2
        };
        Self::minimal(pairs.filter(is_possible))
    }
}

/// Where an entry's condition is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AskedAt<'p> {
    /// At a location that the whole path leads to, so many steps from the root.
    Depth(usize),
    /// At an object above it; the rest of the path.
    Above(&'p str),
}

impl fmt::Display for Formula {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_never() {
            return out.write_str("nobody");
        }
        if self.is_always() {
            return out.write_str("everybody");
        }
        let terms: Vec<String> = self
            .0
            .iter()
            .map(|term| term.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "))
            .collect();
        out.write_str(&terms.join(", or "))
    }
}

impl fmt::Display for Atom {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(out, "user {}", escape_control(name)),
            Self::Group(name) => write!(out, "group {}", escape_control(name)),
            Self::When(text, _) => write!(out, "when `{}`", one_line(text)),
            Self::WhenBelow(text, rest) => {
                write!(out, "when `{}` at `{}`", one_line(text), escape_control(rest))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(terms: &[&[&str]]) -> Formula {
        let atom = |text: &&str| match text.split_once(':') {
            Some(("u", name)) => Atom::User(name.to_owned()),
            Some((_, name)) => Atom::Group(name.to_owned()),
            None => Atom::When((*text).to_owned(), None),
        };
        Formula::minimal(terms.iter().map(|term| term.iter().map(atom).collect()))
    }

    #[test]
    fn formulas_are_kept_minimal() {
        let (a, b, when) = (of(&[&["u:a"]]), of(&[&["u:b"]]), of(&[&["x"]]));
        assert_eq!(a.and(&b), Formula::default());
        assert_eq!(a.or(&b).and(&b.or(&when)), of(&[&["u:b"], &["u:a", "x"]]));
        assert_eq!(a.or(&Formula::always()), Formula::always());
        assert_eq!(a.or(&a.and(&when)), a);
        assert!(
            a.covers(&a.and(&when))
                && !a.and(&when).covers(&a)
                && Formula::always().covers(&when)
                && a.covers(&Formula::default())
        );
        assert_eq!(of(&[&["u:b"], &["g:a", "x"]]).to_string(), "user b, or group a and when `x`");
    }
}
