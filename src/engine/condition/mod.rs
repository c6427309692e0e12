//! Conditions: CEL expressions (`when`) that decide whether an entry is there.
//!
//! The `cel` crate parses and evaluates. It has no type checker and no budget, so around it stands what it lacks: names are
//! checked at load (names), the parsed expression is rewritten so that every step that can cost pays a [`meter`] (metered), and
//! only what the expression reads is converted (reads, value), up to a depth that no recursion of the library minds.

mod asking;
mod compile;
mod failure;
mod grants;
mod kubernetes;
mod match_condition;
mod meter;
mod metered;
mod names;
mod reads;
mod regular;
#[cfg(test)]
mod tests;
mod value;

use std::fmt;
use std::sync::Arc;

use cel::common::ast::IdedExpr;

pub(super) use asking::{Inputs, Sent};
pub use compile::Unread;
pub(super) use compile::{Fault, compile};
pub use failure::ConditionFailure;
use failure::Failure;
pub(super) use grants::{Conditions, Grants, Presence};
pub(super) use match_condition::check as check_match_condition;
pub(super) use meter::{AT_ONCE, BUDGET};
pub use reads::Read;

use meter::Pattern;
use reads::Reads;

/// Locations at which one entry's condition is evaluated in one review, at most.
pub(super) const MOST_LOCATIONS: usize = 1_000;

/// A condition of an entry: it must hold, else the entry is not there.
#[derive(Clone)]
pub struct Condition {
    text: Arc<str>,
    program: Arc<Program>,
}

/// What a condition was compiled to.
struct Program {
    /// Rewritten so that it pays for what it does.
    expression: IdedExpr,
    /// Its levels.
    depth: usize,
    /// Its nodes, as it was written.
    nodes: u64,
    /// The regular expressions of `matches`, compiled at load.
    patterns: Vec<Pattern>,
    /// What of each variable is read.
    reads: Reads,
    /// Every chain of members that is read.
    chains: Vec<Read>,
    /// Whether a list or map in it mixes types.
    is_mixed: bool,
}

impl Condition {
    /// The expression as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What any CEL expression reads of the same variables, whatever else it names.
    ///
    /// # Errors
    /// It is too deep, or not understood: the API server knows more of CEL.
    pub fn reads_of(expression: &str) -> Result<Vec<Read>, Unread> {
        compile::reads(expression)
    }

    /// Whether any match condition reads `namespaceObject`, which is null where the API server evaluates a webhook's conditions.
    pub fn reads_namespace(expression: &str) -> bool {
        match_condition::reads_namespace(expression)
    }

    /// What it reads: each variable with the members named on the way.
    pub fn reads(&self) -> &[Read] {
        &self.program.chains
    }

    /// Whether it has a list or map with literals of several types, which Kubernetes' CEL refuses unless each is in `dyn()`.
    pub fn mixes_types(&self) -> bool {
        self.program.is_mixed
    }

    /// Whether it is about the value at a location, so that the entry may be there at one and not at another.
    pub fn depends_on_the_value(&self) -> bool {
        self.program.chains.iter().any(|read| read.variable == "value" || read.variable == "oldValue")
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Condition {}

impl fmt::Debug for Condition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Condition").field(&self.text).finish()
    }
}
