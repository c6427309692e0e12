//! The decision: bytes and values in, values out. No async, no IO, no clock, no environment, no
//! logging.
//!
//! One door: [`admit()`]. Behind it the floors, each using only those below it:
//!
//! - answer: the report of all changes, its messages, and the bytes of the response ([`Reply`]);
//! - verdict: `json_patch::diff` on the aligned objects, judged from the root down;
//! - alignment: both objects side by side, location by location;
//! - activation: which entries are active in this review, by requester and by condition;
//! - review: the wire, and a compact form of both objects;
//! - condition: CEL at load time ([`Condition`]);
//! - rule: the document, its paths, the tree of a rule, and sets of rules ([`RuleSet`]).
//!
//! Beside them: [`case`](Case) (a review and what is expected of it) and [`record()`], which makes
//! a case of a review.

mod activation;
mod admit;
mod alignment;
mod answer;
mod case;
mod condition;
mod record;
mod review;
mod rule;
#[cfg(test)]
mod tests;
mod verdict;

pub use activation::ConditionFailure;
pub(crate) use admit::refused_changes;
pub use admit::{PREFIX, admit, admit_at_once, admit_plainly, refuse_oversized};
pub use alignment::respelled;
pub(crate) use answer::RefusedChange;
pub use answer::{Change, Decision, Judgement, Piece, Reply, RuleOutcome, Shown, Subject};
pub use case::{Case, CaseDocument, Expect, NotACase};
pub use condition::Unread;
pub use record::{Recording, Unrecorded, record};
pub use rule::{
    Actions, Builtin, Condition, Declaration, Document, Effect, Entry, Equal, Equality, Exemptions,
    FailurePolicy, LONGEST_NAME, LabelSelector, MatchCondition, Meaning, OWNED, Path, PathError,
    Read, Reason, Requesters, ResourceRule, Rule, RuleError, RuleErrors, RuleName, RuleSet,
    SelectionKey, SelectorExpression, SpecSchema, Step, Verb, Verbs, escape_control, escape_json,
};
pub(crate) use rule::{
    Algebra, Cursor, Declared, LocalPermissions, Mark, Permissions, Position, SourceMap,
    builtin_documents, cut_bytes, is_dns_subdomain, is_owned, steps_pair, written,
};
pub use verdict::ChangeKind;
