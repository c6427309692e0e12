//! fieldward on both sides of the API server's own validation, and what one update is answered.

use std::cell::Cell;
use std::sync::Arc;

use reqwest::Method;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::scene::{Crash, Scene};
use super::tally::Tally;
use super::{Cause, Verdict};
use crate::cluster::api::{Answer, Api};
use crate::cluster::control_plane::ControlPlane;
use crate::cluster::eventually;
use crate::cluster::ward::{CONFIG_MAPS, Ward, only_in, rule};
use crate::support::server::{Server, fieldward};

/// How the warning of a rule that only warns ends.
const WARNS: &str = "; this rule only warns";

/// A kind in a namespace of its own, about which both are asked.
pub(super) struct Registered<'s> {
    crashes: &'s [Crash],
    ward: Ward,
    /// Asked before the API server validates.
    first: Server,
    api: Api,
    collection: String,
    folder: TempDir,
    /// What each had judged when the first update was sent.
    before: Cell<(usize, usize)>,
}

/// What became of an update.
#[derive(Debug)]
pub(super) enum Asked {
    /// Nobody may create the new object either.
    InvalidInItself,
    /// The API server has no verdict: its validation panics.
    Crashed,
    Answered {
        api_server: Verdict,
        fieldward: Verdict,
        /// Whether the API server has taken back, before it validated, what fieldward would refuse.
        taken_back: bool,
    },
}

impl<'s> Registered<'s> {
    pub(super) async fn new(plane: &Arc<ControlPlane>, scene: &'s Scene) -> Self {
        let namespace = format!("kubernetes-{}", scene.resource.1);
        let rules: Vec<String> = scene
            .rules
            .iter()
            .map(|name| rule(&format!("deploy/rules/kubernetes/{name}.yaml")))
            .collect();
        let ward = Ward::with_rules(plane, &namespace, &rules, &[]).await;
        let folder = tempfile::tempdir().unwrap();
        for (index, rule) in rules.iter().enumerate() {
            std::fs::write(
                folder.path().join(format!("{index}.yaml")),
                that_only_warns(&only_in(&namespace, rule)),
            )
            .unwrap();
        }
        let first =
            Server::start(&["--no-builtin-rules", "--rules", folder.path().to_str().unwrap()]);
        let collection = ward.collection((&scene.resource.0, &scene.resource.1));
        let registered = Self {
            crashes: &scene.crashes,
            api: plane.api(),
            ward,
            first,
            collection,
            folder,
            before: Cell::default(),
        };
        let webhooks = registered.as_mutating();
        registered.api.create(MUTATING, &webhooks).await.object();
        registered
    }

    /// Creates what the scene says, and reads it back when the controllers have done with it.
    pub(super) async fn set(&self, scene: &Scene) -> Vec<Value> {
        for need in &scene.needs {
            self.api.create(&need.collection, &need.object).await.object();
            self.settled(&path_of(&need.collection, &need.object), &need.settled).await;
        }
        let owner = json!({"metadata": {"name": "owner"}});
        let owner = self.api.create(&self.ward.collection(CONFIG_MAPS), &owner).await.object();
        let mut paths = Vec::new();
        for base in &scene.objects {
            let mut object = Value::Object(base.object.clone());
            if let Some(reference) = object.pointer_mut("/metadata/ownerReferences/0/uid") {
                // What has no owner is collected.
                *reference = owner["metadata"]["uid"].clone();
            }
            // The controllers make the service account after the namespace.
            eventually("the object is taken", async || {
                let answer = self.api.create(&self.collection, &object).await;
                assert!(answer.is_ok() || answer.code == 403, "{} {}", answer.code, answer.body);
                answer.is_ok()
            })
            .await;
            let path = path_of(&self.collection, &object);
            self.settled(&path, &base.settled).await;
            paths.push(path);
        }
        let mut objects = Vec::new();
        for path in paths {
            let mut object = self.api.get(&path).await.object();
            // Whatever the controllers write meanwhile, the update is one of the stored object.
            object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
            objects.push(object);
        }
        objects
    }

    /// Waits until the API server asks both.
    pub(super) async fn in_force(&self, object: &Value) {
        eventually("both are asked", async || {
            self.replace(object).await.unwrap().object();
            judged(&self.first).await > 0 && judged(&self.ward.server).await > 0
        })
        .await;
    }

    /// What was judged until now is not of the updates that are counted.
    pub(super) async fn count_from_here(&self) {
        self.before.set((judged(&self.first).await, judged(&self.ward.server).await));
    }

