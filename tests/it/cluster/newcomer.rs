//! A rule for a kind that no pack has, made of nothing but the page that documents it: linted live,
//! registered, and in the way of nobody who works by the page.

use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::api::{Answer, MERGE_PATCH};
use super::control_plane::ControlPlane;
use super::ward::{DEVELOPER, Probe, Resource, Ward};
use super::{eventually, shared_with_controllers};
use crate::corpus::root;
use crate::support::server::fieldward;

pub(crate) fn trials() -> Vec<Trial> {
    vec![shared_with_controllers(
        "newcomer::cronjobs_change_as_their_page_says",
        cronjobs_change_as_their_page_says,
    )]
}

const RULE: &str = "tests/newcomer/cronjob.yaml";
const AS_PRINTED: &str = "tests/newcomer/as-printed.yaml";
const MANIFEST: &str = "tests/newcomer/report.yaml";

const CONTROLLER: &str = "system:serviceaccount:kube-system:cronjob-controller";
const COLLECTOR: &str = "system:serviceaccount:kube-system:generic-garbage-collector";

const CRONJOBS: Resource = ("batch/v1", "cronjobs");
const JOBS: Resource = ("batch/v1", "jobs");
const PODS: Resource = ("v1", "pods");

/// What `lint --live` finds in the list as it is printed: the entry, why it permits nothing, and
/// how what to do instead begins.
const MISPRINTS: [(&str, &str, &str); 10] = [
    ("metadata.selfLink", OWNED, REMOVE),
    ("metadata.resourceVersion", OWNED, REMOVE),
    ("metadata.generation", OWNED, REMOVE),
    ("metadata.creationTimestamp", OWNED, REMOVE),
    ("metadata.deletionTimestamp", OWNED, REMOVE),
    ("metadata.clusterName", "`metadata` of CronJob (batch/v1) has no `clusterName`", REMOVE),
    ("spec.replicas", "`spec` of CronJob (batch/v1) has no `replicas`", REMOVE),
    ("template.contaions", "CronJob (batch/v1) has no `template`", REMOVE),
    (
        "spec.restartPolicy",
        "`spec` of CronJob (batch/v1) has no `restartPolicy`",
        "did you mean `spec.jobTemplate.spec.template.spec.restartPolicy`?",
    ),
    (
        "spec.activeDeadlineSeconds",
        "`spec` of CronJob (batch/v1) has no `activeDeadlineSeconds`",
        "did you mean `spec.jobTemplate.spec.activeDeadlineSeconds`?",
    ),
];
const OWNED: &str = "the API server writes it, so it is never a change";
const REMOVE: &str = "remove ";

async fn cronjobs_change_as_their_page_says(plane: Arc<ControlPlane>) {
    the_list_needs_to_be_read(&plane);
    let ward = Ward::new(&plane, "newcomer", &[RULE]).await;
    ward.in_force(&probe(&ward)).await;
    let apply = |options: &[&str]| {
        ward.kubectl.run_with(&[&["apply", "-f", "-"], options].concat(), &manifest())
    };
    assert_eq!(apply(&[]).ok(), "cronjob.batch/report created\n");
    // The amount is written as 1000m and stored as 1, so kubectl finds something to send; it is no
    // change to the API server, and none here.
    assert_eq!(apply(&[]).ok(), "cronjob.batch/report configured\n");
    let judged = allowed(&ward, DEVELOPER, 1).await;
    let by_another = ["--server-side", "--force-conflicts", "--field-manager=pipeline"];
    assert_eq!(apply(&by_another).ok(), "cronjob.batch/report serverside-applied\n");
    allowed(&ward, DEVELOPER, judged + 1).await;

    what_is_listed_changes(&ward).await;
    what_is_not_listed_stays(&ward).await;
    the_controller_works(&ward).await;
    the_collector_works(&ward).await;
}

