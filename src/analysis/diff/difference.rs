//! One difference between two rules.

use crate::analysis::symbolic::{ChangeClass, Formula};
use crate::engine::{Path, Step};

/// What another version of a rule does otherwise.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// Some change is permitted in other cases than before.
    Permission(Permission),
    /// Values are compared in another way.
    Compared {
        /// Where.
        path: Vec<Step>,
        /// Only for those not named beside it.
        others: bool,
        /// How before.
        before: String,
        /// How now.
        after: String,
    },
    /// The rule covers other updates, or something else follows.
    Scope {
        /// The part of the document.
        what: &'static str,
        /// What it said.
        before: String,
        /// What it says.
        after: String,
    },
}

/// A change that is permitted in other cases than before.
#[derive(Debug, Clone, PartialEq)]
pub struct Permission {
    pub(crate) path: Vec<Step>,
    pub(crate) others: bool,
    pub(crate) changes: Vec<ChangeClass>,
    pub(crate) direction: Direction,
    pub(crate) before: Formula,
    pub(crate) after: Formula,
    pub(crate) except: Vec<Path>,
    /// What the location is where nothing differs after all, as its items say the same.
    pub(crate) unless: Option<Container>,
}

impl Permission {
    pub(crate) fn new(
        path: &[Step],
        change: ChangeClass,
        direction: Direction,
        [before, after]: [&Formula; 2],
    ) -> Self {
        Self {
            path: path.to_vec(),
            others: false,
            changes: vec![change],
            direction,
            before: before.clone(),
            after: after.clone(),
            except: Vec::new(),
            unless: None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    List,
    Map,
}

impl Container {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Map => "map",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Direction {
    Gained,
    Lost,
    /// In others: conditions or requesters differ.
    Other,
}

impl Difference {
    /// The kind of difference, as `-o json` has it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Permission(Permission { direction: Direction::Gained, .. }) => "newlyPermitted",
            Self::Permission(Permission { direction: Direction::Lost, .. }) => "newlyRefused",
            Self::Permission(Permission { direction: Direction::Other, .. }) => "dependsOtherwise",
            Self::Compared { .. } => "comparedDifferently",
            Self::Scope { .. } => "scope",
        }
    }

    /// Where it is; none for what concerns the whole rule.
    pub fn path(&self) -> Option<&[Step]> {
        match self {
            Self::Permission(Permission { path, .. }) | Self::Compared { path, .. } => Some(path),
            Self::Scope { .. } => None,
        }
    }

    /// `list` or `map`, if nothing differs where the location is one.
    pub fn unless(&self) -> Option<&'static str> {
        match self {
            Self::Permission(permission) => permission.unless.map(Container::as_str),
            _ => None,
        }
    }

    pub(crate) fn direction(&self) -> Option<Direction> {
        match self {
            Self::Permission(permission) => Some(permission.direction),
            _ => None,
        }
    }

    /// The same at the widest class instead of a narrower one.
    pub(crate) fn moved(&self, depth: usize, wide: &Step) -> Self {
        let mut moved = self.clone();
        let (Self::Permission(Permission { path, .. }) | Self::Compared { path, .. }) = &mut moved
        else {
            return moved;
        };
        if let Some(step) = path.get_mut(depth) {
            *step = wide.clone();
        }
        moved
    }

    /// The same, but not for what is named beside it.
    pub(crate) fn of_others(mut self) -> Self {
        if let Self::Permission(Permission { others, .. }) | Self::Compared { others, .. } =
            &mut self
        {
            *others = true;
        }
        self
    }
}
