//! What one rule found in a review.

use serde_json::Value;

use crate::engine::activation::ConditionFailure;
use crate::engine::alignment::{Alignment, Segment};
use crate::engine::review::Node;
use crate::engine::rule::{Rule, Step};
use crate::engine::verdict::{ChangeKind, ChangeVerdict, Finding};

/// What one rule found in a review.
#[derive(Debug)]
pub(crate) struct RuleFindings<'a> {
    pub(crate) rule: &'a Rule,
    pub(crate) alignment: Alignment<'a>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) failures: Vec<ConditionFailure>,
}

/// A violation with its values in full. In the path, `[*]` stands for every element of a list.
#[derive(Debug)]
pub(crate) struct RefusedChange {
    pub(crate) path: Vec<Step>,
    pub(crate) kind: ChangeKind,
    pub(crate) old: Option<Value>,
    pub(crate) new: Option<Value>,
}

impl RuleFindings<'_> {
    /// How many violations there are.
    pub(crate) fn violations(&self) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == ChangeVerdict::Violation).count()
    }

    /// The violations with their values in full.
    pub(crate) fn refused_changes(&self) -> impl Iterator<Item = RefusedChange> {
        let step = |segment: Segment<'_>| match segment {
            Segment::Member(name) => Step::Name(name.to_owned()),
            Segment::Index(_) | Segment::Keyed { .. } => Step::AnyElement,
        };
        let violations =
            self.findings.iter().filter(|finding| finding.verdict == ChangeVerdict::Violation);
        violations.filter_map(move |finding| {
            let location = self.alignment.get(finding.at())?;
            Some(RefusedChange {
                path: self.alignment.segments(finding.at()).into_iter().map(step).collect(),
                kind: finding.kind,
                old: location.old.map(Node::to_value),
                new: location.new.map(Node::to_value),
            })
        })
    }
}
