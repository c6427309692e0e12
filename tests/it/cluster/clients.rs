//! Every way in which a client may write, with a permitted change and with a forbidden one.

use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::api::{APPLY_PATCH, Answer, JSON_PATCH, MERGE_PATCH};
use super::control_plane::ControlPlane;
use super::kubectl::Printed;
use super::objects::{JOBS, WIDGETS, volcano_job, volcano_ward, widget, widget_probe, widget_rule};
use super::shared;
use super::ward::Ward;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        shared("clients::replace_and_patch", replace_and_patch),
        shared("clients::apply_on_the_server_side", apply_on_the_server_side),
        shared("clients::apply_on_the_client_side", apply_on_the_client_side),
        shared("clients::label_annotate_and_edit", label_annotate_and_edit),
        shared("clients::dry_run", dry_run),
        shared(
            "clients::write_status_through_its_subresource",
            write_status_through_its_subresource,
        ),
        shared(
            "clients::scale_goes_around_a_rule_that_does_not_name_it",
            scale_goes_around_a_rule_that_does_not_name_it,
        ),
        shared(
            "clients::scale_is_judged_by_a_rule_that_names_it",
            scale_is_judged_by_a_rule_that_names_it,
        ),
    ]
}

async fn replace_and_patch(plane: Arc<ControlPlane>) {
    let (ward, path) = with_a_job(&plane, "replace-and-patch").await;
    let mut job = ward.api.get(&path).await.object();
    job["spec"]["tasks"][1]["replicas"] = 4.into();
    job = ward.api.replace(&path, &job).await.object();
    job["spec"]["minAvailable"] = 4.into();
    refused(&ward.api.replace(&path, &job).await, &["spec.minAvailable"]);

    let replicas = json!([{"op": "replace", "path": "/spec/tasks/1/replicas", "value": 5}]);
    ward.api.patch(&path, JSON_PATCH, &replicas).await.object();
    let without_the_last = json!([{"op": "remove", "path": "/spec/tasks/1"}]);
    refused(
        &ward.api.patch(&path, JSON_PATCH, &without_the_last).await,
        &["spec.tasks[name=mpiworker]"],
    );

    ward.api
        .patch(&path, MERGE_PATCH, &json!({"metadata": {"labels": {"team": "a"}}}))
        .await
        .object();
    let merged =
        json!({"metadata": {"finalizers": ["example.com/hold"]}, "spec": {"schedulerName": null}});
    refused(
        &ward.api.patch(&path, MERGE_PATCH, &merged).await,
        &["metadata.finalizers", "spec.schedulerName"],
    );
    // A default of the schema comes back before anybody is asked.
    ward.api
        .patch(&path, MERGE_PATCH, &json!({"spec": {"queue": null, "maxRetry": null}}))
        .await
        .object();

    let stored = ward.api.get(&path).await.object();
    assert_eq!(
        (&stored["spec"]["tasks"][1]["replicas"], &stored["spec"]["minAvailable"]),
        (&json!(5), &json!(2))
    );
}

async fn apply_on_the_server_side(plane: Arc<ControlPlane>) {
    let ward = volcano_ward(&plane, "server-side").await;
    let path = format!("{}/demo", ward.collection(JOBS));
    let by = |manager: &str| format!("{path}?fieldManager={manager}");
    let mut job = volcano_job("demo");
    ward.api.patch(&by("ci"), APPLY_PATCH, &job).await.object();
    ward.api.patch(&by("ci"), APPLY_PATCH, &job).await.object();

    job["spec"]["tasks"][1]["replicas"] = 7.into();
    ward.api.patch(&by("ci"), APPLY_PATCH, &job).await.object();
    let mut moved = job.clone();
    moved["spec"]["queue"] = "gold".into();
    refused(&ward.api.patch(&by("ci"), APPLY_PATCH, &moved).await, &["spec.queue"]);
    // What is left out of an applied manifest is removed, if nobody else owns it.
    let mut without = job.clone();
    without["spec"].as_object_mut().unwrap().remove("plugins");
    refused(&ward.api.patch(&by("ci"), APPLY_PATCH, &without).await, &["spec.plugins"]);

    let identity =
        json!({"apiVersion": job["apiVersion"], "kind": job["kind"], "metadata": {"name": "demo"}});
    let with = |key: &str, value: Value| {
        let mut object = identity.clone();
        object[key] = value;
        object
    };
    let conflict =
        ward.api.patch(&by("other"), APPLY_PATCH, &with("spec", json!({"queue": "gold"}))).await;
    assert_eq!(
        (conflict.code, &conflict.body["reason"]),
        (409, &json!("Conflict")),
        "the API server's own refusal"
    );
    let forced = format!("{}&force=true", by("other"));
    refused(
        &ward.api.patch(&forced, APPLY_PATCH, &with("spec", json!({"queue": "gold"}))).await,
        &["spec.queue"],
    );
    ward.api
        .patch(
            &forced,
            APPLY_PATCH,
            &with("metadata", json!({"name": "demo", "labels": {"team": "a"}})),
        )
        .await
        .object();
    // To share a field is no change of it.
    ward.api
        .patch(&by("third"), APPLY_PATCH, &with("spec", json!({"queue": "default"})))
        .await
        .object();
    let stored = ward.api.get(&path).await.object();
    assert_eq!(
        (&stored["spec"]["queue"], &stored["metadata"]["labels"]["team"]),
        (&json!("default"), &json!("a"))
    );
}

