//! Which resources a rule covers.

use k8s_openapi::api::admissionregistration::v1 as api;

/// What a review is about, as the API server converted it for the registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// `request.resource.group`.
    pub(crate) group: &'a str,
    /// `request.resource.version`.
    pub(crate) version: &'a str,
    /// `request.resource.resource`.
    pub(crate) resource: &'a str,
    /// `request.subResource`, empty for the resource itself.
    pub(crate) subresource: &'a str,
    /// `request.kind.kind`.
    pub(crate) kind: &'a str,
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
    pub(crate) kinds: Vec<String>,
}

impl ResourceRule {
    pub(crate) fn to_api(&self) -> api::RuleWithOperations {
        api::RuleWithOperations {
            api_groups: Some(self.api_groups.clone()),
            api_versions: Some(self.api_versions.clone()),
            resources: Some(self.resources.clone()),
            operations: Some(vec!["UPDATE".to_owned()]),
            scope: None,
        }
    }

    /// Whether it covers the target.
    pub(crate) fn matches(&self, target: &Target<'_>) -> bool {
        self.has_group(target.group)
            && self.has_version(target.version)
            && self.asks_for(target.resource, target.subresource)
            && (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == target.kind))
    }

    pub(crate) fn has_group(&self, group: &str) -> bool {
        lists(&self.api_groups, group)
    }

    pub(crate) fn has_version(&self, version: &str) -> bool {
        lists(&self.api_versions, version)
    }

    /// Whether it asks for a resource, or for a subresource of it.
    pub(crate) fn asks_for(&self, resource: &str, subresource: &str) -> bool {
        self.resources.iter().any(|pattern| names(pattern, resource, subresource))
    }

    /// Whether there can be a target that both cover.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let pair = |one: &[String], two: &[String], meet: fn(&str, &str) -> bool| {
            one.iter().any(|a| two.iter().any(|b| meet(a, b)))
        };
        pair(&self.api_groups, &other.api_groups, meet)
            && pair(&self.api_versions, &other.api_versions, meet)
            && pair(&self.resources, &other.resources, patterns_meet)
            && (self.kinds.is_empty()
                || other.kinds.is_empty()
                || pair(&self.kinds, &other.kinds, |a, b| a == b))
    }
}

fn lists(patterns: &[String], value: &str) -> bool {
    patterns.iter().any(|pattern| pattern == ANY || pattern == value)
}

/// What stands for all.
pub(crate) const ANY: &str = "*";

/// The resource that a pattern names, without the subresource.
pub(crate) fn named(pattern: &str) -> &str {
    pattern.split_once('/').map_or(pattern, |(resource, _)| resource)
}

fn meet(one: &str, two: &str) -> bool {
    one == ANY || two == ANY || one == two
}

/// Without a subresource a pattern means the resource itself.
fn patterns_meet(one: &str, two: &str) -> bool {
    let split = |pattern: &str| {
        pattern
            .split_once('/')
            .map_or((pattern.to_owned(), String::new()), |(a, b)| (a.to_owned(), b.to_owned()))
    };
    let ((resource, subresource), (other, other_subresource)) = (split(one), split(two));
    meet(&resource, &other) && meet(&subresource, &other_subresource)
}

fn names(pattern: &str, resource: &str, subresource: &str) -> bool {
    let (wanted, below) = pattern.split_once('/').unwrap_or((pattern, ""));
    (wanted == ANY || wanted == resource) && (below == ANY || below == subresource)
}

#[cfg(test)]
mod tests {
    use super::{ResourceRule, Target};
    use super::{names, patterns_meet};

    /// Each part as words.
    fn rule(groups: &str, versions: &str, resources: &str, kinds: &str) -> ResourceRule {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        ResourceRule {
            api_groups: words(groups),
            api_versions: words(versions),
            resources: words(resources),
            kinds: words(kinds),
        }
    }

    #[test]
    fn a_rule_speaks_of_a_target_that_fits_each_part() {
        let table = [
            (rule("g", "v1", "jobs", ""), true),
            (rule("h g", "v2 v1", "pods jobs", "Pod Job"), true),
            (rule("*", "*", "*", "Job"), true),
            (rule("h", "v1", "jobs", ""), false),
            (rule("g", "v2", "jobs", ""), false),
            (rule("g", "v1", "pods", ""), false),
            (rule("g", "v1", "jobs", "Pod"), false),
        ];
        let target =
            Target { group: "g", version: "v1", resource: "jobs", subresource: "", kind: "Job" };
        for (rule, expected) in table {
            assert_eq!(rule.matches(&target), expected, "{rule:?}");
        }
    }

    #[test]
    fn rules_overlap_if_all_parts_meet() {
        let one = rule("g", "v1", "jobs", "Job");
        let table = [
            (rule("g", "v1", "jobs", "Job"), true),
            (rule("g", "v1", "jobs", ""), true),
            (rule("*", "*", "*", "Pod Job"), true),
            (rule("h", "v1", "jobs", "Job"), false),
            (rule("g", "v2", "jobs", "Job"), false),
            (rule("g", "v1", "pods", "Job"), false),
            (rule("g", "v1", "jobs", "Pod"), false),
        ];
        for (other, expected) in table {
            assert_eq!(
                (one.overlaps(&other), other.overlaps(&one)),
                (expected, expected),
                "{other:?}"
            );
        }
    }

    #[test]
    fn patterns_meet_where_a_target_fits_both() {
        let table = [
            ("jobs", "jobs", true),
            ("jobs", "pods", false),
            ("jobs", "*", true),
            ("jobs", "jobs/*", true),
            ("jobs", "jobs/scale", false),
            ("*", "jobs/scale", false),
            ("*/*", "jobs/scale", true),
            ("*/scale", "jobs/*", true),
            ("*/scale", "jobs/status", false),
        ];
        for (one, two, expected) in table {
            assert_eq!(
                (patterns_meet(one, two), patterns_meet(two, one)),
                (expected, expected),
                "{one} {two}"
            );
        }
    }

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
            let found = names(pattern, resource, subresource);
            assert_eq!(found, expected, "{pattern} {resource}/{subresource}");
        }
    }
}
