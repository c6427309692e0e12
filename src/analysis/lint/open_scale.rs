//! A scale subresource through which a protected field can be changed.

use super::common::entries::is_open;
use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use super::schema::catalogue::MatchedKind;
use crate::analysis::words::written;
use crate::engine::{Path, ResourceRule};

pub(super) const LINT: Lint = Lint {
    name: "open-scale",
    severity: Severity::Warning,
    input: Input::Schema,
    what: "Finds kinds with a `scale` subresource that no rule names, where the rule does not \
           permit everybody to change the number of replicas.",
    why: "A rule judges a subresource only if it names it. `kubectl scale` and the horizontal pod \
          autoscaler change the number of replicas through `scale`, past the rule.",
    example: "\
spec:
  mutable:
  - metadata.annotations
  - spec.image  # and not spec.replicas, which gadgets/scale writes
",
    fix: "Permit the field, or write a rule for the subresource, whose objects have the field as \
          `spec.replicas`.",
    fixed: "\
spec:
  mutable:
  - metadata.annotations
  - spec.image
  - spec.replicas
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    context.targets.iter().filter_map(|target| of_target(context, target)).collect()
}

fn of_target(context: &Context<'_>, target: &MatchedKind<'_>) -> Option<LintFinding> {
    let scale = target.version.subresource("scale").filter(|_| target.subresource.is_none())?;
    let (kind, version) = (target.kind, target.version);
    let closes = |named: &ResourceRule| {
        named.has_group(&kind.group)
            && named.has_version(&version.name)
            && named.asks_for(&kind.plural, "scale")
            && (named.kinds.is_empty() || named.kinds.contains(&scale.kind))
    };
    if context.rules.iter().any(|other| other.resources().iter().any(closes)) {
        return None;
    }
    let path = scale.replicas.as_deref().and_then(|path| Path::parse(path).ok());
    // Where everybody may change the field, `scale` opens nothing.
    if path.as_ref().is_some_and(|path| is_open(context.rule, path.steps())) {
        return None;
    }
    let field = path.map_or_else(
        || "the number of replicas".to_owned(),
        |path| format!("`{}`", written(path.steps())),
    );
    Some(finding(
        "/spec/matchConstraints/resourceRules",
        format!(
            "{field} of {} can be changed through `{}/scale`, which no rule names",
            kind.name, kind.plural
        ),
        format!(
            "permit {field} to all, or add a rule for `resources: [{}/scale]`, `kinds: [{}]` with \
             `mutable: []` or who may scale by `spec.replicas`",
            kind.plural, scale.kind
        ),
    ))
}
