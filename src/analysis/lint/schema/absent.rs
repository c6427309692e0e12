//! Fields that a rule marks as absent although the schema has them.

use std::collections::BTreeSet;

use super::target::Target;
use super::walk::walk;
use crate::analysis::kinds::Place;
use crate::analysis::lint::finding::{Finding, finding, shown};
use crate::engine::Rule;

/// The marks that the schema contradicts. A schema that accepts any field there contradicts none.
pub(crate) fn of(rule: &Rule, targets: &[Target<'_>]) -> Vec<Finding> {
    let declares = |target: &&Target<'_>, path| {
        walk(target.schema, path)
            .is_ok_and(|places| places.iter().any(|place| *place != Place::ANYTHING))
    };
    let mut seen = BTreeSet::new();
    let marked = rule
        .entries()
        .filter(|entry| entry.is_absent)
        .map(|entry| &entry.path)
        .filter(|path| seen.insert(path.to_string()));
    let found = marked.filter_map(|path| {
        let target = targets.iter().find(|target| declares(target, path.steps()))?;
        let message = format!(
            "`{}` in `fieldward.io/absent` hides a field that may be updated: {} has it",
            shown(path),
            target.name()
        );
        Some(finding(message, "remove it from the annotation"))
    });
    found.collect()
}
