//! Versions that the API server converts before the webhook sees them.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use super::schema::versions::versions;
use crate::analysis::words::quoted;

pub(super) const LINT: Lint = Lint {
    name: "converted-version",
    severity: Severity::Note,
    input: Input::Schema,
    what: "Names the served versions of the kind that `apiVersions` does not list.",
    why: "The rule covers them too: the registration has `matchPolicy: Equivalent`, so the API \
          server converts updates in these versions to a listed one. Messages then show the \
          fields of the listed version.",
    example: "\
spec:
  matchConstraints:
    resourceRules:  # the CRD serves v1 and v1beta1
    - {apiGroups: [example.com], apiVersions: [v1], resources: [gadgets]}
",
    fix: "Nothing needs to be done. List the version too if its users should see its own fields \
          in messages, and if the paths fit it.",
    fixed: "\
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [example.com], apiVersions: [v1, v1beta1], resources: [gadgets]}
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let versions = versions(context).into_iter();
    let some = versions.filter(|all| !all.matched.is_empty() && !all.unlisted.is_empty());
    let found = some.map(|versions| {
        let message = format!(
            "{} is served as {} too: with matchPolicy Equivalent, which the registration has, the \
             API server converts such updates to {} before they are judged",
            versions.kind,
            quoted(&versions.unlisted, ", "),
            quoted(&versions.matched, " or ")
        );
        finding(versions.at, message, "nothing needs to be done")
    });
    found.collect()
}
