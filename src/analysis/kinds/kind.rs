//! A kind: its names, its versions, and its subresources.

use super::schema::Schema;

#[derive(Debug, Clone)]
pub(crate) struct Kind {
    /// Its API group; the empty string is the core group.
    pub(crate) group: String,
    pub(crate) name: String,
    /// Its resource, such as `jobs`.
    pub(crate) plural: String,
    /// Its resource in the singular, such as `job`.
    pub(crate) singular: String,
    /// How kubectl abbreviates it, such as `vcjob`.
    pub(crate) short_names: Vec<String>,
    pub(crate) scope: ResourceScope,
    /// Its versions, the oldest not necessarily first.
    pub(crate) versions: Vec<Version>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResourceScope {
    Namespaced,
    Cluster,
}

#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) name: String,
    pub(crate) serving: Serving,
    pub(crate) schema: Schema,
    pub(crate) subresources: Vec<Subresource>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Serving {
    Served,
    /// It is only stored, or no more.
    Withdrawn,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subresource {
    pub(crate) name: String,
    /// The kind of its objects: `Scale`, or the one that it belongs to.
    pub(crate) kind: String,
    /// For `scale`: the field that it writes, if that is known, such as `spec.replicas`.
    pub(crate) replicas: Option<String>,
}

impl Kind {
    pub(crate) fn served(&self) -> impl Iterator<Item = &Version> {
        self.versions.iter().filter(|version| version.serving == Serving::Served)
    }
}

impl Version {
    pub(crate) fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|subresource| subresource.name == name)
    }
}
