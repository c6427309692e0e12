//! A path that leads out of the schema: why, and where it was perhaps meant to lead.

use std::collections::{BTreeSet, VecDeque};

use super::catalogue::MatchedKind;
use super::path::{Misfit, Why, below, from, walk};
use crate::analysis::kinds::{Schema, SchemaLocation, Shape};
use crate::analysis::paths::{is_out_of_reach, reaches};
use crate::analysis::words::{what_scalar, written};
use crate::engine::{KeyValue, Path, Step, escape_control};

/// How many names are suggested, and how many are listed.
const SUGGESTED: usize = 3;
const LISTED: usize = 8;

pub(crate) fn reason(target: &MatchedKind<'_>, steps: &[Step], misfit: &Misfit) -> String {
    let parent = steps.get(..misfit.at).unwrap_or_default();
    let location = if parent.is_empty() {
        target.name()
    } else {
        format!("`{}` of {}", written(parent), target.name())
    };
    let step = steps.get(misfit.at);
    match (misfit.why, step) {
        (Why::Missing, Some(Step::Name(name))) => {
            format!("{location} has no `{}`", escape_control(name))
        }
        (Why::Missing, Some(Step::Prefix(prefix))) => {
            format!("{location} has no member that begins with `{}`", escape_control(prefix))
        }
        (Why::Missing, _) => format!("{location} has no member"),
        (Why::List, _) => format!("{location} is a list, whose elements `[*]` selects"),
        (Why::Object, _) => format!("{location} is an object, whose members `.*` selects"),
        (Why::Scalar(scalar), _) => {
            format!("{location} is {}, which has nothing below it", what_scalar(scalar))
        }
    }
}

/// What to do about it; `listed` are the other paths of the same list.
pub(crate) fn fix(schema: &Schema, steps: &[Step], misfit: &Misfit, listed: &[&Path]) -> String {
    let mut meant = meant(schema, steps, misfit);
    meant.retain(|steps| !is_out_of_reach(steps));
    let is_listed = |steps: &[Step]| listed.iter().any(|path| reaches(path.steps(), steps));
    match meant.as_slice() {
        [] => known(schema, steps, misfit).map_or_else(
            || "remove it".to_owned(),
            |known| format!("remove it, or name what there is: {known}"),
        ),
        [only] if is_listed(only) => format!("remove it: {} is listed already", names(&meant)),
        all => did_you_mean(all),
    }
}

/// What to name instead, if anything.
pub(crate) fn instead(schema: &Schema, steps: &[Step], misfit: &Misfit) -> Option<String> {
    match meant(schema, steps, misfit).as_slice() {
        [] => known(schema, steps, misfit).map(|known| format!("it has: {known}")),
        all => Some(did_you_mean(all)),
    }
}

fn did_you_mean(all: &[Vec<Step>]) -> String {
    format!("did you mean {}?", names(all))
}

fn names(all: &[Vec<Step>]) -> String {
    all.iter().map(|steps| format!("`{}`", written(steps))).collect::<Vec<_>>().join(" or ")
}

/// Paths that fit and differ little.
fn meant(schema: &Schema, steps: &[Step], misfit: &Misfit) -> Vec<Vec<Step>> {
    let (before, rest) = steps.split_at(misfit.at);
    let Some((step, after)) = rest.split_first() else { return Vec::new() };
    let with = |between: &[Step], after: &[Step]| [before, between, after].concat();
    let fits = |steps: &Vec<Step>| walk(schema, steps).is_ok();
    let between = match (misfit.why, step) {
        (Why::List, Step::AnyMember) => vec![Step::AnyElement],
        (Why::List, _) => vec![Step::AnyElement, step.clone()],
        (Why::Object, Step::Keyed(selector)) => {
            let name = |(_, value): (&str, &KeyValue<'_>)| match value {
                KeyValue::Text(text) => Step::Name(text.clone().into_owned()),
                other => Step::Name(other.to_string()),
            };
            selector.members().map(name).take(1).collect()
        }
        (Why::Object, _) => vec![Step::AnyMember],
        (Why::Scalar(_), _) if before.is_empty() => return Vec::new(),
        (Why::Scalar(_), _) => return vec![before.to_vec()],
        (Why::Missing, Step::Name(name)) => {
            let near = alike(schema, misfit.from, name)
                .into_iter()
                .map(|(far, name)| (far, with(&[Step::Name(name)], after)));
            let near: Vec<(usize, Vec<Step>)> = near.filter(|(_, steps)| fits(steps)).collect();
            let close = near.iter().filter(|(far, _)| *far <= 1).map(|(_, steps)| steps.clone());
            let mut found: Vec<Vec<Step>> = close.collect();
            if found.is_empty() {
                found = elsewhere(schema, steps, name, after);
            }
            if found.is_empty() {
                found = near.into_iter().take(SUGGESTED).map(|(_, steps)| steps).collect();
            }
            return found;
        }
        (Why::Missing, _) => return Vec::new(),
    };
    Some(with(&between, after)).into_iter().filter(fits).collect()
}

/// The names beside it that are spelled nearly so, the nearest first.
fn alike(schema: &Schema, location: SchemaLocation, name: &str) -> Vec<(usize, String)> {
    let Shape::Object(members) = schema.shape(location) else { return Vec::new() };
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
    while let Some((location, path)) = queue.pop_front() {
        if found.first().is_some_and(|first| first.len() <= path.len() + after.len()) {
            break;
        }
        if !seen.insert(location) {
            continue;
        }
        for (step, next) in below(schema, location) {
            // What is not the author's to change is not what was meant.
            let is_aside = path.is_empty()
                && matches!(&step, Step::Name(name) if matches!(name.as_str(),
                    "metadata" | "status" | "apiVersion" | "kind"));
            if is_aside && steps.first() != Some(&step) {
                continue;
            }
            let is_it = matches!(&step, Step::Name(other) if other == name);
            let path = [path.as_slice(), &[step]].concat();
            if is_it && from(schema, next, after).is_ok() {
                found.push([path.as_slice(), after].concat());
            }
            queue.push_back((next, path));
        }
    }
    found.truncate(SUGGESTED);
    found
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::lint::schema::path::tests::sample;

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
