//! What an API server says of its kinds: discovery for the names, `OpenAPI` v3 for the objects.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIResource, APIResourceList};
use serde_json::{Map, Value};

use super::kind::{Kind, ResourceScope, Serving, Subresource, Version};
use super::schema::Schema;

#[derive(Debug, Clone, Copy)]
pub(crate) struct ServedVersion<'a> {
    pub(crate) name: &'a str,
    pub(crate) resources: &'a APIResourceList,
    /// Its `OpenAPI` v3 document, if the API server has one.
    pub(crate) document: Option<&'a Value>,
}

/// The kinds of a group, each in all versions in which it is served.
pub(crate) fn kinds<'a>(
    group: &str,
    versions: impl IntoIterator<Item = ServedVersion<'a>>,
) -> Vec<Kind> {
    let mut kinds: BTreeMap<&str, Kind> = BTreeMap::new();
    for version in versions {
        for resource in
            version.resources.resources.iter().filter(|resource| !resource.name.contains('/'))
        {
            let kind = kinds.entry(&resource.name).or_insert_with(|| Kind {
                group: group.to_owned(),
                name: resource.kind.clone(),
                plural: resource.name.clone(),
                singular: if resource.singular_name.is_empty() {
                    resource.kind.to_lowercase()
                } else {
                    resource.singular_name.clone()
                },
                short_names: resource.short_names.clone().unwrap_or_default(),
                scope: if resource.namespaced {
                    ResourceScope::Namespaced
                } else {
                    ResourceScope::Cluster
                },
                versions: Vec::new(),
            });
            kind.versions.push(read(group, version, resource));
        }
    }
    kinds.into_values().collect()
}

fn read(group: &str, version: ServedVersion<'_>, resource: &APIResource) -> Version {
    let nothing = Map::new();
    let definitions = version
        .document
        .and_then(|document| document.pointer("/components/schemas")?.as_object())
        .unwrap_or(&nothing);
    let objects = definitions
        .values()
        .find(|definition| describes(definition, group, version.name, &resource.kind));
    let schema = Schema::of_objects(objects, definitions);
    let mut subresources: Vec<Subresource> = version
        .resources
        .resources
        .iter()
        .filter_map(|other| {
            let name = other.name.strip_prefix(&resource.name)?.strip_prefix('/')?;
            Some(Subresource { name: name.to_owned(), kind: other.kind.clone(), replicas: None })
        })
        .collect();
    for scale in subresources.iter_mut().filter(|subresource| subresource.name == "scale") {
        // Discovery does not say; of Kubernetes' own kinds it is always this one.
        scale.replicas = schema.has(&["spec", "replicas"]).then(|| "spec.replicas".to_owned());
    }
    Version { name: version.name.to_owned(), serving: Serving::Served, schema, subresources }
}

fn describes(definition: &Value, group: &str, version: &str, kind: &str) -> bool {
    let kinds = definition.get("x-kubernetes-group-version-kind").and_then(Value::as_array);
    kinds.into_iter().flatten().any(|is| {
        let text = |field: &str| is.get(field).and_then(Value::as_str).unwrap_or_default();
        (text("group"), text("version"), text("kind")) == (group, version, kind)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn resource(name: &str, kind: &str) -> APIResource {
        APIResource {
            name: name.to_owned(),
            kind: kind.to_owned(),
            namespaced: true,
            singular_name: String::new(),
            ..APIResource::default()
        }
    }

    #[test]
    fn versions_of_one_resource_are_one_kind() {
        let document = |version: &str| {
            json!({"components": {"schemas": {
                "other": {"type": "object", "properties": {"spec": {"type": "string"}}},
                "ours": {
                    "type": "object", "properties": {"spec": {"$ref": "#/components/schemas/spec"}},
                    "x-kubernetes-group-version-kind": [{"group": "apps", "version": version,
                        "kind": "Deployment"}],
                },
                "spec": {"type": "object", "properties": {"replicas": {"type": "integer"}}},
            }}})
        };
        let resources = APIResourceList {
            group_version: "apps/v1".to_owned(),
            resources: vec![
                resource("deployments", "Deployment"),
                resource("deployments/scale", "Scale"),
                resource("deployments/status", "Deployment"),
            ],
        };
        let document = document("v1");
        let version = |name, document| ServedVersion { name, resources: &resources, document };
        let kinds = kinds("apps", [version("v1", Some(&document)), version("v2", None)]);
        let [kind] = kinds.as_slice() else { panic!("{kinds:?}") };
        assert_eq!(
            (kind.plural.as_str(), kind.singular.as_str(), kind.versions.len()),
            ("deployments", "deployment", 2)
        );
        let replicas = |version: &Version| {
            version.subresource("scale").and_then(|scale| scale.replicas.clone())
        };
        assert_eq!(
            kind.versions.iter().map(replicas).collect::<Vec<_>>(),
            [Some("spec.replicas".to_owned()), None]
        );
        assert!(
            kind.versions[0].schema.has(&["metadata", "labels"])
                && !kind.versions[0].schema.has(&["spec", "selector"])
        );
    }
}
