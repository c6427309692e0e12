//! Rules for versions none of which is served.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use super::schema::versions::versions;
use crate::analysis::words::quoted;

pub(super) const LINT: Lint = Lint {
    name: "no-served-version",
    severity: Severity::Error,
    input: Input::Schema,
    what: "Finds resource rules that name no version in which the kind is served.",
    why: "The API server never matches such a version, so the rule never applies to the kind.",
    example: "\
spec:
  matchConstraints:
    resourceRules:  # the CRD serves v1 and v1beta1
    - {apiGroups: [example.com], apiVersions: [v2], resources: [gadgets]}
",
    fix: "Name a served version, and check that the paths of the rule fit it.",
    fixed: "\
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [example.com], apiVersions: [v1], resources: [gadgets]}
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let unmatched = versions(context).into_iter().filter(|versions| versions.matched.is_empty());
    let found = unmatched.map(|versions| {
        finding(
            versions.at,
            format!(
                "the rule never applies to {}: it is not served as {}",
                versions.kind,
                quoted(&versions.unserved, ", ")
            ),
            format!("write `apiVersions: [{}]`", versions.served.join(", ")),
        )
    });
    found.collect()
}
