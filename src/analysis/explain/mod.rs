//! Whether something may change, by which entry, for whom, when.

pub(crate) mod answer;
pub(crate) mod kind;
pub(crate) mod location;
mod pairing;

pub use answer::{Cases, MayChange, cases, may_change};
