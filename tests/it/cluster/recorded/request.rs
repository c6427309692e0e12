//! The request that made a review: the old object is created, the new one is sent by whoever sent
//! it.

use reqwest::Method;
use serde_json::{Value, json};

use super::requester;
use crate::cluster::api::{APPLY_PATCH, Answer, Api, JSON_PATCH, MERGE_PATCH};
use crate::cluster::eventually;
use crate::cluster::ward::Ward;
use crate::corpus::Case;

/// What the API server fills in, whatever a client says.
const OWNED: [&str; 8] = [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "managedFields",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

/// A request as a case records it.
pub(super) struct Request {
    resource: [String; 2],
    operation: String,
    manager: String,
    query: String,
    subresource: Option<String>,
    user: Value,
    name: String,
    creator: String,
    verb: Verb,
    deleting: bool,
    old: Value,
    pub(super) object: Value,
}

/// How the client wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Replace,
    Patch,
    Apply,
}

/// What became of a request.
pub(super) struct Sent {
    pub(super) answer: Answer,
    /// The object's name, and its version before.
    pub(super) name: String,
    pub(super) resource_version: String,
    /// The field manager that the request named.
    pub(super) manager: String,
}

impl Request {
    pub(super) fn of(case: &Case) -> Self {
        let request = &case.review["request"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (group, version) =
            (text(&request["resource"]["group"]), text(&request["resource"]["version"]));
        let group_version = if group.is_empty() { version } else { format!("{group}/{version}") };
        let (old, mut object) = (&request["oldObject"], &request["object"]);
        if object.is_null() {
            object = old;
        }
        let options = &request["options"];
        let manager = text(&options["fieldManager"]);
        let applied = |object: &Value| {
            let entries = object["metadata"]["managedFields"].as_array();
            entries.into_iter().flatten().any(|entry| {
                entry["operation"] == "Apply" && entry["manager"].as_str() == Some(&manager)
            })
        };
        let verb = match manager.as_str() {
            "" | "kubectl-replace" => Verb::Replace,
            _ if applied(object) => Verb::Apply,
            _ => Verb::Patch,
        };
        let manager = if manager.is_empty() { "kubectl-replace".to_owned() } else { manager };
        let mut query = format!("?fieldManager={manager}");
        if let Some(validation) = options["fieldValidation"].as_str() {
            query += &format!("&fieldValidation={validation}");
        }
        if request["dryRun"] == true {
            query += "&dryRun=All";
        }
        // A review does not say whether it was forced.
        if verb == Verb::Apply {
            query += "&force=true";
        }
        Self {
            resource: [group_version, text(&request["resource"]["resource"])],
            operation: text(&request["operation"]),
            manager,
            query,
            subresource: request["subResource"]
                .as_str()
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
            user: request["userInfo"].clone(),
            name: case.name.rsplit('/').next().unwrap().to_owned(),
            creator: text(&old["metadata"]["managedFields"][0]["manager"]),
            verb,
            deleting: old["metadata"]["deletionTimestamp"].is_string(),
            old: old.clone(),
            object: object.clone(),
        }
    }

    pub(super) fn resource(&self) -> (&str, &str) {
        (&self.resource[0], &self.resource[1])
    }

    /// Creates the old object, sends the new one, and takes the object away again.
    pub(super) async fn send(&self, ward: &Ward) -> Sent {
        let admin = ward.plane.api();
        let collection = ward.collection(self.resource());
        // The names of recordings are kept; those of other cases are all alike.
        let name = self.object["metadata"]["name"]
            .as_str()
            .filter(|name| *name != "w")
            .unwrap_or(&self.name)
            .to_owned();
        let path = format!("{collection}/{name}");
        let asker = requester(&admin, &self.user);
        if self.operation == "CREATE" {
            let answer = asker.create(&collection, &Self::stripped(&self.object, &name)).await;
            let answer = self.done(&admin, &path, answer).await;
            return Sent {
                answer,
                name,
                resource_version: String::new(),
                manager: self.manager.clone(),
            };
        }
        let stored = self.create(&admin, &collection, &path, &name).await;
        let resource_version = stored["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
        let answer = if self.operation == "DELETE" {
            asker.delete(&path, &Value::Null).await
        } else {
            let path =
                self.subresource.iter().fold(path.clone(), |path, name| format!("{path}/{name}"));
            self.update(&asker, &path, &stored, &name).await
        };
        let answer = self.done(&admin, &path, answer).await;
        Sent { answer, name, resource_version, manager: self.manager.clone() }
    }

    async fn create(&self, admin: &Api, collection: &str, path: &str, name: &str) -> Value {
        let mut old = Self::stripped(&self.old, name);
        if self.deleting && old["metadata"]["finalizers"].as_array().is_none_or(Vec::is_empty) {
            old["metadata"]["finalizers"] = json!([HELD]);
        }
        let creator = if self.creator.is_empty() { "kubectl-create" } else { &self.creator };
        if self.old["metadata"]["managedFields"][0]["operation"] == "Apply" {
            admin
                .patch(&format!("{path}?fieldManager={creator}"), APPLY_PATCH, &old)
                .await
                .object();
        } else {
            admin.create(&format!("{collection}?fieldManager={creator}"), &old).await.object();
        }
        if self.deleting {
            admin.delete(path, &Value::Null).await.object();
        }
        admin.get(path).await.object()
    }

    async fn update(&self, asker: &Api, path: &str, stored: &Value, name: &str) -> Answer {
        let mut target = Self::stripped(&self.object, name);
        if stored["metadata"]["finalizers"] == json!([HELD]) {
            target["metadata"]["finalizers"] = json!([HELD]);
        }
        if self.verb != Verb::Apply {
            for owned in OWNED {
                if let Some(value) = stored["metadata"].get(owned) {
                    target["metadata"][owned] = value.clone();
                }
            }
        }
        let path = format!("{path}{}", self.query);
        match self.verb {
            Verb::Replace => asker.replace(&path, &target).await,
            Verb::Apply => asker.patch(&path, APPLY_PATCH, &target).await,
            Verb::Patch => {
                let operations = serde_json::to_value(json_patch::diff(stored, &target)).unwrap();
                asker.patch(&path, JSON_PATCH, &operations).await
            }
        }
    }

    /// The object as its client had it, by this name in the namespace of the request.
    fn stripped(object: &Value, name: &str) -> Value {
        let mut object = object.clone();
        let metadata = object["metadata"].as_object_mut().unwrap();
        for owned in OWNED {
            metadata.remove(owned);
        }
        metadata.remove("namespace");
        metadata.insert("name".to_owned(), name.into());
        object
    }

    async fn done(&self, admin: &Api, path: &str, answer: Answer) -> Answer {
        let deleted =
            admin.try_send(Method::DELETE, path, "application/json", &Value::Null).await.unwrap();
        if deleted.is_ok() {
            // While the object is being deleted, finalizers may go.
            admin.patch(path, MERGE_PATCH, &json!({"metadata": {"finalizers": null}})).await;
        }
        eventually("the object is gone", async || admin.get(path).await.code == 404).await;
        answer
    }
}

/// Only a finalizer keeps an object that is being deleted: a case that names none gets this one, on
/// both sides.
const HELD: &str = "example.com/held";
