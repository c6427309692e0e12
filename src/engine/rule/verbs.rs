//! The changes that an entry can permit.

/// One kind of change that an entry can permit; the five of Kubernetes' declarative validation
/// (KEP-5073).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    /// Absent becomes present.
    Set,
    /// One value becomes another.
    Modify,
    /// Present becomes absent.
    Clear,
    /// A list or map gets an item.
    AddItem,
    /// A list or map loses an item.
    RemoveItem,
}

impl Verb {
    /// Every verb with its name, in the order of the documentation.
    pub(crate) const ALL: [(Self, &'static str); 5] = [
        (Self::Set, "Set"),
        (Self::Modify, "Modify"),
        (Self::Clear, "Clear"),
        (Self::AddItem, "AddItem"),
        (Self::RemoveItem, "RemoveItem"),
    ];
}

/// A set of [`Verb`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verbs(u8);

impl Verbs {
    /// Every verb: what a bare path permits.
    pub(crate) const ALL: Self = Self(0b1_1111);

    /// The set with `verb` in it.
    #[must_use]
    pub(crate) fn with(self, verb: Verb) -> Self {
        Self(self.0 | 1 << verb as u8)
    }

    /// Those in either set.
    #[must_use]
    pub(crate) fn union(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether `verb` is in it.
    pub(crate) fn has(self, verb: Verb) -> bool {
        self.0 & (1 << verb as u8) != 0
    }

    /// The names of the verbs in it, in the order of the documentation.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        Verb::ALL.into_iter().filter(move |(verb, _)| self.has(*verb)).map(|(_, name)| name)
    }
}
