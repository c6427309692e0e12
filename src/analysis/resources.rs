//! The resources of a rule, as kubectl writes them.

use crate::engine::ResourceRule;

/// `jobs.v1alpha1.batch.volcano.sh (Job)`, as kubectl writes resources.
pub(crate) fn resource_names(rule: &ResourceRule) -> Vec<String> {
    let kinds =
        if rule.kinds.is_empty() { String::new() } else { format!(" ({})", rule.kinds.join(", ")) };
    let mut names = Vec::new();
    for (group, version, resource) in rule.api_groups.iter().flat_map(|group| {
        rule.api_versions.iter().flat_map(move |version| {
            rule.resources.iter().map(move |resource| (group, version, resource))
        })
    }) {
        let group = if group.is_empty() { String::new() } else { format!(".{group}") };
        names.push(format!("{resource}.{version}{group}{kinds}"));
    }
    names
}
