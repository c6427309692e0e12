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
pub use reviews::GivenUpdates;
pub(crate) use reviews::Skipped;

impl Learned {
    /// Learns one rule for each kind of object.
    ///
    /// # Errors
    /// Updates that no rule permits together.
    pub fn from_updates(given: &GivenUpdates) -> Result<Vec<Self>, String> {
        let rules = given.updates.iter().map(|(target, updates)| {
            Draft::grown(target, updates).and_then(Draft::learned).map_err(|failure| {
                let rule = target.rule_name();
                format!("no rule could be learned for {rule}: {failure}; leave that review out")
            })
        });
        rules.collect()
    }
}
