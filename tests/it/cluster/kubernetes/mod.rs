//! Kubernetes as the oracle: what the API server itself lets an update of its own kinds change, and
//! what the rules of deploy/rules/kubernetes say, on the same random updates.
//!
//! **One request, two verdicts.** An update goes to the API server once, as a dry run. fieldward is
//! registered twice for the kind:
//!
//! - by the manifests that it prints, as anywhere. A validating webhook is asked after the API
//!   server has prepared and validated the update, so it says what fieldward makes of an update
//!   that the API server takes: 2xx, or 403 in fieldward's words.
//! - by the same manifests as a *mutating* webhook that changes nothing, with a copy of the rules
//!   that only warns. That is asked before the API server validates, so its warning comes with the
//!   API server's refusal (422) and says what fieldward makes of that same update. At this point
//!   the API server has not yet put back `status`, so the copy grants it.
//!
//! Both servers count what they judge, and the counts must be those of the updates: nobody's
//! silence passes for "allowed".
//!
//! **What is compared.** An update whose new object the API server would not even create says
//! nothing about updates: what the API server says of the creation of the same object is taken off
//! its refusal, and if nothing is left, the update is left out (and counted). All others must
//! agree, or be of a class of the kind's file here: a refusal that fieldward does not share, by the
//! API server's field and words, or one of fieldward's alone, by fieldward's. Every single error
//! must belong to a class, or the trial fails. Where both refuse an update of several edits, each
//! edit by itself is compared too: they may have refused different ones.

mod edits;
mod registered;
mod scene;
mod tally;
mod values;

use std::sync::Arc;

use libtest_mimic::Trial;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::Value;

use super::control_plane::ControlPlane;
use super::shared;
use crate::properties::dice::Dice;
use edits::Editor;
use registered::Registered;
use scene::Scene;
use tally::Tally;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        shared("kubernetes::pod_as_the_api_server", |plane| as_the_api_server(plane, "pod")),
        shared("kubernetes::stateful_set_as_the_api_server", |plane| {
            as_the_api_server(plane, "stateful-set")
        }),
        shared("kubernetes::job_as_the_api_server", |plane| as_the_api_server(plane, "job")),
        shared("kubernetes::persistent_volume_claim_as_the_api_server", |plane| {
            as_the_api_server(plane, "persistent-volume-claim")
        }),
    ]
}

/// How many updates of a kind are compared.
const UPDATES: usize = 1_000;

/// An error as Kubernetes writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cause {
    field: String,
    says: String,
}

/// What somebody makes of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Allowed,
    /// With the errors, where they are known.
    Denied(Vec<Cause>),
}

impl Verdict {
    fn is_allowed(&self) -> bool {
        *self == Self::Allowed
    }
}

async fn as_the_api_server(plane: Arc<ControlPlane>, kind: &'static str) {
    let scene = Scene::read(kind, plane.minor().await);
    let registered = Registered::new(&plane, &scene).await;
    let objects = registered.set(&scene).await;
    registered.in_force(&objects[0]).await;
    what_is_seldom_reached(&registered, &scene, &objects).await;
    every_class_has_an_example(&registered, &scene, &objects).await;
    registered.count_from_here().await;

    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed(kind));
    let mut dice = Dice(&mut rng);
    let editor = Editor { additions: &scene.additions, aim: &scene.aim };
    let mut tally = Tally::new(&scene);
    while tally.compared < UPDATES {
        let old = dice.pick(&objects).clone();
        let update = editor.update(&mut dice, &old);
        let asked = registered.ask(&update.new).await;
        let both_refuse = tally::is_denied_by_both(&asked);
        tally.add(asked, &update, &old);
        // What they agree to refuse may be two things, one to each.
        if both_refuse {
            for new in update.apart(&old) {
                tally.add_apart(registered.ask(&new).await, &new, &old);
            }
        }
    }
    eprintln!("{tally}");
    registered.asked_about_every_update(&tally).await;
    tally.assert_agreement();
}

async fn what_is_seldom_reached(registered: &Registered<'_>, scene: &Scene, objects: &[Value]) {
    for agreed in &scene.agreed {
        let mut object = called(objects, &agreed.of);
        json_patch::patch(&mut object, &agreed.patch).unwrap();
        let asked = registered.ask(&object).await;
        assert!(tally::is_allowed_by_both(&asked), "{}: {asked:?}", agreed.patch);
    }
}

async fn every_class_has_an_example(registered: &Registered<'_>, scene: &Scene, objects: &[Value]) {
    for (index, class) in scene.classes.iter().enumerate() {
        let mut object = called(objects, &class.example.of);
        json_patch::merge(&mut object, &class.example.patch);
        let asked = registered.ask(&object).await;
        assert_eq!(
            tally::class_of(scene, &asked, &object),
            Some(index),
            "{}: {asked:?}",
            class.why
        );
    }
}

fn called(objects: &[Value], name: &str) -> Value {
    objects.iter().find(|object| object["metadata"]["name"] == name).unwrap().clone()
}

/// The same updates in every run.
fn seed(kind: &str) -> [u8; 32] {
    let mut seed = [0; 32];
    seed.iter_mut().zip(kind.bytes()).for_each(|(place, letter)| *place = letter);
    seed
}

/// What differs, for the message about a disagreement.
fn described(old: &Value, new: &Value) -> String {
    let lines = json_patch::diff(old, new)
        .0
        .iter()
        .map(|operation| format!("\n    {operation}"))
        .collect::<String>();
    format!("{}:{lines}", old["metadata"]["name"])
}
