//! Which entries are active in one review: by requester, and by conditions evaluated within their
//! budget.

mod active_entries;
mod evaluation;
mod failure;
#[cfg(test)]
mod tests;
mod value;

pub(crate) use active_entries::{Activation, ActiveEntries, Conditions};
pub(crate) use evaluation::{Inputs, SentValues};
pub(crate) use failure::ConditionFailure;
