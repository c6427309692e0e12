//! Quantities and durations that writers respell, where respelling them would be a violation.

use std::collections::BTreeSet;

use super::missing::below;
use super::resources::equality_line;
use super::target::Target;
use super::walk::walk;
use super::words::written;
use crate::analysis::kinds::{Pairing, Place, Scalar, Schema, Shape};
use crate::analysis::lint::finding::{Finding, Severity, counted, covers, finding, is_bare};
use crate::engine::{Entry, Meaning, Rule, Step};

/// What a rule compares exactly although it has more than one spelling.
pub(crate) fn of(rule: &Rule, targets: &[Target<'_>]) -> Vec<Finding> {
    let kinds = [
        (Scalar::Quantity, Meaning::Quantity, "Quantity", "quantities", "1000m as 1"),
        (Scalar::IntegerOrText, Meaning::Quantity, "Quantity", "integers or strings", "1000m as 1"),
        (Scalar::Duration, Meaning::Duration, "Duration", "durations", "60s as 1m0s"),
    ];
    let mut found = Vec::new();
    for (scalar, meaning, name, nouns, example) in kinds {
        let declared: Vec<&[Step]> = rule
            .equality()
            .iter()
            .filter(|entry| entry.meaning == Some(meaning))
            .map(|entry| entry.path.steps())
            .collect();
        let mut exact = BTreeSet::new();
        for target in targets {
            let mut search =
                Search { rule, target, scalar, on_the_way: Vec::new(), found: &mut exact };
            search.go(target.schema.root(), &mut Vec::new());
        }
        exact.retain(|steps| !declared.iter().any(|path| covers(path, steps)));
        let sets: Vec<&[Step]> = rule
            .equality()
            .iter()
            .filter(|entry| entry.meaning == Some(Meaning::Set))
            .map(|entry| entry.path.steps())
            .collect();
        let fits = |path: &[Step]| {
            let enters = |set: &&[Step]| {
                path.len() > set.len() + 1 && path.iter().zip(*set).all(|(one, two)| one.meets(two))
            };
            !sets.iter().any(enters)
                && targets.iter().all(|target| reaches_only(target.schema, path, scalar))
        };
        if scalar == Scalar::IntegerOrText {
            exact.retain(|steps| holds_amounts(steps));
        }
        for (path, fields) in grouped(exact, &fits) {
            let which = if fields == 1 {
                format!("`{}`", written(&path))
            } else {
                format!("`{}` ({})", written(&path), counted(fields, "field"))
            };
            let fix = equality_line(&path, &format!("as: {name}"));
            found.push(match scalar {
                // The schema says no more than that, and a port is that too.
                Scalar::IntegerOrText => Finding {
                    severity: Severity::Aside,
                    message: format!(
                        "{nouns} at {which} are compared exactly; if they are quantities, \
                         respelling one ({example}) is a violation"
                    ),
                    fix,
                },
                _ => finding(
                    format!(
                        "{nouns} at {which} are compared exactly, so an update that respells \
                             one ({example}) is a violation"
                    ),
                    fix,
                ),
            });
        }
    }
    found
}

/// Whether amounts of resources stand there, whatever their names.
fn holds_amounts(steps: &[Step]) -> bool {
    let is_of_amounts = |step: &Step| {
        matches!(step, Step::Name(name) if matches!(name.as_str(),
        "limits" | "requests" | "capacity" | "allocatable" | "hard"))
    };
    matches!(steps, [.., holder, Step::AnyMember | Step::Name(_)] if is_of_amounts(holder))
}

/// Looks for the places of one kind that not everybody may change at will.
struct Search<'a> {
    rule: &'a Rule,
    target: &'a Target<'a>,
    scalar: Scalar,
    on_the_way: Vec<Place>,
    found: &'a mut BTreeSet<Vec<Step>>,
}

impl Search<'_> {
    fn go(&mut self, place: Place, way: &mut Vec<Step>) {
        let schema = self.target.schema;
        // A schema that contains itself has no end.
        if self.on_the_way.contains(&place) || self.is_apart(way) {
            return;
        }
        if matches!(schema.shape(place), Shape::Scalar(scalar) if *scalar == self.scalar) {
            self.found.insert(way.clone());
        }
        self.on_the_way.push(place);
        for (step, next) in below(schema, place) {
            way.push(step);
            self.go(next, way);
            way.pop();
        }
        self.on_the_way.pop();
    }

    /// Whether nothing below counts: it never differs, or everybody may change it.
    fn is_apart(&self, way: &[Step]) -> bool {
        let is_status = matches!(way, [Step::Name(status)] if status == "status")
            && self.target.status_is_apart();
        let is_metadata = matches!(way, [Step::Name(metadata)] if metadata == "metadata");
        // Kubernetes has them in pods only: it refuses the pods of a template that lists any.
        let is_in_no_template = matches!(way, [_, .., Step::Name(_), Step::Name(list)]
            if list == "ephemeralContainers");
        let opens = |entry: &Entry| is_bare(entry) && covers(entry.path.steps(), way);
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

/// Whether a path leads to nothing of another kind, and into no set, whose elements are whole.
fn reaches_only(schema: &Schema, path: &[Step], scalar: Scalar) -> bool {
    let is_of_the_kind =
        |place: &Place| matches!(schema.shape(*place), Shape::Scalar(other) if *other == scalar);
    let is_set = |place: &Place| {
        matches!(schema.shape(*place), Shape::List(elements)
        if elements.pairing == Pairing::Membership)
    };
    let enters_a_set = (1..path.len())
        .filter_map(|length| path.get(..length))
        .any(|way| walk(schema, way).is_ok_and(|places| places.iter().any(is_set)));
    !enters_a_set && walk(schema, path).map_or(true, |places| places.iter().all(is_of_the_kind))
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
