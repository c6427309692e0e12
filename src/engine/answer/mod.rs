//! The answer: the findings as a report, its messages, and the bytes of the response.

mod change;
mod escape;
mod field;
mod messages;
mod ownership;
mod reply;
mod report;
mod rule_findings;
mod secrets;

pub(crate) use change::{Change, Shown};
pub(crate) use escape::break_recreate_trigger;
pub(crate) use messages::{
    DenyingRule, Piece, Warning, audit_fields, cause_text, denial, warnings,
};
pub(crate) use ownership::list_faults;
pub use reply::{Decision, Reply};
pub(crate) use reply::{Judgement, ReplySubject, Response, RuleOutcome, details, failure};
pub(crate) use report::Report;
pub(crate) use rule_findings::{RefusedChange, RuleFindings};
pub(crate) use secrets::{Secrets, Visibility};
