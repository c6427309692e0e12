//! Values that are compared exactly although they can be written in several ways.

use std::collections::BTreeSet;

use super::catalogue::MatchedKind;
use super::path::{below, walk};
use crate::analysis::kinds::{ListType, Scalar, Schema, SchemaLocation, Shape};
use crate::analysis::lint::common::entries::is_bare;
use crate::analysis::lint::definition::{Context, LintFinding, finding};
use crate::analysis::paths::{covers, meets};
use crate::analysis::words::{counted, equality_line, written};
use crate::engine::{CompareAs, Cursor, Entry, Rule, Step};

/// Findings for values of this type that are compared exactly, with as few paths as reach them
/// all. `counts` selects the fields; `values` and `consequence` are parts of the message.
pub(crate) fn exact(
    context: &Context<'_>,
    scalar: Scalar,
    compare_as: CompareAs,
    counts: impl Fn(&[Step]) -> bool,
    values: &str,
    consequence: &str,
) -> Vec<LintFinding> {
    let (rule, targets) = (context.rule, &context.targets);
    let declared = |compare_as| {
        let declared =
            rule.equality().iter().filter(move |entry| entry.compare_as == Some(compare_as));
        declared.map(|entry| entry.path.steps())
    };
    let mut paths = BTreeSet::new();
    for target in targets {
        let mut search = ValueSearch { rule, target, scalar, above: Vec::new(), found: &mut paths };
        search.visit(target.schema.root(), &mut Vec::new());
    }
    paths.retain(|path| {
        let is_typed = Cursor::of_all(rule, path).typed().is_some();
        counts(path) && !is_typed && !declared(compare_as).any(|steps| covers(steps, path))
    });
    let fits = |path: &[Step]| {
        let enters = |set: &[Step]| path.len() > set.len() + 1 && meets(path, set);
        !declared(CompareAs::Set).any(enters)
            && targets.iter().all(|target| reaches_only(target.schema, path, scalar))
    };
    let groups = grouped(paths, &fits).into_iter().map(|(path, fields)| {
        let shown = match fields {
            1 => format!("`{}`", written(&path)),
            fields => format!("`{}` ({})", written(&path), counted(fields, "field")),
        };
        let name = if compare_as == CompareAs::Duration { "Duration" } else { "Quantity" };
        let line = equality_line(&path, &format!("as: {name}"));
        let message = format!("{values} at {shown} are compared exactly{consequence}");
        finding(context.equality_key(), message, line)
    });
    groups.collect()
}

struct ValueSearch<'a> {
    rule: &'a Rule,
    target: &'a MatchedKind<'a>,
    scalar: Scalar,
    above: Vec<SchemaLocation>,
    found: &'a mut BTreeSet<Vec<Step>>,
}

impl ValueSearch<'_> {
    fn visit(&mut self, location: SchemaLocation, path: &mut Vec<Step>) {
        let schema = self.target.schema;
        // A schema that contains itself has no end.
        if self.above.contains(&location) || self.is_settled(path) {
            return;
        }
        if matches!(schema.shape(location), Shape::Scalar(scalar) if *scalar == self.scalar) {
            self.found.insert(path.clone());
        }
        self.above.push(location);
        for (step, next) in below(schema, location) {
            path.push(step);
            self.visit(next, path);
            path.pop();
        }
        self.above.pop();
    }

    /// Whether nothing below counts: it never differs, or everybody may change it.
    fn is_settled(&self, path: &[Step]) -> bool {
        let is_status = matches!(path, [Step::Name(status)] if status == "status")
            && self.target.status_is_apart();
        let is_metadata = matches!(path, [Step::Name(metadata)] if metadata == "metadata");
        // Kubernetes has them in pods only: it refuses the pods of a template that lists any.
        let is_in_no_template = matches!(path, [_, .., Step::Name(_), Step::Name(list)]
            if list == "ephemeralContainers");
        let opens = |entry: &Entry| is_bare(entry) && covers(entry.path.steps(), path);
        is_status || is_metadata || is_in_no_template || self.rule.entries().any(opens)
    }
}