async fn apply_on_the_client_side(plane: Arc<ControlPlane>) {
    let ward = volcano_ward(&plane, "client-side").await;
    let apply = |job: &Value| ward.kubectl.run_with(&["apply", "-f", "-"], &job.to_string());
    let mut job = volcano_job("demo");
    assert_eq!(apply(&job).ok(), "job.batch.volcano.sh/demo created\n");
    assert_eq!(apply(&job).ok(), "job.batch.volcano.sh/demo unchanged\n");
    job["spec"]["tasks"][0]["template"]["spec"]["containers"][0]["image"] = "mpi:2".into();
    // It writes its annotation together with the change.
    assert_eq!(apply(&job).ok(), "job.batch.volcano.sh/demo configured\n");
    job["spec"]["tasks"].as_array_mut().unwrap().push(json!({"name": "extra", "replicas": 1}));
    denied(&apply(&job), "  spec.tasks[name=extra]: added {\"name\":\"extra\",\"replicas\":1}\n");
}

async fn label_annotate_and_edit(plane: Arc<ControlPlane>) {
    let (ward, path) = with_a_job(&plane, "label-and-edit").await;
    ward.kubectl.run(&["label", "vcjob", "demo", "team=a"]).ok();
    ward.kubectl.run(&["label", "vcjob", "demo", "team-"]).ok();
    ward.kubectl.run(&["annotate", "vcjob", "demo", "example.com/note=hello"]).ok();
    let edited = ward.kubectl.edit(&["edit", "vcjob", "demo"], "sed -i s/mpi:1/mpi:3/");
    assert_eq!(edited.ok(), "job.batch.volcano.sh/demo edited\n");
    let refused = ward
        .kubectl
        .edit(&["edit", "vcjob", "demo"], "sed -i s/minAvailable:.2/minAvailable:\\ 1/");
    assert!(refused.err.contains("  spec.minAvailable: 2 → 1\n"), "{}", refused.err);
    let stored = ward.api.get(&path).await.object();
    assert_eq!(stored["spec"]["tasks"][0]["template"]["spec"]["containers"][0]["image"], "mpi:3");
    assert_eq!(stored["spec"]["minAvailable"], 2);
}

/// A dry run is judged like any other update, and stores nothing.
async fn dry_run(plane: Arc<ControlPlane>) {
    let (ward, path) = with_a_job(&plane, "dry-run").await;
    let before = ward.api.get(&path).await.object();
    let dry = format!("{path}?dryRun=All");
    ward.api
        .patch(&dry, MERGE_PATCH, &json!({"metadata": {"labels": {"team": "a"}}}))
        .await
        .object();
    refused(
        &ward.api.patch(&dry, MERGE_PATCH, &json!({"spec": {"queue": "gold"}})).await,
        &["spec.queue"],
    );
    let mut job = volcano_job("demo");
    job["spec"]["queue"] = "gold".into();
    denied(
        &ward.kubectl.run_with(&["replace", "--dry-run=server", "-f", "-"], &job.to_string()),
        "  spec.queue: \"default\" → \"gold\"\n",
    );
    assert_eq!(ward.api.get(&path).await.object(), before);
}

