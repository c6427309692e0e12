//! What users see, in kubectl's own words, and what becomes of the object.

use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::control_plane::ControlPlane;
use super::objects::{JOBS, volcano_job, volcano_probe, volcano_ward};
use super::ward::{VOLCANO_JOB, Ward, rule};
use super::{api, eventually, kubectl, shared};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        shared("users::read_the_denial_word_for_word", read_the_denial_word_for_word),
        shared("users::read_the_same_with_every_command", read_the_same_with_every_command),
        shared("users::are_warned", are_warned),
        shared("users::keep_the_object_under_force", keep_the_object_under_force),
        shared(
            "users::lose_the_object_under_force_if_the_rule_says_invalid",
            lose_the_object_under_force_if_the_rule_says_invalid,
        ),
        shared("users::cannot_steer_flux", cannot_steer_flux),
    ]
}

/// What the API server puts before the words of fieldward.
const DENIED: &str = "admission webhook \"volcano-job.fieldward.io\" denied the request: ";

/// What is said of a change of the queue.
const QUEUE: &str = "1 change outside the fields of a Job that may be updated (rule \
                     volcano-job):\n  spec.queue: \"default\" → \"gold\"\n";

/// What every refusal of a Volcano job ends with.
const MAY: &str = "may be updated: metadata.labels, metadata.generateName, metadata.annotations, \
                   spec.tasks[*].template, spec.tasks[*].replicas\n";

async fn read_the_denial_word_for_word(plane: Arc<ControlPlane>) {
    let ward = volcano_ward(&plane, "word-for-word").await;
    let mut job = volcano_job("openmpi-hello");
    ward.kubectl.run_with(&["create", "-f", "-"], &job.to_string()).ok();
    job["spec"]["queue"] = "gold".into();
    job["spec"]["schedulerName"] = "default-scheduler".into();
    job["spec"]["tasks"][1]["replicas"] = 5.into();
    let printed = ward.kubectl.run_with(&["replace", "-f", "-"], &job.to_string());
    assert_eq!((printed.code, printed.out.as_str()), (1, ""));
    assert_eq!(
        printed.err,
        format!(
            "Error from server (Forbidden): error when replacing \"STDIN\": {DENIED}2 changes \
             outside the fields of a Job that may be updated \
             (rule volcano-job):\n  spec.queue: \"default\" \
             → \"gold\"\n  spec.schedulerName: \"volcano\" → \"default-scheduler\"\n{MAY}"
        )
    );
}

async fn read_the_same_with_every_command(plane: Arc<ControlPlane>) {
    let ward = volcano_ward(&plane, "every-command").await;
    let job = volcano_job("demo");
    ward.kubectl.run_with(&["apply", "-f", "-"], &job.to_string()).ok();
    let gold = gold("demo").to_string();
    let patch = r#"{"spec":{"queue":"gold"}}"#;
    let json_patch = r#"[{"op":"replace","path":"/spec/queue","value":"gold"}]"#;

    let replaced = ward.kubectl.run_with(&["replace", "-f", "-"], &gold);
    assert_eq!(
        words(&replaced),
        format!(
            "Error from server (Forbidden): error when replacing \"STDIN\": {DENIED}{QUEUE}{MAY}"
        )
    );
    let applied = words(&ward.kubectl.run_with(&["apply", "-f", "-"], &gold));
    assert!(
        applied.starts_with("Error from server (Forbidden): error when applying patch:\n"),
        "{applied}"
    );
    assert!(
        applied.ends_with(&format!(
            "for: \"STDIN\": error when patching \"STDIN\": {DENIED}{QUEUE}{MAY}"
        )),
        "{applied}"
    );
    let server_side =
        ward.kubectl.run_with(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &gold);
    assert_eq!(words(&server_side), format!("Error from server (Forbidden): {DENIED}{QUEUE}{MAY}"));
    let dry = ward.kubectl.run_with(
        &["apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-"],
        &gold,
    );
    assert_eq!(words(&dry), words(&server_side));
    for patched in [
        ward.kubectl.run(&["patch", "vcjob", "demo", "--type=merge", "-p", patch]),
        ward.kubectl.run(&["patch", "vcjob", "demo", "--type=json", "-p", json_patch]),
    ] {
        assert_eq!(words(&patched), format!("Error from server (Forbidden): {DENIED}{QUEUE}{MAY}"));
    }
    // It keeps what was typed.
    let edited =
        ward.kubectl.edit(&["edit", "vcjob", "demo"], "sed -i s/queue:.default/queue:\\ gold/");
    let (said, kept) = edited.err.split_once("You can run `kubectl replace -f ").unwrap();
    assert_eq!(
        said,
        format!("error: jobs.batch.volcano.sh \"demo\" could not be patched: {DENIED}{QUEUE}{MAY}")
    );
    assert!(kept.ends_with(".yaml` to try this update again.\n"), "{kept}");
    assert_eq!(queue(&ward, "demo").await, "default");
}

