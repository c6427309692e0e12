//! Paths that lead out of the schema, and where they were perhaps meant to lead.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::resources::{has_status_apart, is_of_status};
use super::target::{Lost, Target, places};
use super::walk::{Misfit, Why, from, walk};
use super::words::{what_scalar, written};
use crate::analysis::kinds::{Others, Place, Schema, Shape};
use crate::analysis::lint::finding::{Finding, counted, covers, finding, is_out_of_reach, shown};
use crate::engine::{Condition, Path, Read, Rule, Step, escape_control};

/// How many names are suggested, and how many are listed.
const SUGGESTED: usize = 3;
const LISTED: usize = 8;

/// What a path stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Mutable,
    Equality,
    Sensitive,
    Defaulted,
}

/// The paths of a rule that no object has.
pub(crate) fn of(rule: &Rule, targets: &[Target<'_>]) -> Vec<Finding> {
    // What is said of a status that is never asked about is said once.
    let is_said = |path: &&Path| {
        is_of_status(path.steps()) && targets.iter().any(|target| has_status_apart(rule, target))
    };
    let parts = [
        (
            Part::Mutable,
            rule.present_entries().map(|entry| &entry.path).filter(|path| !is_said(path)).collect(),
        ),
        (Part::Equality, rule.equality().iter().map(|entry| &entry.path).collect()),
        (Part::Sensitive, rule.sensitive().iter().collect()),
        (Part::Defaulted, rule.defaulted().iter().collect::<Vec<_>>()),
    ];
    let mut found = Vec::new();
    for (part, paths) in parts {
        found.extend(of_part(part, &paths, targets));
    }
    found.extend(conditions(rule, targets));
    found
}

/// Those that go wrong at the same step are one finding.
fn of_part(part: Part, paths: &[&Path], targets: &[Target<'_>]) -> Vec<Finding> {
    let mut groups: BTreeMap<usize, (&Path, &Target<'_>, Misfit, BTreeSet<String>)> =
        BTreeMap::new();
    let mut firsts: BTreeMap<&[Step], usize> = BTreeMap::new();
    for (index, path) in paths.iter().enumerate() {
        let Err(Lost { target, misfit }) = places(targets, path.steps()) else { continue };
        let until = path.steps().get(..=misfit.at).unwrap_or_default();
        let first = *firsts.entry(until).or_insert(index);
        let group = groups.entry(first).or_insert_with(|| (path, target, misfit, BTreeSet::new()));
        group.3.insert(path.to_string());
    }
    let told = groups.into_values().map(|(path, target, misfit, all)| {
        let others = all.len() - 1;
        let which = if others == 0 {
            format!("`{}`", shown(path))
        } else {
            format!("`{}` (and {} there)", shown(path), counted(others, "other path"))
        };
        let message = format!(
            "{which} {}: {}",
            part.consequence(others),
            reason(target, path.steps(), &misfit)
        );
        finding(message, part.mend(others, fix(target.schema, path.steps(), &misfit, paths)))
    });
    told.collect()
}

impl Part {
    fn consequence(self, others: usize) -> &'static str {
        match (self, others) {
            (Self::Mutable, 0) => "never permits anything",
            (Self::Mutable, _) => "never permit anything",
            (Self::Equality, 0) => "in `equality` says nothing",
            (Self::Equality, _) => "in `equality` say nothing",
            (Self::Sensitive, _) => "in `sensitive` hides nothing",
            (Self::Defaulted, _) => "in `fieldward.io/defaulted` says nothing",
        }
    }

    /// What to do. A documented field that the kind lacks may stay, if the rule says so.
    fn mend(self, others: usize, fix: String) -> String {
        let them = if others == 0 { "it" } else { "them" };
        match self {
            Self::Mutable => format!(
                "if the documentation of the kind lists {them}, add {them} to \
                 `fieldward.io/absent`; if not, {fix}"
            ),
            Self::Equality | Self::Sensitive | Self::Defaulted => fix,
        }
    }
}

fn reason(target: &Target<'_>, steps: &[Step], misfit: &Misfit) -> String {
    let parent = steps.get(..misfit.at).unwrap_or_default();
    let place = if parent.is_empty() {
        target.name()
    } else {
        format!("`{}` of {}", written(parent), target.name())
    };
    let step = steps.get(misfit.at);
    match (misfit.why, step) {
        (Why::Missing, Some(Step::Name(name))) => {
            format!("{place} has no `{}`", escape_control(name))
        }
        (Why::Missing, Some(Step::Prefix(prefix))) => {
            format!("{place} has no member that begins with `{}`", escape_control(prefix))
        }
        (Why::Missing, _) => format!("{place} has no member"),
        (Why::List, _) => format!("{place} is a list, whose elements `[*]` selects"),
        (Why::Object, _) => format!("{place} is an object, whose members `.*` selects"),
        (Why::Scalar(scalar), _) => {
            format!("{place} is {}, which has nothing below it", what_scalar(scalar))
        }
    }
}

fn fix(schema: &Schema, steps: &[Step], misfit: &Misfit, listed: &[&Path]) -> String {
    let mut meant = meant(schema, steps, misfit);
    meant.retain(|steps| !is_out_of_reach(steps));
    let is_listed = |steps: &[Step]| {
        let covers = |path: &&Path| {
            steps.get(..path.steps().len()).is_some_and(|start| covers(path.steps(), start))
        };
        listed.iter().any(covers)
    };
    let names = |all: &[Vec<Step>]| {
        all.iter().map(|steps| format!("`{}`", written(steps))).collect::<Vec<_>>().join(" or ")
    };
    match meant.as_slice() {
        [] => known(schema, steps, misfit).map_or_else(
            || "remove it".to_owned(),
            |known| format!("remove it, or name what there is: {known}"),
        ),
        [only] if is_listed(only) => format!("remove it: {} is listed already", names(&meant)),
        all => format!("did you mean {}?", names(all)),
    }
}

/// Paths that fit and differ little.
fn meant(schema: &Schema, steps: &[Step], misfit: &Misfit) -> Vec<Vec<Step>> {
    let (before, rest) = steps.split_at(misfit.at);
    let Some((step, after)) = rest.split_first() else { return Vec::new() };
    let with = |between: &[Step], after: &[Step]| [before, between, after].concat();
    let fits = |steps: &Vec<Step>| walk(schema, steps).is_ok();
    match (misfit.why, step) {
        (Why::List, Step::AnyMember) => {
            Some(with(&[Step::AnyElement], after)).into_iter().filter(fits).collect()
        }
        (Why::List, _) => {
            Some(with(&[Step::AnyElement, step.clone()], after)).into_iter().filter(fits).collect()
        }
        (Why::Object, Step::Keyed { value, .. }) => {
            Some(with(&[Step::Name(value.clone())], after)).into_iter().filter(fits).collect()
        }
        (Why::Object, _) => {
            Some(with(&[Step::AnyMember], after)).into_iter().filter(fits).collect()
        }
        (Why::Scalar(_), _) => {
            Some(before.to_vec()).into_iter().filter(|steps| !steps.is_empty()).collect()
        }
        (Why::Missing, Step::Name(name)) => {
            let near = alike(schema, misfit.from, name)
                .into_iter()
                .map(|(far, name)| (far, with(&[Step::Name(name)], after)));
            let near: Vec<(usize, Vec<Step>)> = near.filter(|(_, steps)| fits(steps)).collect();
            let closest: Vec<Vec<Step>> =
                near.iter().filter(|(far, _)| *far <= 1).map(|(_, steps)| steps.clone()).collect();
            let elsewhere =
                if closest.is_empty() { elsewhere(schema, steps, name, after) } else { closest };
            if elsewhere.is_empty() {
                near.into_iter().take(SUGGESTED).map(|(_, steps)| steps).collect()
            } else {
                elsewhere
            }
        }
        (Why::Missing, _) => Vec::new(),
    }
}

/// The names beside it that are spelled nearly so, the nearest first.
fn alike(schema: &Schema, place: Place, name: &str) -> Vec<(usize, String)> {
    let Shape::Object(members) = schema.shape(place) else { return Vec::new() };
    let far =
        |other: &String| strsim::damerau_levenshtein(&other.to_lowercase(), &name.to_lowercase());
    let most = (name.chars().count() / 3).max(1);
    let mut near: Vec<(usize, String)> = members
        .named
        .keys()
        .map(|other| (far(other), other.clone()))
        .filter(|(far, _)| *far <= most)
        .collect();
    near.sort();
    near
}

/// Where the same name stands elsewhere, nearest to the root, with all that follows.
fn elsewhere(schema: &Schema, steps: &[Step], name: &str, after: &[Step]) -> Vec<Vec<Step>> {
    let mut found: Vec<Vec<Step>> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut queue = VecDeque::from([(schema.root(), Vec::<Step>::new())]);
    while let Some((place, way)) = queue.pop_front() {
        if found.first().is_some_and(|first| first.len() <= way.len() + after.len()) {
            break;
        }
        if !seen.insert(place) {
            continue;
        }
        for (step, next) in below(schema, place) {
            // What is not the author's to change is not what was meant.
            let is_aside = way.is_empty()
                && matches!(&step, Step::Name(name) if matches!(name.as_str(),
                    "metadata" | "status" | "apiVersion" | "kind"));
            if is_aside && steps.first() != Some(&step) {
                continue;
            }
            let is_it = matches!(&step, Step::Name(other) if other == name);
            let way = [way.as_slice(), &[step]].concat();
            if is_it && from(schema, next, after).is_ok() {
                found.push([way.as_slice(), after].concat());
            }
            queue.push_back((next, way));
        }
    }
    found.truncate(SUGGESTED);
    found
}

/// The steps from a place, and where each leads.
pub(crate) fn below(schema: &Schema, place: Place) -> Vec<(Step, Place)> {
    match schema.shape(place) {
        Shape::Object(members) => {
            let named =
                members.named.iter().map(|(name, place)| (Step::Name(name.clone()), *place));
            let others = match members.others {
                Others::Of(place) => Some((Step::AnyMember, place)),
                Others::Kept | Others::Dropped => None,
            };
            named.chain(others).collect()
        }
        Shape::List(elements) => vec![(Step::AnyElement, elements.each)],
        Shape::Scalar(_) | Shape::Anything => Vec::new(),
    }
}

/// The names that there are.
fn known(schema: &Schema, steps: &[Step], misfit: &Misfit) -> Option<String> {
    let Shape::Object(members) = schema.shape(misfit.from) else { return None };
    let before = steps.get(..misfit.at).unwrap_or_default();
    let is_in_reach =
        |name: &&String| !is_out_of_reach(&[before, &[Step::Name((*name).clone())]].concat());
    let mut names: Vec<String> =
        members.named.keys().filter(is_in_reach).map(|name| escape_control(name)).collect();
    let more = if names.len() > LISTED { ", …" } else { "" };
    names.truncate(LISTED);
    (!names.is_empty()).then(|| format!("{}{more}", names.join(", ")))
}

/// What conditions read and no object has: reading it is an error, and an error grants nothing.
fn conditions(rule: &Rule, targets: &[Target<'_>]) -> Vec<Finding> {
    let mut found = Vec::new();
    for entry in rule.entries() {
        for read in entry.when.iter().flat_map(Condition::reads) {
            let what = format!("the condition of `{}`", shown(&entry.path));
            found.extend(unfit(&what, read, entry.path.steps(), targets));
        }
    }
    for condition in rule.conditions() {
        let what = format!("the match condition `{}`", escape_control(&condition.name));
        for read in Condition::reads_of(&condition.expression).into_iter().flatten() {
            found.extend(unfit(&what, &read, &[], targets));
        }
    }
    found
}

fn unfit(what: &str, read: &Read, own: &[Step], targets: &[Target<'_>]) -> Option<Finding> {
    let start = match read.variable.as_str() {
        "object" | "oldObject" => &[],
        "value" | "oldValue" => own,
        _ => return None,
    };
    let steps = [start, &read.members.iter().cloned().map(Step::Name).collect::<Vec<_>>()].concat();
    let Lost { target, misfit } = places(targets, &steps).err()?;
    // How elements are selected is not known here; and of a path that is wrong itself more is said
    // elsewhere.
    if misfit.at < start.len() || !matches!(misfit.why, Why::Missing | Why::Scalar(_)) {
        return None;
    }
    let read = escape_control(
        &[std::slice::from_ref(&read.variable), read.members.as_slice()].concat().join("."),
    );
    Some(finding(
        format!("{what} reads `{read}`: {}", reason(target, &steps, &misfit)),
        fix(target.schema, &steps, &misfit, &[]),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::lint::schema::walk::tests::sample;

    #[test]
    fn what_was_meant_is_found() {
        let schema = sample();
        let table = [
            ("spec.replica", "did you mean `spec.replicas`?"),
            ("spec.name", "did you mean `spec.tasks[*].name`?"),
            ("spec.cpu", "did you mean `spec.limits.cpu`?"),
            ("replicas", "did you mean `spec.replicas`?"),
            ("spec.tasks.*.name", "did you mean `spec.tasks[*].name`?"),
            ("spec.tasks.name", "did you mean `spec.tasks[*].name`?"),
            ("spec.labels[*]", "did you mean `spec.labels.*`?"),
            ("spec.labels[key=a]", "did you mean `spec.labels.a`?"),
            ("spec.replicas.min", "did you mean `spec.replicas`?"),
            // The nearest name is that of an object, which has no elements.
            (
                "spec.limit[*]",
                "remove it, or name what there is: free, labels, limits, replicas, tasks",
            ),
            ("metadata.label", "did you mean `metadata.labels`?"),
            (
                "spec.colour",
                "remove it, or name what there is: free, labels, limits, replicas, tasks",
            ),
            (
                "spec['x*']",
                "remove it, or name what there is: free, labels, limits, replicas, tasks",
            ),
        ];
        for (path, expected) in table {
            let path = Path::parse(path).unwrap();
            let misfit = walk(&schema, path.steps()).unwrap_err();
            let found = fix(&schema, path.steps(), &misfit, &[]);
            assert_eq!(found, expected, "{path}");
        }
        let path = Path::parse("spec.name").unwrap();
        let listed = Path::parse("spec.tasks[*]").unwrap();
        let misfit = walk(&schema, path.steps()).unwrap_err();
        assert_eq!(
            fix(&schema, path.steps(), &misfit, &[&listed]),
            "remove it: `spec.tasks[*].name` is listed already"
        );
    }
}
