//! Two replicas of deploy/kustomize behind a Service, with the account and the roles that it has
//! there, while updates go on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::certificates::{SHORT, Seen, probe};
use crate::chart::programs::documents;
use crate::cluster::api::{Api, JSON_PATCH, MERGE_PATCH};
use crate::cluster::assets::Assets;
use crate::cluster::control_plane::{ControlPlane, Controllers};
use crate::cluster::failing::restarted::{in_namespace, install, pods, ready_endpoints};
use crate::cluster::load::Load;
use crate::cluster::network::{TO_ENDPOINTS, address};
use crate::cluster::node::Node;
use crate::cluster::objects::{define_kinds, volcano_job, widget, widget_rule};
use crate::cluster::{THEIRS, eventually};
use crate::corpus::root;

const ACCOUNT: &str = "system:serviceaccount:fieldward:fieldward";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/fieldward/deployments/fieldward";
const REPLICA_SETS: &str = "/apis/apps/v1/namespaces/fieldward/replicasets";
const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/fieldward/leases/fieldward";
const CONFIGURATIONS: &str =
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
const WIDGETS: &str = "/apis/example.com/v1/namespaces/default/widgets";

async fn plane(assets: &Assets) -> Arc<ControlPlane> {
    let plane = ControlPlane::start_with(assets, Controllers::Running, &[TO_ENDPOINTS]).await;
    define_kinds(&plane).await;
    plane
}

async fn apply_base(plane: &Arc<ControlPlane>) {
    in_namespace(plane, &["apply", "-k", root().join("deploy/kustomize").to_str().unwrap()]).await;
}

/// Gives the replicas further arguments before they run, and waits until none is left without.
async fn with_arguments(api: &Api, arguments: &[&str]) {
    let add = |argument: &&str| {
        json!({"op": "add",
        "path": "/spec/template/spec/containers/0/args/-", "value": argument})
    };
    let replicas = |count: u8| json!({"op": "replace", "path": "/spec/replicas", "value": count});
    let change: Vec<Value> = arguments.iter().map(add).chain([replicas(0)]).collect();
    api.patch(DEPLOYMENT, JSON_PATCH, &Value::Array(change)).await.object();
    // A controller that has not seen the change may still create pods without them.
    let is_idle = |object: &Value| {
        let has_seen = object["status"]["observedGeneration"] == object["metadata"]["generation"];
        has_seen && object["spec"]["replicas"] == 0
    };
    eventually("no pod is left without, and none comes", async || {
        let deployment = api.get(DEPLOYMENT).await.object();
        let sets = api.get(REPLICA_SETS).await.object();
        is_idle(&deployment)
            && sets["items"].as_array().unwrap().iter().all(is_idle)
            && pods(api).await.is_empty()
    })
    .await;
    api.patch(DEPLOYMENT, JSON_PATCH, &json!([replicas(2)])).await.object();
}

async fn both_in_service(api: &Api) {
    eventually("both replicas are in service", async || ready_endpoints(api).await == 2).await;
    probe().refused_with(api, 403).await;
}

