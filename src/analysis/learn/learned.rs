//! The smallest rule that permits recorded changes.

use super::changes::Reading;
use super::draft::Draft;
use super::reviews::{Given, GivenUpdates, NotAReview, Target, Update};
use super::{document, shrink};
use crate::engine::escape_control;

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

/// A rule that permits what recorded updates changed.
#[derive(Debug)]
pub struct Learned {
    pub(crate) target: Target,
    pub(crate) draft: Draft,
    pub(crate) updates: Vec<Update>,
}

impl Learned {
    /// Learns from reviews and cases as JSON, one rule for each kind.
    ///
    /// # Errors
    /// What is no review.
    pub fn from_documents<'d>(
        documents: impl Iterator<Item = &'d [u8]>,
    ) -> Result<Vec<Self>, Unlearnable> {
        let mut found = GivenUpdates::default();
        for (number, document) in documents.enumerate() {
            found.document(&format!("review {}", number + 1), document, Given::ByName)?;
        }
        learned(&found)
    }

    /// Its document.
    pub fn text(&self) -> String {
        document::write(&self.target, &self.draft, &self.updates)
    }

    /// The documents of every rule that lacks one entry, or one verb of an entry, or has entries
    /// below it instead.
    pub fn smaller(&self) -> Vec<String> {
        let mut smaller = Vec::new();
        let mut offer =
            |draft: &Draft| smaller.push(document::write(&self.target, draft, &self.updates));
        for (index, entry) in self.draft.entries.iter().enumerate() {
            let mut draft = self.draft.clone();
            draft.entries.remove(index);
            offer(&draft);
            for verb in entry.verbs.iter().filter(|_| entry.verbs.len() > 1) {
                let mut draft = self.draft.clone();
                for entry in draft.entries.iter_mut().skip(index).take(1) {
                    entry.verbs.remove(verb);
                }
                offer(&draft);
            }
        }
        self.draft.deeper(&self.updates).for_each(|draft| offer(&draft));
        smaller
    }
}

/// One rule for each kind of the reviews.
pub(crate) fn learned(found: &GivenUpdates) -> Result<Vec<Learned>, Unlearnable> {
    found.updates.iter().map(|(target, updates)| learn(target, updates)).collect()
}

/// The readings are tried from the most telling one on; whatever is printed was seen to hold.
fn learn(target: &Target, updates: &[Update]) -> Result<Learned, Unlearnable> {
    let readings = [(true, true), (false, true), (true, false), (false, false)]
        .map(|(on_the_way, equality)| Reading { on_the_way, equality });
    let mut failure = String::new();
    for reading in readings {
        let draft = Draft::of(target, updates, reading);
        match shrink::refused(target, &draft, updates) {
            Ok(None) => {
                let draft = shrink::shrunk(target, draft, updates);
                return Ok(Learned { target: target.clone(), draft, updates: updates.to_vec() });
            }
            Ok(Some(update)) => {
                failure = format!("the rule would refuse {}", escape_control(&update.file));
            }
            Err(error) => failure = error,
        }
    }
    Err(Unlearnable::NoRule { name: escape_control(&document::name(target)), failure })
}
