//! The kinds that rules are compared with.

use serde_json::{Map, json};

use crate::analysis::kinds::{Kind, Schema, SchemaLocation, Shape, Subresource, Version};
use crate::engine::{ResourceRule, Rule, Step};

use super::path::{Misfit, walk};

#[derive(Debug)]
pub(crate) struct Catalogue {
    pub(crate) kinds: Vec<Kind>,
    pub(crate) source: SchemaSource,
    /// The objects of every `scale`.
    scale: Schema,
    /// The objects of subresources that nothing is known of.
    unknown: Schema,
}

/// Who says which kinds there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SchemaSource {
    /// Nobody: no schema was given.
    Nothing,
    /// CRDs: there may be others.
    Files,
    /// The API server at an address: these are all.
    Cluster(String),
}

/// One kind of object that a rule covers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MatchedKind<'c> {
    pub(crate) kind: &'c Kind,
    pub(crate) version: &'c Version,
    pub(crate) subresource: Option<&'c Subresource>,
    pub(crate) schema: &'c Schema,
}

impl Catalogue {
    pub(crate) fn new(kinds: Vec<Kind>, source: SchemaSource) -> Self {
        let scale = json!({
            "type": "object",
            "properties": {
                "spec": {"type": "object", "properties": {"replicas": {"type": "integer"}}},
                "status": {"type": "object", "properties": {"replicas": {"type": "integer"},
                    "selector": {"type": "string"}}},
            },
        });
        let nothing = Map::new();
        Self {
            kinds,
            source,
            scale: Schema::of_objects(Some(&scale), &nothing),
            unknown: Schema::of_objects(None, &nothing),
        }
    }

    pub(crate) fn none() -> Self {
        Self::new(Vec::new(), SchemaSource::Nothing)
    }

    /// How many of the rules name one of the kinds, and how many of the kinds a rule names; none if
    /// no schema was given.
    pub(crate) fn checked(&self, rules: &[&Rule]) -> Option<(usize, usize)> {
        let covers =
            |rule: &&Rule, kind: &Kind| rule.resources().iter().any(|named| names(named, kind));
        let checked = rules.iter().filter(|rule| self.kinds.iter().any(|kind| covers(rule, kind)));
        let named = self.kinds.iter().filter(|kind| rules.iter().any(|rule| covers(rule, kind)));
        (self.source != SchemaSource::Nothing).then(|| (checked.count(), named.count()))
    }

    /// Everything that a rule covers and that is served.
    pub(crate) fn targets(&self, rule: &Rule) -> Vec<MatchedKind<'_>> {
        let mut targets = Vec::new();
        for named in rule.resources() {
            for kind in self.kinds.iter().filter(|kind| named.has_group(&kind.group)) {
                for version in kind.served().filter(|version| named.has_version(&version.name)) {
                    targets.extend(self.of_version(named, kind, version));
                }
            }
        }
        targets
    }

    fn of_version<'c>(
        &'c self,
        named: &ResourceRule,
        kind: &'c Kind,
        version: &'c Version,
    ) -> Vec<MatchedKind<'c>> {
        let fits =
            |name: &str| named.kinds.is_empty() || named.kinds.iter().any(|listed| listed == name);
        let mut targets = Vec::new();
        if named.asks_for(&kind.plural, "") && fits(&kind.name) {
            targets.push(MatchedKind { kind, version, subresource: None, schema: &version.schema });
        }
        for subresource in &version.subresources {
            if named.asks_for(&kind.plural, &subresource.name) && fits(&subresource.kind) {
                let schema = match subresource.kind.as_str() {
                    "Scale" => &self.scale,
                    own if own == kind.name => &version.schema,
                    _ => &self.unknown,
                };
                targets.push(MatchedKind { kind, version, subresource: Some(subresource), schema });
            }
        }
        targets
    }
}

