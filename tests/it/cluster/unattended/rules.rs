//! Rules as objects.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::replica::{Site, WIDGETS, address, registrations};
use crate::cluster::api::{Api, MERGE_PATCH};
use crate::cluster::assets::Assets;
use crate::cluster::eventually;
use crate::cluster::objects::{widget, widget_rule};
use crate::support::server::post;

/// Whether the object may get that color; nothing is stored.
async fn may_be(api: &Api, color: &str) -> bool {
    let answer = api
        .patch(
            &format!("{WIDGETS}/probe?dryRun=All"),
            MERGE_PATCH,
            &json!({"spec": {"color": color}}),
        )
        .await;
    assert!(answer.is_ok() || answer.code == 403, "{} {}", answer.code, answer.message());
    answer.is_ok()
}

/// A rule of that name for widgets.
fn named(name: &str, mutable: &str) -> String {
    widget_rule("[widgets]", mutable).replace("name: widget\n", &format!("name: {name}\n"))
}

pub(super) async fn created_changed_and_deleted(assets: Assets) {
    let site = Site::new(&assets).await;
    let _replica = site.replica("a", address(), &["--no-builtin-rules"]).await;
    let api = site.plane.api();
    api.create(WIDGETS, &widget("probe")).await.object();
    assert!(may_be(&api, "blue").await);

    let created = Instant::now();
    site.apply(&widget_rule("[widgets]", "[metadata.labels]")).ok();
    eventually("the rule is enforced", async || !may_be(&api, "blue").await).await;
    let enforced = created.elapsed();
    assert!(enforced < Duration::from_secs(5), "{enforced:?}");
    site.ready("widget").await;
    let table = site.plane.kubectl().run(&["get", "ur", "-o", "wide"]).ok();
    let words: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0], ["NAME", "KIND", "MUTABLE", "ACTIONS", "READY", "REASON", "AGE"]);
    assert_eq!(words[1][..5], ["widget", "widgets", "1", "[\"Deny\"]", "True"]);

    site.apply(&widget_rule("[widgets]", "[metadata.labels, spec.color]")).ok();
    eventually("the change is in force", async || may_be(&api, "blue").await).await;
    site.ready("widget").await;

    site.plane.kubectl().run(&["delete", "ur", "widget"]).ok();
    eventually("nothing is registered", async || registrations(&api).await.is_empty()).await;
    assert!(may_be(&api, "green").await);
    eprintln!("cluster: a rule is enforced {enforced:.2?} after it was created");
}

/// A review that comes before its rule has come to this replica waits for it.
pub(super) async fn late(assets: Assets) {
    let site = Site::new(&assets).await;
    let replica = site.replica("a", address(), &["--no-builtin-rules"]).await;
    let client = reqwest::Client::builder().danger_accept_invalid_certs(true).build().unwrap();
    let (old, mut new) = (widget("w"), widget("w"));
    new["spec"]["color"] = json!("blue");
    let kind = json!({"group": "example.com", "version": "v1", "kind": "Widget"});
    let resource = json!({"group": "example.com", "version": "v1", "resource": "widgets"});
    let request = json!({"uid": "u", "operation": "UPDATE", "kind": kind, "resource": resource,
        "name": "w", "namespace": "default",
                         "userInfo": {"username": "alice"}, "object": new, "oldObject": old});
    let review =
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
            .to_string();
    let url = replica.url("/validate/widget");
    let asked = tokio::spawn(async move { post(&client, &url, review).await });
    let rule = widget_rule("[widgets]", "[metadata.labels]");
    let kubectl = site.plane.kubectl();
    tokio::task::spawn_blocking(move || kubectl.run_with(&["apply", "-f", "-"], &rule).ok())
        .await
        .unwrap();
    let (status, answer) = asked.await.unwrap();
    assert!(status == 200 && answer.contains("spec.color"), "{status} {answer}");
}

