//! Whether something may change, by which entry, for whom, when.

pub(crate) mod answer;
pub(crate) mod in_schema;
pub(crate) mod kind;
mod list_key;
pub(crate) mod location;

pub use answer::{Cases, MayChange, cases, may_change};
