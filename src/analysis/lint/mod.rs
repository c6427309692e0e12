//! What is doubtful in a rule: told from its document alone, and from the schemas of its kinds.

mod conditions;
pub(crate) mod finding;
pub(crate) mod findings;
pub(crate) mod schema;