/// Status of a kind with that subresource: no rule names it, so nobody is asked; what else is in
/// the request is ignored by the API server.
async fn write_status_through_its_subresource(plane: Arc<ControlPlane>) {
    let (ward, path) = with_a_job(&plane, "status").await;
    let status = json!({"status": {"state": {"phase": "Running"}}, "spec": {"queue": "gold"}});
    let stored = ward.api.patch(&format!("{path}/status"), MERGE_PATCH, &status).await.object();
    assert_eq!(
        (&stored["status"]["state"]["phase"], &stored["spec"]["queue"]),
        (&json!("Running"), &json!("default"))
    );
    // Through the main resource status does not differ, so the update is what the rest of it is.
    let stored = ward
        .api
        .patch(&path, MERGE_PATCH, &json!({"status": {"state": {"phase": "Failed"}}}))
        .await
        .object();
    assert_eq!(stored["status"]["state"]["phase"], "Running");
}

async fn scale_goes_around_a_rule_that_does_not_name_it(plane: Arc<ControlPlane>) {
    let ward = Ward::with_rules(
        &plane,
        "scale-around",
        &[widget_rule("[widgets]", "[metadata.annotations]")],
        &[],
    )
    .await;
    ward.in_force(&widget_probe(&ward)).await;
    ward.api.create(&ward.collection(WIDGETS), &widget("demo")).await.object();
    let path = format!("{}/demo", ward.collection(WIDGETS));
    refused(
        &ward.api.patch(&path, MERGE_PATCH, &json!({"spec": {"replicas": 3}})).await,
        &["spec.replicas"],
    );
    assert_eq!(
        ward.kubectl.run(&["scale", "widget", "demo", "--replicas=3"]).ok(),
        "widget.example.com/demo scaled\n"
    );
    assert_eq!(ward.api.get(&path).await.object()["spec"]["replicas"], 3);
}

async fn scale_is_judged_by_a_rule_that_names_it(plane: Arc<ControlPlane>) {
    let mutable = "[metadata.annotations, {path: spec.replicas, by: {users: [autoscaler]}}]";
    let ward = Ward::with_rules(
        &plane,
        "scale-named",
        &[widget_rule("[widgets, widgets/scale]", mutable)],
        &[],
    )
    .await;
    ward.in_force(&widget_probe(&ward)).await;
    ward.api.create(&ward.collection(WIDGETS), &widget("demo")).await.object();
    let scale = format!("{}/demo/scale", ward.collection(WIDGETS));
    let three = json!({"spec": {"replicas": 3}});
    refused(&ward.api.patch(&scale, MERGE_PATCH, &three).await, &["spec.replicas"]);
    let printed = ward.kubectl.run(&["scale", "widget", "demo", "--replicas=3"]);
    denied(&printed, "  spec.replicas: 1 → 3\n");
    let autoscaler = plane.api().impersonating("autoscaler", &["system:masters"]);
    let stored = autoscaler.patch(&scale, MERGE_PATCH, &three).await.object();
    assert_eq!((&stored["kind"], &stored["spec"]["replicas"]), (&json!("Scale"), &json!(3)));
}

async fn with_a_job(plane: &Arc<ControlPlane>, namespace: &str) -> (Ward, String) {
    let ward = volcano_ward(plane, namespace).await;
    ward.api.create(&ward.collection(JOBS), &volcano_job("demo")).await.object();
    let path = format!("{}/demo", ward.collection(JOBS));
    (ward, path)
}

/// Asserts that fieldward refused for these fields.
fn refused(answer: &Answer, fields: &[&str]) {
    assert_eq!((answer.code, answer.fields()), (403, fields.to_vec()), "{}", answer.body);
    assert!(
        answer.message().contains(".fieldward.io\" denied the request: "),
        "{}",
        answer.message()
    );
}

/// Asserts that kubectl printed fieldward's refusal with this line in it.
fn denied(printed: &Printed, line: &str) {
    assert_eq!(printed.code, 1, "{printed:?}");
    assert!(
        printed.err.contains(".fieldward.io\" denied the request: 1 change outside")
            && printed.err.contains(line),
        "{}",
        printed.err
    );
}
