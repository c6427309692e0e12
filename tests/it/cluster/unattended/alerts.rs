//! The alerts on the metrics of a replica: promtool evaluates deploy/alerts.yaml as if what
//! `/metrics` says stayed so.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::replica::{Site, address, registrations};
use crate::chart::programs::Tool;
use crate::cluster::api::{JSON_PATCH, MERGE_PATCH};
use crate::cluster::assets::Assets;
use crate::cluster::eventually;
use crate::cluster::objects::widget_rule;
use crate::corpus::root;
use crate::support::server::Server;

const RULES: &str = "/apis/fieldward.io/v1alpha1/updaterules";
const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1";

/// Between two looks at the metrics. What is forbidden is tried again more often.
const INTERVAL: Duration = Duration::from_secs(5);

/// Longer than any alert waits, in minutes.
const MINUTES: u32 = 40;

/// Exactly these alerts fire if the metrics of a replica stay as they are, and its counters go on
/// as they do.
pub(super) async fn assert_firing(promtool: &Tool, replica: &Server, expected: &[&str]) {
    let before = samples(replica).await;
    tokio::time::sleep(INTERVAL).await;
    let after = samples(replica).await;
    // The evaluation begins at the time 0, with a sample a minute.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let in_a_minute = 60.0 / INTERVAL.as_secs_f64();
    let series: Vec<Value> = after
        .iter()
        .map(|(name, value)| {
            let is_counter = name.contains("_total") || name.contains("_duration_seconds");
            let earlier = before.get(name).filter(|_| is_counter).unwrap_or(value);
            let step = (value - earlier) * in_a_minute;
            let first = if name.contains("_timestamp_seconds") { value - now } else { *value };
            json!({"series": name, "values": format!("{first}+{step}x{MINUTES}")})
        })
        .collect();
    assert!(series.len() > 20, "{series:?}");
    let firing: Vec<Value> = expected
        .iter()
        .map(|alert| json!({"labels": format!("{{alertname=\"{alert}\"}}"), "value": 1}))
        .collect();
    let test = json!({
        "rule_files": [root().join("deploy/alerts.yaml").to_str()],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [{
            "expr": "group by (alertname) (ALERTS{alertstate=\"firing\"})",
            "eval_time": format!("{MINUTES}m"), "exp_samples": firing,
        }]}],
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("live.yaml");
    std::fs::write(&file, test.to_string()).unwrap();
    let tested = promtool.run(&["test", "rules", file.to_str().unwrap()]);
    assert!(tested.is_success, "{expected:?} {}{}", tested.out, tested.err);
    eprintln!("cluster: on live metrics {} fire", expected.join(", "));
}

/// The samples of a replica by their series, as Prometheus stores them, without those that are not
/// a finite number.
async fn samples(replica: &Server) -> BTreeMap<String, f64> {
    let (_, text) = replica.ops("/metrics").await.unwrap();
    let sample = |line: &str| {
        let (series, value) = line.rsplit_once(' ')?;
        let (name, labels) =
            series.split_once('{').map_or((series, ""), |(name, rest)| (name, rest));
        let mut stored = format!("{name}{{namespace=\"n\",job=\"j\",pod=\"a\"");
        match labels {
            "" => stored.push('}'),
            labels => write!(stored, ",{labels}").unwrap(),
        }
        let value: f64 = value.parse().ok().filter(|value: &f64| value.is_finite())?;
        Some((stored, value))
    };
    text.lines().filter(|line| line.starts_with("fieldward_")).filter_map(sample).collect()
}

/// Waits for a series of a replica's metrics.
async fn metric_is(replica: &Server, series: &str, is_wanted: impl Fn(f64) -> bool) {
    eventually(series, async || {
        let Some((_, text)) = replica.ops("/metrics").await else { return false };
        let found = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        found.and_then(|value| value.parse().ok()).is_some_and(&is_wanted)
    })
    .await;
}

fn named(name: &str, resource: &str) -> String {
    widget_rule(&format!("[{resource}]"), "[metadata.labels]")
        .replace("name: widget\n", &format!("name: {name}\n"))
}

/// The API server rejects the only rule, which comes from a file, so nothing is registered. The
/// log says which of its kinds or fields the API server does not serve.
pub(super) async fn without_registration(assets: Assets, promtool: Tool) {
    let site = Site::new(&assets).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rule.yaml");
    let rule = widget_rule("[widgets]", "[metadata.labels, spec.colour]")
        + "  matchConditions: [{name: typed, expression: request.name == 1}]\n";
    std::fs::write(&file, rule).unwrap();
    let options = ["--no-builtin-rules", "--rules", file.to_str().unwrap()];
    let replica = site.replica("a", address(), &options).await;
    metric_is(&replica, "fieldward_unregistered_rules{reason=\"Rejected\"}", |it| it > 0.0).await;
    metric_is(&replica, "fieldward_registration_present", |it| it < 1.0).await;
    eventually("the log has what the schema lacks", async || {
        let log = replica.log();
        log.contains("the API server does not serve a kind or field that a rule names")
            && log.contains("colour")
    })
    .await;
    assert_firing(&promtool, &replica, &["FieldwardNotRegistered", "FieldwardRuleRejected"]).await;
}