/// As few paths as reach them all and fit, each with the number of fields that it stands for.
fn grouped(paths: BTreeSet<Vec<Step>>, fits: &impl Fn(&[Step]) -> bool) -> Vec<(Vec<Step>, usize)> {
    let mut groups: Vec<(Vec<Step>, usize)> = paths.into_iter().map(|path| (path, 1)).collect();
    while let Some((one, two, wide)) = pair(&groups, fits) {
        let fields = groups.remove(two).1;
        if let Some(group) = groups.get_mut(one) {
            *group = (wide, group.1 + fields);
        }
    }
    groups
}

/// The first two that one path can stand for.
fn pair(
    groups: &[(Vec<Step>, usize)],
    fits: &impl Fn(&[Step]) -> bool,
) -> Option<(usize, usize, Vec<Step>)> {
    for (index, (one, _)) in groups.iter().enumerate() {
        for (other, (two, _)) in groups.iter().enumerate().skip(index + 1) {
            if let Some(wide) = widened(one, two).filter(|wide| fits(wide)) {
                return Some((index, other, wide));
            }
        }
    }
    None
}

/// The path that selects both, if they differ in the name of one member; the first step is never a
/// wildcard.
fn widened(one: &[Step], two: &[Step]) -> Option<Vec<Step>> {
    if one.len() != two.len() || one.first() != two.first() {
        return None;
    }
    let mut differing = one.iter().zip(two).enumerate().filter(|(_, (one, two))| one != two);
    let (at, (first, second)) = differing.next()?;
    if differing.next().is_some() || !first.is_member() || !second.is_member() {
        return None;
    }
    let mut wide = one.to_vec();
    *wide.get_mut(at)? = Step::AnyMember;
    Some(wide)
}

/// Whether a path leads to no value of another type, and into no set, whose elements are whole.
fn reaches_only(schema: &Schema, path: &[Step], scalar: Scalar) -> bool {
    let is_of_type = |location: &SchemaLocation| match schema.shape(*location) {
        Shape::Scalar(other) => *other == scalar,
        _ => false,
    };
    let is_set = |location: &SchemaLocation| {
        matches!(schema.shape(*location), Shape::List(elements)
        if elements.list_type == ListType::Set)
    };
    let enters_a_set = (1..path.len())
        .filter_map(|length| path.get(..length))
        .any(|path| walk(schema, path).is_ok_and(|locations| locations.iter().any(is_set)));
    !enters_a_set && walk(schema, path).map_or(true, |locations| locations.iter().all(is_of_type))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Path;
    use serde_json::{Map, json};

    fn steps(path: &str) -> Vec<Step> {
        Path::parse(path).unwrap().steps().to_vec()
    }

    #[test]
    fn a_group_reaches_nothing_else() {
        let quantity = || json!({"type": "string", "format": "quantity"});
        let resources = || json!({"type": "object", "additionalProperties": quantity()});
        let container = |more: &str| {
            json!({"type": "array", "items": {"type": "object", "properties": {
                "limits": resources(), "requests": resources(), more: {"type": "object",
                    "additionalProperties": {"type": "string"}},
            }}})
        };
        let schema = |zones: Option<serde_json::Value>| {
            let value = json!({"type": "object", "properties": {"spec": {"type": "object",
                "properties": {
                "containers": container("image"), "initContainers": container("image"),
                "size": quantity(), "name": {"type": "string"},
                "zones": zones.unwrap_or(json!({"type": "string"})),
            }}}});
            Schema::of_objects(Some(&value), &Map::new())
        };
        let paths = [
            "spec.containers[*].limits.*",
            "spec.containers[*].requests.*",
            "spec.initContainers[*].limits.*",
            "spec.initContainers[*].requests.*",
            "spec.size",
        ];
        let group = |schema: &Schema| {
            let found = grouped(paths.map(steps).into(), &|path: &[Step]| {
                reaches_only(schema, path, Scalar::Quantity)
            });
            found
                .into_iter()
                .map(|(path, fields)| format!("{} {fields}", written(&path)))
                .collect::<Vec<_>>()
        };
        // `image` has strings in it, which are compared exactly, so `.*` does not stand for limits
        // and requests.
        assert_eq!(
            group(&schema(None)),
            ["spec.*[*].limits.* 2", "spec.*[*].requests.* 2", "spec.size 1"]
        );
        // What goes into a set would not be taken for a rule.
        let set =
            json!({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}});
        assert_eq!(group(&schema(Some(set))).len(), 5);
    }
}
