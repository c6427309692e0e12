//! One request, two verdicts: the policy of a rule is bound with Warn, and the webhook is
//! registered with Deny.
//!
//! Policies are asked before validating webhooks, so a warning comes with the webhook's answer. The
//! API server's own validation would stop most random updates of its own kinds before either is
//! asked, so all rules are moved to one kind of which nothing is known; what is compiled stays the
//! same.

use std::sync::Arc;

use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::Value;
use tokio::task::JoinSet;

use super::scene::{GROUP, KIND, Scene, scenes};
use super::tally::Tally;
use super::{at_last, edits, exported, take};
use crate::cluster::api::{Answer, Api};
use crate::cluster::control_plane::ControlPlane;
use crate::cluster::objects::define_untyped;
use crate::properties::dice::Dice;
use crate::support::server::{Server, fieldward};

/// How many updates of a rule are compared.
const UPDATES: usize = 1_000;

/// How many are on their way at once.
const IN_FLIGHT: usize = 8;

/// Some of the rules: each part has a limit of time of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    BuiltInAndCci,
    Others,
}

impl Part {
    fn of(scene: &Scene) -> Self {
        let first = ["deploy/rules/volcano-job", "deploy/rules/mxjob", "deploy/rules/cci/"];
        if first.iter().any(|start| scene.name.starts_with(start)) {
            Self::BuiltInAndCci
        } else {
            Self::Others
        }
    }

    /// The name of the webhooks' configuration.
    fn name(self) -> &'static str {
        match self {
            Self::BuiltInAndCci => "policies-built-in-and-cci",
            Self::Others => "policies-others",
        }
    }
}

pub(super) async fn say_the_same_as_the_webhook(plane: Arc<ControlPlane>, part: Part) {
    let api = plane.api();
    define_untyped(&plane, GROUP, KIND).await;
    let mut scenes = scenes();
    // One rule alone, while it is being written: FIELDWARD_ONLY_RULE=cci/pod.
    let only = std::env::var("FIELDWARD_ONLY_RULE").unwrap_or_default();
    scenes.retain(|scene| Part::of(scene) == part && scene.name.contains(&only));
    if scenes.is_empty() && !only.is_empty() {
        return;
    }
    for scene in &mut scenes {
        scene.set(&api).await;
    }
    let (denying, warning) = (written(&scenes, "Deny"), written(&scenes, "Warn"));
    let server =
        Server::start(&["--no-builtin-rules", "--rules", denying.path().to_str().unwrap()]);
    register(&plane, &server, &denying, part.name());
    take(&plane, &exported(warning.path(), "yaml")).await;

    let mut tallies = Vec::new();
    for scene in &mut scenes {
        both_are_asked(&api, scene).await;
        tallies.push(compared(&api, scene).await);
        eprintln!("{}", tallies[tallies.len() - 1]);
    }
    plane.kubectl().run_with(&["delete", "-f", "-"], &exported(warning.path(), "yaml")).ok();
    plane.kubectl().run(&["delete", "validatingwebhookconfiguration", part.name()]).ok();
    for scene in &scenes {
        scene.strike(&api).await;
    }
    tallies.sort_by_key(|tally| std::cmp::Reverse(tally.disagreements()));
    for tally in &tallies {
        tally.assert_agreement();
    }
}

/// The rules of all scenes, in a folder.
fn written(scenes: &[Scene], action: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for scene in scenes {
        std::fs::write(folder.path().join(format!("{}.yaml", scene.namespace)), scene.rule(action))
            .unwrap();
    }
    folder
}

fn register(plane: &ControlPlane, server: &Server, rules: &tempfile::TempDir, name: &str) {
    let printed = fieldward()
        .args(["manifests", "--no-builtin-rules", "--registration", name, "--rules"])
        .arg(rules.path())
        .args([
            "--url",
            &format!("https://{}", server.address),
            "--ca-bundle",
            server.ca.as_ref().unwrap().to_str().unwrap(),
        ])
        .output()
        .unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    plane
        .kubectl()
        .run_with(&["apply", "-f", "-"], &String::from_utf8(printed.stdout).unwrap())
        .ok();
}

/// Waits until both refuse what nobody may change, and leaves out the objects of which the rule
/// does not speak.
async fn both_are_asked(api: &Api, scene: &mut Scene) {
    let judged = async |object: &Value| {
        let mut object = object.clone();
        object["nobody"] = "knows".into();
        let answer = replace(api.clone(), path(scene, &object), object).await;
        answer.code == 403
            && answer.warnings.iter().any(|warning| warning.contains("ValidatingAdmissionPolicy"))
    };
    at_last(async || {
        for object in &scene.objects {
            if judged(object).await {
                return true;
            }
        }
        false
    })
    .await;
    let mut kept = Vec::new();
    for object in &scene.objects {
        if judged(object).await {
            kept.push(object.clone());
        }
    }
    scene.objects = kept;
}

async fn compared(api: &Api, scene: &Scene) -> Tally {
    let mut seed = [0; 32];
    seed.iter_mut().zip(scene.name.bytes().rev()).for_each(|(place, letter)| *place = letter);
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut dice = Dice(&mut rng);
    let mut tally = Tally::new(scene);
    while tally.compared < UPDATES {
        let count = (UPDATES - tally.compared).clamp(IN_FLIGHT, 200);
        let updates: Vec<_> = (0..count).map(|_| edits::update(&mut dice, scene)).collect();
        let mut updates = updates.into_iter();
        let mut sent = JoinSet::new();
        loop {
            while sent.len() < IN_FLIGHT
                && let Some((index, new, (name, groups))) = updates.next()
            {
                let groups: Vec<&str> =
                    groups.iter().map(String::as_str).chain(["system:masters"]).collect();
                let (api, path) = (api.impersonating(&name, &groups), path(scene, &new));
                sent.spawn(async move {
                    let answer = replace(api.clone(), path.clone(), new.clone()).await;
                    (index, new, answer, (api, path))
                });
            }
            let Some(done) = sent.join_next().await else { break };
            let (index, new, answer, (api, path)) = done.unwrap();
            let old = &scene.objects[index];
            if let Some(rest) = tally.add(&answer, old, &new) {
                let answer = replace(api, path, rest.clone()).await;
                assert_eq!(tally.add(&answer, old, &rest), None, "{rest}");
            }
        }
    }
    tally
}

fn path(scene: &Scene, object: &Value) -> String {
    format!("{}/{}?dryRun=All", scene.collection(), object["metadata"]["name"].as_str().unwrap())
}

async fn replace(api: Api, path: String, object: Value) -> Answer {
    api.replace(&path, &object).await
}
