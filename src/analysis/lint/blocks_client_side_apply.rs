//! Rules that refuse every client-side `kubectl apply`.

use std::collections::BTreeSet;

use super::common::entries::{is_for_all, judges_objects};
use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use crate::analysis::paths::reaches;
use crate::analysis::words::shown;
use crate::engine::{Effect, Entry, Step};

/// The annotation in which client-side apply keeps the whole object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

pub(super) const LINT: Lint = Lint {
    name: "blocks-client-side-apply",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds rules that do not let everybody set and modify the annotation \
           `kubectl.kubernetes.io/last-applied-configuration`.",
    why: "`kubectl apply` without `--server-side` stores the whole manifest in that annotation. \
          It sets the annotation on objects that others created and modifies it on every update. \
          A rule that protects the annotation denies every such update, even if all other changes \
          are permitted.",
    example: "\
spec:
  mutable:
  - spec.replicas
",
    fix: "List `metadata.annotations`, or this annotation alone.",
    fixed: "\
spec:
  mutable:
  - spec.replicas
  - metadata.annotations['kubectl.kubernetes.io/last-applied-configuration']
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    if !judges_objects(context.rule) || context.rule.actions().effect != Effect::Deny {
        return Vec::new();
    }
    let target = ["metadata", "annotations", LAST_APPLIED].map(|name| Step::Name(name.to_owned()));
    let reaching: Vec<(String, &Entry)> =
        context.entries().filter(|(_, entry)| reaches(entry.path.steps(), &target)).collect();
    let for_everybody =
        reaching.iter().filter(|(_, entry)| is_for_all(entry.by.as_ref()) && entry.when.is_none());
    let verbs: BTreeSet<&str> = for_everybody.flat_map(|(_, entry)| entry.verbs.names()).collect();
    let missing = match (verbs.contains("Set"), verbs.contains("Modify")) {
        (true, true) => return Vec::new(),
        (false, true) => "set",
        (true, false) => "modify",
        (false, false) => "set and modify",
    };
    let fix =
        format!("list `metadata.annotations`, or `metadata.annotations['{LAST_APPLIED}']` alone");
    vec![match reaching.first() {
        None => finding(
            "/spec/mutable",
            "no entry reaches `metadata.annotations`, so every client-side `kubectl apply` is \
             refused (it writes an annotation)",
            fix,
        ),
        Some((at, entry)) => finding(
            at,
            format!(
                "`{}` does not let everybody {missing} the annotation that client-side `kubectl \
                 apply` writes on every update, so it is refused",
                shown(&entry.path)
            ),
            format!("{fix}, without `by`, `allow` and `when`"),
        ),
    }]
}
