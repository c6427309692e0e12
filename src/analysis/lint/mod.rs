//! Lints: doubtful parts of a rule, found in its document alone or with the schemas of its kinds.

mod conditions;
pub(crate) mod finding;
pub(crate) mod findings;
pub(crate) mod schema;