/// Word for word the list permits little; with its entries where a `CronJob` has them nothing is
/// left to find.
fn the_list_needs_to_be_read(plane: &ControlPlane) {
    let (report, code) = linted(plane, AS_PRINTED);
    let text = |found: &Value, part: &str| found[part].as_str().unwrap().to_owned();
    let findings = report["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| (text(found, "message"), text(found, "fix")));
    // The others are about amounts.
    let found: Vec<(String, String)> =
        findings.filter(|(message, _)| !message.starts_with("quantities at ")).collect();
    assert_eq!((found.len(), code), (MISPRINTS.len(), 1), "{found:#?}");
    for ((message, fix), (entry, why, instead)) in found.iter().zip(MISPRINTS) {
        assert_eq!(message, &format!("`{entry}` never permits anything: {why}"));
        let advice = fix.split_once("; if not, ").map_or(fix.as_str(), |(_, advice)| advice);
        assert!(advice.starts_with(instead), "{message}: {fix}");
    }
    let (report, code) = linted(plane, RULE);
    assert_eq!(
        (&report["errors"], &report["warnings"], &report["schemas"], code),
        (&json!([]), &json!([]), &json!(1), 0),
        "{report}"
    );
}

/// What `fieldward lint --live` reports of a rule, and its exit code.
fn linted(plane: &ControlPlane, rule: &str) -> (Value, i32) {
    let kubeconfig = plane.admin_kubeconfig();
    let mut command = fieldward();
    command.current_dir(root()).args([
        "lint",
        "-o",
        "json",
        "--live",
        "--kubeconfig",
        kubeconfig.to_str().unwrap(),
        rule,
    ]);
    let output = command.output().unwrap();
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (report, output.status.code().unwrap())
}

async fn what_is_listed_changes(ward: &Ward) {
    let printed =
        ward.kubectl.run(&["set", "image", "cronjob/report", "write=registry.example.com/write:2"]);
    assert_eq!(printed.ok(), "cronjob.batch/report image updated\n");
    ward.kubectl.run(&["label", "cronjob", "report", "tier=nightly"]).ok();
    let mut object = ward.api.get(&report(ward)).await.object();
    object["metadata"]["annotations"]["example.com/note"] = "by the page".into();
    let job = &mut object["spec"]["jobTemplate"]["spec"];
    job["activeDeadlineSeconds"] = 300.into();
    job["template"]["spec"]["restartPolicy"] = "OnFailure".into();
    let containers = job["template"]["spec"]["containers"].as_array_mut().unwrap();
    containers.push(json!({"name": "send", "image": "registry.example.com/send:1"}));
    ward.api.replace(&report(ward), &object).await.object();

    let stored = ward.api.get(&report(ward)).await.object();
    assert_eq!(stored["metadata"]["labels"], json!({"team": "sales", "tier": "nightly"}));
    let job = &stored["spec"]["jobTemplate"]["spec"];
    assert_eq!(
        (&job["activeDeadlineSeconds"], &job["template"]["spec"]["restartPolicy"]),
        (&json!(300), &json!("OnFailure"))
    );
    let images: Vec<&Value> = job["template"]["spec"]["containers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| &each["image"])
        .collect();
    assert_eq!(images, ["registry.example.com/write:2", "registry.example.com/send:1"]);
}

async fn what_is_not_listed_stays(ward: &Ward) {
    let before = ward.api.get(&report(ward)).await.object();
    let changed = manifest()
        .replace("0 4 * * *", "*/5 * * * *")
        .replace("Forbid", "Allow")
        .replace("write:1", "write:3");
    let printed = ward.kubectl.run_with(&["replace", "-f", "-"], &changed);
    assert_eq!((printed.code, printed.err.as_str()), (1, DENIAL), "{}", printed.err);

    for (change, field) in [
        (json!({"suspend": true}), "spec.suspend"),
        (json!({"timeZone": "Europe/Berlin"}), "spec.timeZone"),
        (json!({"successfulJobsHistoryLimit": 9}), "spec.successfulJobsHistoryLimit"),
        // The nearest to the replicas that the page covers.
        (json!({"jobTemplate": {"spec": {"parallelism": 2}}}), "spec.jobTemplate.spec.parallelism"),
        // The deadline of the same name that is not meant.
        (
            json!({"jobTemplate": {"spec": {"template": {"spec": {"activeDeadlineSeconds": 60}}}}}),
            "spec.jobTemplate.spec.template.spec.activeDeadlineSeconds",
        ),
        (
            json!({"jobTemplate": {"spec": {"template": {"spec": {"initContainers": null}}}}}),
            "spec.jobTemplate.spec.template.spec.initContainers",
        ),
    ] {
        refused(&ward.api.patch(&report(ward), MERGE_PATCH, &json!({"spec": change})).await, field);
    }
    // What the list says literally is dropped by the API server, as unknown.
    let literal = json!({"template": {"contaions": []}, "spec": {"replicas": 2,
        "restartPolicy": "Never", "activeDeadlineSeconds": 1}});
    ward.api.patch(&report(ward), MERGE_PATCH, &literal).await.object();
    assert_eq!(ward.api.get(&report(ward)).await.object(), before);
}

const DENIAL: &str = r#"Error from server (Forbidden): error when replacing "STDIN": admission webhook "cronjob.fieldward.io" denied the request: 2 changes outside the fields of a CronJob that may be updated (rule cronjob):
  spec.concurrencyPolicy: "Forbid" → "Allow"
  spec.schedule: "0 4 * * *" → "*/5 * * * *"
may be updated: metadata.labels, metadata.generateName, metadata.annotations, spec.jobTemplate.spec.template.spec.containers, spec.jobTemplate.spec.template.spec.restartPolicy, spec.jobTemplate.spec.activeDeadlineSeconds
"#;

/// The `CronJob` controller starts a Job, follows it and says so in the status, about which nobody
/// is asked.
async fn the_controller_works(ward: &Ward) {
    let status = format!("{}/status", report(ward));
    // A night that was missed, so that it starts one now.
    let missed = json!({"status": {"lastScheduleTime": "2026-01-01T04:00:00Z"}});
    ward.api.patch(&status, MERGE_PATCH, &missed).await.object();
    becomes(ward, "has started a job", |object| {
        object["status"]["active"].as_array().is_some_and(|active| active.len() == 1)
    })
    .await;
    let jobs = ward.api.get(&ward.collection(JOBS)).await.object();
    let job = &jobs["items"][0];
    assert_eq!(
        (&job["metadata"]["ownerReferences"][0]["name"], &job["spec"]["activeDeadlineSeconds"]),
        (&json!("report"), &json!(300))
    );

    let name = job["metadata"]["name"].as_str().unwrap();
    let pods =
        format!("{}?labelSelector=batch.kubernetes.io/job-name%3D{name}", ward.collection(PODS));
    eventually("the job has a pod", async || {
        ward.api.get(&pods).await.object()["items"].as_array().map_or(0, Vec::len) == 1
    })
    .await;
    let pod = ward.api.get(&pods).await.object()["items"][0]["metadata"]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    // What a kubelet says of it.
    let succeeded = json!({"status": {"phase": "Succeeded"}});
    ward.api
        .patch(&format!("{}/{pod}/status", ward.collection(PODS)), MERGE_PATCH, &succeeded)
        .await
        .object();
    let has_followed = |object: &Value| {
        object["status"]["lastSuccessfulTime"].is_string()
            && object["status"].get("active").is_none()
    };
    becomes(ward, "knows that the job is done", has_followed).await;
    assert_eq!(decisions(ward, CONTROLLER), [""; 0]);
}

/// The garbage collector takes its finalizer out of the `CronJob` itself, about which fieldward is
/// asked.
async fn the_collector_works(ward: &Ward) {
    ward.api.delete(&report(ward), &json!({"propagationPolicy": "Foreground"})).await.object();
    eventually("the CronJob is gone", async || ward.api.get(&report(ward)).await.code == 404).await;
    assert_eq!(ward.api.get(&ward.collection(JOBS)).await.object()["items"], json!([]));
    allowed(ward, COLLECTOR, 1).await;
}

/// What fieldward decided when this user updated the `CronJob`.
fn decisions(ward: &Ward, user: &str) -> Vec<String> {
    let of_report = |event: &Value| {
        event["objectRef"]["resource"] == "cronjobs" && event["objectRef"]["name"] == "report"
    };
    let by = |event: &Value| {
        event["impersonatedUser"]["username"].as_str().or(event["user"]["username"].as_str())
            == Some(user)
    };
    let events = ward
        .plane
        .audit_events_in(&ward.namespace)
        .into_iter()
        .filter(|event| of_report(event) && by(event));
    events
        .filter_map(|event| {
            event["annotations"]["cronjob.fieldward.io/decision"].as_str().map(str::to_owned)
        })
        .collect()
}

/// Waits until this user's updates of the `CronJob`, at least so many, were judged and all of them
/// allowed; how many they are.
async fn allowed(ward: &Ward, user: &str, times: usize) -> usize {
    eventually(&format!("{times} reviews for {user}"), async || {
        decisions(ward, user).len() >= times
    })
    .await;
    let decisions = decisions(ward, user);
    assert!(decisions.iter().all(|decision| decision == "allow"), "{user}: {decisions:?}");
    decisions.len()
}

async fn becomes(ward: &Ward, what: &str, is: impl Fn(&Value) -> bool) {
    eventually(&format!("the CronJob {what}"), async || {
        is(&ward.api.get(&report(ward)).await.object())
    })
    .await;
}

fn probe(ward: &Ward) -> Probe {
    let template = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "main",
        "image": "registry.example.com/main:1"}]}});
    let spec = json!({"schedule": "0 4 * * *", "suspend": true,
        "jobTemplate": {"spec": {"template": template}}});
    let object = json!({"metadata": {"name": "probe"}, "spec": spec});
    Probe {
        collection: ward.collection(CRONJOBS),
        object,
        forbidden: json!({"spec": {"schedule": "0 5 * * *"}}),
    }
}

fn manifest() -> String {
    std::fs::read_to_string(root().join(MANIFEST)).unwrap()
}

/// The path of the `CronJob` of the manifest.
fn report(ward: &Ward) -> String {
    format!("{}/report", ward.collection(CRONJOBS))
}

fn refused(answer: &Answer, field: &str) {
    assert_eq!((answer.code, answer.fields()), (403, vec![field]), "{}", answer.body);
}
