//! `kinds` that the objects of the resource do not have.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use super::schema::catalogue::names_plural;
use crate::analysis::kinds::{Kind, Subresource};
use crate::engine::{ResourceRule, escape_control};

pub(super) const LINT: Lint = Lint {
    name: "wrong-kind",
    severity: Severity::Error,
    input: Input::Schema,
    what: "Finds `kinds` that leave out the kind of the objects that the resource or subresource \
           has.",
    why: "A rule judges only objects of the listed kinds, so it never judges an update of this \
          resource.",
    example: "\
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [example.com], apiVersions: [v1], resources: [gadgets, gadgets/scale],
       kinds: [Gadget]}  # the objects of gadgets/scale are of kind Scale
",
    fix: "Add the kind, or leave `kinds` out.",
    fixed: "\
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [example.com], apiVersions: [v1], resources: [gadgets, gadgets/scale],
       kinds: [Gadget, Scale]}
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let found = context.resources().filter(|(_, named)| !named.kinds.is_empty());
    let found = found.flat_map(|(at, named)| {
        let kinds = context.catalogue.kinds.iter().filter(|kind| names_plural(named, kind));
        kinds.flat_map(|kind| wrong_kinds(&at, named, kind)).collect::<Vec<_>>()
    });
    found.collect()
}

fn wrong_kinds(at: &str, named: &ResourceRule, kind: &Kind) -> Vec<LintFinding> {
    let at = format!("{at}/kinds");
    let mut found = Vec::new();
    let listed = escape_control(&named.kinds.join(", "));
    if named.asks_for(&kind.plural, "") && !named.kinds.contains(&kind.name) {
        found.push(finding(
            &at,
            format!(
                "the rule never applies to `{}`: their kind is {}, and `kinds` lists {listed}",
                kind.plural, kind.name
            ),
            format!("write `kinds: [{}]`", kind.name),
        ));
    }
    let mut subresources: Vec<&Subresource> =
        kind.served().flat_map(|version| &version.subresources).collect();
    subresources.dedup_by(|one, two| one.name == two.name);
    for subresource in subresources {
        let resource = format!("{}/{}", kind.plural, subresource.name);
        if named.resources.contains(&resource) && !named.kinds.contains(&subresource.kind) {
            found.push(finding(
                &at,
                format!(
                    "the rule never applies to `{resource}`: what comes there is of kind {}, and \
                     `kinds` lists {listed}",
                    subresource.kind
                ),
                format!("add `{}` to `kinds`, or leave `kinds` out", subresource.kind),
            ));
        }
    }
    found
}
