//! The wire: the envelope of a review, and both objects of it in a compact form.
//!
//! The fast path: of two objects whose texts are nearly the same, only what is not is built as
//! values.
//!
//! One door: [`read::ScannedReview::of`] reads a review in one pass, and [`read::Objects::compact`] gives
//! its two objects with everything left out that the rules' verdict cannot depend on. Whatever is
//! out of the ordinary is left to the plain path, which reads all: where that path would refuse the
//! text, where the two might read it differently, and where it would be hard to see that they do
//! not.
//!
//! What must hold, and why a verdict on the trees is a verdict on the objects:
//!
//! 1. *What is read is well-formed.* The pass takes less than `serde_json` does: no text that is
//!    not UTF-8, no escaped surrogates, no exponents, no more than [`spans::DEEPEST`] levels. Of a
//!    member whose name is escaped or repeated nothing is concluded.
//! 2. *Equal bytes are equal values.* The second object's containers are compared with those of the
//!    first, and one that is equal to the letter is neither checked nor walked again. The converse
//!    is never used: what differs in bytes is built and compared as values.
//! 3. *A member that both objects have to the letter goes from both.* It is alike in both, and of
//!    the locations above it none asks whether it is there, unless a rule lets that location count
//!    as left out: such a location is built whole.
//! 4. *An element that both lists have to the letter goes from both in a list keyed alike by all
//!    rules*, after the keys of all elements were found unique on both sides and those that stay in
//!    the same order, else the list is built whole. In a list by position it stands as a scalar, so
//!    that what follows keeps its index.
//! 5. *What is shown or judged by more than its own change is built whole*: what one side only has
//!    or what is of two kinds, a list that is replaced or reordered or a set, labels and
//!    finalizers, the scalars of an element (a secret's path may select by them), and the mark of
//!    deletion.
//! 6. Conditions may read anything, so where a rule has one for the requester the plain path is
//!    taken.

mod compact;
mod envelope;
mod fields;
#[cfg(test)]
mod index;
#[cfg(test)]
mod node;
mod read;
#[cfg(test)]
mod scanner;
#[cfg(test)]
mod scanner_tests;
mod spans;
#[cfg(test)]
mod tests;
mod unjudgeable;

pub(crate) use envelope::{Operation, ReadMode, Review, uid_in_prefix};
pub(crate) use fields::{Fields, text};
#[cfg(test)]
use read::ScannedReview;
pub(crate) use unjudgeable::{API_VERSION, StrayOperation, Unjudgeable};
