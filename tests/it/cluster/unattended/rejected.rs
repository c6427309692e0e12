//! Rules that the API server would not register, and generations that are not accepted, beside
//! rules that are good.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::certificates::{SHORT, Seen};
use super::replica::{Site, WIDGETS, address, registrations};
use crate::cluster::api::{Api, MERGE_PATCH};
use crate::cluster::assets::Assets;
use crate::cluster::objects::{widget, widget_rule};
use crate::cluster::{THEIRS, eventually};

const CONFIGURATIONS: &str =
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
const RULES: &str = "/apis/fieldward.io/v1alpha1/updaterules";

/// The longest sentence about a rule that the API server rejects.
const SENTENCE: usize = 400;

/// What only the API server's type checker can reject.
const REJECTED: &str = "request.name == 1";

/// Whether an update of the color is denied.
async fn denies(api: &Api) -> bool {
    api.patch(
        &format!("{WIDGETS}/probe?dryRun=All"),
        MERGE_PATCH,
        &json!({"spec": {"color": "blue"}}),
    )
    .await
    .code
        == 403
}

/// A rule of that name for a resource, with this below `matchConstraints` and this below `spec`.
fn named(name: &str, resource: &str, constraints: &str, spec: &str) -> String {
    let rule = widget_rule(&format!("[{resource}]"), "[metadata.labels]")
        .replace("name: widget\n", &format!("name: {name}\n"));
    rule.replace("  matchConstraints:\n", &format!("  matchConstraints:\n{constraints}")) + spec
}

fn condition(expression: &str) -> String {
    format!("  matchConditions: [{{name: c, expression: \"{expression}\"}}]\n")
}

/// One rule of each class that the API server rejects.
fn rejected() -> Vec<(&'static str, String)> {
    let conditions = [
        ("does not compile", "object.spec +"),
        ("is no bool", "request.name"),
        ("names an unknown variable", "objekt.spec.a == 'a'"),
        ("names an unknown function", "object.spec.a.frobnicate()"),
        ("names an unknown field", "request.nme == 'a'"),
        ("compares a text with a number", REJECTED),
    ];
    let constraints = [
        ("has an invalid label key", "    objectSelector: {matchLabels: {'a b': c}}\n"),
        ("has an invalid label value", "    namespaceSelector: {matchLabels: {a: 'b c'}}\n"),
    ];
    let replaced = [
        ("has a group beside all groups", "apiGroups: [example.com]", "apiGroups: ['*', apps]"),
        ("has a version beside all versions", "apiVersions: [v1]", "apiVersions: ['*', v1]"),
        ("has a resource beside all resources", "resources: [things]", "resources: ['*', things]"),
    ];
    let by_condition = conditions
        .map(|(what, expression)| (what, named("bad", "things", "", &condition(expression))));
    let by_constraints =
        constraints.map(|(what, constraints)| (what, named("bad", "things", constraints, "")));
    let by_resource = replaced.map(|(what, good, bad)| {
        let rule = named("bad", "things", "", "");
        assert!(rule.contains(good), "{rule}");
        (what, rule.replace(good, bad))
    });
    by_condition.into_iter().chain(by_constraints).chain(by_resource).collect()
}

