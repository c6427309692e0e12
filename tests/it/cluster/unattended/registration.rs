//! The registration: kept as it should be, whatever others do to it, however many rules there are.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::replica::{NAMESPACE, Site, WIDGETS, address, registrations};
use crate::cluster::api::{Api, MERGE_PATCH};
use crate::cluster::assets::Assets;
use crate::cluster::eventually;
use crate::cluster::objects::{widget, widget_rule};
use crate::support::server::fieldward;

const CONFIGURATION: &str =
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/fieldward";

/// What others do to the registration is undone.
pub(super) async fn drift(assets: Assets) {
    let site = Site::new(&assets).await;
    let _replica = site.replica("a", address(), &["--no-builtin-rules"]).await;
    let api = site.plane.api();
    site.apply(&widget_rule("[widgets]", "[metadata.labels]")).ok();
    site.ready("widget").await;
    let kept = spoken(&api.get(CONFIGURATION).await.object());

    api.delete(CONFIGURATION, &Value::Null).await.object();
    let deleted = Instant::now();
    eventually("what was deleted by hand comes back", async || is(&api, &kept).await).await;
    eprintln!("cluster: a registration deleted by hand is back after {:.2?}", deleted.elapsed());

    let webhook = |field: &str, value: Value| {
        let mut changed = kept.clone();
        changed["webhooks"][0][field] = value;
        changed
    };
    let mut without_bundle = kept.clone();
    without_bundle["webhooks"][0]["clientConfig"].as_object_mut().unwrap().remove("caBundle");
    let mut one_more = kept.clone();
    let mut other = kept["webhooks"][0].clone();
    other["name"] = json!("other.example.com");
    one_more["webhooks"].as_array_mut().unwrap().push(other);
    let mut unlabelled = kept.clone();
    unlabelled["metadata"]["labels"] = Value::Null;
    let table = [
        ("a policy", webhook("failurePolicy", json!("Ignore"))),
        (
            "a selector that was left out",
            webhook("objectSelector", json!({"matchLabels": {"never": "there"}})),
        ),
        (
            "conditions that were left out",
            webhook("matchConditions", json!([{"name": "never", "expression": "false"}])),
        ),
        ("rules", webhook("rules", json!([]))),
        ("the bundle", without_bundle),
        ("one webhook more", one_more),
        ("the label", unlabelled),
        ("everything", json!({"webhooks": []})),
    ];
    for (what, changed) in table {
        let answer = api.patch(CONFIGURATION, MERGE_PATCH, &changed).await;
        assert!(answer.is_ok(), "{what}: {}", answer.message());
        eventually(what, async || is(&api, &kept).await).await;
    }
}

/// What is said in a configuration.
fn spoken(configuration: &Value) -> Value {
    json!({"metadata": {"labels": configuration["metadata"]["labels"]},
        "webhooks": configuration["webhooks"]})
}

async fn is(api: &Api, kept: &Value) -> bool {
    spoken(&api.get(CONFIGURATION).await.body) == *kept
}

/// Namespaces that must work while the webhook does not are never asked about.
pub(super) async fn spared_namespaces(assets: Assets) {
    let site = Site::new(&assets).await;
    let replica = site.replica("a", address(), &["--no-builtin-rules"]).await;
    let api = site.plane.api();
    site.apply(&widget_rule("[widgets]", "[metadata.labels]")).ok();
    site.ready("widget").await;
    let painted = async |namespace: &str| {
        let path = format!("/apis/example.com/v1/namespaces/{namespace}/widgets/probe");
        api.patch(&path, MERGE_PATCH, &json!({"spec": {"color": "blue"}})).await.code
    };
    for namespace in ["default", "kube-system", "kube-node-lease"] {
        eventually("the namespace is there", async || {
            api.get(&format!("/api/v1/namespaces/{namespace}")).await.is_ok()
        })
        .await;
        api.create(
            &format!("/apis/example.com/v1/namespaces/{namespace}/widgets"),
            &widget("probe"),
        )
        .await
        .object();
    }
    assert_eq!(
        (painted("default").await, painted("kube-system").await, painted("kube-node-lease").await),
        (403, 200, 200)
    );
    drop(replica);
    // Nobody answers now: what is guarded is refused, what is spared goes on.
    assert_eq!((painted("default").await, painted("kube-system").await), (500, 200));
}