/// From Audit over Warn to Deny with one field.
pub(super) async fn each_level(assets: Assets) {
    let site = Site::new(&assets).await;
    let _replica = site.replica("a", address(), &["--no-builtin-rules"]).await;
    let api = site.plane.api();
    api.create(WIDGETS, &widget("probe")).await.object();
    let rule = widget_rule("[widgets]", "[metadata.labels]") + "  validationActions: [Audit]\n";
    site.apply(&rule).ok();
    site.ready("widget").await;
    let painted = async || {
        api.patch(
            &format!("{WIDGETS}/probe?dryRun=All"),
            MERGE_PATCH,
            &json!({"spec": {"color": "blue"}}),
        )
        .await
    };
    let is_silent = async || {
        let answer = painted().await;
        answer.is_ok() && answer.warnings.is_empty()
    };
    eventually("it is allowed without a word", is_silent).await;
    let level = |action: &str| json!({"spec": {"validationActions": [action]}});
    let path = "/apis/fieldward.io/v1alpha1/updaterules/widget";
    api.patch(path, MERGE_PATCH, &level("Warn")).await.object();
    eventually("it is allowed with a warning", async || {
        let answer = painted().await;
        answer.is_ok() && answer.warnings.iter().any(|warning| warning.contains("spec.color: "))
    })
    .await;
    api.patch(path, MERGE_PATCH, &level("Deny")).await.object();
    eventually("it is denied", async || painted().await.code == 403).await;
    let audited = site
        .plane
        .audit_events()
        .iter()
        .any(|event| event["annotations"]["widget.fieldward.io/decision"] == "audit");
    assert!(audited, "the audit log carries what was only recorded");
}

/// What the API server refuses by the schema alone: of each rule what is written instead, and words
/// of the refusal.
pub(super) async fn refused_by_the_api_server(assets: Assets) {
    let site = Site::new(&assets).await;
    let good = widget_rule(
        "[widgets]",
        "[spec.a, {path: spec.b, allow: [Set], by: {users: [u]}, when: 'value > 1'}]",
    ) + "  sensitive: [spec.secret]\n  exempt: {groups: [admins]}\n  validationActions: \
         [Warn]\n  failurePolicy: Ignore\n  reason: Invalid\n";
    site.apply(&good).ok();
    let path_expected = "expected a path such as";
    let table = [
        ("spec.a, ", "spec..a, ", "spec.mutable[0]"),
        ("spec.a, ", "'spec.a[', ", "spec.mutable[0]"),
        ("spec.a, ", "'', ", "spec.mutable[0]"),
        ("path: spec.b", "path: 'spec.b[x]'", "spec.mutable[1].path"),
        ("path: spec.b, ", "", "spec.mutable[1]"),
        (
            "allow: [Set]",
            "allow: [Create]",
            "spec.mutable[1].allow[0]: Unsupported value: \"Create\"",
        ),
        ("allow: [Set]", "allow: []", "spec.mutable[1].allow"),
        ("by: {users: [u]}", "by: {}", "spec.mutable[1].by"),
        ("when: 'value > 1'", "when: ''", "spec.mutable[1].when"),
        ("{path: spec.parts, key: name}", "{path: 'spec.parts.', key: name}", path_expected),
        ("{path: spec.parts, key: name}", "{path: spec.parts, as: number}", "spec.equality[0].as"),
        ("sensitive: [spec.secret]", "sensitive: ['spec secret']", path_expected),
        (
            "exempt: {groups: [admins]}",
            "exempt: {}",
            "expected at least one of users, groups and serviceAccounts, found none",
        ),
        (
            "validationActions: [Warn]",
            "validationActions: [Warn, Deny]",
            "expected Deny or Warn, found both",
        ),
        ("validationActions: [Warn]", "validationActions: [Block]", "Unsupported value: \"Block\""),
        ("failurePolicy: Ignore", "failurePolicy: Open", "Unsupported value: \"Open\""),
        ("reason: Invalid", "reason: Gone", "Unsupported value: \"Gone\""),
        ("  mutable: [", "  mutabel: [", "spec.mutabel"),
        (
            "resources: [widgets]",
            "resources: []",
            "spec.matchConstraints.resourceRules[0].resources",
        ),
        (
            "  matchConstraints:\n",
            "  matchConstraints:\n    objectSelector: {matchExpressions: [{key: a, operator: \
             In}]}\n",
            "expected values for In and NotIn",
        ),
    ];
    for (number, (right, wrong, said)) in table.into_iter().enumerate() {
        let bad = good
            .replacen(right, wrong, 1)
            .replace("name: widget\n", &format!("name: bad-{number}\n"));
        assert_ne!(
            bad,
            good.replace("name: widget\n", &format!("name: bad-{number}\n")),
            "{right}"
        );
        let printed = site.apply(&bad);
        assert!(
            printed.code == 1 && printed.err.contains(said),
            "{wrong}: {} {}{}",
            printed.code,
            printed.out,
            printed.err
        );
    }
}

