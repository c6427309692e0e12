//! Rules for all versions of a kind.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};

pub(super) const LINT: Lint = Lint {
    name: "wildcard-version",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds `*` in `apiVersions`.",
    why: "A later version of the kind may have other fields under the same names. The rule would \
          judge it by a list that was written for another version.",
    example: "\
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [example.com], apiVersions: ['*'], resources: [gadgets]}
",
    fix: "Name the versions that the list documents. The API server converts updates of other \
          versions to one of these before it sends them to the webhook.",
    fixed: "\
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [example.com], apiVersions: [v1], resources: [gadgets]}
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let found = context.resources().flat_map(|(at, resource)| {
        let wildcards =
            resource.api_versions.iter().enumerate().filter(|(_, version)| *version == "*");
        wildcards.map(move |(index, _)| {
            finding(
                format!("{at}/apiVersions/{index}"),
                "apiVersions `*` matches versions whose fields nobody has listed",
                "name the versions that the list was written for",
            )
        })
    });
    found.collect()
}
