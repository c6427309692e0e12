//! Fields that the rule calls absent although the kind has them.

use std::collections::BTreeSet;

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use super::schema::catalogue::MatchedKind;
use super::schema::path::walk;
use crate::analysis::kinds::SchemaLocation;
use crate::analysis::words::shown;
use crate::engine::Path;

pub(super) const LINT: Lint = Lint {
    name: "contradicted-absent",
    severity: Severity::Warning,
    input: Input::Schema,
    what: "Finds paths in the annotation `fieldward.io/absent` that the schema of the kind has.",
    why: "Messages leave these paths out of the fields that may be updated, so users do not learn \
          of a field that they may change.",
    example: "\
metadata:
  annotations:
    fieldward.io/absent: spec.replicas  # gadgets have it
spec:
  mutable:
  - metadata.annotations
  - spec.replicas
",
    fix: "Remove the path from the annotation.",
    fixed: "\
spec:
  mutable:
  - metadata.annotations
  - spec.replicas
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    // A schema that accepts any field contradicts nothing.
    let declares = |target: &&MatchedKind<'_>, path: &Path| {
        let locations = walk(target.schema, path.steps()).unwrap_or_default();
        locations.iter().any(|location| *location != SchemaLocation::ANYTHING)
    };
    let mut seen = BTreeSet::new();
    let absent = context.rule.entries().filter(|entry| entry.is_absent).map(|entry| &entry.path);
    let found = absent.filter(|path| seen.insert(path.to_string())).filter_map(|path| {
        let target = context.targets.iter().find(|target| declares(target, path))?;
        let message = format!(
            "`{}` in `fieldward.io/absent` hides a field that may be updated: {} has it",
            shown(path),
            target.name()
        );
        let at = "/metadata/annotations/fieldward.io~1absent";
        Some(finding(at, message, "remove it from the annotation"))
    });
    found.collect()
}
