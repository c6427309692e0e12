//! `UpdateRule`, a rule as an object of the cluster: the definition of the resource, and what its
//! status says.

use std::borrow::Cow;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, CustomResourceExt};
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::engine::{LONGEST_NAME, RawSpec};

/// The spec of a rule, as it came: the engine alone reads it.
#[expect(clippy::duplicated_attributes, reason = "each column has its own")]
#[derive(Debug, Clone, Serialize, Deserialize, CustomResource)]
#[kube(
    group = "fieldward.io",
    version = "v1alpha1",
    kind = "UpdateRule",
    plural = "updaterules",
    shortname = "ur",
    status = "UpdateRuleStatus",
    doc = "Which fields of a kind an update may change; fieldward refuses all other changes."
)]
#[kube(printcolumn(
    name = "Kind",
    type_ = "string",
    json_path = ".status.kinds",
    description = "What the rule covers"
))]
#[kube(printcolumn(
    name = "Mutable",
    type_ = "integer",
    json_path = ".status.mutable",
    description = "How many entries of fields that may change there are"
))]
#[kube(printcolumn(
    name = "Actions",
    type_ = "string",
    json_path = ".spec.validationActions",
    description = "What follows when another field changes"
))]
#[kube(printcolumn(
    name = "Ready",
    type_ = "string",
    json_path = ".status.ready",
    description = "Whether the rule is in force and the API server asks about its objects"
))]
#[kube(printcolumn(
    name = "Reason",
    type_ = "string",
    json_path = ".status.reason",
    description = "Why it is not ready",
    priority = "1"
))]
#[kube(printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"))]
#[serde(transparent)]
pub(crate) struct UpdateRuleSpec(pub Value);

/// The schema comes from the types that read a document, so that the API server refuses most of
/// what the parser would.
impl JsonSchema for UpdateRuleSpec {
    fn schema_name() -> Cow<'static, str> {
        RawSpec::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = RawSpec::json_schema(generator);
        // The API server adds no defaults, except for the fields that columns of kubectl show.
        RecursiveTransform(|schema: &mut Schema| drop(schema.remove("default")))
            .transform(&mut schema);
        for (field, default) in [
            ("validationActions", json!(["Deny"])),
            ("failurePolicy", json!("Fail")),
            ("reason", json!("Forbidden")),
        ] {
            let field = schema
                .get_mut("properties")
                .and_then(|properties| properties.get_mut(field))
                .and_then(Value::as_object_mut);
            field.map(|field| field.insert("default".to_owned(), default));
        }
        schema
    }
}

/// The condition that says whether the API server asks about a rule's objects.
pub(super) const REGISTERED: &str = "Registered";

/// The reason of the condition Accepted where the rule is too large to be kept in its status.
pub(super) const NOT_KEPT: &str = "NotKept";

/// The reason of the condition Registered where the API server rejects the webhook of the rule.
pub(super) const REJECTED: &str = "Rejected";

/// Its reason where no configuration has room for the webhook of the rule.
pub(super) const NO_ROOM: &str = "NoRoom";

/// What became of a rule.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateRuleStatus {
    /// The generation that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) observed_generation: Option<i64>,
    /// What the rule covers: its kinds, or resources where it names none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) kinds: String,
    /// How many entries of fields that may change there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mutable: Option<i64>,
    /// Whether it is in force and the API server asks about its objects: True or False.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) ready: String,
    /// Why it is not ready.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) reason: String,
    /// The generation that is in force; none if no generation is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) enforced_generation: Option<i64>,
    /// The last generation that was accepted and registered. It stays in force while a newer one is
    /// not accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_good: Option<LastGood>,
    /// What holds of the rule, and since when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub(crate) conditions: Vec<Condition>,
}

impl UpdateRuleStatus {
    /// Whether the rule is not too large to be kept here.
    pub(super) fn is_kept(&self) -> bool {
        self.conditions.iter().all(|condition| condition.reason != NOT_KEPT)
    }
}

/// A generation of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LastGood {
    /// Which one.
    pub(crate) generation: i64,
    /// The rule as JSON.
    pub(crate) rule: String,
}

/// The definition of the resource, as a cluster takes it.
pub(crate) fn definition() -> CustomResourceDefinition {
    let mut definition = UpdateRule::crd();
    let name = JSONSchemaProps {
        type_: Some("string".to_owned()),
        max_length: i64::try_from(LONGEST_NAME).ok(),
        ..JSONSchemaProps::default()
    };
    let metadata = JSONSchemaProps {
        type_: Some("object".to_owned()),
        properties: Some([("name".to_owned(), name)].into()),
        ..JSONSchemaProps::default()
    };
    for schema in definition
        .spec
        .versions
        .iter_mut()
        .filter_map(|version| version.schema.as_mut()?.open_api_v3_schema.as_mut())
    {
        schema.properties.get_or_insert_default().insert("metadata".to_owned(), metadata.clone());
        join_lines(schema);
    }
    definition
}

/// Makes each description one line, wherever the source breaks it.
fn join_lines(schema: &mut JSONSchemaProps) {
    if let Some(description) = &mut schema.description {
        *description = description.replace('\n', " ");
    }
    schema.properties.iter_mut().flatten().for_each(|(_, member)| join_lines(member));
    if let Some(JSONSchemaPropsOrArray::Schema(element)) = &mut schema.items {
        join_lines(element);
    }
}
