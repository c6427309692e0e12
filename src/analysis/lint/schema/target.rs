//! What a rule is held against.

use serde_json::{Map, json};

use crate::analysis::kinds::{Kind, Place, Schema, Serving, Shape, Subresource, Version};
use crate::engine::{ResourceRule, Rule, Step};

use super::walk::{Misfit, walk};

/// All kinds that are known.
#[derive(Debug)]
pub(crate) struct Catalogue {
    pub(crate) kinds: Vec<Kind>,
    pub(crate) source: Source,
    /// The objects of every `scale`.
    scale: Schema,
    /// The objects of subresources that nothing is known of.
    unknown: Schema,
}

/// Who says which kinds there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// CRDs: there may be others.
    Files,
    /// The API server at an address: these are all.
    Cluster(String),
}

/// One kind of object that a rule speaks of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'c> {
    pub(crate) kind: &'c Kind,
    pub(crate) version: &'c Version,
    pub(crate) subresource: Option<&'c Subresource>,
    pub(crate) schema: &'c Schema,
}

impl Catalogue {
    pub(crate) fn new(kinds: Vec<Kind>, source: Source) -> Self {
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

    /// How many kinds a rule was held against at all, and how many of the rules were.
    pub(crate) fn held(&self, rules: &[&Rule]) -> (usize, usize) {
        let speaks =
            |rule: &&Rule, kind: &Kind| rule.resources().iter().any(|named| names(named, kind));
        (
            self.kinds.iter().filter(|kind| rules.iter().any(|rule| speaks(rule, kind))).count(),
            rules.iter().filter(|rule| self.kinds.iter().any(|kind| speaks(rule, kind))).count(),
        )
    }

    /// Everything that a rule speaks of and that is served.
    pub(crate) fn targets(&self, rule: &Rule) -> Vec<Target<'_>> {
        let mut targets = Vec::new();
        for named in rule.resources() {
            for kind in self.kinds.iter().filter(|kind| lists(&named.api_groups, &kind.group)) {
                for version in
                    kind.served().filter(|version| lists(&named.api_versions, &version.name))
                {
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
    ) -> Vec<Target<'c>> {
        let fits =
            |name: &str| named.kinds.is_empty() || named.kinds.iter().any(|listed| listed == name);
        let mut targets = Vec::new();
        if asks_for(named, &kind.plural, "") && fits(&kind.name) {
            targets.push(Target { kind, version, subresource: None, schema: &version.schema });
        }
        for subresource in &version.subresources {
            if asks_for(named, &kind.plural, &subresource.name) && fits(&subresource.kind) {
                let schema = match subresource.kind.as_str() {
                    "Scale" => &self.scale,
                    own if own == kind.name => &version.schema,
                    _ => &self.unknown,
                };
                targets.push(Target { kind, version, subresource: Some(subresource), schema });
            }
        }
        targets
    }
}

impl Target<'_> {
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

    /// Whether its status never differs in what a rule is asked about.
    pub(crate) fn status_is_apart(&self) -> bool {
        self.subresource.is_none() && self.version.subresource("status").is_some()
    }
}

/// A place that a path leads to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'t> {
    pub(crate) schema: &'t Schema,
    pub(crate) place: Place,
}

impl<'t> Found<'t> {
    pub(crate) fn shape(self) -> &'t Shape {
        self.schema.shape(self.place)
    }
}

/// A target in which a path goes wrong.
#[derive(Debug)]
pub(crate) struct Lost<'t, 'c> {
    pub(crate) target: &'t Target<'c>,
    pub(crate) misfit: Misfit,
}

/// The places of a path in the targets where it fits; if it fits in none, where it went furthest.
pub(crate) fn places<'t, 'c>(
    targets: &'t [Target<'c>],
    steps: &[Step],
) -> Result<Vec<Found<'t>>, Lost<'t, 'c>> {
    let (mut found, mut furthest) = (Vec::new(), None::<Lost<'t, 'c>>);
    for target in targets {
        match walk(target.schema, steps) {
            Ok(places) => {
                found
                    .extend(places.into_iter().map(|place| Found { schema: target.schema, place }));
            }
            Err(misfit) if furthest.as_ref().is_none_or(|other| misfit.at > other.misfit.at) => {
                furthest = Some(Lost { target, misfit });
            }
            Err(_) => {}
        }
    }
    match furthest {
        Some(lost) if found.is_empty() => Err(lost),
        _ => Ok(found),
    }
}

/// Whether a resource rule names the kind, by whatever version, itself or a subresource of it.
pub(crate) fn names(named: &ResourceRule, kind: &Kind) -> bool {
    let is_meant = |resource: &String| {
        matches!(resource.split('/').next(), Some(name)
        if name == "*" || is_like(name, kind))
    };
    lists(&named.api_groups, &kind.group)
        && (named.resources.iter().any(is_meant) || named.kinds.contains(&kind.name))
}

/// Whether a name is one by which the kind could be meant.
pub(crate) fn is_like(resource: &str, kind: &Kind) -> bool {
    resource == kind.plural
        || resource == kind.singular
        || resource == kind.name.to_lowercase()
        || resource == format!("{}s", kind.singular)
}

pub(crate) fn lists(patterns: &[String], value: &str) -> bool {
    patterns.iter().any(|pattern| pattern == "*" || pattern == value)
}

/// Whether a resource rule asks for a resource, or for a subresource of it.
pub(crate) fn asks_for(named: &ResourceRule, resource: &str, subresource: &str) -> bool {
    named.resources.iter().any(|pattern| {
        let (wanted, below) = pattern.split_once('/').unwrap_or((pattern, ""));
        (wanted == "*" || wanted == resource) && (below == "*" || below == subresource)
    })
}

/// Whether a version with that name can be asked for.
pub(crate) fn is_served(kind: &Kind, version: &str) -> bool {
    kind.versions.iter().any(|known| known.name == version && known.serving == Serving::Served)
}
