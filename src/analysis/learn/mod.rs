//! The smallest rule that permits recorded changes.

mod amounts;
mod changes;
pub(crate) mod document;
pub(crate) mod draft;
mod learned;
pub(crate) mod reviews;
mod shape;
mod shrink;

pub(crate) use learned::learned;
pub use learned::{Learned, Unlearnable};
