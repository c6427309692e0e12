//! The decision: bytes and values in, values out. No async, no IO, no clock, no environment, no logging.
//!
//! One door: [`admit()`]. Behind it, as data flows: [`path`](Path) and pattern (what a rule writes, and all of it as one
//! tree), [`rules`](RuleSet) (documents and what they mean), review (the wire), condition (CEL: which
//! entries are there), canonical (both objects in a form whose
//! addresses never shift), diff (`json_patch`), verdict (from the root down), ownership (whose
//! value a refused change touches), words (messages), [`reply`](Reply).
//!
//! Beside it: [`case`](Case) (a review and what is expected of it) and [`record()`], which makes a case of a review.

mod admit;
mod canonical;
mod case;
mod condition;
mod diff;
#[cfg(test)]
mod examples;
mod ownership;
mod path;
mod pattern;
mod record;
mod regarding;
mod reply;
mod report;
mod review;
mod rules;
mod sparse;
mod verdict;
mod words;

pub use admit::{PREFIX, admit, admit_at_once, admit_plainly, refuse_oversized};
pub use canonical::respelled;
pub use case::{Case, CaseDocument, Expect, NotACase};
pub use condition::{Condition, ConditionFailure, Read, Unread};
pub use path::{Path, PathError, Step};
pub use record::{Recording, Unrecorded, record};
pub use regarding::{Denial, Regarding};
pub use reply::{Decision, Judgement, Reply, RuleOutcome, Subject};
pub use rules::{
    Actions, Builtin, Declaration, Document, Effect, Entry, Equal, Equality, Exemptions, FailurePolicy, LONGEST_NAME, LabelSelector,
    MatchCondition, Meaning, OWNED, Reason, Requesters, ResourceRule, Rule, RuleError, RuleErrors, RuleName, RuleSet, SelectionKey,
    SelectorExpression, SpecSchema, Verb, Verbs,
};
pub use verdict::ChangeKind;
pub(crate) use words::cut_bytes;
pub use words::{Change, Piece, Shown, escape_json, harmless};