async fn leader(api: &Api) -> String {
    api.get(LEASE).await.body["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
}

/// The leader is killed: the other replica judges on and takes over; no forbidden update lands.
pub(super) async fn leader_killed(assets: Assets) {
    let plane = plane(&assets).await;
    let api = plane.api();
    apply_base(&plane).await;
    let node = Node::start(&plane, "fieldward", address);
    both_in_service(&api).await;
    let load = Load::start(&api, "default", 3).await;
    load.served(10).await;
    let first = leader(&api).await;
    assert!(pods(&api).await.contains(&first), "{first}");
    node.kill(&first);
    let killed = Instant::now();
    // A rule that comes meanwhile waits for the one who takes over.
    let rule = widget_rule("[widgets]", "[metadata.labels]");
    let kubectl = plane.kubectl();
    tokio::task::spawn_blocking(move || kubectl.run_with(&["apply", "-f", "-"], &rule).ok())
        .await
        .unwrap();
    api.create(WIDGETS, &widget("probe")).await.object();
    let is_enforced = async || {
        api.patch(
            &format!("{WIDGETS}/probe?dryRun=All"),
            MERGE_PATCH,
            &json!({"spec": {"color": "blue"}}),
        )
        .await
        .code
            == 403
    };
    eventually("the rule that came meanwhile is enforced", is_enforced).await;
    let taken_over = killed.elapsed();
    let second = leader(&api).await;
    assert!(second != first && pods(&api).await.contains(&second), "{first} {second}");
    eventually("both replicas are in service again", async || ready_endpoints(&api).await == 2)
        .await;
    load.served(10).await;
    let sum = load.stop(&plane).await;
    node.stop().await;
    eprintln!("cluster: leader killed, a new rule is enforced {taken_over:.1?} later: {sum}");
}

/// Leaf and CA are replaced while two replicas judge, one of which leads.
pub(super) async fn rotated_together(assets: Assets) {
    let plane = plane(&assets).await;
    let api = plane.api();
    apply_base(&plane).await;
    with_arguments(&api, &SHORT).await;
    let node = Node::start(&plane, "fieldward", address);
    both_in_service(&api).await;
    let load = Load::start(&api, "default", 3).await;
    load.served(10).await;
    let (started, mut seen) = (Instant::now(), Seen::default());
    while seen.authorities.len() < 3 || seen.certificates.len() < 6 || seen.newest_trusted > 2 {
        seen.look(&api).await;
        assert!(started.elapsed() < THEIRS, "{seen:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    load.served(10).await;
    let sum = load.stop(&plane).await;
    sum.assert_none_lost();
    node.stop().await;
    eprintln!(
        "cluster: two replicas, {} CAs and {} certificates in {:.0?}: {sum}",
        seen.authorities.len(),
        seen.certificates.len(),
        started.elapsed()
    );
}

/// From what `fieldward manifests` prints, with a certificate of one's own, to the base, which
/// keeps registration and certificate itself.
pub(super) async fn upgraded(assets: Assets) {
    let plane = plane(&assets).await;
    let api = plane.api();
    install(&plane).await;
    let node = Node::start(&plane, "fieldward", address);
    both_in_service(&api).await;
    let load = Load::start(&api, "default", 3).await;
    load.served(10).await;
    let before = pods(&api).await;
    apply_base(&plane).await;
    in_namespace(&plane, &["rollout", "status", "deployment/fieldward", "--timeout=150s"]).await;
    for pod in &before {
        in_namespace(&plane, &["wait", "--for=delete", &format!("pod/{pod}"), "--timeout=150s"])
            .await;
    }
    eventually("only what the replicas keep is registered", async || {
        let secret = api.get("/api/v1/namespaces/fieldward/secrets/fieldward-tls").await.object();
        let all = api.get(CONFIGURATIONS).await.object();
        let webhooks: Vec<&Value> = all["items"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|one| one["webhooks"].as_array().unwrap())
            .collect();
        let is_kept =
            |webhook: &&Value| webhook["clientConfig"]["caBundle"] == secret["data"]["ca.crt"];
        let names: BTreeSet<&str> =
            webhooks.iter().map(|webhook| webhook["name"].as_str().unwrap()).collect();
        webhooks.iter().all(is_kept)
            && names == BTreeSet::from(["mxjob.fieldward.io", "volcano-job.fieldward.io"])
    })
    .await;
    load.served(10).await;
    let sum = load.stop(&plane).await;
    sum.assert_none_lost();
    assert!(before.is_disjoint(&pods(&api).await), "all are replaced");
    node.stop().await;
    eprintln!("cluster: upgraded from manifests to the base under load: {sum}");
}

/// The command with which the runbook opens the gate does so for good, while the replicas run; applying
/// the base again closes it.
pub(super) async fn out_of_the_way(assets: Assets) {
    let plane = plane(&assets).await;
    let api = plane.api();
    apply_base(&plane).await;
    let node = Node::start(&plane, "fieldward", address);
    both_in_service(&api).await;
    let runbook = std::fs::read_to_string(root().join("docs/runbook.md")).unwrap();
    let command =
        runbook.split("```sh,cluster\nkubectl ").nth(1).unwrap().split('\n').next().unwrap();
    let args: Vec<&str> = command.split(' ').collect();
    in_namespace(&plane, &args).await;
    let job = "/apis/batch.volcano.sh/v1alpha1/namespaces/default/jobs";
    api.create(job, &volcano_job("open")).await.object();
    for color in 0..40 {
        let queue = json!({"spec": {"queue": format!("queue-{color}")}});
        eventually("the gate is open", async || {
            api.patch(&format!("{job}/open"), MERGE_PATCH, &queue).await.is_ok()
        })
        .await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(
            api.get(CONFIGURATIONS).await.object()["items"],
            json!([]),
            "nobody registers again"
        );
    }
    apply_base(&plane).await;
    probe().refused_with(&api, 403).await;
    node.stop().await;
}

/// A permission: group, resource with subresource, verb; and the name, where the role says one.
type Permission = (String, String, String);

/// What the roles of the base permit is what the process asks for, request by request.
pub(super) async fn permitted(assets: Assets) {
    let plane = plane(&assets).await;
    let api = plane.api();
    apply_base(&plane).await;
    // A registration of a time with more rules, which is too many now.
    let old = json!({"metadata": {"name": "fieldward-2",
        "labels": {"app.kubernetes.io/name": "fieldward"}}, "webhooks": []});
    api.create(CONFIGURATIONS, &old).await.object();
    with_arguments(&api, &SHORT).await;
    let node = Node::start(&plane, "fieldward", address);
    both_in_service(&api).await;
    let rule = widget_rule("[widgets]", "[metadata.labels]");
    let kubectl = plane.kubectl();
    tokio::task::spawn_blocking(move || kubectl.run_with(&["apply", "-f", "-"], &rule).ok())
        .await
        .unwrap();
    in_namespace(
        &plane,
        &["annotate", "secret", "fieldward-tls", "fieldward.io/renew=certificates"],
    )
    .await;
    eventually("an Event says that the annotation means nothing", async || {
        let events = api.get("/apis/events.k8s.io/v1/namespaces/fieldward/events").await.object();
        events["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|event| event["reason"] == "UnknownAnnotation")
    })
    .await;
    let (started, mut seen) = (Instant::now(), Seen::default());
    while seen.certificates.len() < 2 {
        seen.look(&api).await;
        assert!(started.elapsed() < THEIRS, "{seen:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    eventually("what is too many is gone", async || {
        api.get(&format!("{CONFIGURATIONS}/fieldward-2")).await.code == 404
    })
    .await;
    let is_ready = async || {
        api.get("/apis/fieldward.io/v1alpha1/updaterules/widget").await.body["status"]["ready"]
            == "True"
    };
    eventually("the rule is ready", is_ready).await;
    // Both lead once, and each writes what the other has not.
    let first = leader(&api).await;
    node.kill(&first);
    eventually("the lease has another holder", async || {
        ![String::new(), first.clone()].contains(&leader(&api).await)
    })
    .await;
    node.stop().await;

    let asked: Vec<Value> = plane
        .audit_events()
        .into_iter()
        .filter(|event| event["user"]["username"] == ACCOUNT)
        .collect();
    let refused: Vec<&Value> =
        asked.iter().filter(|event| event["responseStatus"]["code"] == 403).collect();
    assert!(refused.is_empty(), "{refused:#?}");
    let mut used: BTreeMap<Permission, usize> = BTreeMap::new();
    for event in &asked {
        let object = &event["objectRef"];
        let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
        let resource = if text("subresource").is_empty() {
            text("resource")
        } else {
            format!("{}/{}", text("resource"), text("subresource"))
        };
        let verb = event["verb"].as_str().unwrap().to_owned();
        // Who applies what is not there yet creates it, and needs both permissions.
        let creates = verb == "patch" && event["responseStatus"]["code"] == 201;
        for verb in [Some(verb), creates.then(|| "create".to_owned())].into_iter().flatten() {
            *used.entry((text("apiGroup"), resource.clone(), verb)).or_default() += 1;
        }
    }
    let base = std::fs::read_to_string(root().join("deploy/kustomize/fieldward.yaml")).unwrap();
    let permitted: BTreeSet<Permission> = documents(&base)
        .iter()
        .filter(|document| {
            matches!(document["kind"].as_str(), Some("Role" | "ClusterRole"))
                && document["metadata"]["name"] == "fieldward"
        })
        .flat_map(permissions)
        .collect();
    // Every process may ask what the API server is.
    let used_at_all: BTreeSet<Permission> =
        used.keys().filter(|(_, resource, _)| !resource.is_empty()).cloned().collect();
    assert_eq!(used_at_all, permitted, "what is asked for, and what the base permits");
    let requests: usize = used.values().sum();
    eprintln!(
        "cluster: {requests} requests of the account, none refused, by {} permissions, none \
         unused: {used:#?}",
        permitted.len()
    );
}

fn permissions(role: &Value) -> Vec<Permission> {
    let texts = |value: &Value| {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let mut all = Vec::new();
    for rule in role["rules"].as_array().unwrap() {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                all.extend(
                    texts(&rule["verbs"])
                        .into_iter()
                        .map(|verb| (group.clone(), resource.clone(), verb)),
                );
            }
        }
    }
    all
}
