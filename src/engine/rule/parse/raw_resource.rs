//! A resource rule as YAML has it. What is wrong with the shape of one field is kept beside the
//! other fields, so that one run shows all errors of the resource rule.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::schema;

#[derive(Default, JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct RawResource {
    /// API groups; "" is the core group, "*" is all.
    #[schemars(required, schema_with = "schema::api_groups")]
    pub(crate) api_groups: Option<Spanned<RawTexts>>,
    #[schemars(required, schema_with = "schema::api_versions")]
    pub(crate) api_versions: Option<Spanned<RawTexts>>,
    /// Resources as "jobs", "jobs/scale", "*" or "*/*".
    #[schemars(required, schema_with = "schema::resources")]
    pub(crate) resources: Option<Spanned<RawTexts>>,
    /// Kinds, where the resource has several.
    #[schemars(default, schema_with = "schema::kinds")]
    pub(crate) kinds: Option<Spanned<RawTexts>>,
    /// The names of fields that a resource rule does not have.
    #[schemars(skip)]
    pub(crate) unknown: Vec<Spanned<String>>,
}

/// The fields of a resource rule.
pub(crate) const FIELDS: [&str; 4] = ["apiGroups", "apiVersions", "resources", "kinds"];

/// A list of texts, or what stands in its place.
pub(crate) enum RawTexts {
    /// None for each element that is `null`.
    List(Vec<Spanned<Option<String>>>),
    NoList,
}

impl<'de> Deserialize<'de> for RawResource {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(ResourceVisitor)
    }
}

struct ResourceVisitor;

impl<'de> Visitor<'de> for ResourceVisitor {
    type Value = RawResource;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawResource, A::Error> {
        let mut resource = RawResource::default();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            match key.value.as_str() {
                "apiGroups" => resource.api_groups = Some(map.next_value()?),
                "apiVersions" => resource.api_versions = Some(map.next_value()?),
                "resources" => resource.resources = Some(map.next_value()?),
                "kinds" => resource.kinds = Some(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    resource.unknown.push(key);
                }
            }
        }
        Ok(resource)
    }
}

impl<'de> Deserialize<'de> for RawTexts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextsVisitor)
    }
}

struct TextsVisitor;

/// Accepts a scalar of a type in place of a list.
macro_rules! no_list {
    ($($visit:ident: $type:ty),*) => {
        $(fn $visit<E>(self, _: $type) -> Result<RawTexts, E> {
            Ok(RawTexts::NoList)
        })*
    };
}

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = RawTexts;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<RawTexts, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = list.next_element()? {
            texts.push(text);
        }
        Ok(RawTexts::List(texts))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawTexts, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(RawTexts::NoList)
    }

    no_list!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_i128: i128, visit_u128: u128);
    no_list!(visit_f64: f64, visit_str: &str);

    fn visit_unit<E>(self) -> Result<RawTexts, E> {
        Ok(RawTexts::NoList)
    }
}