/// Nobody may hold the lease, so nobody registers anything.
pub(super) async fn without_lease(assets: Assets, promtool: Tool) {
    let site = Site::new(&assets).await;
    let api = site.plane.api();
    let role = format!("{ROLES}/namespaces/fieldward/roles/fieldward");
    let found = api.get(&role).await.object();
    let rules: Vec<&Value> = found["rules"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|rule| rule["resources"] != json!(["leases"]))
        .collect();
    api.patch(&role, MERGE_PATCH, &json!({"rules": rules})).await.object();
    let replica = site.replica("a", address(), &[]).await;
    metric_is(&replica, "fieldward_registration_present", |it| it < 1.0).await;
    metric_is(&replica, "fieldward_api_errors_total{class=\"forbidden\"}", |it| it > 0.0).await;
    assert_firing(&promtool, &replica, &["FieldwardNoLeaseHolder", "FieldwardNotRegistered"]).await;
}

/// Statuses cannot be written, and rules are registered all the same.
pub(super) async fn without_status(assets: Assets, promtool: Tool) {
    let site = Site::new(&assets).await;
    let replica = site.replica("a", address(), &["--no-builtin-rules"]).await;
    let api = site.plane.api();
    site.apply(&named("first", "widgets")).ok();
    site.ready("first").await;
    let role = format!("{ROLES}/clusterroles/fieldward");
    let is_status = json!([{"op": "test", "path": "/rules/1/resources/0",
        "value": "updaterules/status"}, {"op": "remove", "path": "/rules/1"}]);
    api.patch(&role, JSON_PATCH, &is_status).await.object();
    // The API server's authorizer has heard of it by then.
    tokio::time::sleep(Duration::from_secs(2)).await;
    for name in ["second", "third"] {
        site.apply(&named(name, &format!("{name}s"))).ok();
        let (created, webhook) = (Instant::now(), format!("{name}.fieldward.io"));
        eventually("the rule is registered", async || {
            registrations(&api).await[0].to_string().contains(&webhook)
        })
        .await;
        assert!(created.elapsed() < Duration::from_secs(10), "{name}: {:?}", created.elapsed());
        metric_is(&replica, "fieldward_api_errors_total{class=\"forbidden\"}", |it| it > 1.0).await;
    }
    metric_is(&replica, "fieldward_registration_in_sync", |it| it > 0.0).await;
    assert_firing(&promtool, &replica, &["FieldwardApiErrors"]).await;
    let written = api.get(&format!("{RULES}/third")).await.object()["status"].clone();
    assert_eq!(written, Value::Null);
}

/// Nine large rules do not fit into eight configurations. Each is too large to be kept in its
/// status, and says so.
pub(super) async fn without_room(assets: Assets, promtool: Tool) {
    let site = Site::new(&assets).await;
    let replica = site.replica("a", address(), &["--no-builtin-rules"]).await;
    let api = site.plane.api();
    for number in 0..9 {
        let conditions: Vec<Value> = (0..60)
            .map(|condition| {
                let expression = format!("object.metadata.name != '{}'", "x".repeat(4_500));
                json!({"name": format!("c{condition}"), "expression": expression})
            })
            .collect();
        let text = named(&format!("large-{number}"), "widgets");
        let mut rule: Value = serde_saphyr::from_str(&text).unwrap();
        rule["spec"]["matchConstraints"]["objectSelector"] =
            json!({"matchLabels": {"team": format!("team-{number}")}});
        rule["spec"]["matchConditions"] = json!(conditions);
        api.create(RULES, &rule).await.object();
    }
    metric_is(&replica, "fieldward_unregistered_rules{reason=\"NoRoom\"}", |it| it > 0.0).await;
    let kept = "fieldward_updaterule_conditions{condition=\"Accepted\",reason=\"NotKept\",\
                status=\"True\"}";
    metric_is(&replica, kept, |it| it > 8.0).await;
    assert_firing(&promtool, &replica, &["FieldwardNoRoom", "FieldwardRuleNotKept"]).await;
    assert_eq!(registrations(&api).await.len(), 8);
    let list = async || api.get(RULES).await.object()["items"].as_array().unwrap().clone();
    eventually("each status is written", async || {
        list().await.iter().all(|rule| rule["status"]["ready"].is_string())
    })
    .await;
    let reasons: Vec<Value> =
        list().await.iter().map(|rule| rule["status"]["reason"].clone()).collect();
    assert_eq!(reasons.iter().filter(|reason| **reason == "NoRoom").count(), 1, "{reasons:?}");
    let told = site.said("large-0", "Accepted").await;
    assert!(told.starts_with("NotKept the rule is larger than 64 KiB"), "{told}");
    let log = replica.log();
    assert!(log.contains("a rule is not registered") && log.contains("no room"), "{log}");
    assert_eq!(log.matches("too large to be kept in its status").count(), 9, "{log}");
}