/// What no schema can refuse is said in the status, with the line, and the last good generation
/// stays in force.
pub(super) async fn refused_in_the_status(assets: Assets) {
    let site = Site::new(&assets).await;
    let replica = site.replica("a", address(), &["--no-builtin-rules"]).await;
    let api = site.plane.api();
    api.create(WIDGETS, &widget("probe")).await.object();
    let good = widget_rule(
        "[widgets]",
        "[metadata.labels, {path: spec.replicas, when: 'value > oldValue'}]",
    );
    site.apply(&good).ok();
    site.ready("widget").await;
    eventually("the rule is enforced", async || !may_be(&api, "blue").await).await;

    site.apply(
        &good
            .replace("value > oldValue", "valu > oldValue")
            .replace("metadata.labels", "spec.color"),
    )
    .ok();
    site.condition("widget", "Accepted", "False").await;
    let accepted = site.said("widget", "Accepted").await;
    assert!(
        accepted.starts_with("Invalid generation 1 stays in force: line ")
            && accepted.contains("undeclared name `valu`"),
        "{accepted}"
    );
    assert!(accepted.contains("\"when\": \"valu > oldValue\""), "{accepted}");
    assert!(!may_be(&api, "blue").await, "the last good generation stays in force");
    let (_, ready) = replica.ops("/readyz?verbose").await.unwrap();
    assert!(ready.contains("[+]cluster-rules ok"), "{ready}");
    // A rule that never was good holds nothing up.
    site.apply(&named("other", "[3]").replace("resources: [widgets]", "resources: [gadgets]")).ok();
    site.condition("other", "Accepted", "False").await;
    assert_eq!(
        site.said("other", "Registered").await,
        "NotInForce the rule is not in force; the condition Accepted says why"
    );
    site.apply(&good.replace("metadata.labels", "spec.color")).ok();
    eventually("the next good generation is in force", async || may_be(&api, "blue").await).await;
    site.ready("widget").await;
}

/// A rule whose kind or paths the served schema lacks says so, and is in force all the same.
pub(super) async fn warned_by_the_schema(assets: Assets) {
    let site = Site::new(&assets).await;
    let _replica = site.replica("a", address(), &["--no-builtin-rules"]).await;
    site.apply(&widget_rule("[widgets]", "[metadata.labels, spec.colour]")).ok();
    site.apply(&named("unserved", "[metadata.labels]").replace("[widgets]", "[nothings]")).ok();
    site.ready("widget").await;
    site.condition("widget", "SchemaWarning", "True").await;
    let told = site.said("widget", "SchemaWarning").await;
    assert!(
        told.starts_with("NotInSchema `spec.colour` never permits anything") && told.len() < 1_100,
        "{told}"
    );
    site.condition("unserved", "SchemaWarning", "True").await;
    let told = site.said("unserved", "SchemaWarning").await;
    assert!(told.contains("does not serve `nothings.example.com`"), "{told}");
    site.apply(&widget_rule("[widgets]", "[metadata.labels, spec.color]")).ok();
    site.condition("widget", "SchemaWarning", "False").await;
    site.ready("widget").await;
}

