//! A rule in a namespace of its own, about a kind of which nothing is known, with objects from its
//! cases.

use fieldward::engine::{Builtin, Path, RuleFile, RuleSet};
use serde_json::{Value, json};

use super::TOO_LARGE;
use crate::cluster::api::{Api, MERGE_PATCH};
use crate::corpus::{Case, cases, packed_rules, root};

pub(super) const GROUP: &str = "policies.example.com";
pub(super) const KIND: &str = "Thing";

/// Who has a rule's entries for himself.
pub(super) type User = (String, Vec<String>);

pub(super) struct Scene {
    pub(super) name: String,
    pub(super) namespace: String,
    /// What of it is written anew, as JSON.
    document: Value,
    /// The paths that its entries and its equalities cover, with who may use each; none:
    /// everybody.
    pub(super) entries: Vec<(Path, Option<User>)>,
    pub(super) equalities: Vec<(Path, Value)>,
    cases: Vec<Case>,
    /// Whether it has conditions, which may err.
    pub(super) is_conditional: bool,
    /// As they are stored.
    pub(super) objects: Vec<Value>,
}

/// The rules of the project, and those of the cases that show the language.
pub(super) fn scenes() -> Vec<Scene> {
    let all = cases();
    let shown_by = |folder: &str| -> Vec<Case> {
        all.iter().filter(|case| case.name.starts_with(&format!("{folder}/"))).cloned().collect()
    };
    let mut rules = vec![
        ("deploy/rules/volcano-job.yaml".to_owned(), shown_by("volcano-job")),
        ("deploy/rules/mxjob.yaml".to_owned(), shown_by("mxjob")),
    ];
    rules.push(("tests/cases/conditions/rules.yaml".to_owned(), shown_by("conditions")));
    rules.push(("tests/cases/keys/rules.yaml".to_owned(), shown_by("keys")));
    rules.push(("tests/it/cluster/policies/constructs.yaml".to_owned(), Vec::new()));
    for rule in packed_rules().into_iter().filter(|rule| !TOO_LARGE.contains(&rule.name.as_str())) {
        rules.push((
            rule.file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(),
            rule.cases(),
        ));
    }
    rules
        .into_iter()
        .enumerate()
        .map(|(number, (file, cases))| Scene::new(number, file, cases))
        .collect()
}

impl Scene {
    fn new(number: usize, file: String, cases: Vec<Case>) -> Self {
        let text = std::fs::read_to_string(root().join(&file)).unwrap();
        let rules = RuleSet::load(
            Builtin::Excluded,
            &[RuleFile { origin: file.clone(), text: text.clone() }],
        )
        .unwrap();
        let rule = rules.rules().next().unwrap();
        let user = |by: &fieldward::engine::Requesters| {
            let account = by
                .service_accounts
                .first()
                .map(|account| format!("system:serviceaccount:{}", account.replace('/', ":")));
            let name =
                by.users.first().cloned().or(account).unwrap_or_else(|| "somebody".to_owned());
            (name, by.groups.clone())
        };
        let is_conditional = rule.entries().any(|entry| entry.when.is_some());
        let entries = rule.entries().chain(rule.lifecycle_entries());
        let entries =
            entries.map(|entry| (entry.path.clone(), entry.by.as_ref().map(user))).collect();
        let mut document: Value = serde_saphyr::from_str(&text).unwrap();
        let equalities = rule
            .equality()
            .iter()
            .zip(document["spec"]["equality"].as_array().into_iter().flatten());
        let equalities =
            equalities.map(|(equality, raw)| (equality.path.clone(), raw.clone())).collect();
        let namespace = format!("policy-{number}");
        document["metadata"]["name"] = format!("r{number}").into();
        let constraints = document["spec"]["matchConstraints"].as_object_mut().unwrap();
        constraints.insert(
            "namespaceSelector".to_owned(),
            json!({"matchLabels": {"kubernetes.io/metadata.name": namespace}}),
        );
        let resource = json!([{"apiGroups": [GROUP], "apiVersions": ["v1"],
            "resources": ["things"], "kinds": [KIND]}]);
        constraints.insert("resourceRules".to_owned(), resource);
        Self {
            name: file,
            namespace,
            document,
            entries,
            equalities,
            cases,
            is_conditional,
            objects: Vec::new(),
        }
    }

