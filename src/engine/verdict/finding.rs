//! A change that was found, and whether it may be made.

use crate::engine::alignment::Id;
use crate::engine::rule::Verb;

/// What happened at a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// A member appeared.
    Set,
    /// A member or an element has another value.
    Modify,
    /// A member vanished.
    Clear,
    /// An element appeared.
    AddItem,
    /// An element vanished.
    RemoveItem,
    /// Elements that stay changed their order.
    Reorder,
}

impl ChangeKind {
    /// Its name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Set => "Set",
            Self::Modify => "Modify",
            Self::Clear => "Clear",
            Self::AddItem => "AddItem",
            Self::RemoveItem => "RemoveItem",
            Self::Reorder => "Reorder",
        }
    }

    /// The verb of `allow` that permits it.
    pub(crate) fn verb(self) -> Verb {
        match self {
            Self::Set => Verb::Set,
            Self::Clear => Verb::Clear,
            Self::AddItem => Verb::AddItem,
            Self::RemoveItem => Verb::RemoveItem,
            Self::Modify | Self::Reorder => Verb::Modify,
        }
    }
}

/// A change, at the highest location that changed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The number of the location. A review has fewer than `u32::MAX` locations.
    at: u32,
    pub(crate) kind: ChangeKind,
    pub(crate) verdict: ChangeVerdict,
}

impl Finding {
    pub(super) fn new(at: Id, kind: ChangeKind, verdict: ChangeVerdict) -> Self {
        Self { at: u32::try_from(at).unwrap_or(u32::MAX), kind, verdict }
    }

    /// The location that changed.
    pub(crate) fn at(self) -> Id {
        self.at as usize
    }
}

/// Whether a change may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeVerdict {
    Permitted,
    Violation,
}
