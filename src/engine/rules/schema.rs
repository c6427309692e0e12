//! The schema of a rule document's `spec`, made of the types that read it: with it the API server refuses most of what the parser would.
//!
//! A structural schema cannot say "a path, or an object": such an entry has no type there, so what is neither gets through, as
//! does an unknown member of it. `null` gets through too, where without it an emptied `by:` would be dropped and read as one left out.
//! All of these the parser refuses, and the object's status says so.

use std::borrow::Cow;

use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::Verb;
use super::document::{RawCondition, RawEquality, RawLongEntry, RawResource, RawSpec};
use crate::engine::path::Path;

/// Elements that a list may have in an object: the API server wants to know what checking them may cost.
const MOST: usize = 512;

/// Match conditions that a webhook can have.
const MOST_CONDITIONS: usize = 64;

/// A label key, or the name of a match condition. Only the length of its prefix is not checked.
const QUALIFIED_NAME: &str =
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";

const LABEL_VALUE: &str = r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$";

/// Characters that a path may have in an object, for the same reason.
const LONGEST_PATH: usize = 512;

/// What a message says instead of the pattern of a path.
const PATH_EXPECTED: &str = "expected a path such as spec.tasks[*].replicas, metadata.labels or metadata.annotations['example.com/*']";

/// The `spec` of a rule document.
#[derive(Debug, Clone, Copy)]
pub struct SpecSchema;

impl JsonSchema for SpecSchema {
    fn schema_name() -> Cow<'static, str> {
        RawSpec::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = RawSpec::json_schema(generator);
        // What is left out stays left out, but for what people read in a list of rules.
        RecursiveTransform(|schema: &mut Schema| drop(schema.remove("default"))).transform(&mut schema);
        for (field, default) in [("validationActions", json!(["Deny"])), ("failurePolicy", json!("Fail")), ("reason", json!("Forbidden"))] {
            let field = schema.get_mut("properties").and_then(|properties| properties.get_mut(field)).and_then(Value::as_object_mut);
            field.map(|field| field.insert("default".to_owned(), default));
        }
        schema
    }
}

pub(super) fn path(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": LONGEST_PATH,
        "x-kubernetes-validations": [{"rule": format!("self.matches({})", cel_text(Path::PATTERN)), "message": PATH_EXPECTED}]
    })
}

pub(super) fn paths(generator: &mut SchemaGenerator) -> Schema {
    list(&path(generator), MOST)
}

/// A path, or the long form; CEL cannot look into what has no type, a pattern can.
pub(super) fn entries(generator: &mut SchemaGenerator) -> Schema {
    let mut long = RawLongEntry::json_schema(generator);
    long.remove("type");
    long.remove("additionalProperties");
    long.insert("x-kubernetes-preserve-unknown-fields".to_owned(), true.into());
    long.insert("pattern".to_owned(), Path::PATTERN.into());
    if let Some(path) = long.get_mut("properties").and_then(|properties| properties.get_mut("path")).and_then(Value::as_object_mut) {
        path.remove("x-kubernetes-validations");
        path.insert("pattern".to_owned(), Path::PATTERN.into());
    }
    if let Some(by) = long.get_mut("properties").and_then(|properties| properties.get_mut("by")).and_then(Value::as_object_mut) {
        by.remove("x-kubernetes-validations");
        by.insert("minProperties".to_owned(), 1.into());
    }
    list(&long, MOST)
}

pub(super) fn equalities(generator: &mut SchemaGenerator) -> Schema {
    list(&RawEquality::json_schema(generator), MOST)
}

pub(super) fn conditions(generator: &mut SchemaGenerator) -> Schema {
    let mut list = list(&RawCondition::json_schema(generator), MOST_CONDITIONS);
    list.insert("x-kubernetes-list-type".to_owned(), "map".into());
    list.insert("x-kubernetes-list-map-keys".to_owned(), json!(["name"]));
    list
}

pub(super) fn resource_rules(generator: &mut SchemaGenerator) -> Schema {
    let mut list = list(&RawResource::json_schema(generator), MOST);
    list.insert("minItems".to_owned(), 1.into());
    list
}

