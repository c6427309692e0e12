//! Rules as values: what a rule document says, parsed. A [`Rule`] exists only if everything in its document holds.

mod builtin;
mod checks;
mod constraints;
mod declaration;
mod document;
mod error;
mod exemptions;
mod list;
mod marks;
mod parse;
mod resources;
mod schema;
mod selection;
mod set;
#[cfg(test)]
mod tests;
mod webhook;

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::condition::Condition;
use super::path::Path;
use super::pattern::Tree;

pub use builtin::Builtin;
pub use declaration::{Declaration, Equal};
pub use error::{RuleError, RuleErrors};
pub use exemptions::Exemptions;
pub use marks::OWNED;
pub use parse::LONGEST_NAME;
pub use resources::ResourceRule;
pub(super) use resources::Target;
pub use schema::SpecSchema;
pub use selection::SelectionKey;
pub use set::{Document, RuleSet};

/// The name of a rule: a DNS subdomain, as for every object of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleName(Arc<str>);

impl RuleName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for RuleName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// One rule: which objects it speaks of, and which of their fields an update may change.
#[derive(Debug, Clone)]
pub struct Rule {
    pub(super) name: RuleName,
    pub(super) origin: String,
    pub(super) text: String,
    pub(super) source: Option<String>,
    pub(super) resources: Vec<ResourceRule>,
    pub(super) namespace_selector: LabelSelector,
    pub(super) object_selector: LabelSelector,
    pub(super) conditions: Vec<MatchCondition>,
    pub(super) actions: Actions,
    pub(super) failure_policy: FailurePolicy,
    pub(super) reason: Reason,
    pub(super) entries: Vec<Entry>,
    pub(super) equality: Vec<Equality>,
    pub(super) sensitive: Vec<Path>,
    pub(super) defaulted: Vec<Path>,
    pub(super) exempt: Requesters,
    pub(super) tree: Tree<Mark>,
    /// What those may change whom no entry names, as replies say it.
    pub(super) for_everybody: Arc<str>,
}

impl Rule {
    /// Its name.
    pub fn name(&self) -> &RuleName {
        &self.name
    }

    /// The file that it came from, `built-in` for the rules compiled in.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Its document as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the list of mutable fields is documented (annotation `fieldward.io/source`).
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// The resources it speaks of.
    pub fn resources(&self) -> &[ResourceRule] {
        &self.resources
    }

    /// The namespaces it is registered for; the API server evaluates it.
    pub fn namespace_selector(&self) -> &LabelSelector {
        &self.namespace_selector
    }

    /// The objects it is registered for; the API server evaluates it. The labels that it names are protected.
    pub fn object_selector(&self) -> &LabelSelector {
        &self.object_selector
    }

    /// CEL conditions of the registration; the API server evaluates them.
    pub fn conditions(&self) -> &[MatchCondition] {
        &self.conditions
    }

    /// What follows from a violation.
    pub fn actions(&self) -> Actions {
        self.actions
    }

    /// What the API server does when the webhook cannot be reached.
    pub fn failure_policy(&self) -> FailurePolicy {
        self.failure_policy
    }

    /// The reason of its denials.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The entries of `mutable`, in the document's order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.is_documented())
    }

    /// Those whose field the kind has: all but the ones that `fieldward.io/absent` marks.
    pub fn present_entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries().filter(|entry| !entry.is_absent)
    }

    /// The entries that every rule has, whatever its document lists: what Kubernetes' own controllers must be able to write.
    pub fn lifecycle_entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| !entry.is_documented())
    }

    /// The declared equalities, in the document's order; of several at one location the first counts.
    pub fn equality(&self) -> &[Equality] {
        &self.equality
    }

    /// What they declare, one by one.
    pub fn declarations(&self) -> impl Iterator<Item = Declaration> {
        self.equality.iter().flat_map(Declaration::all_of)
    }

    /// The paths whose values are never shown.
    pub fn sensitive(&self) -> &[Path] {
        &self.sensitive
    }

    /// Who may change anything.
    pub fn exempt(&self) -> &Requesters {
        &self.exempt
    }

    /// The paths that a default usually fills on creation (annotation `fieldward.io/defaulted`).
    pub fn defaulted(&self) -> &[Path] {
        &self.defaulted
    }

    /// Whether it speaks of a target.
    pub(super) fn speaks_of(&self, target: &Target<'_>) -> bool {
        self.resources.iter().any(|resource| resource.matches(target))
    }

    /// The labels that the object selector names: no update may change them, or a requester could leave the rule by relabelling.
    pub fn protected_labels(&self) -> impl Iterator<Item = &str> {
        let selector = &self.object_selector;
        let keys = selector.match_labels.iter().map(|(key, _)| key.as_str());
        keys.chain(selector.match_expressions.iter().map(|expression| expression.key.as_str()))
    }
}

/// An entry of `mutable`.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it reaches, with everything below.
    pub path: Path,
    /// The changes it permits there.
    pub verbs: Verbs,
    /// Who may make them; none: everybody.
    pub by: Option<Requesters>,
    /// What must hold, else the entry is not there.
    pub when: Option<Condition>,
    /// Whether the kind lacks the field although its documentation lists it (annotation `fieldward.io/absent`).
    pub is_absent: bool,
    /// The line of the file where it stands, counted from 1; none for those that every rule has.
    pub line: Option<u64>,
    pub(super) origin: EntryOrigin,
}

