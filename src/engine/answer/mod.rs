//! The answer: the findings as a report, its messages, and the bytes of the response.

mod change;
mod escape;
mod field;
mod found;
mod messages;
mod ownership;
mod reply;
mod report;
mod secrets;

pub use change::{Change, Shown};
pub(crate) use escape::break_recreate_trigger;
pub(crate) use found::Found;
pub use messages::Piece;
pub(crate) use messages::{Part, Warning, audit_fields, cause_text, denial, warnings};
pub use reply::{Decision, Judgement, Reply, RuleOutcome, Subject};
pub(crate) use reply::{Response, details, failure};
pub(crate) use report::Report;
pub(crate) use secrets::{Place, Secrets};