pub(super) fn actions(_: &mut SchemaGenerator) -> Schema {
    let mut list = set(&["Deny", "Warn", "Audit"]);
    let rule = json!({
        "rule": "!(self.exists(action, action == 'Deny') && self.exists(action, action == 'Warn'))",
        "message": "expected Deny or Warn, found both: a denial already carries the message"
    });
    list.insert("x-kubernetes-validations".to_owned(), json!([rule]));
    list
}

pub(super) fn verbs(_: &mut SchemaGenerator) -> Schema {
    set(&Verb::ALL.map(|(_, name)| name))
}

pub(super) fn failure_policy(_: &mut SchemaGenerator) -> Schema {
    choice(&["Fail", "Ignore"])
}

pub(super) fn reason(_: &mut SchemaGenerator) -> Schema {
    choice(&["Forbidden", "Invalid"])
}

pub(super) fn meaning(_: &mut SchemaGenerator) -> Schema {
    choice(&["Quantity", "Duration", "Set"])
}

pub(super) fn labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "additionalProperties": label_value()})
}

pub(super) fn label_key(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": QUALIFIED_NAME})
}

pub(super) fn label_values(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": label_value()})
}

fn label_value() -> Schema {
    json_schema!({"type": "string", "pattern": LABEL_VALUE})
}

pub(super) fn operator(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": ["In", "NotIn", "Exists", "DoesNotExist"]})
}

pub(super) fn any_value(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"nullable": true, "x-kubernetes-preserve-unknown-fields": true})
}

pub(super) fn given_text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1})
}

pub(super) fn optional_text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "nullable": true})
}

pub(super) fn texts(generator: &mut SchemaGenerator) -> Schema {
    list(&given_text(generator), MOST)
}

pub(super) fn condition_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": QUALIFIED_NAME})
}

pub(super) fn expression(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": r"\S"})
}

pub(super) fn kinds(generator: &mut SchemaGenerator) -> Schema {
    let mut list = list(&given_text(generator), MOST);
    list.insert("minItems".to_owned(), 1.into());
    list
}

pub(super) fn api_groups(_: &mut SchemaGenerator) -> Schema {
    with_wildcard_alone("*", &json_schema!({"type": "string"}))
}

pub(super) fn api_versions(generator: &mut SchemaGenerator) -> Schema {
    with_wildcard_alone("*", &given_text(generator))
}

pub(super) fn resources(generator: &mut SchemaGenerator) -> Schema {
    with_wildcard_alone("*/*", &given_text(generator))
}

fn with_wildcard_alone(wildcard: &str, items: &Schema) -> Schema {
    let mut list = list(items, MOST);
    list.insert("minItems".to_owned(), 1.into());
    let rule = json!({
        "rule": format!("size(self) == 1 || !('{wildcard}' in self)"),
        "message": format!("expected {wildcard} alone, found it beside others")
    });
    list.insert("x-kubernetes-validations".to_owned(), json!([rule]));
    list
}

pub(super) fn service_accounts(_: &mut SchemaGenerator) -> Schema {
    list(&json_schema!({"type": "string", "pattern": "^[a-z0-9.-]+/[a-z0-9.-]+$"}), MOST)
}

/// Rules for an expression of a selector.
pub(super) fn values_where_taken() -> Value {
    json!([{
        "rule": "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
        "message": "expected values for In and NotIn, and none for Exists and DoesNotExist"
    }])
}

/// Rules for a list of requesters.
pub(super) fn somebody() -> Value {
    let given = |list: &str| format!("(has(self.{list}) && size(self.{list}) > 0)");
    let rule = ["users", "groups", "serviceAccounts"].map(given).join(" || ");
    json!([{
        "rule": rule,
        "message": "expected at least one of users, groups and serviceAccounts, found none"
    }])
}

fn list(items: &Schema, most: usize) -> Schema {
    json_schema!({"type": "array", "items": items, "maxItems": most})
}

fn set(names: &[&str]) -> Schema {
    json_schema!({
        "type": "array",
        "items": {"type": "string", "enum": names},
        "minItems": 1,
        "maxItems": names.len(),
        "nullable": true,
        "x-kubernetes-list-type": "set"
    })
}

fn choice(names: &[&str]) -> Schema {
    json_schema!({"type": "string", "enum": names})
}

/// A text as a CEL literal.
fn cel_text(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}
