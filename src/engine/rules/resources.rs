//! Which resources a rule speaks of.

/// What a review is about, as the API server converted it for the registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target<'a> {
    /// `request.resource.group`.
    pub group: &'a str,
    /// `request.resource.version`.
    pub version: &'a str,
    /// `request.resource.resource`.
    pub resource: &'a str,
    /// `request.subResource`, empty for the resource itself.
    pub subresource: &'a str,
    /// `request.kind.kind`.
    pub kind: &'a str,
}

/// One element of `resourceRules`. `*` stands for all, as in a `ValidatingWebhookConfiguration`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceRule {
    /// API groups; the empty string is the core group.
    pub api_groups: Vec<String>,
    /// API versions.
    pub api_versions: Vec<String>,
    /// Resources: `jobs`, `jobs/scale`, `jobs/*`, `*/scale`, `*` (no subresource), `*/*`.
    pub resources: Vec<String>,
    /// Kinds; empty: all of the resource.
    pub kinds: Vec<String>,
}

impl ResourceRule {
    /// Whether it speaks of the target.
    pub fn matches(&self, target: &Target<'_>) -> bool {
        lists(&self.api_groups, target.group)
            && lists(&self.api_versions, target.version)
            && self.resources.iter().any(|pattern| names(pattern, target))
            && (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == target.kind))
    }
}

fn lists(patterns: &[String], value: &str) -> bool {
    patterns.iter().any(|pattern| pattern == ANY || pattern == value)
}

/// What stands for all.
pub(super) const ANY: &str = "*";

/// The resource that a pattern names, without the subresource.
pub(super) fn named(pattern: &str) -> &str {
    pattern.split_once('/').map_or(pattern, |(resource, _)| resource)
}

fn names(pattern: &str, target: &Target<'_>) -> bool {
    let (resource, subresource) = pattern.split_once('/').unwrap_or((pattern, ""));
    let subresource_fits = subresource == ANY || subresource == target.subresource;
    (resource == ANY || resource == target.resource) && subresource_fits
}

#[cfg(test)]
mod tests {
    use super::Target;
    use super::names;

    #[test]
    fn a_subresource_is_named_or_not_meant() {
        let table = [
            ("jobs", "jobs", "", true),
            ("jobs", "jobs", "status", false),
            ("jobs/status", "jobs", "status", true),
            ("jobs/status", "jobs", "", false),
            ("*", "jobs", "", true),
            ("*", "jobs", "scale", false),
            ("*/*", "jobs", "scale", true),
            ("*/*", "jobs", "", true),
            ("*/scale", "jobs", "scale", true),
            ("*/scale", "jobs", "status", false),
            ("jobs/*", "jobs", "scale", true),
            ("jobs/*", "pods", "scale", false),
            ("job", "jobs", "", false),
        ];
        for (pattern, resource, subresource, expected) in table {
            let target = Target { group: "g", version: "v1", resource, subresource, kind: "Job" };
            assert_eq!(names(pattern, &target), expected, "{pattern} {resource}/{subresource}");
        }
    }
}
