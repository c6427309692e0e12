//! Kinds whose fields no schema describes.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};

pub(super) const LINT: Lint = Lint {
    name: "unknown-fields",
    severity: Severity::Note,
    input: Input::Schema,
    what: "Names kinds whose schema describes none of their fields.",
    why: "Every path fits such a kind, so lint cannot find a misspelt one.",
    example: "\
spec:
  matchConstraints:
    resourceRules:  # their CRD has no schema
    - {apiGroups: [example.com], apiVersions: [v1], resources: [gadgetclasses]}
",
    fix: "Nothing, if the CRD has no schema. A cluster publishes the schema of a new CRD after a \
          few seconds: run lint again.",
    fixed: "\
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [example.com], apiVersions: [v1], resources: [gadgets]}
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let silent = context.targets.iter().filter(|target| target.schema.is_silent());
    let found = silent.map(|target| {
        let message =
            format!("no schema says which fields {} has, so no path was checked", target.name());
        finding(
            "/spec/matchConstraints/resourceRules",
            message,
            "if the CRD has just been created, run lint again",
        )
    });
    found.collect()
}
