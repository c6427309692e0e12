//! Resources that the cluster does not serve.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use super::schema::catalogue::{Catalogue, SchemaSource, is_like};
use crate::analysis::kinds::Kind;
use crate::engine::{ResourceRule, escape_control};

pub(super) const LINT: Lint = Lint {
    name: "unserved-resource",
    severity: Severity::Warning,
    input: Input::Schema,
    what: "Finds resources and subresources of the rule that the cluster does not serve. Needs \
           `--live`: CRD files do not say which other kinds there are.",
    why: "The rule judges no update in this cluster, and its paths were compared with no schema.",
    example: "\
spec:
  matchConstraints:
    resourceRules:  # gadgets have no subresource exec
    - {apiGroups: [example.com], apiVersions: [v1], resources: [gadgets, gadgets/exec]}
",
    fix: "Install what serves the resource, correct its group and name, or remove it.",
    fixed: "\
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [example.com], apiVersions: [v1], resources: [gadgets]}
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    context.resources().flat_map(|(at, named)| unserved(&at, named, context.catalogue)).collect()
}

pub(super) fn unserved(at: &str, named: &ResourceRule, catalogue: &Catalogue) -> Vec<LintFinding> {
    let SchemaSource::Cluster(address) = &catalogue.source else { return Vec::new() };
    let address = escape_control(address);
    let mut found = Vec::new();
    for group in named.api_groups.iter().filter(|group| *group != "*") {
        for (index, resource) in named.resources.iter().enumerate() {
            let at = format!("{at}/resources/{index}");
            let (name, subresource) = resource.split_once('/').unwrap_or((resource, ""));
            let is_known = |kind: &&Kind| {
                kind.group == *group
                    && (name == "*" || is_like(name, kind) || named.kinds.contains(&kind.name))
            };
            let mut served = catalogue.kinds.iter().filter(is_known).peekable();
            let has = |kind: &Kind| {
                kind.served().any(|version| version.subresource(subresource).is_some())
            };
            let dot = if group.is_empty() { "" } else { "." };
            let shown = escape_control(&format!("{resource}{dot}{group}"));
            if served.peek().is_none() {
                found.push(finding(
                    at,
                    format!(
                        "the cluster at {address} does not serve `{shown}`, so nothing was \
                         checked against its schema"
                    ),
                    "install what serves it, or correct group and resource",
                ));
            } else if !matches!(subresource, "" | "*") && !served.any(has) {
                found.push(finding(
                    at,
                    format!(
                        "the cluster at {address} serves no `{shown}`: the resource has no such \
                         subresource"
                    ),
                    "remove it",
                ));
            }
        }
    }
    found
}
