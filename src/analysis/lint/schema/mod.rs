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

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Finding;
use crate::analysis::kinds::Kind;
use crate::engine::{Rule, RuleSet, cut_bytes};
pub(crate) use target::{Catalogue, Source};

/// Everything that the kinds contradict in a rule; `rules` are all rules that are in force
/// together.
pub(crate) fn of(rule: &Rule, rules: &[&Rule], catalogue: &Catalogue) -> Vec<Finding> {
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

/// Bytes that are said of a rule at most.
const LACKING: usize = 1024;

/// What the API server at an address lacks of rules, by their names: kinds that it does not serve,
/// paths that no object has.
pub(crate) fn lacking(
    rules: &RuleSet,
    kinds: Vec<Kind>,
    address: &str,
) -> BTreeMap<String, String> {
    let catalogue = Catalogue::new(kinds, Source::Cluster(address.to_owned()));
    let of_rule = |rule: &Rule| {
        let mut found: Vec<Finding> = rule
            .resources()
            .iter()
            .flat_map(|named| resources::unknown(named, &catalogue))
            .collect();
        let targets = catalogue.targets(rule);
        if !targets.is_empty() {
            found.extend(missing::of(rule, &targets));
        }
        let messages: Vec<String> = once(found)
            .into_iter()
            .map(|finding| format!("{}; {}", finding.message, finding.fix))
            .collect();
        (!messages.is_empty())
            .then(|| (rule.name().to_string(), cut_bytes(&messages.join("\n"), LACKING)))
    };
    rules.rules().filter_map(of_rule).collect()
}

/// Whether the status of what a rule speaks of is changed through its subresource alone.
pub(crate) fn status_is_apart(rule: &Rule, catalogue: &Catalogue) -> bool {
    catalogue.targets(rule).iter().any(|target| resources::has_status_apart(rule, target))
}

/// Several versions of a kind often say the same.
fn once(found: Vec<Finding>) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    found.into_iter().filter(|finding| seen.insert(finding.message.clone())).collect()
}
