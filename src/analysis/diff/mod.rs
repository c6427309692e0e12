//! What another version of a rule newly permits and refuses.

pub(crate) mod compare;
pub(crate) mod difference;
mod pairs;
pub(crate) mod scope;

pub use difference::Difference;
pub(crate) use difference::Permission;
pub use pairs::differences;
pub(crate) use pairs::{Comparison, comparisons};
