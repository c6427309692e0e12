//! What the file of a kind says, for a version of Kubernetes.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Cause;
use crate::cluster::control_plane::Minor;
use crate::corpus::root;

/// A kind, with what a trial about it needs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scene {
    /// Group with version, and resource.
    pub(super) resource: (String, String),
    /// The rules of deploy/rules/kubernetes that are in force, by name.
    pub(super) rules: Vec<String>,
    /// Cluster-wide objects that are there first.
    #[serde(default)]
    pub(super) needs: Vec<Need>,
    /// The objects that are updated.
    pub(super) objects: Vec<Base>,
    /// Optional fields that an edit may add where they are absent.
    pub(super) additions: Vec<Addition>,
    pub(super) aim: Aim,
    /// Updates that both allow, of fields that random updates seldom reach.
    pub(super) agreed: Vec<Agreed>,
    pub(super) classes: Vec<Class>,
    /// What the API server's own validation does not survive.
    #[serde(default)]
    pub(super) crashes: Vec<Crash>,
}

/// The places of an object, as JSON pointers, that tell why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Crash {
    present: String,
    absent: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Need {
    #[serde(rename = "in")]
    pub(super) collection: String,
    pub(super) object: Value,
    #[serde(default)]
    pub(super) settled: Map<String, Value>,
}

/// An object, and what it says once the controllers have done with it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Base {
    #[serde(default)]
    pub(super) settled: Map<String, Value>,
    /// What it adds since a version.
    #[serde(default)]
    settled_since: BTreeMap<Minor, Map<String, Value>>,
    #[serde(flatten)]
    pub(super) object: Map<String, Value>,
}

/// A value for a place, as a JSON pointer in which `*` stands for any element.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Addition {
    pub(super) at: String,
    pub(super) value: Value,
}

/// So many updates out of a hundred only touch these places, so that both verdicts occur; the
/// others touch any.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Aim {
    pub(super) percent: usize,
    pub(super) at: Vec<String>,
}

/// An update: a JSON patch of one of the objects.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agreed {
    /// The first version whose objects have the field.
    #[serde(default)]
    since: Minor,
    pub(super) of: String,
    pub(super) patch: json_patch::Patch,
}

/// A class of disagreements: what only one of the two refuses, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Class {
    /// The last version with this class.
    until: Option<Minor>,
    pub(super) why: String,
    pub(super) refused_by: Refusing,
    field: String,
    /// A part of the error's text.
    says: String,
    /// Further errors that older versions report for the same reason.
    #[serde(default)]
    besides: Vec<Besides>,
    /// What must hold of the new object besides.
    #[serde(default)]
    given: Given,
    pub(super) example: Example,
}

/// A further error of a class.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Besides {
    /// The last version that reports it.
    until: Minor,
    field: String,
    says: String,
}

/// What an object says, at places that are JSON pointers.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(default)]
    is: Map<String, Value>,
    /// All of these say the same.
    #[serde(default)]
    alike: Vec<String>,
}

/// An update of a class: a JSON merge patch of one of the objects.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Example {
    pub(super) of: String,
    pub(super) patch: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Refusing {
    ApiServer,
    Fieldward,
}

impl Scene {
    /// What is true in that version.
    pub(super) fn read(kind: &str, version: Minor) -> Self {
        let path = root().join("tests/it/cluster/kubernetes").join(format!("{kind}.yaml"));
        let mut scene: Self =
            serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        scene.agreed.retain(|agreed| agreed.since <= version);
        scene.classes.retain(|class| class.until.is_none_or(|until| until >= version));
        for class in &mut scene.classes {
            class.besides.retain(|error| error.until >= version);
        }
        for base in &mut scene.objects {
            for (since, settled) in std::mem::take(&mut base.settled_since) {
                base.settled.extend(settled.into_iter().filter(|_| since <= version));
            }
        }
        scene
    }

    /// Whether something may be changed only in a newer version.
    pub(super) fn is_of_an_older_version(&self) -> bool {
        self.classes.iter().any(|class| class.until.is_some() || !class.besides.is_empty())
    }
}

impl Crash {
    pub(super) fn is_met_by(&self, object: &Value) -> bool {
        object.pointer(&self.present).is_some() && object.pointer(&self.absent).is_none()
    }
}

impl Class {
    /// Whether the error is of this class; elements are not told apart.
    pub(super) fn holds(&self, refusing: Refusing, cause: &Cause, new: &Value) -> bool {
        let besides = self.besides.iter().map(|error| (&error.field, &error.says));
        let field = any_element(&cause.field);
        let is_listed = [(&self.field, &self.says)]
            .into_iter()
            .chain(besides)
            .any(|(of, says)| field == *of && cause.says.contains(says));
        self.refused_by == refusing && is_listed && self.given.holds(new)
    }
}

impl Given {
    fn holds(&self, object: &Value) -> bool {
        let alike = |pair: &[String]| {
            object.pointer(&pair[0]).is_some()
                && object.pointer(&pair[0]) == object.pointer(&pair[1])
        };
        self.is.iter().all(|(place, value)| object.pointer(place) == Some(value))
            && self.alike.windows(2).all(alike)
    }
}

/// The field with `[*]` for every element.
fn any_element(field: &str) -> String {
    let mut parts = field.split('[');
    let first = parts.next().unwrap_or_default().to_owned();
    let is_element = |selector: &str| {
        selector.bytes().all(|byte| byte.is_ascii_digit()) || selector.contains('=')
    };
    parts.fold(first, |text, part| match part.split_once(']') {
        Some((selector, rest)) if is_element(selector) => format!("{text}[*]{rest}"),
        _ => format!("{text}[{part}"),
    })
}
