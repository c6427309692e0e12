//! The oracle's own idea of a rule (semantics §4 to §6): plain lists, in the order in which they
//! were written.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::Value;

/// Where something is: the steps from the root down (§4, §7).
pub(crate) type Location = Vec<At>;

/// One step of a location, on both objects at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum At {
    /// The member of an object.
    Key(String),
    /// An element of a list that is compared by position.
    Index(usize),
    /// An element of a keyed list.
    Named(KeyTexts),
    /// A member of a Set list, and where it stands (§7).
    Member(usize),
}

impl At {
    /// What decides the order of reports: numbers by value (§7).
    fn order(&self) -> (u8, usize, &str, Vec<(&str, KeyOrder)>) {
        match self {
            Self::Key(key) => (0, 0, key, Vec::new()),
            Self::Index(index) => (1, *index, "", Vec::new()),
            Self::Named(key) => {
                let value = |text: &str| match serde_json::from_str(text).expect("JSON") {
                    Value::Bool(value) => (0, i128::from(value), String::new()),
                    Value::Number(number) => (1, number.as_i128().unwrap(), String::new()),
                    value => (2, 0, value.as_str().unwrap().to_owned()),
                };
                let members = key.iter().map(|(name, text)| (name.as_str(), value(text)));
                (2, 0, "", members.collect())
            }
            Self::Member(index) => (3, *index, "", Vec::new()),
        }
    }
}

impl Ord for At {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for At {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Booleans before integers before texts.
type KeyOrder = (u8, i128, String);

/// The names of a key's members, each with its value as JSON (§6).
pub(crate) type KeyTexts = BTreeMap<String, String>;

/// One step of a path (§4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// `.name` or `['name']`.
    Name { name: String, quoted: bool },
    /// `.*`.
    AnyMember,
    /// `['prefix*']`.
    Prefix(String),
    /// `[*]`.
    AnyElement,
    /// `[key=value]`.
    Keyed { key: KeyTexts, quoted: bool },
}

impl Step {
    /// Whether this step of a path goes to that step of a location.
    pub(crate) fn goes_to(&self, at: &At) -> bool {
        match (self, at) {
            (Self::Name { name, .. }, At::Key(key)) => name == key,
            (Self::Prefix(prefix), At::Key(key)) => key.starts_with(prefix),
            (Self::AnyMember, At::Key(_))
            | (Self::AnyElement, At::Index(_) | At::Named(_) | At::Member(_)) => true,
            (Self::Keyed { key, .. }, At::Named(own)) => key == own,
            _ => false,
        }
    }

    /// Whether it goes to a member of an object: name, key, prefix, `.*` (§5, on the way).
    pub(crate) fn is_member(&self) -> bool {
        matches!(self, Self::Name { .. } | Self::AnyMember | Self::Prefix(_))
    }
}

/// A path (§4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path(pub Vec<Step>);

impl Path {
    /// Whether this path ends at that very location.
    pub(crate) fn reaches(&self, at: &[At]) -> bool {
        self.0.len() == at.len() && self.0.iter().zip(at).all(|(step, at)| step.goes_to(at))
    }

    /// Whether this path goes through that location and further.
    pub(crate) fn passes(&self, at: &[At]) -> bool {
        self.0.len() > at.len() && self.0.iter().zip(at).all(|(step, at)| step.goes_to(at))
    }

    /// How this path, which protects what it reaches, leads to a location: whether that is its end.
    /// In a list that cannot be keyed or has another key, and below it, an element may have any key.
    pub(crate) fn protects(&self, at: &[At]) -> Option<bool> {
        let mut unkeyable = false;
        let leads = self.0.iter().zip(at).all(|(step, at)| {
            let by_key = matches!(step, Step::Keyed { .. });
            unkeyable |= match (step, at) {
                (Step::Keyed { key, .. }, At::Named(own)) => !key.keys().eq(own.keys()),
                (Step::Keyed { .. }, At::Index(_)) => true,
                _ => false,
            };
            step.goes_to(at) || unkeyable && by_key && !matches!(at, At::Key(_))
        });
        (leads && self.0.len() >= at.len()).then_some(self.0.len() == at.len())
    }

    /// This path and one step more.
    pub(crate) fn then(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

/// What an entry permits at its path (§5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    Set,
    Modify,
    Clear,
    AddItem,
    RemoveItem,
}

/// All five; a bare entry has them all.
pub(crate) const VERBS: [Verb; 5] =
    [Verb::Set, Verb::Modify, Verb::Clear, Verb::AddItem, Verb::RemoveItem];

/// A set of requesters, any of (`by` in §5, `exempt` in the rule document).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Who {
    pub users: Vec<String>,
    pub groups: Vec<String>,
    /// `namespace/name`.
    pub accounts: Vec<String>,
}

impl Who {
    pub(crate) fn includes(&self, user: &User) -> bool {
        let account = |account: &String| {
            let (namespace, name) = account.split_once('/').expect("namespace/name");
            user.name == format!("system:serviceaccount:{namespace}:{name}")
        };
        self.users.contains(&user.name)
            || self.groups.iter().any(|group| user.groups.contains(group))
            || self.accounts.iter().any(account)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.users.is_empty() && self.groups.is_empty() && self.accounts.is_empty()
    }
}

/// The requester.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub name: String,
    pub groups: Vec<String>,
}

/// A mutable entry (§5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub path: Path,
    /// None is the bare form: all five.
    pub allow: Option<Vec<Verb>>,
    /// None is everybody.
    pub by: Option<Who>,
    /// What must hold, else the entry is not there.
    pub when: Option<String>,
}

impl Entry {
    pub(crate) fn bare(path: Path) -> Self {
        Self { path, allow: None, by: None, when: None }
    }

    pub(crate) fn verbs(&self) -> &[Verb] {
        self.allow.as_deref().unwrap_or(&VERBS)
    }
}

/// What is said about equality at a path (§6).
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reading {
    Quantity,
    Duration,
    Set,
    AbsentAs(Value),
    Key(Key),
}

/// By what the elements of a list pair (§6).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    /// Each with its default.
    pub members: Vec<(String, Option<Value>)>,
    /// `order: ignore`.
    pub any_order: bool,
}

impl Reading {
    /// A key of one member.
    pub(crate) fn key(name: &str) -> Self {
        Self::Key(Key { members: vec![(name.to_owned(), None)], any_order: false })
    }
}

/// An entry of `equality` (§6).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Equality {
    pub path: Path,
    pub reading: Reading,
}

/// How an objectSelector names a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    MatchLabels,
    MatchExpressions,
}

/// A rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Rule {
    pub mutable: Vec<Entry>,
    pub protected: Vec<Path>,
    pub equality: Vec<Equality>,
    /// The labels that the objectSelector names.
    pub selector: Vec<(String, Naming)>,
    pub exempt: Who,
}

impl Rule {
    /// The paths that are protected: those that the rule lists, and the labels of the selector.
    pub(crate) fn protections(&self) -> impl Iterator<Item = Path> {
        let label = |(label, _): &(String, Naming)| {
            let name = |name: &str| Step::Name { name: name.to_owned(), quoted: false };
            Path(["metadata", "labels", label].map(name).to_vec())
        };
        self.protected.iter().cloned().chain(self.selector.iter().map(label))
    }
}
