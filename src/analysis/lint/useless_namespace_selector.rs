//! A namespace selector for objects that are in no namespace.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use crate::analysis::kinds::ResourceScope;

pub(super) const LINT: Lint = Lint {
    name: "useless-namespace-selector",
    severity: Severity::Warning,
    input: Input::Schema,
    what: "Finds `namespaceSelector` in rules for cluster-scoped kinds other than Namespace.",
    why: "The API server does not evaluate the selector for objects that are in no namespace, so \
          the rule applies to all of them.",
    example: "\
spec:
  matchConstraints:
    namespaceSelector:
      matchLabels: {team: red}
    resourceRules:  # their CRD has `scope: Cluster`
    - {apiGroups: [example.com], apiVersions: [v1], resources: [gadgetclasses]}
",
    fix: "Select objects by `objectSelector` or `matchConditions`.",
    fixed: "\
spec:
  matchConstraints:
    objectSelector:
      matchLabels: {team: red}
    resourceRules:
    - {apiGroups: [example.com], apiVersions: [v1], resources: [gadgetclasses]}
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let selector = context.rule.namespace_selector();
    if selector.match_labels.is_empty() && selector.match_expressions.is_empty() {
        return Vec::new();
    }
    let in_none = context.targets.iter().map(|target| target.kind).filter(|kind| {
        let is_namespace = kind.group.is_empty() && kind.plural == "namespaces";
        kind.scope == ResourceScope::Cluster && !is_namespace
    });
    let found = in_none.map(|kind| {
        let message = format!(
            "the namespaceSelector leaves no {} out: its objects are in no namespace",
            kind.name
        );
        finding(
            "/spec/matchConstraints/namespaceSelector",
            message,
            "select by `objectSelector` or `matchConditions`",
        )
    });
    found.collect()
}
