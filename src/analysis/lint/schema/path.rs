//! A path, step by step through a schema.

use std::collections::BTreeSet;

use crate::analysis::kinds::{ObjectShape, Others, Scalar, Schema, SchemaLocation, Shape};
use crate::engine::Step;

/// Where a path leaves what the schema knows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// The step that does not fit.
    pub(crate) at: usize,
    /// Where it starts from.
    pub(crate) from: SchemaLocation,
    pub(crate) why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    Missing,
    /// A step to members, in a list.
    List,
    /// A step to elements, in an object.
    Object,
    /// Any step, in a scalar.
    Scalar(Scalar),
}

/// The schema locations that the steps select. A wildcard fits if one member or element fits.
pub(crate) fn walk(schema: &Schema, steps: &[Step]) -> Result<Vec<SchemaLocation>, Misfit> {
    from(schema, schema.root(), steps)
}

/// The same from another location than the root.
pub(crate) fn from(
    schema: &Schema,
    start: SchemaLocation,
    steps: &[Step],
) -> Result<Vec<SchemaLocation>, Misfit> {
    let mut locations = vec![start];
    for (at, step) in steps.iter().enumerate() {
        let (mut next, mut misfit) = (BTreeSet::new(), None);
        for location in locations {
            match step_from(schema, location, step) {
                Ok(reached) => next.extend(reached),
                Err(why) => misfit = misfit.or(Some(Misfit { at, from: location, why })),
            }
        }
        match misfit {
            Some(misfit) if next.is_empty() => return Err(misfit),
            _ => locations = next.into_iter().collect(),
        }
    }
    Ok(locations)
}

fn step_from(
    schema: &Schema,
    location: SchemaLocation,
    step: &Step,
) -> Result<Vec<SchemaLocation>, Why> {
    match (schema.shape(location), step.is_member()) {
        (Shape::Anything, _) => Ok(vec![SchemaLocation::ANYTHING]),
        (Shape::Object(members), true) => Some(select(members, step))
            .filter(|locations| !locations.is_empty())
            .ok_or(Why::Missing),
        (Shape::List(elements), false) => Ok(vec![elements.each]),
        (Shape::Object(_), false) => Err(Why::Object),
        (Shape::List(_), true) => Err(Why::List),
        (Shape::Scalar(scalar), _) => Err(Why::Scalar(*scalar)),
    }
}

fn select(members: &ObjectShape, step: &Step) -> Vec<SchemaLocation> {
    if let Step::Name(name) = step {
        return members.member(name).into_iter().collect();
    }
    let fits = |name: &str| Step::Name(name.to_owned()).within(step);
    members
        .named
        .iter()
        .filter(|(name, _)| fits(name))
        .map(|(_, location)| *location)
        .chain(members.unnamed())
        .collect()
}

/// The steps from a location, and where each leads.
pub(crate) fn below(schema: &Schema, location: SchemaLocation) -> Vec<(Step, SchemaLocation)> {
    match schema.shape(location) {
        Shape::Object(members) => {
            let named =
                members.named.iter().map(|(name, member)| (Step::Name(name.clone()), *member));
            let others = match members.others {
                Others::Of(member) => Some((Step::AnyMember, member)),
                Others::Kept | Others::Dropped => None,
            };
            named.chain(others).collect()
        }
        Shape::List(elements) => vec![(Step::AnyElement, elements.each)],
        Shape::Scalar(_) | Shape::Anything => Vec::new(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::engine::Path;
    use serde_json::{Map, json};

    /// A schema with one of each.
    pub(crate) fn sample() -> Schema {
        let value = json!({
            "type": "object",
            "properties": {
                "spec": {
                    "type": "object",
                    "properties": {
                        "replicas": {"type": "integer"},
                        "tasks": {"type": "array", "items": {"type": "object",
                            "properties": {"name": {"type": "string"}}}},
                        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                        "limits": {"type": "object", "properties": {"cpu": {"type": "string"},
                            "list": {"type": "array", "items": {}}}},
                    },
                },
            },
        });
        Schema::of_objects(Some(&value), &Map::new())
    }

    #[test]
    fn each_step_fits_or_says_why_not() {
        let table = [
            ("spec.replicas", Ok(1)),
            ("spec", Ok(1)),
            ("metadata.labels['a/b']", Ok(1)),
            ("metadata.labels['a*']", Ok(1)),
            ("metadata.ownerReferences[*].uid", Ok(1)),
            ("metadata.finalizers[*]", Ok(1)),
            ("metadata.colour", Err((1, Why::Missing))),
            ("spec.tasks[*].name", Ok(1)),
            ("spec.tasks[name=a].name", Ok(1)),
            ("spec.tasks[*].size", Err((3, Why::Missing))),
            ("spec.tasks.*.name", Err((2, Why::List))),
            ("spec.tasks.name", Err((2, Why::List))),
            ("spec.labels[*]", Err((2, Why::Object))),
            ("spec.labels.*", Ok(1)),
            ("spec.labels.a.b", Err((3, Why::Scalar(Scalar::Text)))),
            ("spec.replicas[*]", Err((2, Why::Scalar(Scalar::Integer)))),
            ("spec.free.a[*].b.*", Ok(1)),
            ("spec.free[*]", Err((2, Why::Object))),
            ("spec.limits.*", Ok(2)),
            ("spec.limits.*[*].b", Ok(1)),
            ("spec['rep*']", Ok(1)),
            ("spec['x*']", Err((1, Why::Missing))),
            ("spec.*.name", Ok(2)),
            ("*.labels.a", Ok(2)),
            ("data", Err((0, Why::Missing))),
        ];
        let schema = sample();
        for (path, expected) in table {
            let found = walk(&schema, Path::parse(path).unwrap().steps());
            assert_eq!(
                found.map(|locations| locations.len()).map_err(|misfit| (misfit.at, misfit.why)),
                expected,
                "{path}"
            );
        }
    }
}