/// A thousand rules have a webhook each, with and without a selector, and one rule more changes one
/// configuration. The registration does not wait until the status of each rule is written.
pub(super) async fn a_thousand_rules(assets: Assets) {
    const RULES: usize = 1_000;
    let site = Site::new(&assets).await;
    let replica = site.replica("a", address(), &["--no-builtin-rules"]).await;
    let api = site.plane.api();
    let idle = resident(replica.id());
    let rule = |number: usize, selector: bool| {
        let selector = if selector {
            json!({"matchLabels": {"team": format!("team-{number}")}})
        } else {
            json!({})
        };
        json!({
            "apiVersion": "fieldward.io/v1alpha1", "kind": "UpdateRule",
            "metadata": {"name": format!("rule-{number:04}")},
            "spec": {
                "matchConstraints": {"objectSelector": selector, "resourceRules": [
                    {"apiGroups": ["example.com"], "apiVersions": ["v1"],
                        "resources": [if number == 0 { "widgets".to_owned() } else { format!("things{number}") }]},
                ]},
                "mutable": ["metadata.labels", "spec.replicas", {"path": "spec.parts[*].size",
                    "allow": ["Modify"]}],
                "equality": [{"path": "spec.parts", "key": "name"}],
            },
        })
    };
    let collection = "/apis/fieldward.io/v1alpha1/updaterules";
    let created = Instant::now();
    for number in 0..RULES {
        api.create(collection, &rule(number, false)).await.object();
    }
    let (made, waited) = (created.elapsed(), Instant::now());
    let registered = all_registered(&api, RULES, |_| true).await;
    assert!(ready(&api).await < RULES, "it has waited until each status is written");
    all_ready(&api, RULES).await;
    let waited = waited.elapsed();
    // A debug build on an idle machine needs five seconds.
    assert!(registered < Duration::from_secs(60), "{registered:?}");
    eprintln!(
        "cluster: {RULES} rules were created in {made:.1?}, registered {registered:.1?} and ready \
         {waited:.1?} later in {}; resident {idle} KiB without and {} KiB with them",
        spread(&api, RULES).await,
        resident(replica.id()),
    );
    api.create(WIDGETS, &widget("probe")).await.object();
    let painted = async || {
        api.patch(&format!("{WIDGETS}/probe"), MERGE_PATCH, &json!({"spec": {"color": "blue"}}))
            .await
    };
    let refused = painted().await;
    assert_eq!((refused.code, refused.fields()), (403, vec!["spec.color"]));

    let changed = Instant::now();
    for number in 1..RULES {
        let spec = json!({"spec": rule(number, true)["spec"]});
        api.patch(&format!("{collection}/rule-{number:04}"), MERGE_PATCH, &spec).await.object();
    }
    let (patched, waited) = (changed.elapsed(), Instant::now());
    let is_changed = |webhook: &Value| {
        webhook["name"] == "rule-0000.fieldward.io"
            || webhook["objectSelector"]["matchLabels"]["team"].is_string()
    };
    let registered = all_registered(&api, RULES, is_changed).await;
    all_ready(&api, RULES).await;
    let waited = waited.elapsed();
    // A debug build on an idle machine needs five seconds.
    assert!(registered < Duration::from_secs(60), "{registered:?}");
    eprintln!(
        "cluster: with a selector each, patched in {patched:.1?}, they are registered \
         {registered:.1?} and ready {waited:.1?} later in {}",
        spread(&api, RULES).await
    );
    assert_eq!(painted().await.code, 403);

    let versions = async || {
        let all = registrations(&api).await;
        all.iter().map(|one| one["metadata"]["resourceVersion"].clone()).collect::<Vec<Value>>()
    };
    let (before, added) = (versions().await, Instant::now());
    api.create(collection, &rule(RULES, true)).await.object();
    site.ready(&format!("rule-{RULES:04}")).await;
    let added = added.elapsed();
    let after = versions().await;
    assert_eq!(
        before.iter().filter(|version| !after.contains(version)).count(),
        1,
        "one configuration changes"
    );
    eprintln!("cluster: one rule more is ready after {added:.1?}");
}

/// How many configurations hold all webhooks, and how large they are.
async fn spread(api: &Api, rules: usize) -> String {
    let all = registrations(api).await;
    let webhooks: usize = all.iter().map(|one| one["webhooks"].as_array().unwrap().len()).sum();
    assert_eq!(webhooks, rules, "a webhook for each rule");
    let largest = all.iter().map(|one| one.to_string().len()).max().unwrap();
    assert!(largest < 1_500_000, "etcd takes no more: {largest}");
    format!("{} configurations, the largest of {largest} bytes", all.len())
}

/// How long it takes until so many webhooks are registered as they should be.
async fn all_registered(
    api: &Api,
    count: usize,
    is_as_wanted: impl Fn(&Value) -> bool,
) -> Duration {
    let started = Instant::now();
    eventually("all rules are registered", async || {
        let all = registrations(api).await;
        let webhooks = all.iter().flat_map(|one| one["webhooks"].as_array().unwrap());
        webhooks.filter(|webhook| is_as_wanted(webhook)).count() == count
    })
    .await;
    started.elapsed()
}

