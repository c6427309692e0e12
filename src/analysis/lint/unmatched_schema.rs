//! Rules for a kind of which no CRD was given.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use super::schema::catalogue::{SchemaSource, is_like, names};
use crate::analysis::kinds::Kind;
use crate::engine::ResourceRule;

pub(super) const LINT: Lint = Lint {
    name: "unmatched-schema",
    severity: Severity::Note,
    input: Input::Schema,
    what: "Names rules for kinds that none of the CRDs given with `--crd` defines.",
    why: "The lints that need a schema found nothing in these rules because they had no schema to \
          compare them with, not because the rules fit.",
    example: "\
spec:
  matchConstraints:
    resourceRules:  # the CRD has the group example.com
    - {apiGroups: [example.org], apiVersions: [v1], resources: [gadgets]}
",
    fix: "Give the CRD of the kind, use `--live`, or correct the group.",
    fixed: "\
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [example.com], apiVersions: [v1], resources: [gadgets]}
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let (rule, kinds) = (context.rule, &context.catalogue.kinds);
    let covers = |kind: &Kind| rule.resources().iter().any(|named| names(named, kind));
    if context.catalogue.source != SchemaSource::Files || kinds.iter().any(covers) {
        return Vec::new();
    }
    let means = |named: &ResourceRule, kind: &Kind| {
        let mut names = named.resources.iter().filter_map(|resource| resource.split('/').next());
        names.any(|name| is_like(name, kind))
            && (named.kinds.is_empty() || named.kinds.contains(&kind.name))
    };
    let is_like_it = |kind: &&Kind| rule.resources().iter().any(|named| means(named, kind));
    let fix = kinds.iter().find(is_like_it).map_or_else(
        || "give the CRD of its kind, or check it against a cluster with `--live`".to_owned(),
        |kind| {
            let (group, name) = (&kind.group, &kind.name);
            format!("write `apiGroups: [{group}]` if the {name} of that group is meant")
        },
    );
    vec![finding(
        "/spec/matchConstraints/resourceRules",
        "no given schema describes a kind of this rule, so its paths were not checked",
        fix,
    )]
}
