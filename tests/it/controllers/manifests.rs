//! What a controller's own manifests say, read from its module.

use serde_json::{Value, json};

/// The objects in the documents of a YAML text.
pub(crate) fn objects(text: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    documents.into_iter().filter(Value::is_object).collect()
}

/// The objects of these kinds.
pub(crate) fn of_kinds(objects: &[Value], kinds: &[&str]) -> Vec<Value> {
    objects
        .iter()
        .filter(|object| kinds.iter().any(|kind| object["kind"] == *kind))
        .cloned()
        .collect()
}

/// The objects with these names.
pub(crate) fn named(objects: &[Value], names: &[&str]) -> Vec<Value> {
    objects
        .iter()
        .filter(|object| names.iter().any(|name| object["metadata"]["name"] == *name))
        .cloned()
        .collect()
}

/// A webhook configuration that asks about nothing: its controller fills in the CA of a Service,
/// which nothing resolves here.
pub(crate) fn asked_nothing(mut configuration: Value) -> Value {
    for webhook in configuration["webhooks"].as_array_mut().into_iter().flatten() {
        webhook["rules"] = json!([]);
    }
    configuration
}

/// A webhook configuration whose webhooks are at this address instead of behind a Service, which
/// nothing resolves here.
pub(crate) fn reached_at(mut configuration: Value, address: &str, ca: &str) -> Value {
    for webhook in configuration["webhooks"].as_array_mut().into_iter().flatten() {
        let path = webhook["clientConfig"]["service"]["path"].as_str().unwrap_or_default();
        let bundle = crate::support::base64::encode(ca.as_bytes());
        webhook["clientConfig"] =
            json!({"url": format!("https://{address}{path}"), "caBundle": bundle});
    }
    configuration
}
