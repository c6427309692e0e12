//! The metadata of every object, which no CRD describes.

use serde_json::{Value, json};

pub(crate) fn schema() -> Value {
    let text = || json!({"type": "string"});
    let texts = || json!({"type": "object", "additionalProperties": {"type": "string"}});
    let integer = || json!({"type": "integer"});
    json!({
        "type": "object",
        "properties": {
            "name": text(), "generateName": text(), "namespace": text(), "selfLink": text(),
            "uid": text(), "resourceVersion": text(),
            "generation": integer(), "creationTimestamp": text(), "deletionTimestamp": text(),
            "deletionGracePeriodSeconds": integer(),
            "labels": texts(), "annotations": texts(),
            "ownerReferences": {
                "type": "array", "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["uid"],
                "items": {
                    "type": "object", "required": ["apiVersion", "kind", "name", "uid"],
                    "properties": {
                        "apiVersion": text(), "kind": text(), "name": text(), "uid": text(),
                        "controller": {"type": "boolean"},
                        "blockOwnerDeletion": {"type": "boolean"},
                    },
                },
            },
            "finalizers": {"type": "array", "x-kubernetes-list-type": "set", "items": text()},
            "managedFields": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "manager": text(), "operation": text(), "apiVersion": text(),
                        "time": text(), "fieldsType": text(),
                        "fieldsV1": {"type": "object"}, "subresource": text(),
                    },
                },
            },
        },
    })
}
