//! Annotations of fieldward that it does not read.

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use crate::analysis::words::likely_name;
use crate::engine::annotations::{ANNOTATION_PREFIX, ANNOTATIONS};
use crate::engine::escape_control;

pub(super) const LINT: Lint = Lint {
    name: "unknown-annotation",
    severity: Severity::Warning,
    input: Input::Rule,
    what: "Finds annotations that begin with `fieldward.io/` and that fieldward does not read.",
    why: "The annotation is probably misspelt, and what it says has no effect.",
    example: "\
metadata:
  annotations:
    fieldward.io/default: spec.size
",
    fix: "Correct the name, or remove the annotation.",
    fixed: "\
metadata:
  annotations:
    fieldward.io/defaulted: spec.size
",
    check,
};

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    let found = context.rule.unknown_annotations().iter().map(|name| {
        let own = name.strip_prefix(ANNOTATION_PREFIX).unwrap_or_default();
        let known =
            || ANNOTATIONS.into_iter().filter_map(|known| known.strip_prefix(ANNOTATION_PREFIX));
        let fix = likely_name(known(), own).map_or_else(
            || {
                let known: Vec<String> =
                    ANNOTATIONS.iter().map(|known| format!("`{known}`")).collect();
                format!("remove it; the annotations of a rule are {}", known.join(", "))
            },
            |meant| format!("did you mean `{ANNOTATION_PREFIX}{meant}`?"),
        );
        finding(
            format!("/metadata/annotations/{}", name.replace('~', "~0").replace('/', "~1")),
            format!("the annotation `{}` has no effect", escape_control(name)),
            fix,
        )
    });
    found.collect()
}
