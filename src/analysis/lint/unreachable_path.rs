//! Paths that no object has.

use std::collections::{BTreeMap, BTreeSet};

use super::definition::{Context, Input, Lint, LintFinding, Severity, finding};
use super::schema::catalogue::{MatchedKind, Mismatch, resolve};
use super::schema::suggestion::{fix, reason};
use crate::analysis::paths::is_of_status;
use crate::analysis::words::{counted, shown};
use crate::engine::{Path, ProtectionOrigin, Rule, Step};

pub(super) const LINT: Lint = Lint {
    name: "unreachable-path",
    severity: Severity::Warning,
    input: Input::Schema,
    what: "Finds paths in `mutable`, `protected`, `equality`, `sensitive` and \
           `fieldward.io/defaulted` that lead to no field of the kind.",
    why: "An entry for such a path permits nothing, a path in `protected` protects nothing, one in \
          `sensitive` hides nothing. Usually the path is misspelt, or the documentation lists a \
          field that the kind does not have.",
    example: "\
spec:
  mutable:
  - metadata.annotations
  - spec.replica  # gadgets have spec.replicas
  - spec.tasks.*.image  # spec.tasks is a list
",
    fix: "Correct the path. If the documentation of the kind lists a field that the kind does not \
          have, keep the entry and add its path to the annotation `fieldward.io/absent`.",
    fixed: "\
spec:
  mutable:
  - metadata.annotations
  - spec.replicas
  - spec.tasks[*].image
",
    check,
};

/// Where a path is written, which decides what follows if no object has it.
#[derive(Debug, Clone, Copy)]
enum List {
    Mutable,
    Protected,
    Equality,
    Sensitive,
    Defaulted,
}

type Pointers<'a> = Vec<(String, &'a Path)>;

fn check(context: &Context<'_>) -> Vec<LintFinding> {
    unreachable(context.rule, &context.targets)
}

pub(super) fn unreachable(rule: &Rule, targets: &[MatchedKind<'_>]) -> Vec<LintFinding> {
    // `status-subresource` reports entries for a status that never differs.
    let hides_status = targets.iter().any(|target| target.hides_status(rule));
    let is_hidden = |path: &Path| hides_status && is_of_status(path.steps());
    let pointer = |list, index| format!("/spec/{list}/{index}/path");
    let defaulted = "/metadata/annotations/fieldward.io~1defaulted";
    let mutable = rule.entries().enumerate();
    let mutable = mutable.filter(|(_, entry)| !entry.is_absent && !is_hidden(&entry.path));
    let mutable = mutable.map(|(index, entry)| (pointer("mutable", index), &entry.path));
    let protected = rule.protected().iter().enumerate();
    let protected = protected
        .filter(|(_, own)| own.origin == ProtectionOrigin::Listed && !is_hidden(&own.path));
    let protected = protected.map(|(index, own)| (format!("/spec/protected/{index}"), &own.path));
    let equality = rule.equality().iter().enumerate();
    let equality = equality.map(|(index, entry)| (pointer("equality", index), &entry.path));
    let sensitive = rule.sensitive().iter().enumerate();
    let sensitive = sensitive.map(|(index, path)| (pointer("sensitive", index), path));
    let defaulted = rule.defaulted().iter().map(|path| (defaulted.to_owned(), path));
    let lists: [(List, Pointers<'_>); 5] = [
        (List::Mutable, mutable.collect()),
        (List::Protected, protected.collect()),
        (List::Equality, equality.collect()),
        (List::Sensitive, sensitive.collect()),
        (List::Defaulted, defaulted.collect()),
    ];
    lists.into_iter().flat_map(|(list, paths)| in_list(list, &paths, targets)).collect()
}

/// Paths that go wrong at the same step are one finding.
fn in_list(list: List, paths: &Pointers<'_>, targets: &[MatchedKind<'_>]) -> Vec<LintFinding> {
    let listed: Vec<&Path> = paths.iter().map(|(_, path)| *path).collect();
    let mut groups: BTreeMap<usize, (Mismatch<'_, '_>, BTreeSet<String>)> = BTreeMap::new();
    let mut firsts: BTreeMap<&[Step], usize> = BTreeMap::new();
    for (index, path) in listed.iter().enumerate() {
        let Err(mismatch) = resolve(targets, path.steps()) else { continue };
        let until = path.steps().get(..=mismatch.misfit.at).unwrap_or_default();
        let first = *firsts.entry(until).or_insert(index);
        let group = groups.entry(first).or_insert_with(|| (mismatch, BTreeSet::new()));
        group.1.insert(path.to_string());
    }
    let found = groups.into_iter().filter_map(|(first, (mismatch, all))| {
        let Mismatch { target, misfit } = mismatch;
        let (at, path) = paths.get(first)?;
        let others = all.len() - 1;
        let and_others = match others {
            0 => String::new(),
            others => format!(" (and {} there)", counted(others, "other path")),
        };
        let message = format!(
            "`{}`{and_others} {}: {}",
            shown(path),
            list.consequence(others),
            reason(target, path.steps(), &misfit)
        );
        let fix = list.fix(others, fix(target.schema, path.steps(), &misfit, &listed));
        Some(finding(at, message, fix))
    });
    found.collect()
}

impl List {
    fn consequence(self, others: usize) -> &'static str {
        match (self, others) {
            (Self::Mutable, 0) => "never permits anything",
            (Self::Mutable, _) => "never permit anything",
            (Self::Protected, _) => "in `protected` protects nothing",
            (Self::Equality, 0) => "in `equality` says nothing",
            (Self::Equality, _) => "in `equality` say nothing",
            (Self::Sensitive, _) => "in `sensitive` hides nothing",
            (Self::Defaulted, _) => "in `fieldward.io/defaulted` says nothing",
        }
    }

    /// What to do. A documented field that the kind lacks may stay, if the rule says so.
    fn fix(self, others: usize, fix: String) -> String {
        let them = if others == 0 { "it" } else { "them" };
        match self {
            Self::Mutable => format!(
                "if the documentation of the kind lists {them}, add {them} to \
                 `fieldward.io/absent`; if not, {fix}"
            ),
            Self::Protected | Self::Equality | Self::Sensitive | Self::Defaulted => fix,
        }
    }
}
