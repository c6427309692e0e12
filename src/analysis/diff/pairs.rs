//! Compares the rules of one set with those of the same name in another.

use std::collections::BTreeSet;

use super::compare::{self, TooMany};
use super::difference::Difference;
use super::scope;
use crate::engine::{Rule, RuleSet};

/// What `after` decides otherwise than `before`, in the order of the paths, then what concerns the
/// whole rule.
///
/// # Errors
/// Rules with so many overlapping wildcards that they cannot be compared.
pub fn differences(before: &Rule, after: &Rule) -> Result<Vec<Difference>, TooMany> {
    let mut found = compare::compare(before, after)?;
    found.extend(scope::compare(before, after));
    Ok(found)
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("in rule `{rule}`: {reason}")]
pub(crate) struct InRule {
    rule: String,
    reason: TooMany,
}

/// A rule before and after, either of which may be missing.
pub(crate) struct Comparison {
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    pub(crate) differences: Vec<Difference>,
}

/// What differs in each rule of two sets. Of several rules each is compared with the one of its
/// name.
pub(crate) fn comparisons(before: &RuleSet, after: &RuleSet) -> Result<Vec<Comparison>, InRule> {
    let names = |rules: &RuleSet| -> BTreeSet<String> {
        rules
            .rules()
            .flat_map(|rule| rule.resources().iter().flat_map(|one| one.resources.clone()))
            .collect()
    };
    // Another version may have another name, but not cover something else.
    let single = before.len() == 1 && after.len() == 1 && !names(before).is_disjoint(&names(after));
    let partner = |of: &Rule, among: &RuleSet| -> Option<String> {
        let rule = if single { among.rules().next() } else { among.get(of.name().as_str()) };
        rule.map(|rule| rule.name().to_string())
    };
    let mut reports = Vec::new();
    for rule in before.rules() {
        let after = partner(rule, after).and_then(|name| after.get(&name));
        let found = after
            .map(|after| differences(rule, after))
            .transpose()
            .map_err(|reason| InRule { rule: rule.name().to_string(), reason })?;
        reports.push(Comparison {
            before: Some(rule.name().to_string()),
            after: after.map(|rule| rule.name().to_string()),
            differences: found.unwrap_or_default(),
        });
    }
    let added = after.rules().filter(|rule| partner(rule, before).is_none());
    reports.extend(added.map(|rule| Comparison {
        before: None,
        after: Some(rule.name().to_string()),
        differences: Vec::new(),
    }));
    Ok(reports)
}