    /// The rule for this namespace and the kind of all scenes.
    pub(super) fn rule(&self, action: &str) -> String {
        let mut document = self.document.clone();
        document["spec"]["validationActions"] = json!([action]);
        document.to_string()
    }

    pub(super) fn collection(&self) -> String {
        format!("/apis/{GROUP}/v1/namespaces/{}/things", self.namespace)
    }

    /// Creates the namespace and, of what its cases have, the objects.
    pub(super) async fn set(&mut self, api: &Api) {
        api.create("/api/v1/namespaces", &json!({"metadata": {"name": self.namespace}}))
            .await
            .object();
        let owner = json!({"metadata": {"name": "owner"}});
        let owner = api
            .create(&format!("/api/v1/namespaces/{}/configmaps", self.namespace), &owner)
            .await
            .object();
        let mut seen: Vec<Value> = Vec::new();
        for object in self.bases() {
            let mut object = base(&object, &owner);
            if seen.contains(&object) || seen.len() == MOST {
                continue;
            }
            seen.push(object.clone());
            let deleting =
                object["metadata"].as_object_mut().unwrap().remove("deletionTimestamp").is_some();
            object["metadata"]["name"] = format!("thing-{}", seen.len()).into();
            let path = format!("{}/thing-{}", self.collection(), seen.len());
            if deleting {
                object["metadata"]["finalizers"] =
                    json!(["example.com/held", "example.com/kept", "example.com/left"]);
            }
            api.create(&self.collection(), &object).await.object();
            if deleting {
                api.delete(&path, &Value::Null).await.object();
            }
            let mut object = api.get(&path).await.object();
            object["metadata"].as_object_mut().unwrap().remove("managedFields");
            self.objects.push(object);
        }
        assert!(!self.objects.is_empty(), "{} has no objects", self.name);
    }

    /// What the cases start from and lead to; the file of the rule may list some of its own.
    fn bases(&self) -> Vec<Value> {
        let path = root().join(self.name.replace(".yaml", ".objects.yaml"));
        if let Ok(text) = std::fs::read_to_string(path) {
            return serde_saphyr::from_str(&text).unwrap();
        }
        let sides = |side: &'static str| {
            self.cases.iter().map(move |case| case.review["request"][side].clone())
        };
        let mut bases: Vec<Value> = sides("oldObject")
            .chain(sides("object"))
            .filter(|object| object["metadata"].is_object())
            .collect();
        bases.push({
            // One that is being deleted.
            let mut object = bases[0].clone();
            object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            object
        });
        bases.rotate_right(1);
        bases
    }

    /// Takes away what deletion waits for.
    pub(super) async fn strike(&self, api: &Api) {
        for object in &self.objects {
            let path =
                format!("{}/{}", self.collection(), object["metadata"]["name"].as_str().unwrap());
            api.patch(&path, MERGE_PATCH, &json!({"metadata": {"finalizers": null}})).await;
        }
        api.delete(&format!("/api/v1/namespaces/{}", self.namespace), &Value::Null).await.object();
    }
}

/// The most objects of a rule.
const MOST: usize = 9;

/// The object as one of the common kind that nobody has created yet.
fn base(object: &Value, holder: &Value) -> Value {
    let mut object = object.clone();
    object["apiVersion"] = format!("{GROUP}/v1").into();
    object["kind"] = KIND.into();
    let metadata = object["metadata"].as_object_mut().unwrap();
    let owned = [
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "generation",
        "managedFields",
        "selfLink",
        "deletionGracePeriodSeconds",
        "namespace",
        "name",
    ];
    for field in owned {
        metadata.remove(field);
    }
    if metadata.contains_key("ownerReferences") {
        // What has no owner is collected.
        let reference = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "owner",
            "uid": holder["metadata"]["uid"]});
        metadata.insert("ownerReferences".to_owned(), json!([reference]));
    }
    object
}
