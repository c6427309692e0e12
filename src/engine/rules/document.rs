//! The rule document as YAML has it: private shapes with positions, nothing checked beyond shape.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer};
use serde_json::Value;
use serde_saphyr::Spanned;
use std::collections::BTreeMap;
use std::fmt;

pub(super) type Texts = Vec<Spanned<String>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RawRule {
    pub(super) api_version: Spanned<String>,
    pub(super) kind: Spanned<String>,
    pub(super) metadata: RawMetadata,
    pub(super) spec: RawSpec,
    #[serde(default, rename = "status")]
    _status: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RawMetadata {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, Spanned<String>>,
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
    #[serde(default, rename = "finalizers")]
    _finalizers: IgnoredAny,
    #[serde(default, rename = "ownerReferences")]
    _owner_references: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RawSpec {
    pub(super) match_constraints: RawMatch,
    #[serde(default)]
    pub(super) match_conditions: Vec<RawCondition>,
    #[serde(default, deserialize_with = "given")]
    pub(super) validation_actions: Option<Spanned<Texts>>,
    #[serde(default, deserialize_with = "given")]
    pub(super) failure_policy: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "given")]
    pub(super) reason: Option<Spanned<String>>,
    pub(super) mutable: Vec<RawEntry>,
    #[serde(default)]
    pub(super) equality: Vec<Spanned<RawEquality>>,
    #[serde(default)]
    pub(super) sensitive: Texts,
    #[serde(default, deserialize_with = "given")]
    pub(super) exempt: Option<Spanned<RawRequesters>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RawMatch {
    pub(super) resource_rules: Spanned<Vec<Spanned<RawResource>>>,
    #[serde(default, deserialize_with = "given")]
    pub(super) namespace_selector: Option<RawSelector>,
    #[serde(default, deserialize_with = "given")]
    pub(super) object_selector: Option<RawSelector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RawResource {
    pub(super) api_groups: Spanned<Texts>,
    pub(super) api_versions: Spanned<Texts>,
    pub(super) resources: Spanned<Texts>,
    #[serde(default, deserialize_with = "given")]
    pub(super) kinds: Option<Spanned<Texts>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RawSelector {
    #[serde(default)]
    pub(super) match_labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) match_expressions: Vec<RawExpression>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExpression {
    pub(super) key: String,
    pub(super) operator: Spanned<String>,
    #[serde(default)]
    pub(super) values: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCondition {
    pub(super) name: Spanned<String>,
    pub(super) expression: Spanned<String>,
}

/// An entry of `mutable`: a bare path or the long form.
pub(super) struct RawEntry {
    pub(super) path: Spanned<String>,
    pub(super) allow: Option<Spanned<Texts>>,
    pub(super) when: Option<Spanned<String>>,
    pub(super) by: Option<Spanned<RawRequesters>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLongEntry {
    path: Spanned<String>,
    #[serde(default, deserialize_with = "given")]
    allow: Option<Spanned<Texts>>,
    #[serde(default, deserialize_with = "given")]
    when: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "given")]
    by: Option<Spanned<RawRequesters>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RawRequesters {
    #[serde(default)]
    pub(super) users: Texts,
    #[serde(default)]
    pub(super) groups: Texts,
    #[serde(default)]
    pub(super) service_accounts: Texts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RawEquality {
    pub(super) path: Spanned<String>,
    #[serde(default, rename = "as", deserialize_with = "given")]
    pub(super) spelled_as: Option<Spanned<String>>,
    /// `null` is a value here.
    #[serde(default, deserialize_with = "given")]
    pub(super) absent_as: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    pub(super) key: Option<Spanned<String>>,
}

/// A field that is there, even if nothing but `null` stands in it: an emptied `by:` must not read as one left out.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

impl<'de> Deserialize<'de> for RawEntry {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // Spanned records where the value starts, which a visitor alone does not see.
        let entry = Spanned::<PathOrLong>::deserialize(from)?;
        let (referenced, defined) = (entry.referenced, entry.defined);
        Ok(match entry.value {
            PathOrLong::Path(path) => Self { path: Spanned { value: path, referenced, defined }, allow: None, when: None, by: None },
            PathOrLong::Long(long) => Self { path: long.path, allow: long.allow, when: long.when, by: long.by },
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
        RawLongEntry::deserialize(MapAccessDeserializer::new(map)).map(|long| PathOrLong::Long(Box::new(long)))
    }
}