impl Entry {
    /// Whether the rule's document lists it.
    pub(super) fn is_documented(&self) -> bool {
        self.origin == EntryOrigin::Document
    }
}

/// An entry of `equality`: at least one of the three is declared.
#[derive(Debug, Clone, PartialEq)]
pub struct Equality {
    /// The locations that it is about.
    pub path: Path,
    /// What their values mean (`as`).
    pub meaning: Option<Meaning>,
    /// The value that left out counts as (`absentAs`).
    pub absent_as: Option<Value>,
    /// The member by which the elements of the list pair (`key`).
    pub key: Option<String>,
}

/// Where an entry comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryOrigin {
    /// The rule's document.
    Document,
    /// Every rule has it: what Kubernetes' own controllers must be able to write.
    Lifecycle,
}

/// One kind of change that an entry can permit; the five of Kubernetes' declarative validation (KEP-5073).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
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
    pub const ALL: [(Self, &'static str); 5] = [
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
    pub const ALL: Self = Self(0b1_1111);

    /// The set with `verb` in it.
    #[must_use]
    pub fn with(self, verb: Verb) -> Self {
        Self(self.0 | 1 << verb as u8)
    }

    /// Those in either set.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether `verb` is in it.
    pub fn has(self, verb: Verb) -> bool {
        self.0 & (1 << verb as u8) != 0
    }

    /// The names of the verbs in it, in the order of the documentation.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Verb::ALL.into_iter().filter(move |(verb, _)| self.has(*verb)).map(|(_, name)| name)
    }
}

/// A list of requesters: users, groups and service accounts. It reads `user a or service accounts b/c, b/d`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Requesters {
    /// User names.
    pub users: Vec<String>,
    /// Group names.
    pub groups: Vec<String>,
    /// Service accounts as `namespace/name`.
    pub service_accounts: Vec<String>,
}

impl Requesters {
    /// Whether the requester is one of them.
    pub fn contains(&self, user: &str, groups: &[String]) -> bool {
        let account = user.strip_prefix("system:serviceaccount:").and_then(|account| account.split_once(':'));
        self.users.iter().any(|name| name == user)
            || self.groups.iter().any(|name| groups.contains(name))
            || account.is_some_and(|account| self.service_accounts.iter().any(|listed| listed.split_once('/') == Some(account)))
    }
}

impl fmt::Display for Requesters {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [("user", &self.users), ("group", &self.groups), ("service account", &self.service_accounts)];
        for (index, (what, names)) in lists.into_iter().filter(|(_, names)| !names.is_empty()).enumerate() {
            let before = if index == 0 { "" } else { " or " };
            let plural = if names.len() == 1 { "" } else { "s" };
            write!(out, "{before}{what}{plural} {}", names.join(", "))?;
        }
        Ok(())
    }
}

/// What the rule says of the locations that a path selects.
#[derive(Debug, Clone)]
pub(super) enum Mark {
    /// The mutable entry of that index.
    Entry(usize),
    /// Compared by meaning; of several the lowest `order` counts.
    As { order: usize, meaning: Meaning },
    /// Counts as left out if it equals the value.
    AbsentAs { order: usize, value: Arc<Value> },
    /// A list whose elements pair by that member.
    Key { order: usize, key: Arc<str> },
    /// Usually filled by a default on creation (annotation `fieldward.io/defaulted`).
    Defaulted,
    /// The API server's own: never a change.
    Owned,
    /// `metadata.finalizers`, which may shrink while the object is being deleted.
    Finalizers,
}

/// A declared equality of values (`as`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Kubernetes quantities.
    Quantity,
    /// Go durations.
    Duration,
    /// A list without order and repetition.
    Set,
}

/// What follows from a violation; `Deny` and `Warn` exclude each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actions {
    /// The first: what the requester notices.
    pub effect: Effect,
    /// Whether `Audit` is listed.
    pub audit: bool,
}

/// What the requester notices of a violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The update is refused.
    Deny,
    /// The update is allowed, with a warning.
    Warn,
    /// Nothing: it is only recorded.
    Nothing,
}

/// What the API server does when the webhook cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailurePolicy {
    /// It refuses the update.
    Fail,
    /// It lets the update through.
    Ignore,
}

/// The reason of a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// 403: tools leave the object alone.
    Forbidden,
    /// 422: tools that are told to force may delete and recreate the object.
    Invalid,
}

/// A label selector, as in `metav1.LabelSelector`; empty selects everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelSelector {
    /// Labels with their values.
    pub match_labels: Vec<(String, String)>,
    /// Expressions.
    pub match_expressions: Vec<SelectorExpression>,
}

/// One expression of a [`LabelSelector`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectorExpression {
    /// The label.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// The values, empty for the last two operators.
    pub values: Vec<String>,
}

/// A CEL condition of the registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchCondition {
    /// Its name.
    pub name: String,
    /// The expression.
    pub expression: String,
}