async fn are_warned(plane: Arc<ControlPlane>) {
    let rule =
        rule(VOLCANO_JOB).replace("  mutable:", "  validationActions: [Warn, Audit]\n  mutable:");
    let ward = Ward::with_rules(&plane, "warned", &[rule], &[]).await;
    let job = volcano_job("demo");
    ward.api.create(&ward.collection(JOBS), &job).await.object();
    let patch = ["patch", "vcjob", "demo", "--type=merge", "-p", r#"{"spec":{"queue":"gold"}}"#];
    eventually("the webhook is asked", async || {
        !ward.kubectl.run(&[&patch[..], &["--dry-run=server"]].concat()).err.is_empty()
    })
    .await;
    let printed = ward.kubectl.run(&patch);
    assert_eq!((printed.code, printed.out.as_str()), (0, "job.batch.volcano.sh/demo patched\n"));
    assert_eq!(
        printed.err,
        "Warning: 1 change outside the fields of a Job that may be updated (rule volcano-job); \
         this rule only warns\n\
         Warning: spec.queue: \"default\" → \"gold\"\n"
    );
    assert_eq!(queue(&ward, "demo").await, "gold");
}

async fn keep_the_object_under_force(plane: Arc<ControlPlane>) {
    let ward = volcano_ward(&plane, "under-force").await;
    ward.kubectl.run_with(&["apply", "-f", "-"], &volcano_job("demo").to_string()).ok();
    let before = uid(&ward, "demo").await;
    for command in [
        &["apply", "--force", "-f", "-"][..],
        &["replace", "-f", "-"],
        &["apply", "--force", "--overwrite", "-f", "-"],
    ] {
        let printed = ward.kubectl.run_with(command, &gold("demo").to_string());
        assert!(words(&printed).contains(DENIED), "{}", printed.err);
        assert_eq!(uid(&ward, "demo").await, before, "{command:?}");
    }
    assert_eq!(queue(&ward, "demo").await, "default");
}

/// What `reason: Invalid` opts in to.
async fn lose_the_object_under_force_if_the_rule_says_invalid(plane: Arc<ControlPlane>) {
    let rule = rule(VOLCANO_JOB).replace("  mutable:", "  reason: Invalid\n  mutable:");
    let ward = Ward::with_rules(&plane, "invalid", &[rule], &[]).await;
    ward.in_force_with(&volcano_probe(&ward), 422).await;
    ward.kubectl.run_with(&["apply", "-f", "-"], &volcano_job("demo").to_string()).ok();
    let before = uid(&ward, "demo").await;
    let refused = ward.kubectl.run_with(&["replace", "-f", "-"], &gold("demo").to_string());
    let words = words(&refused);
    // Of an Invalid with causes kubectl prints these alone.
    assert_eq!(words, "The Job \"demo\" is invalid: spec.queue: \"default\" → \"gold\"\n");
    assert_eq!(uid(&ward, "demo").await, before);
    ward.kubectl.run_with(&["apply", "--force", "-f", "-"], &gold("demo").to_string()).ok();
    assert_ne!(
        uid(&ward, "demo").await,
        before,
        "kubectl takes 422 as leave to delete and recreate"
    );
    assert_eq!(queue(&ward, "demo").await, "gold");
}

/// Flux with `force` recreates an object on 422 and on an error text that matches `is\simmutable`
/// or `immutable\sfield`.
async fn cannot_steer_flux(plane: Arc<ControlPlane>) {
    let ward = volcano_ward(&plane, "flux").await;
    let steering = "this field is immutable, an immutable field";
    ward.api.create(&ward.collection(JOBS), &volcano_job("demo")).await.object();
    let forbidden =
        json!({"spec": {"queue": steering, "plugins": {"is immutable": ["immutable field"]}}});
    let refused = ward
        .api
        .patch(&format!("{}/demo", ward.collection(JOBS)), api::MERGE_PATCH, &forbidden)
        .await;
    assert_eq!((refused.code, &refused.body["reason"]), (403, &json!("Forbidden")));
    assert_eq!(refused.fields().len(), 2);
    assert!(!steers_flux(refused.message()), "{}", refused.message());
    for cause in refused.body["details"]["causes"].as_array().unwrap() {
        assert!(
            !steers_flux(cause["message"].as_str().unwrap())
                && !steers_flux(cause["field"].as_str().unwrap()),
            "{cause}"
        );
    }
    assert!(steers_flux(steering), "the check can fail");
}

fn steers_flux(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let pair = |one: &str, two: &str| {
        one.ends_with("is") && two.starts_with("immutable")
            || one.ends_with("immutable") && two.starts_with("field")
    };
    words.windows(2).any(|pair_of| pair(pair_of[0], pair_of[1]))
}

fn gold(name: &str) -> Value {
    let mut job = volcano_job(name);
    job["spec"]["queue"] = "gold".into();
    job
}

fn words(printed: &kubectl::Printed) -> String {
    assert_eq!(printed.code, 1, "{printed:?}");
    printed.err.clone()
}

async fn uid(ward: &Ward, name: &str) -> String {
    job(ward, name).await["metadata"]["uid"].as_str().unwrap().to_owned()
}

async fn queue(ward: &Ward, name: &str) -> String {
    job(ward, name).await["spec"]["queue"].as_str().unwrap().to_owned()
}

async fn job(ward: &Ward, name: &str) -> Value {
    ward.api.get(&format!("{}/{name}", ward.collection(JOBS))).await.object()
}
