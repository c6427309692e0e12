//! The schema of a rule document's `spec`, made of the types that read it: with it the API server
//! refuses most of what the parser would.

use std::borrow::Cow;

use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::raw::RawSpec;

/// The `spec` of a rule document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpecSchema;

impl JsonSchema for SpecSchema {
    fn schema_name() -> Cow<'static, str> {
        RawSpec::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = RawSpec::json_schema(generator);
        // What is left out stays left out, but for what people read in a list of rules.
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