    /// Asks both about an update.
    pub(super) async fn ask(&self, new: &Value) -> Asked {
        let answer = match self.replace(new).await {
            Ok(answer) => answer,
            Err(_) if self.crashes.iter().any(|crash| crash.is_met_by(new)) => {
                return Asked::Crashed;
            }
            Err(error) => panic!("{error} for {new}"),
        };
        let warned = answer.warnings.iter().any(|warning| warning.contains(WARNS));
        let (causes, denial) =
            (causes(&answer), answer.message().contains(".fieldward.io\" denied the request: "));
        match answer.code {
            200..=299 => Asked::Answered {
                api_server: Verdict::Allowed,
                fieldward: Verdict::Allowed,
                taken_back: warned,
            },
            403 if denial => Asked::Answered {
                api_server: Verdict::Allowed,
                fieldward: Verdict::Denied(causes),
                taken_back: false,
            },
            403 | 422 => {
                let of_the_object = self.creation(new).await;
                let of_the_change: Vec<Cause> =
                    causes.into_iter().filter(|cause| !of_the_object.contains(cause)).collect();
                if of_the_change.is_empty() {
                    return Asked::InvalidInItself;
                }
                let fieldward = if warned { Verdict::Denied(Vec::new()) } else { Verdict::Allowed };
                Asked::Answered {
                    api_server: Verdict::Denied(of_the_change),
                    fieldward,
                    taken_back: false,
                }
            }
            code => panic!("{code} {} for {new}", answer.body),
        }
    }

    /// Both must have judged what the tally counted.
    pub(super) async fn asked_about_every_update(&self, tally: &Tally<'_>) {
        let (first, last) = self.before.get();
        assert_eq!(judged(&self.first).await - first, tally.sent);
        assert_eq!(judged(&self.ward.server).await - last, tally.taken);
    }

    /// Waits until an object says what it says once the controllers have done with it.
    async fn settled(&self, path: &str, says: &Map<String, Value>) {
        let is_settled = |object: &Value| {
            says.iter().all(|(pointer, value)| object.pointer(pointer) == Some(value))
        };
        eventually("the object is settled", async || {
            is_settled(&self.api.get(path).await.object())
        })
        .await;
    }

    async fn replace(&self, object: &Value) -> reqwest::Result<Answer> {
        let path = format!("{}?dryRun=All", path_of(&self.collection, object));
        self.api.try_send(Method::PUT, &path, "application/json", object).await
    }

    /// What the API server says of the same object if it were new.
    async fn creation(&self, object: &Value) -> Vec<Cause> {
        let mut object = object.clone();
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.insert("name".to_owned(), "new".into());
        metadata.remove("uid");
        metadata.remove("managedFields");
        let answer = self.api.create(&format!("{}?dryRun=All", self.collection), &object).await;
        if answer.is_ok() { Vec::new() } else { causes(&answer) }
    }

    /// The registration that fieldward prints for the rules that only warn, as one of a webhook
    /// that is asked earlier.
    fn as_mutating(&self) -> Value {
        let rules = self.folder.path().to_str().unwrap().to_owned();
        let ca = self.first.ca.as_ref().unwrap();
        let printed = fieldward()
            .args([
                "manifests",
                "--no-builtin-rules",
                "--rules",
                &rules,
                "--registration",
                &self.ward.namespace,
            ])
            .args([
                "--url",
                &format!("https://{}", self.first.address),
                "--ca-bundle",
                ca.to_str().unwrap(),
            ])
            .output()
            .unwrap();
        let mut registration: Value =
            serde_saphyr::from_str(&String::from_utf8(printed.stdout).unwrap()).unwrap();
        assert_eq!(registration["kind"], "ValidatingWebhookConfiguration");
        registration["kind"] = json!("MutatingWebhookConfiguration");
        registration
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.ward.plane.kubectl().run(&[
            "delete",
            "mutatingwebhookconfiguration",
            &self.ward.namespace,
            "--ignore-not-found",
        ]);
    }
}

const MUTATING: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";

/// The rule as one that only warns, and does not mind what the API server puts back before it
/// validates.
fn that_only_warns(rule: &str) -> String {
    let granting = "  validationActions: [Warn]\n  mutable:\n    - status\n";
    let warning = rule.replacen("  mutable:\n", granting, 1);
    assert_ne!(warning, rule);
    warning
}

/// How many reviews a server has judged.
async fn judged(server: &Server) -> usize {
    let (_, text) = server.ops("/metrics").await.unwrap();
    let counts = text.lines().filter(|line| line.starts_with("fieldward_reviews_total{"));
    counts.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum()
}

fn path_of(collection: &str, object: &Value) -> String {
    format!("{collection}/{}", object["metadata"]["name"].as_str().unwrap())
}

/// The errors of a refusal.
fn causes(answer: &Answer) -> Vec<Cause> {
    let text = |cause: &Value, key: &str| cause[key].as_str().unwrap_or_default().to_owned();
    let cause = |cause: &Value| Cause {
        field: text(cause, "field"),
        says: without_addresses(&text(cause, "message")),
    };
    match answer.body["details"]["causes"].as_array() {
        Some(causes) => causes.iter().map(cause).collect(),
        None => vec![Cause { field: String::new(), says: answer.message().to_owned() }],
    }
}

/// The text without the addresses in memory that API servers up to 1.33 print for pointers, which
/// differ from one answer to the next.
fn without_addresses(text: &str) -> String {
    let mut parts = text.split("(0x");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + "(0x" + part.trim_start_matches(|letter: char| letter.is_ascii_hexdigit())
    })
}
