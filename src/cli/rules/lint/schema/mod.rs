//! What a rule says that the schema of its kind contradicts.

mod absent;
mod lists;
mod missing;
mod resources;
mod spellings;
mod target;
mod types;
mod walk;
mod words;

use std::collections::BTreeSet;

use super::findings::Finding;
use crate::engine::Rule;
pub(super) use target::{Catalogue, Source};

/// Everything that the kinds contradict in a rule; `rules` are all rules that are in force together.
pub(super) fn of(rule: &Rule, rules: &[&Rule], catalogue: &Catalogue) -> Vec<Finding> {
    let targets = catalogue.targets(rule);
    let mut found = resources::of(rule, rules, catalogue);
    if !targets.is_empty() {
        found.extend(missing::of(rule, &targets));
        found.extend(absent::of(rule, &targets));
        found.extend(types::of(rule, &targets));
        found.extend(lists::of(rule, &targets));
        found.extend(spellings::of(rule, &targets));
    }
    once(found)
}

/// Whether the status of what a rule speaks of is changed through its subresource alone.
pub(super) fn status_is_apart(rule: &Rule, catalogue: &Catalogue) -> bool {
    catalogue.targets(rule).iter().any(|target| resources::has_status_apart(rule, target))
}

/// Several versions of a kind often say the same.
fn once(found: Vec<Finding>) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    found.into_iter().filter(|finding| seen.insert(finding.message.clone())).collect()
}
