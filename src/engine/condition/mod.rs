//! Conditions at load time: CEL expressions (`when`) that decide whether an entry is active.
//!
//! The `cel` crate parses and evaluates. It has no type checker and no budget, so around it stands
//! what it lacks: names are checked (names), the parsed expression is rewritten so that every step
//! that can cost is charged to a budget (instrument), and what the expression reads is noted (reads),
//! so that only that is converted.

mod budget;
mod compile;
mod instrument;
mod kubernetes;
mod load;
mod match_condition;
mod names;
mod re2;
mod reads;
mod syntax;
mod variables;

pub(crate) use budget::{AT_ONCE, BUDGET, BUDGET_VARIABLE, Budget, ENVIRONMENT};
pub(crate) use compile::Unread;
#[cfg(test)]
pub(crate) use compile::compile;
pub(crate) use instrument::pattern_name;
pub(crate) use variables::SEEN_BY_CONDITIONS;
