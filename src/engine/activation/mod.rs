//! Which entries are there in one review: by requester, and by conditions evaluated within their budget.

mod evaluation;
mod failure;
mod grants;
#[cfg(test)]
mod tests;
mod value;

pub(crate) use evaluation::{Inputs, Sent};
pub use failure::ConditionFailure;
pub(crate) use grants::{Conditions, Grants, Presence};
