//! The alerts and the dashboard.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::programs::{CHART, DEFAULT, Tool, documents};
use super::trial;
use crate::corpus::root;
use crate::golden;
use crate::support;
use crate::support::go::Lacking;
use crate::support::server::{Server, post};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("the_alerts_are_a_file_too", the_alerts_are_a_file_too),
        trial("the_alerts_fire_when_they_should", the_alerts_fire_when_they_should),
        trial("the_dashboard_asks_what_can_be_asked", the_dashboard_asks_what_can_be_asked),
        Trial::test("chart::each_alert_is_tested_and_explained", || {
            each_alert_is_tested_and_explained();
            Ok(())
        }),
        support::trial(
            "chart::all_metrics_that_are_asked_for_are_served",
            all_metrics_that_are_asked_for_are_served,
        ),
        support::trial(
            "chart::the_page_names_the_metrics_of_cluster_mode",
            the_page_names_the_metrics_of_cluster_mode,
        ),
    ]
}

const ALERTS: &str = "deploy/alerts.yaml";
/// What `alerts.runbook` is by default.
const PAGE_OF_ALERTS: &str = "docs/alerts.md";
const SERIES: &str = "tests/chart/alerts.yaml";
const DASHBOARD: &str = "dashboards/fieldward.json";

const MADE: &str = "# Made of deploy/chart with its default values, for a Prometheus without the \
                    operator; a test compares it.\n\
                    # FIELDWARD_BLESS=1 cargo test --test it -- chart:: makes it anew.\n";

fn the_alerts_are_a_file_too() -> Result<(), Lacking> {
    let text = DEFAULT.render(
        &Tool::helm()?,
        &["--set", "alerts.enabled=true", "--show-only", "templates/alerts.yaml"],
    );
    let (_, spec) = text.split_once("\nspec:\n").unwrap();
    let groups: String =
        spec.lines().map(|line| format!("{}\n", line.strip_prefix("  ").unwrap())).collect();
    golden::compare(&root().join(ALERTS), &format!("{MADE}{groups}"));
    Ok(())
}

fn the_alerts_fire_when_they_should() -> Result<(), Lacking> {
    let promtool = Tool::promtool()?;
    let checked = promtool.run(&["check", "rules", "--lint=all", "--lint-fatal", ALERTS]);
    assert!(checked.is_success, "{checked:?}");
    let tested = promtool.run(&["test", "rules", SERIES]);
    assert!(tested.is_success, "{}{}", tested.out, tested.err);

    // Each alert that fires somewhat later, or at another value, is found out.
    let (alerts, series) = (read(ALERTS), read(SERIES));
    let folder = tempfile::tempdir().unwrap();
    let changed = folder.path().join("alerts.yaml");
    let test = folder.path().join("series.yaml");
    fs::write(&test, series.replace("../../deploy/alerts.yaml", changed.to_str().unwrap()))
        .unwrap();
    for (from, to) in [
        ("7 * 86400", "6 * 86400"),
        ("< 86400", "< 43200"),
        ("> 0.05", "> 0.2"),
        ("> 0.5\n", "> 0.9\n"),
        ("last_reload_successful) == 0", "last_reload_successful) == 1"),
        ("!= min", "== min"),
        ("[15m])) > 0", "[15m])) > 4"),
        ("absent(fieldward_build_info)", "absent(fieldward_rules)"),
        ("(fieldward_gate_open) == 1\n", "(fieldward_gate_open) == 2\n"),
        (
            "max by (namespace, job) (fieldward_registration_present) == 0",
            "min by (namespace, job) (fieldward_registration_present) == 0",
        ),
        ("unless (max", "and (max"),
        (
            "max by (namespace, job) (fieldward_registration_in_sync) == 0",
            "min by (namespace, job) (fieldward_registration_in_sync) == 1",
        ),
        ("(fieldward_lease_holder) == 0", "(fieldward_lease_holder) == 1"),
        ("(fieldward_api_errors_total[5m])) > 0", "(fieldward_api_errors_total[5m])) > 9"),
        ("and (max by (namespace, job) (fieldward_lease_holder) == 1)", ""),
        ("unless (max by (namespace, job) (fieldward_registration_present) == 0)", ""),
        ("unless on (namespace, job)", "or on (namespace, job)"),
        ("status=\"False\", reason=\"Invalid\"}) > 0", "status=\"False\"}) > 0"),
        ("NeverAccepted|NoLongerAccepted", "NeverAccepted"),
        ("NeverAccepted|NoLongerAccepted", "NoLongerAccepted"),
        ("reason=\"Rejected\"}) > 0", "reason=\"Rejected\"}) > 1"),
        ("reason=\"Rejected\"}) > 0", "}) > 0"),
        ("reason=\"NoRoom\"}) > 0", "reason=\"NoRoom\"}) > 1"),
        (
            "< 86400)\n          unless (max by (namespace, job) (fieldward_lease_holder) == 0)",
            "< 86400)",
        ),
        (
            ">= 86400)\n          unless (max by (namespace, job) (fieldward_lease_holder) == 0)",
            ">= 86400)",
        ),
        (">= 86400)", ">= 0)"),
        ("reason=\"NotKept\"}) > 0", "reason=\"NotKept\"}) > 1"),
        ("status=\"True\", reason=\"NotKept\"}) > 0", "status=\"True\"}) > 0"),
        ("fieldward_rules_digest) !=", "fieldward_rules) !="),
        (
            "condition=\"Conflicting\", status=\"True\"",
            "condition=\"Conflicting\", status=\"False\"",
        ),
        (
            "condition=\"SchemaWarning\", status=\"True\"",
            "condition=\"SchemaWarning\", status=\"False\"",
        ),
    ] {
        assert!(alerts.contains(from), "{from}");
        fs::write(&changed, alerts.replacen(from, to, 1)).unwrap();
        let tested = promtool.run(&["test", "rules", test.to_str().unwrap()]);
        assert!(!tested.is_success, "`{to}` instead of `{from}` makes no difference");
    }
    Ok(())
}

