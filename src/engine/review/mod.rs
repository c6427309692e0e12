//! The wire: the envelope of a review, and the index of its text that everything else reads.
//!
//! A body is scanned once. Both objects stay text with an index of 16 bytes per value; a [`Node`]
//! is a value in it. Values are built only of what is reported, of what a condition reads, and of
//! the locations that `json_patch::diff` compares.

mod envelope;
mod index;
mod node;
mod plain;
mod scanner;
#[cfg(test)]
mod scanner_tests;
#[cfg(test)]
mod tests;
mod unjudgeable;

pub(crate) use envelope::{Operation, Review};
pub(crate) use node::{Members, Node, NodeElements, NodeKind};
pub(crate) use plain::printed;
pub(crate) use scanner::scan;
pub(crate) use unjudgeable::{API_VERSION, NotAReview, StrayOperation, Unjudgeable};
