//! The smallest rule that permits recorded updates.
//!
//! The engine itself says what a draft refuses. Every refused change becomes a line of the draft,
//! until the draft refuses nothing. Then the lines that the updates do not need are dropped.

mod document;
mod draft;
mod lines;
mod reviews;
mod shape;

pub use document::Learned;
use draft::Draft;
pub(crate) use reviews::Skipped;
pub use reviews::{GivenUpdates, NotAnUpdate};

/// No rule permits all updates of a kind.
#[derive(Debug, thiserror::Error)]
#[error("no rule could be learned for {rule}: {failure}; leave that review out")]
pub struct NoRule {
    rule: String,
    failure: String,
}

impl Learned {
    /// Learns one rule for each kind of object.
    ///
    /// # Errors
    /// Updates that no rule permits together.
    pub fn from_updates(given: &GivenUpdates) -> Result<Vec<Self>, NoRule> {
        let rules = given.updates.iter().map(|(target, updates)| {
            Draft::learned(target, updates)
                .map_err(|failure| NoRule { rule: target.rule_name(), failure })
        });
        rules.collect()
    }
}
