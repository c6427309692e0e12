//! What one rule found in a review.

use crate::engine::activation::ConditionFailure;
use crate::engine::alignment::Alignment;
use crate::engine::rule::Rule;
use crate::engine::verdict::{Finding, Standing};

/// What one rule found in a review.
#[derive(Debug)]
pub(crate) struct RuleFindings<'a> {
    pub(crate) rule: &'a Rule,
    pub(crate) alignment: Alignment<'a>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) failures: Vec<ConditionFailure>,
}

impl RuleFindings<'_> {
    /// How many violations there are.
    pub(crate) fn violations(&self) -> usize {
        self.findings.iter().filter(|finding| finding.standing == Standing::Violation).count()
    }
}
