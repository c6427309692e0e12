//! The smallest rule that permits recorded changes.

mod amounts;
mod changes;
pub(crate) mod document;
pub(crate) mod draft;
mod learned;
pub(crate) mod reviews;
mod shape;
mod shrink;

pub use learned::Learned;
pub(crate) use learned::learned;
