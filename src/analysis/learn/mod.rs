//! The smallest rule that permits recorded updates.
//!
//! The engine itself says what a draft refuses. Every refused change becomes a line of the draft,
//! until the draft refuses nothing; then the lines that the updates do not need are dropped. So a
//! learned rule never differs from what the verdict makes of it.

mod document;
mod draft;
mod lines;
mod reviews;
mod shape;

pub use document::Learned;
pub(crate) use document::{counted, some};
use draft::Draft;
pub(crate) use reviews::{GivenUpdates, NotAReview, Skipped};

/// Why no rule can be learned.
#[derive(Debug, thiserror::Error)]
pub enum Unlearnable {
    /// A document is not an admission review.
    #[error(transparent)]
    Review(#[from] NotAReview),
    /// No rule lets all updates through.
    #[error("no rule could be learned for {name}: {failure}; leave that review out")]
    NoRule {
        /// The rule's name.
        name: String,
        /// The reason.
        failure: String,
    },
}

impl Learned {
    /// Learns from reviews and cases as JSON, one rule for each kind.
    ///
    /// # Errors
    /// What is no review.
    pub fn from_documents<'d>(
        documents: impl Iterator<Item = &'d [u8]>,
    ) -> Result<Vec<Self>, Unlearnable> {
        let mut given = GivenUpdates::default();
        for (number, document) in documents.enumerate() {
            given.add(&format!("review {}", number + 1), document)?;
        }
        Self::from_updates(&given)
    }

    /// One rule for each kind of the updates.
    pub(crate) fn from_updates(given: &GivenUpdates) -> Result<Vec<Self>, Unlearnable> {
        let rules = given.updates.iter().map(|(target, updates)| {
            Draft::learned(target, updates)
                .map_err(|failure| Unlearnable::NoRule { name: target.rule_name(), failure })
        });
        rules.collect()
    }
}
