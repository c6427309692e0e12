//! The schemas of the parts of a rule document.
//!
//! A structural schema cannot say "a path, or an object", so it accepts anything there. It also
//! accepts `null`: the API server would otherwise drop an empty `by:`, which then means everybody.
//! The parser refuses all of these, and the status of the object says so.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::engine::rule::path::Path;
use crate::engine::rule::verbs::Verb;

/// Elements that a list may have in an object: the API server wants to know what checking them may
/// cost.
const MOST: usize = 512;

/// Match conditions that a webhook can have.
const MOST_CONDITIONS: usize = 64;

/// A label key, or the name of a match condition. Only the length of its prefix is not checked.
const QUALIFIED_NAME: &str = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";

const LABEL_VALUE: &str = r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$";

/// Characters that a path may have in an object, for the same reason.
const LONGEST_PATH: usize = 320;

/// The same for a resource with its subresource. Each of the two is a DNS label of at most 63.
const LONGEST_RESOURCE: usize = 512;

/// What a message says instead of the pattern of a path.
const PATH_EXPECTED: &str = "expected a path such as spec.tasks[*].replicas, metadata.labels or \
                             metadata.annotations['example.com/*']";

pub(crate) fn path(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": LONGEST_PATH,
        "x-kubernetes-validations": [{"rule": format!("self.matches({})", cel_text(Path::PATTERN)),
            "message": PATH_EXPECTED}]
    })
}

pub(crate) fn paths(generator: &mut SchemaGenerator) -> Schema {
    list(&path(generator), MOST)
}

pub(crate) fn distinct_paths(generator: &mut SchemaGenerator) -> Schema {
    let mut list = paths(generator);
    list.insert("x-kubernetes-list-type".to_owned(), "set".into());
    list
}

/// A path, or the long form; CEL cannot look into what has no type, a pattern can.
pub(crate) fn entries<LongForm: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut long = LongForm::json_schema(generator);
    long.remove("type");
    long.remove("additionalProperties");
    long.insert("x-kubernetes-preserve-unknown-fields".to_owned(), true.into());
    long.insert("pattern".to_owned(), Path::PATTERN.into());
    if let Some(path) = long
        .get_mut("properties")
        .and_then(|properties| properties.get_mut("path"))
        .and_then(Value::as_object_mut)
    {
        path.remove("x-kubernetes-validations");
        path.insert("pattern".to_owned(), Path::PATTERN.into());
    }
    if let Some(by) = long
        .get_mut("properties")
        .and_then(|properties| properties.get_mut("by"))
        .and_then(Value::as_object_mut)
    {
        by.remove("x-kubernetes-validations");
        by.insert("minProperties".to_owned(), 1.into());
    }
    list(&long, MOST)
}

pub(crate) fn equalities<Equality: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    list(&Equality::json_schema(generator), MOST)
}

pub(crate) fn conditions<Condition: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut list = list(&Condition::json_schema(generator), MOST_CONDITIONS);
    list.insert("x-kubernetes-list-type".to_owned(), "map".into());
    list.insert("x-kubernetes-list-map-keys".to_owned(), json!(["name"]));
    list
}

pub(crate) fn resource_rules<Resource: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut list = list(&Resource::json_schema(generator), MOST);
    list.insert("minItems".to_owned(), 1.into());
    list
}

pub(crate) fn actions(_: &mut SchemaGenerator) -> Schema {
    let mut list = set(&["Deny", "Warn", "Audit"]);
    let rule = json!({
        "rule": "!(self.exists(action, action == 'Deny') && self.exists(action, action == 'Warn'))",
        "message": "expected Deny or Warn, found both: a denial already carries the message"
    });
    list.insert("x-kubernetes-validations".to_owned(), json!([rule]));
    list
}

pub(crate) fn verbs(_: &mut SchemaGenerator) -> Schema {
    set(&Verb::ALL.map(|(_, name)| name))
}

pub(crate) fn failure_policy(_: &mut SchemaGenerator) -> Schema {
    choice(&["Fail", "Ignore"])
}

pub(crate) fn reason(_: &mut SchemaGenerator) -> Schema {
    choice(&["Forbidden", "Invalid"])
}

/// `Quantity`, `PodTemplateSpec` or `batch/v1.JobSpec`.
const TYPE_NAME: &str = r"^([a-z0-9.-]+/v[0-9a-z]+\.)?[A-Z][A-Za-z0-9]*$";

pub(crate) fn compare_as(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": 253, "pattern": TYPE_NAME})
}

pub(crate) fn labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": label_value(),
        "maxProperties": MOST,
        "x-kubernetes-validations": [{
            "rule": format!("self.all(key, key.matches({}))", cel_text(QUALIFIED_NAME)),
            "message": "expected label keys such as app or example.com/app"
        }]
    })
}

pub(crate) fn label_key(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": QUALIFIED_NAME})
}

pub(crate) fn label_values(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": label_value()})
}

fn label_value() -> Schema {
    json_schema!({"type": "string", "pattern": LABEL_VALUE})
}

pub(crate) fn operator(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": ["In", "NotIn", "Exists", "DoesNotExist"]})
}

pub(crate) fn any_value(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"nullable": true, "x-kubernetes-preserve-unknown-fields": true})
}

pub(crate) fn order(_: &mut SchemaGenerator) -> Schema {
    choice(&["ignore"])
}

pub(crate) fn given_text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1})
}

pub(crate) fn optional_text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "nullable": true})
}

pub(crate) fn texts(generator: &mut SchemaGenerator) -> Schema {
    list(&given_text(generator), MOST)
}

pub(crate) fn condition_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": QUALIFIED_NAME})
}

pub(crate) fn expression(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": r"\S"})
}

pub(crate) fn kinds(generator: &mut SchemaGenerator) -> Schema {
    let mut list = list(&given_text(generator), MOST);
    list.insert("minItems".to_owned(), 1.into());
    list
}

pub(crate) fn api_groups(_: &mut SchemaGenerator) -> Schema {
    with_wildcard_alone("*", &json_schema!({"type": "string"}))
}

pub(crate) fn api_versions(generator: &mut SchemaGenerator) -> Schema {
    with_wildcard_alone("*", &given_text(generator))
}

pub(crate) fn resources(_: &mut SchemaGenerator) -> Schema {
    let resource = json_schema!({"type": "string", "minLength": 1, "maxLength": LONGEST_RESOURCE});
    let mut list = with_wildcard_alone("*/*", &resource);
    // If there is a wildcard, the API server checks only the last resource without a subresource.
    // The cost limit of a schema is too low to search for it, so this checks only the last resource
    // of the list. The parser checks the others.
    let end = "self[size(self) - 1]";
    let rule = json!({
        "rule": format!("!('*' in self) || {end} == '*' || {end}.contains('/')"),
        "message": "expected * to be the only resource without a subresource, found another"
    });
    if let Some(rules) = list.get_mut("x-kubernetes-validations").and_then(Value::as_array_mut) {
        rules.push(rule);
    }
    list
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

pub(crate) fn service_accounts(_: &mut SchemaGenerator) -> Schema {
    list(&json_schema!({"type": "string", "pattern": "^[a-z0-9.-]+/[a-z0-9.-]+$"}), MOST)
}

/// Rules for an expression of a selector.
pub(crate) fn values_where_taken() -> Value {
    json!([{
        "rule": "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
        "message": "expected values for In and NotIn, and none for Exists and DoesNotExist"
    }])
}

/// Rules for a list of requesters.
pub(crate) fn somebody() -> Value {
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
