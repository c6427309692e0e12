//! Rules for all groups or resources.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};

pub(super) const LINT: Lint = Lint {
    name: "wildcard-resource",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds `*` in `apiGroups`, and `*` or `*/*` in `resources`.",
    why: "The rule denies changes to every kind that it matches, also to kinds that its author \
          never thought of.",
    example: "\
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [example.com], apiVersions: [v1], resources: ['*']}
",
    fix: "Name the groups and the resources.",
    fixed: "\
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [example.com], apiVersions: [v1], resources: [gadgets, gadgets/status]}
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let mut found = Vec::new();
    for (at, resource) in context.resources() {
        let groups = resource.api_groups.iter().position(|group| group == "*");
        let resources = resource.resources.iter().position(|name| name == "*" || name == "*/*");
        let group = groups.map(|index| format!("{at}/apiGroups/{index}"));
        let wildcard = group.or(resources.map(|index| format!("{at}/resources/{index}")));
        found.extend(wildcard.map(|at| {
            finding(
                at,
                "`*` as a group or resource puts kinds under this rule that it was not written for",
                "name groups and resources",
            )
        }));
    }
    found
}
