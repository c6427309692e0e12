//! What metrics, probes, logs and `rules --live` say of a replica in a cluster.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::alerts::assert_firing;
use super::replica::{NAMESPACE, Site, WIDGETS, address, grant};
use crate::chart::programs::Tool;
use crate::cluster::api::{Api, MERGE_PATCH};
use crate::cluster::assets::Assets;
use crate::cluster::eventually;
use crate::cluster::objects::{widget, widget_rule};
use crate::support::server::{Server, fieldward};

const CONFIGURATION: &str =
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/fieldward";
const BINDING: &str = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/fieldward";

/// Entries that no schema refuses, and fieldward does.
const BROKEN: &str = "[{path: spec.a, when: \"oldObject.(\"}]";

/// A series of a replica's metrics.
async fn metric(replica: &Server, series: &str) -> Option<f64> {
    let (_, text) = replica.ops("/metrics").await?;
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

async fn metric_is(replica: &Server, series: &str, value: f64) {
    eventually(&format!("{series} is {value}"), async || {
        metric(replica, series).await == Some(value)
    })
    .await;
}

async fn readiness(replica: &Server) -> (u16, String) {
    let (status, text) = replica.ops("/readyz?verbose").await.unwrap();
    let line = text.lines().find(|line| line.contains("]registration")).unwrap();
    (status, line.to_owned())
}

async fn is_denied(api: &Api) -> bool {
    api.patch(
        &format!("{WIDGETS}/probe?dryRun=All"),
        MERGE_PATCH,
        &json!({"spec": {"color": "blue"}}),
    )
    .await
    .code
        == 403
}

/// Drift that cannot be corrected and a gate that somebody opens are in metrics, log and probe;
/// restored permissions close it in seconds.
pub(super) async fn gate(assets: Assets, promtool: Tool) {
    let site = Site::new(&assets).await;
    let replica = site.replica("a", address(), &["--no-builtin-rules"]).await;
    let api = site.plane.api();
    site.apply(&widget_rule("[widgets]", "[metadata.labels]")).ok();
    site.ready("widget").await;
    api.create(WIDGETS, &widget("probe")).await.object();
    for (series, value) in [
        ("fieldward_registration_present", 1.0),
        ("fieldward_registration_in_sync", 1.0),
        ("fieldward_lease_holder", 1.0),
        ("fieldward_gate_open", 0.0),
        ("fieldward_api_errors_total{class=\"forbidden\"}", 0.0),
    ] {
        metric_is(&replica, series, value).await;
    }
    let since =
        metric(&replica, "fieldward_registration_in_sync_since_timestamp_seconds").await.unwrap();

    // Permissions are gone and somebody changes the registration: it is out of sync, and still asks
    // this replica.
    api.delete(BINDING, &Value::Null).await.object();
    let changed = json!([{"op": "replace", "path": "/webhooks/0/timeoutSeconds", "value": 7}]);
    api.patch(CONFIGURATION, crate::cluster::api::JSON_PATCH, &changed).await.object();
    metric_is(&replica, "fieldward_registration_in_sync", 0.0).await;
    assert!(
        metric(&replica, "fieldward_registration_in_sync_since_timestamp_seconds").await.unwrap()
            > since
    );
    assert_eq!(metric(&replica, "fieldward_registration_present").await, Some(1.0));
    assert_eq!(metric(&replica, "fieldward_gate_open").await, Some(0.0));
    let (status, line) = readiness(&replica).await;
    assert_eq!(status, 200, "{line}");
    assert!(
        line.starts_with(
            "[+]registration ok: the certificate that is shown is trusted; out of sync: forbidden: "
        ),
        "{line}"
    );
    assert!(is_denied(&api).await);
    assert_firing(&promtool, &replica, &["FieldwardOutOfSync"]).await;

    // And now the gate is open.
    api.delete(CONFIGURATION, &Value::Null).await.object();
    metric_is(&replica, "fieldward_gate_open", 1.0).await;
    metric_is(&replica, "fieldward_registration_present", 0.0).await;
    assert!(
        metric(&replica, "fieldward_api_errors_total{class=\"forbidden\"}").await.unwrap() > 0.0
    );
    assert!(
        metric(&replica, "fieldward_api_last_error_timestamp_seconds{class=\"forbidden\"}")
            .await
            .unwrap()
            > since
    );
    eventually("the log says so", async || replica.log().contains("the gate is open")).await;
    eventually("the probe says what the cluster answered", async || {
        let (status, line) = readiness(&replica).await;
        status == 503
            && line.starts_with("[-]registration failed: nothing is registered: forbidden: ")
    })
    .await;
    assert!(!is_denied(&api).await);
    assert_firing(&promtool, &replica, &["FieldwardGateOpened"]).await;
    let other = site.replica("b", address(), &["--no-builtin-rules"]).await;
    eventually(
        "a replica that starts now is ready, since a registration may exist, and says what \
                it cannot list",
        async || {
            let (status, text) = other.ops("/readyz?verbose").await.unwrap();
            status == 200
                && text.contains("[+]cluster-rules ok: cannot list UpdateRules: forbidden: ")
                && text.contains(
                    "[+]registration ok: cannot list ValidatingWebhookConfigurations: \
                              forbidden: ",
                )
        },
    )
    .await;
    assert!(
        metric(&other, "fieldward_registration_present").await.unwrap().is_nan(),
        "it has never listed what is registered"
    );
    assert_eq!(metric(&other, "fieldward_gate_open").await, Some(0.0));

    // Long enough for all pauses between attempts to have become as long as they get.
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!(replica.log().matches("the gate is open").count(), 1);

    // All replicas have restarted since then: nobody knows whether anything is registered.
    drop(replica);
    metric_is(&other, "fieldward_lease_holder", 1.0).await;
    assert_firing(&promtool, &other, &["FieldwardOutOfSync"]).await;

    // Each watch has failed many times. The log has one line for each, and none of the client's.
    let log = other.log();
    let failed: Vec<&str> =
        log.lines().filter_map(|line| Some(line.split_once("watch failed")?.1)).collect();
    let different: BTreeSet<&&str> = failed.iter().collect();
    assert!(!failed.is_empty() && failed.len() == different.len(), "{log}");
    assert!(!log.contains("kube_client") && !log.contains("kube_runtime"), "{log}");

    grant(&site.plane);
    let restored = Instant::now();
    eventually("the gate is closed", async || is_denied(&api).await).await;
    let closed = restored.elapsed();
    assert!(closed < Duration::from_secs(5), "{closed:?}");
    metric_is(&other, "fieldward_gate_open", 0.0).await;
    metric_is(&other, "fieldward_registration_in_sync", 1.0).await;
    eventually("the replica is ready", async || readiness(&other).await.0 == 200).await;
    eprintln!("cluster: the gate is closed {closed:.2?} after the permissions were restored");
}

/// Rules by condition and the lease, as the status and the Lease have them.
pub(super) async fn rules_and_lease(assets: Assets, promtool: Tool) {
    let site = Site::new(&assets).await;
    let first = site.replica("a", address(), &["--no-builtin-rules"]).await;
    let api = site.plane.api();
    let rule = |name: &str, resources: &str| {
        widget_rule(resources, "[metadata.labels]")
            .replace("name: widget\n", &format!("name: {name}\n"))
    };
    site.apply(&rule("good", "[widgets]")).ok();
    site.ready("good").await;
    metric_is(&first, "fieldward_lease_holder", 1.0).await;
    let second = site.replica("b", address(), &["--no-builtin-rules"]).await;

    let never = rule("never", "[gadgets]").replace("[metadata.labels]", BROKEN);
    site.apply(&never).ok();
    site.condition("never", "Accepted", "False").await;
    site.apply(&rule("worse", "[things]")).ok();
    site.ready("worse").await;
    site.apply(&rule("worse", "[things]").replace("[metadata.labels]", BROKEN)).ok();
    site.condition("worse", "Accepted", "False").await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    site.apply(&rule("younger", "[widgets]")).ok();
    site.condition("younger", "Conflicting", "True").await;
    // Only the API server knows the types of what a condition reads.
    let rejected = rule("rejected", "[gadgets]").replace(
        "  mutable:",
        "  matchConditions: [{name: typed, expression: \"request.name + 1 == 'x'\"}]\n  mutable:",
    );
    site.apply(&rejected).ok();
    eventually("the API server has rejected it", async || {
        metric(&first, "fieldward_unregistered_rules{reason=\"Rejected\"}").await == Some(1.0)
    })
    .await;
    for (series, value) in [
        ("condition=\"Accepted\",reason=\"Valid\",status=\"True\"", 3.0),
        ("condition=\"Registered\",reason=\"Rejected\",status=\"False\"", 1.0),
        ("condition=\"Accepted\",reason=\"NeverAccepted\",status=\"False\"", 1.0),
        ("condition=\"Accepted\",reason=\"Invalid\",status=\"False\"", 1.0),
        ("condition=\"Conflicting\",reason=\"HeldByAnother\",status=\"True\"", 1.0),
        ("condition=\"Registered\",reason=\"Registered\",status=\"True\"", 2.0),
        // Of the rules in force one is for a kind that does not exist.
        ("condition=\"SchemaWarning\",reason=\"NotInSchema\",status=\"True\"", 1.0),
    ] {
        for replica in [&first, &second] {
            metric_is(replica, &format!("fieldward_updaterule_conditions{{{series}}}"), value)
                .await;
        }
    }
    let alerts = [
        "FieldwardRuleNotAccepted",
        "FieldwardRuleNeverAccepted",
        "FieldwardRuleRejected",
        "FieldwardRuleConflicting",
        "FieldwardSchemaWarning",
    ];
    assert_firing(&promtool, &first, &alerts).await;
    metric_is(&second, "fieldward_lease_holder", 0.0).await;
    metric_is(&second, "fieldward_registration_in_sync", 0.0).await;
    metric_is(&second, "fieldward_registration_present", 1.0).await;
    drop(first);
    metric_is(&second, "fieldward_lease_holder", 1.0).await;
    metric_is(&second, "fieldward_registration_in_sync", 1.0).await;
    // Whatever the log has of all that is a sentence each time.
    let log = second.log();
    assert!(!log.contains("ApiError {") && !log.contains("Status {"), "{log}");
    api.delete("/apis/fieldward.io/v1alpha1/updaterules/never", &Value::Null).await.object();
    metric_is(&second, "fieldward_updaterule_conditions{condition=\"Accepted\",reason=\"NeverAccepted\",status=\"False\"}", 0.0).await;
}

/// Exemptions from all rules leave the registration alone, and each use is in the audit log, the
/// log and the metrics.
pub(super) async fn exemptions(assets: Assets) {
    let site = Site::new(&assets).await;
    let options = [
        "--no-builtin-rules",
        "--exempt-namespace=sandbox",
        "--exempt-user=oidc:carol,ops",
        "--exempt-group=breakglass",
    ];
    let replica = site
        .replica(
            "a",
            address(),
            &[&options[..], &["--exempt-service-account=default/fixer", "--log-format=json"]]
                .concat(),
        )
        .await;
    let api = site.plane.api();
    site.apply(&widget_rule("[widgets]", "[metadata.labels]")).ok();
    site.ready("widget").await;
    let configuration = api.get(CONFIGURATION).await.object();
    let spared =
        &configuration["webhooks"][0]["namespaceSelector"]["matchExpressions"][0]["values"];
    assert!(!spared.to_string().contains("sandbox"), "the webhook itself decides: {spared}");

    api.create("/api/v1/namespaces", &json!({"metadata": {"name": "sandbox"}})).await.object();
    for namespace in ["default", "sandbox"] {
        api.create(&WIDGETS.replace("/default/", &format!("/{namespace}/")), &widget("probe"))
            .await
            .object();
    }
    let binding = json!({
        "metadata": {"name": "everybody-paints"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
            "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group",
            "name": "system:authenticated"}],
    });
    api.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding).await.object();
    let painted = async |namespace: &str, user: &str, groups: &[&str]| {
        let own = api.impersonating(user, &[&["system:authenticated"], groups].concat());
        let path =
            format!("{}/probe?dryRun=All", WIDGETS.replace("/default/", &format!("/{namespace}/")));
        own.patch(&path, MERGE_PATCH, &json!({"spec": {"color": "blue"}})).await
    };
    eventually("the rule holds", async || {
        painted("default", "alice", &[]).await.fields() == ["spec.color"]
    })
    .await;
    let mut allowed = 0;
    for (namespace, user, groups, code) in [
        ("default", "alice", &[][..], 403),
        ("sandbox", "alice", &[][..], 200),
        ("default", "oidc:carol,ops", &[][..], 200),
        ("default", "oidc:carol", &[][..], 403),
        ("default", "bob", &["breakglass"][..], 200),
        ("default", "system:serviceaccount:default:fixer", &[][..], 200),
        ("default", "system:serviceaccount:default:other", &[][..], 403),
    ] {
        let answer = painted(namespace, user, groups).await;
        assert_eq!(answer.code, code, "{namespace} {user} {groups:?}: {}", answer.message());
        allowed += u32::from(code == 200);
    }
    let counted =
        format!("fieldward_reviews_total{{decision=\"exempt\",rule=\"widget\"}} {allowed}");
    assert!(replica.ops("/metrics").await.unwrap().1.contains(&counted), "{counted}");
    let log = replica.log();
    let lines: Vec<Value> =
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let exempt: Vec<&Value> = lines.iter().filter(|line| line["decision"] == "exempt").collect();
    assert_eq!(exempt.len(), allowed as usize, "{log}");
    assert!(
        exempt.iter().all(|line| line["rule"] == "widget" && line["fields"] == "spec.color"),
        "{exempt:?}"
    );
    let is_exempt =
        |event: &Value| event["annotations"]["widget.fieldward.io/decision"] == "exempt";
    let audited = site.plane.audit_events().into_iter().filter(is_exempt).count();
    assert_eq!(audited, allowed as usize, "the audit log has each use");
}

