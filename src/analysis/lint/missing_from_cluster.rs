//! What a cluster lacks of the rules that are in force in it.

use std::collections::BTreeMap;

use super::schema::catalogue::{Catalogue, SchemaSource};
use super::unreachable_path::unreachable;
use super::unserved_resource::unserved;
use crate::analysis::kinds::Kind;
use crate::engine::{Rule, RuleSet, cut_bytes};

/// Bytes that are said of a rule at most.
const MAX_MESSAGE_BYTES: usize = 1024;

/// What the API server at an address lacks of rules, by their names: kinds that it does not serve,
/// paths that no object has.
pub(crate) fn missing_from_cluster(
    rules: &RuleSet,
    kinds: Vec<Kind>,
    address: &str,
) -> BTreeMap<String, String> {
    let catalogue = Catalogue::new(kinds, SchemaSource::Cluster(address.to_owned()));
    let of_rule = |rule: &Rule| {
        let resources = rule.resources().iter();
        let mut found: Vec<_> =
            resources.flat_map(|named| unserved("", named, &catalogue)).collect();
        found.extend(unreachable(rule, &catalogue.targets(rule)));
        let mut messages: Vec<String> = Vec::new();
        for finding in found {
            let message = format!("{}; {}", finding.message, finding.fix);
            if !messages.contains(&message) {
                messages.push(message);
            }
        }
        (!messages.is_empty())
            .then(|| (rule.name().to_string(), cut_bytes(&messages.join("\n"), MAX_MESSAGE_BYTES)))
    };
    rules.rules().filter_map(of_rule).collect()
}
