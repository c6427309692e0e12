//! Resources that the rule calls by another name than their plural.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use super::schema::catalogue::{is_like, names};
use crate::analysis::kinds::Kind;
use crate::engine::{ResourceRule, escape_control};

pub(super) const LINT: Lint = Lint {
    name: "misnamed-resource",
    severity: Severity::Error,
    input: Input::Schema,
    what: "Finds resources that the rule names by the kind, by the singular or misspelt.",
    why: "The API server matches the plural name only. The rule never applies to the kind.",
    example: "\
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [example.com], apiVersions: [v1], resources: [gadget]}
",
    fix: "Write the plural that `kubectl api-resources` prints.",
    fixed: "\
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [example.com], apiVersions: [v1], resources: [gadgets]}
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let found = context.resources().flat_map(|(at, named)| {
        let kinds = context.catalogue.kinds.iter().filter(|kind| names(named, kind));
        kinds.filter_map(|kind| misnamed(&at, named, kind)).collect::<Vec<_>>()
    });
    found.collect()
}

fn misnamed(at: &str, named: &ResourceRule, kind: &Kind) -> Option<LintFinding> {
    let name = |resource: &String| resource.split('/').next().unwrap_or_default().to_owned();
    if named.resources.iter().map(name).any(|name| name == "*" || name == kind.plural) {
        return None;
    }
    let meant = named.resources.iter().position(|resource| is_like(&name(resource), kind));
    let index = meant.unwrap_or_default();
    let message = format!(
        "the rule never applies to {}: its resource is `{}`, not `{}`",
        kind.name,
        kind.plural,
        escape_control(named.resources.get(index)?)
    );
    let fix = format!("write `resources: [{}]`", kind.plural);
    Some(finding(format!("{at}/resources/{index}"), message, fix))
}
