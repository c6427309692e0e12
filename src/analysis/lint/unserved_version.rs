//! Versions that are not served, beside others that are.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use super::schema::versions::versions;
use crate::analysis::words::quoted;

pub(super) const LINT: Lint = Lint {
    name: "unserved-version",
    severity: Severity::Warning,
    input: Input::Schema,
    what: "Finds versions in `apiVersions` in which the kind is not served, beside others in which \
           it is.",
    why: "No update is ever judged in such a version. It is misspelt, or a version that the kind \
          no longer has.",
    example: "\
spec:
  matchConstraints:
    resourceRules:  # the CRD serves v1 and v1beta1
    - {apiGroups: [example.com], apiVersions: [v1, v1alpha1], resources: [gadgets]}
",
    fix: "Remove the version.",
    fixed: "\
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [example.com], apiVersions: [v1], resources: [gadgets]}
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let versions = versions(context).into_iter();
    let some = versions.filter(|all| !all.matched.is_empty() && !all.unserved.is_empty());
    let found = some.map(|versions| {
        let message = format!(
            "{} is not served as {}, but as {}",
            versions.kind,
            quoted(&versions.unserved, ", "),
            quoted(&versions.served, ", ")
        );
        finding(versions.at, message, "remove what is not served")
    });
    found.collect()
}
