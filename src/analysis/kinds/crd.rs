//! What a CRD says of its kind.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::kind::{Kind, ResourceScope, Serving, Subresource, Version};
use super::schema::Schema;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotACrd {
    #[error("expected a CustomResourceDefinition of `apiextensions.k8s.io/v1`, found `{0}`")]
    Version(String),
    #[error("not a CustomResourceDefinition: {0}")]
    Shape(String),
}

/// The kinds that a document defines: those of a CRD or of a list of CRDs; none if it is something
/// else.
pub(crate) fn in_document(document: &Value) -> Result<Vec<Kind>, NotACrd> {
    let text = |field: &str| document.get(field).and_then(Value::as_str).unwrap_or_default();
    if let Some(items) =
        document.get("items").and_then(Value::as_array).filter(|_| text("kind").ends_with("List"))
    {
        let kinds: Vec<Vec<Kind>> = items
            .iter()
            .map(|item| in_document(&named(item, text("kind"), text("apiVersion"))))
            .collect::<Result<_, _>>()?;
        return Ok(kinds.concat());
    }
    match (text("kind"), text("apiVersion")) {
        ("CustomResourceDefinition", "apiextensions.k8s.io/v1") => Ok(vec![kind(document)?]),
        ("CustomResourceDefinition", other) => {
            Err(NotACrd::Version(other.escape_debug().to_string()))
        }
        _ => Ok(Vec::new()),
    }
}

/// The items of a typed list need not say what they are.
fn named(item: &Value, list: &str, version: &str) -> Value {
    let mut item = item.clone();
    if let (Some(members), Some(kind)) =
        (item.as_object_mut(), list.strip_suffix("List").filter(|kind| !kind.is_empty()))
    {
        members.entry("kind").or_insert_with(|| Value::from(kind));
        members.entry("apiVersion").or_insert_with(|| Value::from(version));
    }
    item
}

#[derive(Deserialize)]
struct RawCrd {
    spec: RawCrdSpec,
}

#[derive(Deserialize)]
struct RawCrdSpec {
    group: String,
    names: RawNames,
    scope: String,
    versions: Vec<RawVersion>,
}

#[derive(Deserialize)]
struct RawNames {
    kind: String,
    plural: String,
    #[serde(default)]
    singular: String,
    #[serde(default, rename = "shortNames")]
    short_names: Vec<String>,
}

#[derive(Deserialize)]
struct RawVersion {
    name: String,
    served: bool,
    #[serde(default)]
    schema: RawSchema,
    #[serde(default)]
    subresources: RawSubresources,
}

#[derive(Deserialize, Default)]
struct RawSchema {
    #[serde(default, rename = "openAPIV3Schema")]
    objects: Option<Value>,
}

#[derive(Deserialize, Default)]
struct RawSubresources {
    #[serde(default)]
    status: Option<Value>,
    #[serde(default)]
    scale: Option<RawScale>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawScale {
    #[serde(default)]
    spec_replicas_path: Option<String>,
}

fn kind(document: &Value) -> Result<Kind, NotACrd> {
    let RawCrd { spec } =
        RawCrd::deserialize(document).map_err(|error| NotACrd::Shape(error.to_string()))?;
    let RawNames { kind: name, plural, singular, short_names } = spec.names;
    let versions = spec.versions.into_iter().map(|raw| version(raw, &name)).collect();
    let singular = if singular.is_empty() { name.to_lowercase() } else { singular };
    let scope =
        if spec.scope == "Cluster" { ResourceScope::Cluster } else { ResourceScope::Namespaced };
    Ok(Kind { group: spec.group, plural, singular, short_names, scope, versions, name })
}

fn version(raw: RawVersion, kind: &str) -> Version {
    let schema = Schema::of_objects(raw.schema.objects.as_ref(), &Map::new());
    let status = raw.subresources.status.map(|_| Subresource {
        name: "status".to_owned(),
        kind: kind.to_owned(),
        replicas: None,
    });
    let scale = raw.subresources.scale.map(|scale| {
        let replicas = scale.spec_replicas_path.map(|path| path.trim_start_matches('.').to_owned());
        Subresource { name: "scale".to_owned(), kind: "Scale".to_owned(), replicas }
    });
    let serving = if raw.served { Serving::Served } else { Serving::Withdrawn };
    Version {
        name: raw.name,
        serving,
        schema,
        subresources: status.into_iter().chain(scale).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn crd() -> Value {
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "widgets.example.com"},
            "spec": {
                "group": "example.com", "scope": "Namespaced", "names": {"kind": "Widget",
                    "plural": "widgets"},
                "versions": [
                    {"name": "v1", "served": true, "storage": true, "subresources": {"status": {},
                        "scale": {"specReplicasPath": ".spec.size"}}},
                    {"name": "v1beta1", "served": false, "storage": false},
                ],
            },
        })
    }

    #[test]
    fn a_crd_names_its_kind_versions_and_subresources() {
        let kinds = in_document(&crd()).unwrap();
        let [kind] = kinds.as_slice() else { panic!("{kinds:?}") };
        assert_eq!(
            (kind.name.as_str(), kind.plural.as_str(), kind.singular.as_str(), kind.scope),
            ("Widget", "widgets", "widget", ResourceScope::Namespaced)
        );
        let served: Vec<&str> = kind.served().map(|version| version.name.as_str()).collect();
        assert_eq!(served, ["v1"]);
        let version = kind.served().next().unwrap();
        assert_eq!(
            version.subresource("status").map(|status| status.kind.as_str()),
            Some("Widget")
        );
        assert_eq!(
            version.subresource("scale").and_then(|scale| scale.replicas.as_deref()),
            Some("spec.size")
        );
    }

    #[test]
    fn lists_are_looked_into_and_other_documents_passed_over() {
        let mut untyped = crd();
        untyped
            .as_object_mut()
            .unwrap()
            .retain(|field, _| field != "kind" && field != "apiVersion");
        let typed = json!({"kind": "CustomResourceDefinitionList",
            "apiVersion": "apiextensions.k8s.io/v1", "items": [untyped]});
        let mixed = json!({"kind": "List", "apiVersion": "v1", "items": [{"kind": "Namespace",
            "apiVersion": "v1"}, crd(), typed]});
        assert_eq!(in_document(&mixed).unwrap().len(), 2);
        assert!(in_document(&json!({"kind": "Namespace", "apiVersion": "v1"})).unwrap().is_empty());
        assert!(in_document(&json!("text")).unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let mut old = crd();
        old["apiVersion"] = json!("apiextensions.k8s.io/v1beta1");
        let error = in_document(&old).unwrap_err().to_string();
        assert_eq!(
            error,
            "expected a CustomResourceDefinition of `apiextensions.k8s.io/v1`, found \
             `apiextensions.k8s.io/v1beta1`"
        );
        let mut broken = crd();
        broken["spec"].as_object_mut().unwrap().remove("names");
        assert_eq!(
            in_document(&broken).unwrap_err().to_string(),
            "not a CustomResourceDefinition: missing field `names`"
        );
    }
}