/// Each is told in its own status, in a sentence; all others are registered, whatever happens to
/// the registration.
pub(super) async fn beside_good_rules(assets: Assets) {
    let site = Site::new(&assets).await;
    let replica =
        site.replica("a", address(), &[&["--no-builtin-rules"][..], &SHORT].concat()).await;
    let api = site.plane.api();
    api.create(WIDGETS, &widget("probe")).await.object();
    site.apply(&named("good", "gadgets", "", "")).ok();
    site.ready("good").await;
    let mut refused_at_once = 0;
    let mut names = Vec::new();
    for (number, (what, rule)) in rejected().into_iter().enumerate() {
        let name = format!("bad-{number}");
        let applied = site.apply(&rule.replace("name: bad\n", &format!("name: {name}\n")));
        // The schema, the rule's own checks or the API server's verdict on the webhook: each names
        // what is wrong.
        if applied.code != 0 {
            refused_at_once += 1;
            continue;
        }
        eventually(what, async || {
            let status = api.get(&format!("{RULES}/{name}")).await.body["status"].clone();
            ["NeverAccepted", "Rejected"].contains(&status["reason"].as_str().unwrap_or_default())
        })
        .await;
        let rule = api.get(&format!("{RULES}/{name}")).await.object();
        let is_rejected = rule["status"]["reason"] == "Rejected";
        let said = site.said(&name, if is_rejected { "Registered" } else { "Accepted" }).await;
        eprintln!("cluster: a rule that {what}: {said}");
        assert!(said.len() < SENTENCE && !said.contains("Status {"), "{said}");
        assert!(!is_rejected || said.starts_with("Rejected spec.match"), "{said}");
        assert_eq!(rule["status"]["enforcedGeneration"], Value::Null);
        names.push(name);
    }
    assert!(names.len() > 2, "{names:?}");
    let good = api.get(&format!("{RULES}/good")).await.object();
    assert_eq!(
        (&good["status"]["ready"], good["status"].to_string().len() < 3_000),
        (&json!("True"), true),
        "{good}"
    );

    let created = Instant::now();
    site.apply(&named("newer", "widgets", "", "")).ok();
    eventually("a new good rule is enforced", async || denies(&api).await).await;
    let enforced = created.elapsed();
    assert!(enforced < Duration::from_secs(5), "{enforced:?}");
    site.ready("newer").await;

    api.delete(&format!("{CONFIGURATIONS}/fieldward"), &Value::Null).await.object();
    let deleted = Instant::now();
    eventually("the registration comes back", async || denies(&api).await).await;
    let restored = deleted.elapsed();
    let webhooks = registrations(&api).await[0]["webhooks"].clone();
    let registered: Vec<&str> = webhooks
        .as_array()
        .unwrap()
        .iter()
        .map(|webhook| webhook["name"].as_str().unwrap())
        .collect();
    assert_eq!(registered, ["good.fieldward.io", "newer.fieldward.io"]);

    let (started, mut seen) = (Instant::now(), Seen::default());
    while seen.authorities.len() < 2 || seen.certificates.len() < 3 {
        seen.look(&api).await;
        assert!(started.elapsed() < THEIRS, "{seen:?}\n{}", replica.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(denies(&api).await, "after CA and certificate were replaced");

    for name in &names {
        site.apply(&named(name, "things", "", "")).ok();
    }
    // They are for one resource with equal selectors, so one of them is ready and the others
    // conflict.
    eventually("what is repaired is accepted", async || {
        let all = api.get(RULES).await.object();
        let reasons: Vec<&str> = all["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|rule| rule["status"]["reason"].as_str())
            .collect();
        !reasons.contains(&"Rejected") && !reasons.contains(&"NeverAccepted")
    })
    .await;
    let log = replica.log();
    assert!(!log.contains("Status {") && log.lines().all(|line| line.len() < 1_000), "{log}");
    eprintln!(
        "cluster: beside {} rejected rules, {refused_at_once} refused at once, a new rule is \
         enforced after {enforced:.2?} and a deleted registration is back after {restored:.2?}",
        names.len()
    );
}

/// A webhook that somebody else puts in front shifts the positions that the API server names.
pub(super) async fn behind_a_foreign_webhook(assets: Assets) {
    let site = Site::new(&assets).await;
    let (at, options) = (address(), ["--no-builtin-rules"]);
    let replica = site.replica("a", at, &options).await;
    let api = site.plane.api();
    api.create(WIDGETS, &widget("probe")).await.object();
    site.apply(&named("good", "gadgets", "", "")).ok();
    site.apply(&named("newer", "widgets", "", "")).ok();
    for name in ["good", "newer"] {
        site.ready(name).await;
    }
    drop(replica);
    let mut foreign = registrations(&api).await[0]["webhooks"][0].clone();
    foreign["name"] = "foreign.example.com".into();
    foreign["failurePolicy"] = "Ignore".into();
    let first = json!([{"op": "add", "path": "/webhooks/0", "value": foreign}]);
    let configuration = format!("{CONFIGURATIONS}/fieldward");
    api.patch(&configuration, "application/json-patch+json", &first).await.object();
    // The webhooks of a registration stand in the order in which their rules were created.
    site.apply(&named("bad", "things", "", &condition(REJECTED))).ok();
    site.apply(&named("newest", "devices", "", "")).ok();

    let replica = site.replica("a", at, &options).await;
    site.condition("bad", "Registered", "False").await;
    for name in ["good", "newer", "newest"] {
        site.ready(name).await;
    }
    assert!(denies(&api).await);
    let log = replica.log();
    let rejections: Vec<&str> =
        log.lines().filter(|line| line.contains("the API server rejects a webhook")).collect();
    assert!(matches!(rejections[..], [one] if one.contains("bad.fieldward.io")), "{rejections:?}");
    eventually("the foreign webhook is taken out", async || {
        registrations(&api).await[0]["webhooks"].as_array().unwrap().len() == 3
    })
    .await;
}

/// The API server compiles match conditions at each write, in time that grows with the square of
/// their length.
pub(super) async fn long_conditions(assets: Assets) {
    let site = Site::new(&assets).await;
    let _replica = site.replica("a", address(), &["--no-builtin-rules"]).await;
    let api = site.plane.api();
    api.create(WIDGETS, &widget("probe")).await.object();
    let of_length = |length: usize| {
        let term = "object.spec.all(x, x == 'a')";
        condition(&vec![term; length / term.len()].join(" && "))
    };
    site.apply(&named("longer", "things", "", &of_length(9_000))).ok();
    site.ready("longer").await;
    site.apply(&named("longest", "gadgets", "", &of_length(70_000))).ok();
    site.apply(&named("newer", "widgets", "", "")).ok();
    let created = Instant::now();
    eventually("a new good rule is enforced", async || denies(&api).await).await;
    eprintln!("cluster: beside a long condition, a new rule is enforced {:.2?}", created.elapsed());
    site.condition("longest", "Registered", "False").await;
    let said = site.said("longest", "Registered").await;
    assert!(said.contains("the API server needs more than three seconds to compile"), "{said}");
    for name in ["longer", "newer"] {
        site.ready(name).await;
    }
}

/// Selection and fields of the generation before stay in force, whatever happens to the
/// registration and the replica.
pub(super) async fn older_generation_stays(assets: Assets) {
    let site = Site::new(&assets).await;
    let (at, options) = (address(), ["--no-builtin-rules"]);
    let replica = site.replica("a", at, &options).await;
    let api = site.plane.api();
    api.create(WIDGETS, &widget("probe")).await.object();
    site.apply(&named("widget", "widgets", "", "")).ok();
    site.ready("widget").await;
    assert!(denies(&api).await);

    // Another resource and another field, and a condition that no API server takes.
    let changed = named("widget", "gadgets", "", &condition(REJECTED))
        .replace("[metadata.labels]", "[spec.color]");
    site.apply(&changed).ok();
    let stays = async || {
        site.condition("widget", "Registered", "False").await;
        eventually("the status names the generation in force", async || {
            let status = api.get(&format!("{RULES}/widget")).await.body["status"].clone();
            status["enforcedGeneration"] == 1 && status["reason"] == "Rejected"
        })
        .await;
        let said = site.said("widget", "Registered").await;
        assert!(
            said.starts_with(
                "Rejected generation 1 stays in force: spec.matchConditions[0].expression: "
            ),
            "{said}"
        );
        eventually("the generation before is enforced", async || denies(&api).await).await;
    };
    stays().await;
    api.delete(&format!("{CONFIGURATIONS}/fieldward"), &Value::Null).await.object();
    eventually("the registration comes back", async || registrations(&api).await.len() == 1).await;
    stays().await;
    let webhook = registrations(&api).await[0]["webhooks"][0].clone();
    assert_eq!(
        (&webhook["rules"][0]["resources"], &webhook["matchConditions"]),
        (&json!(["widgets"]), &Value::Null)
    );

    drop(replica);
    let _replica = site.replica("a", at, &options).await;
    stays().await;
    site.apply(&changed.replace(REJECTED, "request.name == 'a'")).ok();
    site.ready("widget").await;
    eventually("the newest generation is in force", async || !denies(&api).await).await;
}

/// A rule that was good before it broke is enforced by replicas that never saw it good; a rule that
/// never was good says so.
pub(super) async fn restarted(assets: Assets) {
    let site = Site::new(&assets).await;
    let (at, options) = (address(), ["--no-builtin-rules"]);
    let replica = site.replica("a", at, &options).await;
    let api = site.plane.api();
    api.create(WIDGETS, &widget("probe")).await.object();
    let good = named("widget", "widgets", "", "");
    let broken = good.replace(
        "[metadata.labels]",
        "[spec.color, {path: spec.replicas, when: 'valu > oldValue'}]",
    );
    site.apply(&good).ok();
    site.ready("widget").await;
    let webhooks = async || registrations(&api).await[0]["webhooks"].clone();
    let registered = webhooks().await;
    site.apply(&broken).ok();
    site.apply(
        &broken.replace("name: widget\n", "name: never\n").replace("[widgets]", "[gadgets]"),
    )
    .ok();
    site.condition("widget", "Accepted", "False").await;
    site.condition("never", "Accepted", "False").await;
    drop(replica);

    let _replica = site.replica("a", at, &options).await;
    eventually("the last good generation is enforced", async || denies(&api).await).await;
    let status = api.get(&format!("{RULES}/widget")).await.object()["status"].clone();
    assert_eq!(
        (&status["enforcedGeneration"], &status["lastGood"]["generation"]),
        (&json!(1), &json!(1))
    );
    assert!(
        site.said("widget", "Accepted")
            .await
            .starts_with("Invalid generation 1 stays in force: line ")
    );
    assert!(site.said("never", "Accepted").await.starts_with("NeverAccepted line "));
    assert_eq!(webhooks().await, registered, "the registration is as it was");
    for _ in 0..20 {
        assert!(denies(&api).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    site.apply(&good.replace("[metadata.labels]", "[spec.color]")).ok();
    site.ready("widget").await;
    eventually("the repaired rule is in force", async || !denies(&api).await).await;
}