async fn all_ready(api: &Api, count: usize) {
    eventually("all rules are ready", async || ready(api).await == count).await;
}

/// How many rules have a status that says they are enforced as they are.
async fn ready(api: &Api) -> usize {
    let all = api.get("/apis/fieldward.io/v1alpha1/updaterules").await.object();
    let is_ready = |rule: &Value| {
        rule["status"]["ready"] == "True"
            && rule["status"]["observedGeneration"] == rule["metadata"]["generation"]
    };
    all["items"].as_array().unwrap().iter().filter(|rule| is_ready(rule)).count()
}

/// What a process has resident, in KiB.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Denials are told by Events on the objects, each once; what is only tried leaves none.
pub(super) async fn events(assets: Assets) {
    let site = Site::new(&assets).await;
    let _replica = site.replica("a", address(), &["--no-builtin-rules", "--events"]).await;
    let api = site.plane.api();
    site.apply(&widget_rule("[widgets]", "[metadata.labels]")).ok();
    site.ready("widget").await;
    let configuration = api.get(CONFIGURATION).await.object();
    assert_eq!(configuration["webhooks"][0]["sideEffects"], "NoneOnDryRun");
    let object = api.create(WIDGETS, &widget("probe")).await.object();
    let painted = async |query: &str, color: &str| {
        let answer = api
            .patch(
                &format!("{WIDGETS}/probe{query}"),
                MERGE_PATCH,
                &json!({"spec": {"color": color}}),
            )
            .await;
        assert_eq!(answer.code, 403, "{}", answer.message());
        answer.message().split_once("denied the request: ").unwrap().1.to_owned()
    };
    painted("?dryRun=All", "green").await;
    for _ in 0..5 {
        painted("", "blue").await;
    }
    let last = painted("", "white").await;
    let told = async || {
        let all = api.get("/apis/events.k8s.io/v1/namespaces/default/events").await.object();
        let own = all["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|event| event["regarding"]["kind"] == "Widget")
            .cloned();
        own.collect::<Vec<Value>>()
    };
    eventually("both denials are told", async || told().await.len() >= 2).await;
    let events = told().await;
    let notes: Vec<&str> = events.iter().map(|event| event["note"].as_str().unwrap()).collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(
        notes.contains(&last.as_str()) && notes.iter().all(|note| !note.contains("green")),
        "{notes:?}"
    );
    for event in &events {
        assert_eq!(event["regarding"]["uid"], object["metadata"]["uid"]);
        assert_eq!(
            (&event["type"], &event["reason"], &event["action"]),
            (&json!("Warning"), &json!("UpdateDenied"), &json!("Update"))
        );
    }
    let shown = site.plane.kubectl().run(&["events", "--for", "widgets.v1.example.com/probe"]);
    assert!(shown.out.contains("UpdateDenied") && shown.out.contains("spec.color"), "{shown:?}");
    let described = site.plane.kubectl().run(&["describe", "widgets.example.com", "probe"]).ok();
    assert!(described.contains("UpdateDenied"), "{described}");
}

/// Nothing of its own making is left; what is somebody else's is.
pub(super) async fn uninstalled(assets: Assets) {
    let site = Site::new(&assets).await;
    let replica = site.replica("a", address(), &["--no-builtin-rules"]).await;
    let api = site.plane.api();
    site.apply(&widget_rule("[widgets]", "[metadata.labels]")).ok();
    site.ready("widget").await;
    let foreign = json!({"metadata": {"name": "fieldward-2"}, "webhooks": []});
    api.create("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", &foreign)
        .await
        .object();
    drop(replica);
    let kubeconfig = site.plane.admin_kubeconfig();
    let run = || {
        let mut command = fieldward();
        command.args(["uninstall", "--tls-secret=fieldward-tls", "--kubeconfig"]).arg(&kubeconfig);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(
        run(),
        "ValidatingWebhookConfiguration fieldward removed\nValidatingWebhookConfiguration \
         fieldward-2 left: it is not labelled as fieldward's\n\
         Secret fieldward-tls removed\nLease fieldward removed\n"
    );
    assert_eq!(
        run(),
        "ValidatingWebhookConfiguration fieldward-2 left: it is not labelled as fieldward's\n"
    );
    api.delete(
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/fieldward-2",
        &Value::Null,
    )
    .await
    .object();
    assert_eq!(run(), "nothing to remove\n");
    let left = async |path: String| api.get(&path).await.code;
    assert_eq!(left(format!("/api/v1/namespaces/{NAMESPACE}/secrets/fieldward-tls")).await, 404);
    assert_eq!(
        left(format!("/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/fieldward")).await,
        404
    );
    assert_eq!(
        left("/apis/fieldward.io/v1alpha1/updaterules/widget".to_owned()).await,
        200,
        "rules are their authors'"
    );
}
