//! One rule, and its entries.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use super::actions::{Actions, FailurePolicy, Reason};
use super::condition::Condition;
use super::equality::Equality;
use super::mark::Mark;
use super::path::Path;
use super::requesters::Requesters;
use super::resources::{ResourceRule, Target};
use super::selector::{LabelSelector, MatchCondition};
use super::tree::Tree;
use super::verbs::Verbs;

/// Characters of a rule's name: the name of its webhook, NAME.fieldward.io, has at most 253.
pub(crate) const LONGEST_NAME: usize = 253 - ".fieldward.io".len();

/// The name of a rule: a DNS subdomain, as for every object of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleName(pub(crate) Arc<str>);

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

/// One rule: which objects it covers, and which of their fields an update may change.
#[derive(Debug, Clone)]
pub struct Rule {
    pub(crate) name: RuleName,
    pub(crate) origin: String,
    pub(crate) text: String,
    pub(crate) source: Option<String>,
    pub(crate) lint_ignore: Option<String>,
    pub(crate) unknown_annotations: Vec<String>,
    pub(crate) resources: Vec<ResourceRule>,
    pub(crate) namespace_selector: LabelSelector,
    pub(crate) object_selector: LabelSelector,
    pub(crate) conditions: Vec<MatchCondition>,
    pub(crate) actions: Actions,
    pub(crate) failure_policy: FailurePolicy,
    pub(crate) reason: Reason,
    pub(crate) entries: Vec<Entry>,
    pub(crate) equality: Vec<Equality>,
    pub(crate) protected: Vec<Protection>,
    pub(crate) sensitive: Vec<Path>,
    pub(crate) defaulted: Vec<Path>,
    pub(crate) exempt: Requesters,
    pub(crate) tree: Tree<Mark>,
    /// The mutable fields of a requester whom no `by` names, as text for messages.
    pub(crate) mutable_for_everybody: Arc<str>,
}

impl Rule {
    /// Unique in a set of rules.
    pub fn name(&self) -> &RuleName {
        &self.name
    }

    /// The file that it came from, `built-in` for the rules compiled in.
    pub(crate) fn origin(&self) -> &str {
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

    /// The lints that it suppresses, each with a reason (annotation `fieldward.io/lint-ignore`).
    pub(crate) fn lint_ignore(&self) -> Option<&str> {
        self.lint_ignore.as_deref()
    }

    /// Annotations with the prefix of fieldward that it does not read.
    pub(crate) fn unknown_annotations(&self) -> &[String] {
        &self.unknown_annotations
    }

    /// What the registration lists as `rules`.
    pub fn resources(&self) -> &[ResourceRule] {
        &self.resources
    }

    /// The namespaces it is registered for; the API server evaluates it.
    pub(crate) fn namespace_selector(&self) -> &LabelSelector {
        &self.namespace_selector
    }

    /// The objects it is registered for; the API server evaluates it. The labels that it names are
    /// protected.
    pub(crate) fn object_selector(&self) -> &LabelSelector {
        &self.object_selector
    }

    /// CEL conditions of the registration; the API server evaluates them.
    pub(crate) fn match_conditions(&self) -> &[MatchCondition] {
        &self.conditions
    }

    /// What follows from a violation.
    pub fn actions(&self) -> Actions {
        self.actions
    }

    /// What the API server does when the webhook cannot be reached.
    pub(crate) fn failure_policy(&self) -> FailurePolicy {
        self.failure_policy
    }

    /// What the status of a denial has as its reason.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The entries of `mutable`, in the document's order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.is_documented())
    }

    /// The entries whose field the kind has: all except those that `fieldward.io/absent` lists.
    pub(crate) fn present_entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries().filter(|entry| !entry.is_absent)
    }

    /// The entries that every rule has, whatever its document lists: what Kubernetes' own
    /// controllers must be able to write.
    pub fn lifecycle_entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| !entry.is_documented())
    }

    /// The declared equalities, in the document's order; of several at one location the first
    /// counts.
    pub fn equality(&self) -> &[Equality] {
        &self.equality
    }

    /// Where no entry permits a change: the paths that the document lists, in its order, then the
    /// labels that the object selector names.
    pub(crate) fn protected(&self) -> &[Protection] {
        &self.protected
    }

    /// The paths whose values are never shown.
    pub(crate) fn sensitive(&self) -> &[Path] {
        &self.sensitive
    }

    /// Who may change anything.
    pub(crate) fn exempt(&self) -> &Requesters {
        &self.exempt
    }

    /// The paths that a default usually fills on creation (annotation `fieldward.io/defaulted`).
    pub(crate) fn defaulted(&self) -> &[Path] {
        &self.defaulted
    }

    /// Whether it covers a target.
    pub(crate) fn covers(&self, target: &Target<'_>) -> bool {
        self.resources.iter().any(|resource| resource.matches(target))
    }
}

/// An entry of `mutable`.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it reaches, with everything below.
    pub path: Path,
    /// The changes it permits there.
    pub verbs: Verbs,
    /// Who may make them; everybody if this is `None`.
    pub by: Option<Requesters>,
    /// What must hold, else the entry is not active.
    pub when: Option<Condition>,
    /// Whether the kind lacks the field although its documentation lists it (annotation
    /// `fieldward.io/absent`).
    pub(crate) is_absent: bool,
    /// The line of the file where it stands, counted from 1; none for those that every rule has.
    pub(crate) line: Option<u64>,
    pub(crate) origin: EntryOrigin,
}

impl Entry {
    /// Whether this user may use the entry, where its condition holds.
    pub(crate) fn is_for(&self, user: &str, groups: &[String]) -> bool {
        self.by.as_ref().is_none_or(|by| by.contains(user, groups))
    }

    /// Whether the rule's document lists it.
    pub(crate) fn is_documented(&self) -> bool {
        self.origin == EntryOrigin::RuleFile
    }
}

/// A path where no entry permits a change, neither there nor below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Protection {
    pub(crate) path: Path,
    pub(crate) origin: ProtectionOrigin,
}

/// Why a rule protects a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProtectionOrigin {
    /// The rule's document lists it.
    Listed,
    /// The object selector names the label.
    ObjectSelector,
}

/// Where an entry comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryOrigin {
    /// The rule's document.
    RuleFile,
    /// Every rule has it: what Kubernetes' own controllers must be able to write.
    Lifecycle,
}
