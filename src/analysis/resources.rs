//! The resources of a rule, as kubectl writes them.

use crate::engine::ResourceRule;

/// Every group, version and resource that a resource rule lists.
pub(crate) fn combinations(rule: &ResourceRule) -> impl Iterator<Item = [&String; 3]> {
    rule.api_groups.iter().flat_map(move |group| {
        rule.api_versions.iter().flat_map(move |version| {
            rule.resources.iter().map(move |resource| [group, version, resource])
        })
    })
}

/// `jobs.v1alpha1.batch.volcano.sh`.
pub(crate) fn resource_name([group, version, resource]: [&String; 3]) -> String {
    let dot = if group.is_empty() { "" } else { "." };
    format!("{resource}.{version}{dot}{group}")
}

/// `jobs.v1alpha1.batch.volcano.sh (Job)`.
pub(crate) fn resource_names(rule: &ResourceRule) -> Vec<String> {
    let kinds =
        if rule.kinds.is_empty() { String::new() } else { format!(" ({})", rule.kinds.join(", ")) };
    combinations(rule).map(|listed| resource_name(listed) + &kinds).collect()
}
