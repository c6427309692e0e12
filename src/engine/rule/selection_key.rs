//! Which rules select the same updates. Two rules for one resource with the same selectors cannot
//! both be in force.

use sha2::{Digest, Sha256};

use super::{FailurePolicy, LabelSelector, Rule};

/// A digest of the selectors, match conditions and failure policy that a rule document declares.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SelectionKey([u8; 32]);

impl Rule {
    /// Rules with equal keys are registered alike, apart from their resources.
    pub(crate) fn selection(&self) -> SelectionKey {
        let mut hash = Hash(Sha256::new());
        hash.selector(&self.namespace_selector);
        hash.selector(&self.object_selector);
        hash.number(self.conditions.len());
        for condition in &self.conditions {
            hash.text(&condition.name);
            hash.text(&condition.expression);
        }
        hash.number(usize::from(self.failure_policy == FailurePolicy::Ignore));
        SelectionKey(hash.0.finalize().into())
    }

    /// Whether both rules can cover one update, as far as their resources go.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.resources.iter().any(|one| other.resources.iter().any(|two| one.overlaps(two)))
    }
}

/// Each part with its length, so that no end can be read as the next beginning.
struct Hash(Sha256);

impl Hash {
    fn number(&mut self, number: usize) {
        self.0.update((number as u64).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len());
        self.0.update(text.as_bytes());
    }

    fn selector(&mut self, selector: &LabelSelector) {
        self.number(selector.match_labels.len());
        for (key, value) in &selector.match_labels {
            self.text(key);
            self.text(value);
        }
        self.number(selector.match_expressions.len());
        for expression in &selector.match_expressions {
            self.text(&expression.key);
            self.text(&expression.operator);
            self.number(expression.values.len());
            expression.values.iter().for_each(|value| self.text(value));
        }
    }
}