/// Its queries as rules, with what Grafana puts in for its variables.
fn the_dashboard_asks_what_can_be_asked() -> Result<(), Lacking> {
    let queries = queries();
    let rules: Vec<Value> = queries
        .iter()
        .enumerate()
        .map(|(number, query)| {
            let query = query.replace("$__rate_interval", "2m").replace("$namespace", ".*");
            assert!(!query.contains('$'), "{query}");
            json!({"record": format!("query:{number}"), "expr": query})
        })
        .collect();
    assert!(rules.len() > 10);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.json");
    fs::write(&file, json!({"groups": [{"name": "dashboard", "rules": rules}]}).to_string())
        .unwrap();
    let checked = Tool::promtool()?.run(&["check", "rules", file.to_str().unwrap()]);
    assert!(checked.is_success, "{checked:?}");
    Ok(())
}

fn each_alert_is_tested_and_explained() {
    let (series, page) = (read(SERIES), read(PAGE_OF_ALERTS));
    let rules =
        documents(&read(ALERTS)).remove(0)["groups"][0]["rules"].as_array().unwrap().clone();
    assert!(rules.len() >= 19);
    // The table of failures: the failure, the alert, its severity, and how long the failure lasts
    // until it fires.
    let (_, table) = page.split_once("| failure | alert | severity | after |\n").unwrap();
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    let listed: Vec<Vec<&str>> =
        rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect();
    assert_eq!(listed.len(), rules.len(), "{listed:?}");
    for (rule, row) in rules.iter().zip(listed) {
        let name = rule["alert"].as_str().unwrap();
        let after = rule["for"].as_str().unwrap_or("at once");
        assert_eq!(row[1..3], [name, rule["labels"]["severity"].as_str().unwrap()], "{row:?}");
        assert_eq!(row[3].split(' ').next(), after.split(' ').next(), "{row:?}");
        assert!(
            series.contains(&format!("alertname=\"{name}\"")),
            "{SERIES} never has {name} fire"
        );
        // As GitHub and mdBook name the sections of a page.
        assert!(
            page.contains(&format!("\n## Alert {name}\n")),
            "{PAGE_OF_ALERTS} says nothing on {name}"
        );
        let url = rule["annotations"]["runbook_url"].as_str().unwrap();
        assert_eq!(url, format!("{PAGE_OF_ALERTS}#alert-{}", name.to_lowercase()));
    }
}

async fn all_metrics_that_are_asked_for_are_served() {
    let server = Server::start(&[]);
    let client = server.client();
    let case: Value = serde_json::from_str(&read("tests/cases/volcano-job/vj-mixed.json")).unwrap();
    post(&client, &server.url("/validate"), case["review"].to_string()).await;
    post(&client, &server.url("/validate"), "{").await;
    let (_, metrics) = server.ops("/metrics").await.unwrap();
    let metrics = metrics + &in_cluster_mode().await;
    let provided: BTreeSet<&str> = metrics
        .lines()
        .filter_map(|line| line.split([' ', '{']).next())
        .filter(|name| *name != "#")
        .collect();
    let text = queries().join(" ") + &read(ALERTS) + &read(SERIES);
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    let asked: BTreeSet<&str> = words
        .filter(|word| word.starts_with("fieldward_") || word.starts_with("process_"))
        .collect();
    assert!(asked.len() > 10, "{asked:?}");
    assert!(asked.is_subset(&provided), "nobody serves {:?}", asked.difference(&provided));
}

/// The metrics of a replica whose API server cannot be reached: all of them are there from the
/// start.
async fn in_cluster_mode() -> String {
    let kubeconfig = root().join("tests/golden/files/nobody.kubeconfig");
    let server = Server::start(&[
        "--cluster",
        "--tls-secret=fieldward-tls",
        "--kubeconfig",
        kubeconfig.to_str().unwrap(),
    ]);
    server.ops("/metrics").await.unwrap().1
}

/// docs/metrics.md has each metric of cluster mode, and no other.
async fn the_page_names_the_metrics_of_cluster_mode() {
    let served = in_cluster_mode().await;
    let types = |text: &str| -> BTreeSet<String> {
        text.lines()
            .filter_map(|line| {
                line.strip_prefix("# TYPE fieldward_")?.split(' ').next().map(str::to_owned)
            })
            .collect()
    };
    let everywhere = Server::start(&[]).ops("/metrics").await.unwrap().1;
    let page = read("docs/metrics.md");
    let (_, table) = page.split_once("\n## In cluster mode\n").unwrap();
    let named: BTreeSet<String> = table
        .split('`')
        .filter_map(|word| word.strip_prefix("fieldward_"))
        .map(str::to_owned)
        .collect();
    let own: BTreeSet<String> = types(&served).difference(&types(&everywhere)).cloned().collect();
    assert_eq!(named, own);
}

/// What the panels of the dashboard ask for, and its variables.
fn queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&read(format!("{CHART}/{DASHBOARD}"))).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}
