//! The decision: bytes and values in, values out. No async, no IO, no clock, no environment, no logging.
//!
//! One door: [`admit()`]. Behind it, as data flows: [`path`](Path) and pattern (what a rule writes, and all of it as one
//! tree), [`rules`](RuleSet) (documents and what they mean), review (the wire), condition (CEL: which
//! entries are there), canonical (both objects in a form whose
//! addresses never shift), diff (`json_patch`), verdict (from the root down), ownership (whose
//! value a refused change touches), words (messages), [`reply`](Reply).
//!
//! Beside it: [`case`](Case) (a review and what is expected of it) and [`record()`], which makes a case of a review.

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
pub use admit::{PREFIX, admit, admit_at_once, admit_plainly, refuse_oversized};
pub use alignment::respelled;
pub use answer::{Change, Decision, Judgement, Piece, Reply, RuleOutcome, Shown, Subject};
pub use case::{Case, CaseDocument, Expect, NotACase};
pub use condition::Unread;
pub use record::{Recording, Unrecorded, record};
pub(crate) use rule::cut_bytes;
pub use rule::{
    Actions, Builtin, Condition, Declaration, Document, Effect, Entry, Equal, Equality, Exemptions, FailurePolicy, LONGEST_NAME,
    LabelSelector, MatchCondition, Meaning, OWNED, Path, PathError, Read, Reason, Requesters, ResourceRule, Rule, RuleError, RuleErrors,
    RuleName, RuleSet, SelectionKey, SelectorExpression, SpecSchema, Step, Verb, Verbs, escape_json, harmless,
};
pub use verdict::ChangeKind;