impl MatchedKind<'_> {
    /// `Job (batch.volcano.sh/v1alpha1)`.
    pub(crate) fn name(&self) -> String {
        let group = if self.kind.group.is_empty() {
            String::new()
        } else {
            format!("{}/", self.kind.group)
        };
        let kind = match self.subresource {
            Some(subresource) => {
                format!("{} of {}/{}", subresource.kind, self.kind.plural, subresource.name)
            }
            None => self.kind.name.clone(),
        };
        format!("{kind} ({group}{})", self.version.name)
    }

    /// Whether an update of the object itself leaves its status as it was.
    pub(crate) fn status_is_apart(&self) -> bool {
        self.subresource.is_none() && self.version.subresource("status").is_some()
    }

    /// Whether the status differs in none of the updates that a rule judges.
    pub(crate) fn hides_status(&self, rule: &Rule) -> bool {
        let is_status = |named: &ResourceRule| named.asks_for(&self.kind.plural, "status");
        self.status_is_apart() && !rule.resources().iter().any(is_status)
    }
}

/// A location in the schema of a target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResolvedPath<'t> {
    pub(crate) schema: &'t Schema,
    pub(crate) location: SchemaLocation,
}

impl<'t> ResolvedPath<'t> {
    pub(crate) fn shape(self) -> &'t Shape {
        self.schema.shape(self.location)
    }
}

/// A path that fits no target, and the target that it follows furthest.
#[derive(Debug)]
pub(crate) struct Mismatch<'t, 'c> {
    pub(crate) target: &'t MatchedKind<'c>,
    pub(crate) misfit: Misfit,
}

/// The schema locations of a path in the targets where it fits.
pub(crate) fn resolve<'t, 'c>(
    targets: &'t [MatchedKind<'c>],
    steps: &[Step],
) -> Result<Vec<ResolvedPath<'t>>, Mismatch<'t, 'c>> {
    let (mut resolved, mut furthest) = (Vec::new(), None::<Mismatch<'t, 'c>>);
    for target in targets {
        let schema = target.schema;
        match walk(schema, steps) {
            Ok(locations) => {
                resolved.extend(
                    locations.into_iter().map(|location| ResolvedPath { schema, location }),
                );
            }
            Err(misfit) if furthest.as_ref().is_none_or(|other| misfit.at > other.misfit.at) => {
                furthest = Some(Mismatch { target, misfit });
            }
            Err(_) => {}
        }
    }
    match furthest {
        Some(mismatch) if resolved.is_empty() => Err(mismatch),
        _ => Ok(resolved),
    }
}

/// The shapes at a path in all targets; none if a schema leaves one open.
pub(crate) fn shapes<'t>(targets: &'t [MatchedKind<'_>], steps: &[Step]) -> Vec<&'t Shape> {
    let shapes: Vec<&Shape> =
        resolve(targets, steps).unwrap_or_default().into_iter().map(ResolvedPath::shape).collect();
    if shapes.iter().any(|shape| matches!(shape, Shape::Anything)) { Vec::new() } else { shapes }
}

/// Whether a resource rule names the kind, by whatever version, itself or a subresource of it.
pub(crate) fn names(named: &ResourceRule, kind: &Kind) -> bool {
    let is_meant = |resource: &String| {
        matches!(resource.split('/').next(), Some(name)
        if name == "*" || is_like(name, kind))
    };
    named.has_group(&kind.group)
        && (named.resources.iter().any(is_meant) || named.kinds.contains(&kind.name))
}

/// Whether a resource rule names the kind by its plural, which is what the API server matches.
pub(crate) fn names_plural(named: &ResourceRule, kind: &Kind) -> bool {
    let is_plural = |resource: &String| {
        resource.split('/').next().is_some_and(|name| name == "*" || name == kind.plural)
    };
    named.has_group(&kind.group) && named.resources.iter().any(is_plural)
}

/// Whether a name is one by which the kind could be meant.
pub(crate) fn is_like(resource: &str, kind: &Kind) -> bool {
    resource == kind.plural
        || resource == kind.singular
        || resource == kind.name.to_lowercase()
        || resource == format!("{}s", kind.singular)
}
