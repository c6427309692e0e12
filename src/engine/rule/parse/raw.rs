//! The rule document as YAML has it: private shapes with positions, nothing checked beyond shape.
//! The schema of the CRD is derived from these types.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer};
use serde_json::Value;
use serde_saphyr::Spanned;
use std::collections::BTreeMap;
use std::fmt;

use super::raw_resource::RawResource;
use super::schema;

pub(crate) type Texts = Vec<Spanned<String>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct RawRule {
    pub(crate) api_version: Spanned<String>,
    pub(crate) kind: Spanned<String>,
    pub(crate) metadata: RawMetadata,
    pub(crate) spec: RawSpec,
    #[serde(default, rename = "status")]
    _status: IgnoredAny,
}

/// Several rules in one document, as kubectl prints objects.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct RawList {
    pub(crate) api_version: Spanned<String>,
    pub(crate) kind: Spanned<String>,
    #[serde(default, rename = "metadata")]
    _metadata: IgnoredAny,
    pub(crate) items: Spanned<Vec<Spanned<RawRule>>>,
}

/// The kind of a document, whatever else it holds.
#[derive(Deserialize)]
pub(crate) struct RawKind {
    pub(crate) kind: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct RawMetadata {
    pub(crate) name: Spanned<String>,
    #[serde(default)]
    pub(crate) annotations: BTreeMap<String, Spanned<String>>,
    #[serde(default, rename = "labels")]
    _labels: BTreeMap<String, String>,
    // What the API server adds to an object that it is asked for.
    #[serde(default, rename = "uid")]
    _uid: IgnoredAny,
    #[serde(default, rename = "resourceVersion")]
    _resource_version: IgnoredAny,
    #[serde(default, rename = "generation")]
    _generation: IgnoredAny,
    #[serde(default, rename = "creationTimestamp")]
    _creation_timestamp: IgnoredAny,
    #[serde(default, rename = "managedFields")]
    _managed_fields: IgnoredAny,
    #[serde(default, rename = "deletionTimestamp")]
    _deletion_timestamp: IgnoredAny,
    #[serde(default, rename = "deletionGracePeriodSeconds")]
    _deletion_grace_period_seconds: IgnoredAny,
    #[serde(default, rename = "generateName")]
    _generate_name: IgnoredAny,
    #[serde(default, rename = "finalizers")]
    _finalizers: IgnoredAny,
    #[serde(default, rename = "ownerReferences")]
    _owner_references: IgnoredAny,
}

/// Which fields of a kind an update may change, and what follows when it changes others.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct RawSpec {
    /// The objects that the rule covers.
    pub(crate) match_constraints: RawMatch,
    /// CEL conditions that the API server evaluates before it asks: only if all hold is the update
    /// judged by this rule.
    #[serde(default)]
    #[schemars(schema_with = "schema::conditions::<RawCondition>")]
    pub(crate) match_conditions: Vec<RawCondition>,
    /// What follows when another field changes: Deny, or Warn, or Audit; Audit goes with either.
    #[serde(default, deserialize_with = "given")]
    #[schemars(schema_with = "schema::actions")]
    pub(crate) validation_actions: Option<Spanned<Texts>>,
    /// What the API server does when the webhook cannot be asked: Fail refuses the update, Ignore
    /// lets it through.
    #[serde(default, deserialize_with = "given")]
    #[schemars(schema_with = "schema::failure_policy")]
    pub(crate) failure_policy: Option<Spanned<String>>,
    /// The reason of a denial: Forbidden (403), or Invalid (422), which some tools take as leave to
    /// delete and create anew.
    #[serde(default, deserialize_with = "given")]
    #[schemars(schema_with = "schema::reason")]
    pub(crate) reason: Option<Spanned<String>>,
    /// The fields that may change, each with all below it: a path, or a path with how (allow), when
    /// (a CEL condition) and by whom.
    #[schemars(schema_with = "schema::entries::<RawLongEntry>")]
    pub(crate) mutable: Vec<RawEntry>,
    /// The fields that stay protected, each with all below it, although `mutable` lists them or
    /// something above them.
    #[serde(default)]
    #[schemars(schema_with = "schema::distinct_paths")]
    pub(crate) protected: Texts,
    /// Which values are equal although they are written differently, and by which member the
    /// elements of a list pair.
    #[serde(default)]
    #[schemars(schema_with = "schema::equalities::<RawEquality>")]
    pub(crate) equality: Vec<Spanned<RawEquality>>,
    /// Fields whose values no message shows.
    #[serde(default)]
    #[schemars(schema_with = "schema::paths")]
    pub(crate) sensitive: Texts,
    /// Requesters whose updates are allowed all the same, and recorded.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<RawRequesters>")]
    pub(crate) exempt: Option<Spanned<RawRequesters>>,
}

/// As in a ValidatingWebhookConfiguration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct RawMatch {
    /// Groups, versions and resources.
    #[schemars(schema_with = "schema::resource_rules::<RawResource>")]
    pub(crate) resource_rules: Spanned<Vec<Spanned<RawResource>>>,
    /// Only objects in namespaces with these labels.
    #[serde(default, deserialize_with = "given")]
    pub(crate) namespace_selector: Option<RawSelector>,
    /// Only objects with these labels, which the rule then protects from change.
    #[serde(default, deserialize_with = "given")]
    pub(crate) object_selector: Option<RawSelector>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct RawSelector {
    /// Labels with their values.
    #[serde(default)]
    #[schemars(schema_with = "schema::labels")]
    pub(crate) match_labels: Labels,
    /// Expressions over labels.
    #[serde(default)]
    #[schemars(length(max = 512))]
    pub(crate) match_expressions: Vec<RawExpression>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = schema::values_where_taken()))]
