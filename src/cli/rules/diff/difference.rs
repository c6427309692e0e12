//! One difference between two rules, for people and for programs.

use serde::Serialize;

use crate::cli::output::{BAD, DOUBTFUL, GOOD, styled};
use crate::cli::rules::reach::{Change, Guard};
use crate::engine::{Path, Step, harmless};

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
    /// The rule speaks of other updates, or something else follows.
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
    pub(super) path: Vec<Step>,
    pub(super) others: bool,
    pub(in crate::cli::rules) changes: Vec<Change>,
    pub(in crate::cli::rules) direction: Direction,
    pub(in crate::cli::rules) before: Guard,
    pub(in crate::cli::rules) after: Guard,
    pub(super) except: Vec<Path>,
    /// What the location is where nothing differs after all, as its items say the same.
    pub(super) unless: Option<Container>,
}

/// What a location may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    List,
    Map,
}

impl Container {
    fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Map => "map",
        }
    }
}

/// Which way it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli::rules) enum Direction {
    /// In more cases.
    Gained,
    /// In fewer.
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

    pub(super) fn direction(&self) -> Option<Direction> {
        match self {
            Self::Permission(permission) => Some(permission.direction),
            _ => None,
        }
    }

    /// The same at the widest class instead of a narrower one.
    pub(super) fn moved(&self, depth: usize, wide: &Step) -> Self {
        let mut moved = self.clone();
        let (Self::Permission(Permission { path, .. }) | Self::Compared { path, .. }) = &mut moved else { return moved };
        if let Some(step) = path.get_mut(depth) {
            *step = wide.clone();
        }
        moved
    }

    /// The same, but not for what is named beside it.
    pub(super) fn of_others(mut self) -> Self {
        if let Self::Permission(Permission { others, .. }) | Self::Compared { others, .. } = &mut self {
            *others = true;
        }
        self
    }

    /// One line, without its heading.
    pub(super) fn line(&self) -> String {
        match self {
            Self::Permission(permission) => permission.line(),
            Self::Compared { path, others, before, after } => {
                format!("  {} {}: {after} (was: {before})\n", styled(DOUBTFUL, "~"), place(path, *others))
            }
            Self::Scope { what, before, after } => format!("  {} {what}: {after} (was: {before})\n", styled(DOUBTFUL, "~")),
        }
    }

    pub(super) fn json(&self) -> Json {
        let shown = |path: &[Step]| Path::of(path).map(|path| path.to_string());
        match self {
            Self::Permission(permission) => Json {
                difference: self.kind(),
                path: shown(&permission.path),
                others: permission.others,
                what: None,
                changes: permission.changes.iter().map(|change| change.as_str()).collect(),
                before: permission.before.to_string(),
                after: permission.after.to_string(),
                except: permission.except.iter().map(ToString::to_string).collect(),
                unless: permission.unless.map(Container::as_str),
            },
            Self::Compared { path, others, before, after } => Json {
                difference: self.kind(),
                path: shown(path),
                others: *others,
                what: None,
                changes: Vec::new(),
                before: before.clone(),
                after: after.clone(),
                except: Vec::new(),
                unless: None,
            },
            Self::Scope { what, before, after } => Json {
                difference: self.kind(),
                path: None,
                others: false,
                what: Some(what),
                changes: Vec::new(),
                before: before.clone(),
                after: after.clone(),
                except: Vec::new(),
                unless: None,
            },
        }
    }
}

impl Permission {
    fn line(&self) -> String {
        let changes = changes(&self.changes);
        let mark = match self.direction {
            Direction::Gained => styled(GOOD, "+"),
            Direction::Lost => styled(BAD, "-"),
            Direction::Other => styled(DOUBTFUL, "~"),
        };
        let who = match (self.direction, self.before.is_never(), self.after.is_never()) {
            (Direction::Gained, true, _) if self.after.is_always() => String::new(),
            (Direction::Lost, _, true) if self.before.is_always() => String::new(),
            (Direction::Other, ..) => format!("; may now depend on: {} (was: {})", self.after, self.before),
            _ => format!("; now: {} (was: {})", self.after, self.before),
        };
        let except: Vec<String> = self.except.iter().map(|path| harmless(&path.to_string())).collect();
        let except = match self.direction {
            _ if except.is_empty() => String::new(),
            Direction::Gained => format!("; was listed before: {}", except.join(", ")),
            _ => format!("; still listed: {}", except.join(", ")),
        };
        let unless = self.unless.map(|container| format!("; but not if it is a {}", container.as_str())).unwrap_or_default();
        format!("  {mark} {}: {changes}{who}{except}{unless}\n", place(&self.path, self.others))
    }
}

fn place(path: &[Step], others: bool) -> String {
    let text = Path::of(path).map(|path| harmless(&path.to_string())).unwrap_or_default();
    if others { format!("{text} (those not named)") } else { text }
}

fn changes(changes: &[Change]) -> String {
    if Change::VERBS.iter().all(|verb| changes.contains(verb)) {
        return "every change".to_owned();
    }
    changes.iter().map(|change| change.as_str()).collect::<Vec<_>>().join(", ")
}

/// What `-o json` prints of a difference.
#[derive(Serialize)]
pub(super) struct Json {
    difference: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// Only for those that are not named beside it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    others: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<&'static str>,
    before: String,
    after: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    except: Vec<String>,
    /// `list` or `map`: if the location is one, nothing differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    unless: Option<&'static str>,
}
