//! What several lints ask of a rule.

pub(crate) mod conditions;
pub(crate) mod entries;