pub(crate) struct RawExpression {
    /// The label.
    #[schemars(schema_with = "schema::label_key")]
    pub(crate) key: Spanned<String>,
    /// In, NotIn, Exists or DoesNotExist.
    #[schemars(schema_with = "schema::operator")]
    pub(crate) operator: Spanned<String>,
    /// The values of In and NotIn.
    #[serde(default)]
    #[schemars(schema_with = "schema::label_values")]
    pub(crate) values: Texts,
}

/// Labels with their values and the places of both.
#[derive(Default)]
pub(crate) struct Labels(pub(crate) Vec<(Spanned<String>, Spanned<String>)>);

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(LabelsVisitor)
    }
}

struct LabelsVisitor;

impl<'de> Visitor<'de> for LabelsVisitor {
    type Value = Labels;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("labels with their values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
        let mut labels = Vec::new();
        while let Some(label) = map.next_entry()? {
            labels.push(label);
        }
        Ok(Labels(labels))
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawCondition {
    /// A qualified name.
    #[schemars(schema_with = "schema::condition_name")]
    pub(crate) name: Spanned<String>,
    /// CEL over object, oldObject, request and authorizer.
    #[schemars(schema_with = "schema::expression")]
    pub(crate) expression: Spanned<String>,
}

/// An entry of `mutable`: a bare path or the long form.
pub(crate) struct RawEntry {
    pub(crate) path: Spanned<String>,
    pub(crate) allow: Option<Spanned<Texts>>,
    pub(crate) when: Option<Spanned<String>>,
    pub(crate) by: Option<Spanned<RawRequesters>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawLongEntry {
    /// The field.
    #[schemars(schema_with = "schema::path")]
    path: Spanned<String>,
    /// The kinds of change; all, if left out.
    #[serde(default, deserialize_with = "given")]
    #[schemars(schema_with = "schema::verbs")]
    allow: Option<Spanned<Texts>>,
    /// A CEL condition over object, oldObject, value, oldValue and request.
    #[serde(default, deserialize_with = "given")]
    #[schemars(schema_with = "schema::optional_text")]
    when: Option<Spanned<String>>,
    /// Who may; everybody who may update the object, if left out.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<RawRequesters>")]
    by: Option<Spanned<RawRequesters>>,
}

/// One of the three at least.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = schema::somebody()))]
pub(crate) struct RawRequesters {
    /// User names.
    #[serde(default)]
    #[schemars(schema_with = "schema::texts")]
    pub(crate) users: Texts,
    /// Group names.
    #[serde(default)]
    #[schemars(schema_with = "schema::texts")]
    pub(crate) groups: Texts,
    /// Service accounts as namespace/name.
    #[serde(default)]
    #[schemars(schema_with = "schema::service_accounts")]
    pub(crate) service_accounts: Texts,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(extend("minProperties" = 2))]
pub(crate) struct RawEquality {
    /// The field, or the list.
    #[schemars(schema_with = "schema::path")]
    pub(crate) path: Spanned<String>,
    /// What the values mean: Quantity, Duration, Set for a list without order, or a type of
    /// Kubernetes such as `PodTemplateSpec` with everything below.
    #[serde(default, rename = "as", deserialize_with = "given")]
    #[schemars(schema_with = "schema::compare_as")]
    pub(crate) spelled_as: Option<Spanned<String>>,
    /// The value that left out counts as; `null` is a value here.
    #[serde(default, deserialize_with = "given")]
    #[schemars(schema_with = "schema::any_value")]
    pub(crate) absent_as: Option<Value>,
    /// The member by which the elements of the list pair, or several: `[port, {name: protocol,
    /// default: TCP}]`.
    #[serde(default, deserialize_with = "given")]
    #[schemars(schema_with = "schema::any_value")]
    pub(crate) key: Option<Spanned<Value>>,
    /// `ignore` if the order of the elements of a keyed list does not matter.
    #[serde(default, deserialize_with = "given")]
    #[schemars(schema_with = "schema::order")]
    pub(crate) order: Option<Spanned<String>>,
}

/// A field that is there, even if nothing but `null` stands in it: an emptied `by:` must not read
/// as one left out.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

impl<'de> Deserialize<'de> for RawEntry {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // Spanned records where the value starts, which a visitor alone does not see.
        let entry = Spanned::<PathOrLong>::deserialize(from)?;
        let (referenced, defined) = (entry.referenced, entry.defined);
        Ok(match entry.value {
            PathOrLong::Path(path) => Self {
                path: Spanned { value: path, referenced, defined },
                allow: None,
                when: None,
                by: None,
            },
            PathOrLong::Long(long) => {
                Self { path: long.path, allow: long.allow, when: long.when, by: long.by }
            }
        })
    }
}

enum PathOrLong {
    Path(String),
    Long(Box<RawLongEntry>),
}

impl<'de> Deserialize<'de> for PathOrLong {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = PathOrLong;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a path, or `{path, allow, when, by}`")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<PathOrLong, E> {
        Ok(PathOrLong::Path(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PathOrLong, A::Error> {
        RawLongEntry::deserialize(MapAccessDeserializer::new(map))
            .map(|long| PathOrLong::Long(Box::new(long)))
    }
}
