//! The decision: bytes and values in, values out. No async, no IO, no clock, no environment, no
//! logging.
//!
//! The entry point is [`admit()`]. Behind it are layers, each of which uses only those after it:
//!
//! - answer: the report of all changes, its messages, and the bytes of the response ([`Reply`]);
//! - verdict: `json_patch::diff` on the aligned objects, judged from the root down;
//! - alignment: both objects side by side, location by location;
//! - activation: which entries are active in this review, by requester and by condition;
//! - review: the wire, and the index of both objects' text;
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

pub(crate) use activation::ConditionFailure;
pub(crate) use admit::{
    PREFIX, admit_if_cheap, admit_within, answer_unread, refused_changes, requester,
};
pub use admit::{admit, admit_reference, memory_estimate};
pub(crate) use alignment::{ZERO_TIME, respelled};
pub(crate) use answer::{Change, Judgement, Piece, RefusedChange, Shown};
pub use answer::{Decision, Reply};
pub(crate) use case::{Case, CaseDocument, Expect};
pub(crate) use condition::Unread;
pub use record::record;
pub(crate) use record::{Recording, Unrecorded};
pub(crate) use review::{NotAReview, Unjudgeable};
pub(crate) use rule::annotations;
pub(crate) use rule::{
    Algebra, CompareAs, Condition, Cursor, Declaration, DeclaredEquality, Effect, Entry, Equal,
    Equality, Exemptions, FailurePolicy, GoScalar, GoShape, KeyMember, KeyOrigin, LONGEST_NAME,
    LabelSelector, LocalPermissions, Mark, Permissions, Position, Protection, ProtectionOrigin,
    RawSpec, Read, Reason, ResourceRule, RuleError, SelectionKey, SourceMap, TypedLocation, Verb,
    Verbs, before_quote, builtin_documents, cut_bytes, escape_control, escape_json, is_bare,
    is_dns_subdomain, is_own_document, is_owned, steps_pair, written,
};
pub use rule::{
    Builtin, KeySelector, KeyValue, ListKey, OWNED, Path, PathError, Requesters, Rule, RuleErrors,
    RuleFile, RuleSet, Step, TypeName,
};
pub(crate) use verdict::ChangeKind;