/// Of two rules for one kind with equal selectors the older holds; with different ones both do.
pub(super) async fn conflicting(assets: Assets) {
    let site = Site::new(&assets).await;
    let _replica = site.replica("a", address(), &["--no-builtin-rules"]).await;
    let api = site.plane.api();
    api.create(WIDGETS, &widget("probe")).await.object();
    site.apply(&named("older", "[spec.replicas, spec.color]")).ok();
    site.ready("older").await;
    // Ages are counted in seconds; of two of one age the name decides, which is not what is shown
    // here.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let younger = named("a-younger", "[spec.replicas]");
    site.apply(&younger).ok();
    site.condition("a-younger", "Conflicting", "True").await;
    let told = site.said("a-younger", "Conflicting").await;
    assert!(
        told.starts_with("HeldByAnother the older UpdateRule older holds for the same updates"),
        "{told}"
    );
    let shown = site.plane.kubectl().run(&["get", "ur", "a-younger", "-o", "wide"]).ok();
    assert!(shown.contains("False") && shown.contains("HeldByAnother"), "{shown}");
    assert!(may_be(&api, "blue").await, "the older holds");
    site.ready("older").await;

    // With another selector both hold, and all must allow.
    let narrowed = younger.replace(
        "matchConstraints:\n",
        "matchConstraints:\n    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: \
         default}}\n",
    );
    site.apply(&narrowed).ok();
    site.ready("a-younger").await;
    eventually("both must allow", async || !may_be(&api, "blue").await).await;

    site.apply(&younger).ok();
    site.condition("a-younger", "Conflicting", "True").await;
    eventually("the older holds alone again", async || may_be(&api, "blue").await).await;
    site.plane.kubectl().run(&["delete", "ur", "older"]).ok();
    site.ready("a-younger").await;
    eventually("the younger holds now", async || !may_be(&api, "blue").await).await;
}

/// Files and objects together: the files' rules hold first, and an object named as a built-in rule
/// replaces it.
pub(super) async fn beside_files(assets: Assets) {
    let site = Site::new(&assets).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("widget.yaml");
    std::fs::write(&file, named("of-a-file", "[spec.replicas]")).unwrap();
    let _replica = site
        .replica("a", address(), &["--rules", file.to_str().unwrap(), "--rules-reload-interval=1s"])
        .await;
    let api = site.plane.api();
    api.create(WIDGETS, &widget("probe")).await.object();
    eventually("the file's rule is enforced", async || !may_be(&api, "blue").await).await;
    site.apply(&named("widget", "[spec.color]")).ok();
    site.condition("widget", "Conflicting", "True").await;
    let told = site.said("widget", "Conflicting").await;
    assert!(told.contains("the rule of-a-file of "), "{told}");
    assert!(!may_be(&api, "blue").await);
    let own = crate::cluster::ward::rule("deploy/rules/mxjob.yaml")
        + "    - {path: metadata.annotations.note, absentAs: null}\n";
    // Without --server-side kubectl takes away what is null, and with it what the line declares.
    let refused = site.apply(&own);
    assert!(refused.err.contains("should have at least 2 properties"), "{}", refused.err);
    site.plane.kubectl().run_with(&["apply", "--server-side", "-f", "-"], &own).ok();
    site.ready("mxjob").await;
    let names = webhook_rules(&api).await;
    assert!(
        names.contains(&"mxjobs".to_owned()) && names.contains(&"widgets".to_owned()),
        "{names:?}"
    );
    std::fs::write(
        &file,
        named("of-a-file", "[spec.replicas]")
            .replace("resources: [widgets]", "resources: [gadgets]"),
    )
    .unwrap();
    eventually("the object's rule holds when the file's covers something else", async || {
        may_be(&api, "blue").await
    })
    .await;
    site.ready("widget").await;
}

/// The resources that are registered.
async fn webhook_rules(api: &Api) -> Vec<String> {
    let all = registrations(api).await;
    let webhooks = all.iter().flat_map(|one| one["webhooks"].as_array().unwrap().clone());
    let rules = webhooks.flat_map(|webhook| webhook["rules"].as_array().unwrap().clone());
    rules
        .flat_map(|rule| {
            rule["resources"]
                .as_array()
                .unwrap()
                .iter()
                .map(|name: &Value| name.as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}
