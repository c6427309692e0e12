//! The fast path: of two objects whose texts are nearly the same, only what is not is built as values.
//!
//! One door: [`Read::of`] reads a review in one pass, and [`Read::trees`] gives its two objects with everything left out that the rules'
//! verdict cannot depend on. Whatever is out of the ordinary is left to the plain path, which reads all: where that path would refuse
//! the text, where the two might read it differently, and where it would be hard to see that they do not.
//!
//! What must hold, and why a verdict on the trees is a verdict on the objects:
//!
//! 1. *What is read is well-formed.* The pass takes less than `serde_json` does: no text that is not UTF-8, no escaped surrogates, no
//!    exponents, no more than [`outline::DEEPEST`] levels. Of a member whose name is escaped or repeated nothing is concluded.
//! 2. *Equal bytes are equal values.* The second object's containers are compared with those of the first, and one that is equal to the
//!    letter is neither checked nor walked again. The converse is never used: what differs in bytes is built and compared as values.
//! 3. *A container that both objects have to the letter stands as a scalar in both*, so it is there and alike in both, as it was. That it
//!    is there is all that the locations above it ask, unless a rule lets it count as left out: such a location is built whole.
//! 4. *In a list keyed alike by all rules, elements that are equal to the letter go from both sides.* Only after the keys of all elements
//!    were found unique on both sides, and those that stay in the same order; else the list is built whole.
//! 5. *What is shown is built whole*: what one side only has, what is of two kinds, a list that is replaced or reordered or a set, every
//!    scalar beside a difference (a secret's path may select by it), and what is not of the objects' own data: labels, finalizers.
//! 6. Conditions may read anything, so where a rule has one for the requester the plain path is taken.

mod outline;
mod read;
mod trees;

pub(super) use read::{Objects, Read};