/// A misspelt annotation on the Secret or on a rule is in the log and in an Event, once, and does
/// nothing.
pub(super) async fn annotation(assets: Assets) {
    let site = Site::new(&assets).await;
    let replica = site.replica("a", address(), &["--no-builtin-rules", "--events"]).await;
    let api = site.plane.api();
    site.apply(&widget_rule("[widgets]", "[metadata.labels]")).ok();
    site.ready("widget").await;
    let path = format!("/api/v1/namespaces/{NAMESPACE}/secrets/fieldward-tls");
    let kept = api.get(&path).await.object()["data"].clone();
    let annotated = |annotations: Value| json!({"metadata": {"annotations": annotations}});
    let wrong = annotated(json!({"fieldward.io/renew": "certificates", "fieldward.io/renw": "ca",
            "example.com/renew": "x"}));
    api.patch(&path, MERGE_PATCH, &wrong).await.object();
    let rule = "/apis/fieldward.io/v1alpha1/updaterules/widget";
    let misspelt = annotated(json!({"fieldward.io/lint-ignores": "fails-open: so be it"}));
    api.patch(rule, MERGE_PATCH, &misspelt).await.object();
    let told_in = async |namespace: &str| {
        let events = api
            .get(&format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events"))
            .await
            .object();
        let own = events["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|event| event["reason"] == "UnknownAnnotation")
            .cloned();
        own.collect::<Vec<Value>>()
    };
    let told = async || told_in(NAMESPACE).await;
    eventually("both are told", async || told().await.len() == 2).await;
    // Events on objects without a namespace are in this one.
    eventually("that of the rule is told", async || told_in("default").await.len() == 1).await;
    // Another change of the Secret wakes the leader again, and so does a rule.
    let more = annotated(json!({"fieldward.io/renew": "certificates", "fieldward.io/renw": "ca",
            "example.com/renew": "y"}));
    api.patch(&path, MERGE_PATCH, &more).await.object();
    site.apply(
        &widget_rule("[gadgets]", "[metadata.labels]").replace("name: widget\n", "name: gadget\n"),
    )
    .ok();
    site.ready("gadget").await;
    let of_rule = told_in("default").await;
    let regarding = &of_rule[0]["regarding"];
    assert_eq!((of_rule.len(), &regarding["kind"]), (1, &json!("UpdateRule")), "{of_rule:?}");
    assert_eq!(regarding["name"], "widget");
    assert_eq!(
        of_rule[0]["note"],
        "expected one of the annotations `fieldward.io/absent`, `fieldward.io/defaulted`, \
         `fieldward.io/lint-ignore`, `fieldward.io/source`, found `fieldward.io/lint-ignores`; it \
         has no effect"
    );
    let events = told().await;
    assert_eq!(events.len(), 2);
    let notes: Vec<&str> = events.iter().map(|event| event["note"].as_str().unwrap()).collect();
    assert!(
        notes.iter().any(|note| note.contains("expected `certificate` or `ca`")
            && note.contains("found `certificates`")),
        "{notes:?}"
    );
    assert!(notes.iter().any(|note| note.contains("found `fieldward.io/renw`")), "{notes:?}");
    assert!(
        events.iter().all(
            |event| event["regarding"]["name"] == "fieldward-tls" && event["type"] == "Warning"
        ),
        "{events:?}"
    );
    assert_eq!(
        replica.log().matches("an annotation has no effect").count(),
        3,
        "{}",
        replica.log()
    );
    assert_eq!(api.get(&path).await.object()["data"], kept, "nothing was renewed");
}

/// `rules --live` has UpdateRules with their status, and the rules that are compiled in or
/// come from files.
pub(super) async fn listed(assets: Assets) {
    let site = Site::new(&assets).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rule.yaml");
    let named = |name: &str, resources: &str| {
        widget_rule(resources, "[metadata.labels]")
            .replace("name: widget\n", &format!("name: {name}\n"))
    };
    std::fs::write(&file, named("of-a-file", "[gadgets]")).unwrap();
    // A file replaces a rule that is compiled in, for the same resources.
    let replaced =
        std::fs::read_to_string(crate::corpus::root().join("deploy/rules/mxjob.yaml")).unwrap();
    std::fs::write(folder.path().join("mxjob.yaml"), replaced + "# Ours.\n").unwrap();
    let rules = folder.path().to_str().unwrap();
    let _replica = site.replica("a", address(), &["--rules", rules]).await;
    site.apply(&named("widget", "[widgets]")).ok();
    site.ready("widget").await;
    site.apply(&named("wrong", "[things]").replace("[metadata.labels]", BROKEN)).ok();
    site.condition("wrong", "Accepted", "False").await;
    let list = |more: &[&str]| {
        let mut command = fieldward();
        command
            .args(["rules", "--live", "--kubeconfig"])
            .arg(site.plane.admin_kubeconfig())
            .args(more);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let rows: Value = serde_json::from_str(&list(&["-o", "json"])).unwrap();
    let found: Vec<[&str; 4]> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            ["name", "origin", "ready", "reason"]
                .map(|field| row[field].as_str().unwrap_or_default())
        })
        .collect();
    assert_eq!(
        found,
        [
            ["mxjob", "file", "True", ""],
            ["of-a-file", "file", "True", ""],
            ["volcano-job", "built-in", "True", ""],
            ["widget", "UpdateRule", "True", ""],
            ["wrong", "UpdateRule", "False", "NeverAccepted"],
        ]
    );
    assert_eq!(rows[2]["kinds"], json!(["jobs.v1alpha1.batch.volcano.sh"]));
    let text = list(&[]);
    let lines: Vec<Vec<&str>> =
        text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["NAME", "RESOURCES", "MUTABLE", "ACTIONS", "ORIGIN", "READY", "REASON"]);
    assert_eq!(lines[1], ["mxjob", "mxjobs.v1.kubeflow.org", "-", "-", "file", "True"]);
    assert_eq!(lines[4], ["widget", "widgets.v1.example.com", "1", "Deny", "UpdateRule", "True"]);
}
