//! A path, step by step through a schema.

use std::collections::BTreeSet;

use crate::analysis::kinds::{Members, Others, Place, Scalar, Schema, Shape};
use crate::engine::Step;

/// Where a path leaves what the schema knows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// The step that does not fit.
    pub(crate) at: usize,
    /// Where it starts from.
    pub(crate) from: Place,
    pub(crate) why: Why,
}

/// Why a step does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// No such member.
    Missing,
    /// A step to members, in a list.
    List,
    /// A step to elements, in an object.
    Object,
    /// Any step, in a scalar.
    Scalar(Scalar),
}

/// The places that the steps select. A wildcard fits if it does somewhere.
pub(crate) fn walk(schema: &Schema, steps: &[Step]) -> Result<Vec<Place>, Misfit> {
    from(schema, schema.root(), steps)
}

/// The same from another place than the root.
pub(crate) fn from(schema: &Schema, start: Place, steps: &[Step]) -> Result<Vec<Place>, Misfit> {
    let mut places = vec![start];
    for (at, step) in steps.iter().enumerate() {
        let (mut next, mut misfit) = (BTreeSet::new(), None);
        for place in places {
            match go(schema, place, step) {
                Ok(reached) => next.extend(reached),
                Err(why) => misfit = misfit.or(Some(Misfit { at, from: place, why })),
            }
        }
        match misfit {
            Some(misfit) if next.is_empty() => return Err(misfit),
            _ => places = next.into_iter().collect(),
        }
    }
    Ok(places)
}

/// Where one step leads.
fn go(schema: &Schema, place: Place, step: &Step) -> Result<Vec<Place>, Why> {
    match (schema.shape(place), step.is_member()) {
        (Shape::Anything, _) => Ok(vec![Place::ANYTHING]),
        (Shape::Object(members), true) => {
            Some(select(members, step)).filter(|places| !places.is_empty()).ok_or(Why::Missing)
        }
        (Shape::List(elements), false) => Ok(vec![elements.each]),
        (Shape::Object(_), false) => Err(Why::Object),
        (Shape::List(_), true) => Err(Why::List),
        (Shape::Scalar(scalar), _) => Err(Why::Scalar(*scalar)),
    }
}

fn select(members: &Members, step: &Step) -> Vec<Place> {
    let others = match members.others {
        Others::Dropped => None,
        Others::Kept => Some(Place::ANYTHING),
        Others::Of(place) => Some(place),
    };
    if let Step::Name(name) = step {
        return members.named.get(name).copied().or(others).into_iter().collect();
    }
    let fits = |name: &str| Step::Name(name.to_owned()).within(step);
    members
        .named
        .iter()
        .filter(|(name, _)| fits(name))
        .map(|(_, place)| *place)
        .chain(others)
        .collect()
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
                found.map(|places| places.len()).map_err(|misfit| (misfit.at, misfit.why)),
                expected,
                "{path}"
            );
        }
    }
}
