//! deploy/ as it is, applied by kubectl and by helm to a cluster that enforces the restricted Pod
//! Security Standard.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::api::{Api, MERGE_PATCH};
use super::assets::Assets;
use super::control_plane::{ControlPlane, Controllers};
use super::network::{TO_ENDPOINTS, address, isolated, isolated_with};
use super::node::Node;
use super::objects::{define_kinds, define_untyped, volcano_job};
use super::{eventually, on_cluster, within_time};
use crate::chart::programs::{CHART, DEFAULT, Release, Tool, documents, own, values};
use crate::corpus::root;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        isolated("deploy::the_base_guards_a_cluster", the_base_guards_a_cluster),
        isolated_with(
            "deploy::helm_takes_away_what_it_and_the_process_brought",
            Tool::helm,
            helm_takes_away_all,
        ),
        on_cluster("deploy::pods_of_every_rendering_are_admitted", |assets| {
            within_time(pods_of_every_rendering_are_admitted(assets, Tool::helm()?));
            Ok(())
        }),
    ]
}

const JOBS: &str = "/apis/batch.volcano.sh/v1alpha1/namespaces/default/jobs";
const LABEL: &str = "app.kubernetes.io/name=fieldward";
const CONFIGURATIONS: &str =
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";

async fn plane(assets: &Assets) -> Arc<ControlPlane> {
    let plane = ControlPlane::start_with(assets, Controllers::Running, &[TO_ENDPOINTS]).await;
    define_kinds(&plane).await;
    plane.api().create(JOBS, &volcano_job("demo")).await.object();
    plane
}

async fn the_base_guards_a_cluster(assets: Assets) {
    let plane = plane(&assets).await;
    let api = plane.api();
    let base = root().join("deploy/kustomize");
    let applied = plane.kubectl().run(&["apply", "-k", base.to_str().unwrap()]);
    assert_eq!(applied.err, "", "no warning, of Pod Security or other");
    let created = applied.ok();
    assert!(
        created.lines().count() > 10 && created.lines().all(|line| line.ends_with(" created")),
        "{created}"
    );
    let differing = plane.kubectl().run(&["diff", "-k", base.to_str().unwrap()]);
    assert_eq!(
        (differing.out.as_str(), differing.code),
        ("", 0),
        "what is stored is what the base says"
    );
    let namespace = api.get("/api/v1/namespaces/fieldward").await.object();
    assert_eq!(
        namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"],
        Value::from("restricted")
    );
    eventually("both pods are admitted", async || pods(&api, "fieldward").await.len() == 2).await;

    // With the permissions of their own account, and no others, the replicas register themselves
    // and are trusted.
    let started = Instant::now();
    let node = Node::start(&plane, "fieldward", address);
    eventually("updates are judged", async || is_refused_by_the_rule(&api).await).await;
    eprintln!(
        "cluster: the base guards {:.1} s after its pods were started",
        started.elapsed().as_secs_f64()
    );
    both_are_ready(&api, "fieldward").await;
    let rule = "apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata: {name: \
                widget}\nspec:\n  matchConstraints:\n    \
                resourceRules: [{apiGroups: [example.com], apiVersions: [v1], resources: \
                [widgets]}]\n  mutable: [metadata.labels]\n";
    kubectl(&plane, &["apply", "-f", "-"], rule).await;
    let ready = |rule: &Value| rule["status"]["ready"] == "True";
    eventually("a rule of the cluster is in force", async || {
        ready(&api.get("/apis/fieldward.io/v1alpha1/updaterules/widget").await.body)
    })
    .await;

    // Where it is not asked: in its own namespace and in those that a cluster needs to live.
    let label = json!({"spec": {"queue": "gold"}});
    for namespace in ["kube-system", "fieldward"] {
        let excluded = JOBS.replace("/default/", &format!("/{namespace}/"));
        api.create(&excluded, &volcano_job("demo")).await.object();
        api.patch(&format!("{excluded}/demo"), MERGE_PATCH, &label).await.object();
    }
    nothing_was_forbidden(&plane, "system:serviceaccount:fieldward:fieldward");
    applying_the_base_closes_the_gate(&plane, base.to_str().unwrap()).await;

    // Without anybody who answers updates of the registered kinds are refused, and nothing else is.
    kubectl(&plane, &["scale", "-n", "fieldward", "deployment/fieldward", "--replicas=0"], "")
        .await;
    eventually("no pod is left", async || pods(&api, "fieldward").await.is_empty()).await;
    let ended = node.stop().await;
    assert!(
        ended.len() >= 2 && ended.values().all(|code| *code == Some(0)),
        "all have left cleanly: {ended:?}"
    );
    let (job, label) = (format!("{JOBS}/demo"), json!({"metadata": {"labels": {"team": "a"}}}));
    eventually("updates are refused", async || {
        let refused = api.patch(&job, MERGE_PATCH, &label).await;
        refused.message().contains("failed calling webhook")
            && refused.message().contains(".fieldward.io")
    })
    .await;
    api.patch("/api/v1/namespaces/default", MERGE_PATCH, &label).await.object();

    // The way out that NOTES.txt of the chart names.
    plane.kubectl().run(&["delete", "validatingwebhookconfiguration", "fieldward"]).ok();
    eventually("the gate is open", async || api.patch(&job, MERGE_PATCH, &label).await.is_ok())
        .await;

    // And how the base says that it is removed.
    let says = std::fs::read_to_string(base.join("kustomization.yaml")).unwrap();
    let commands = says
        .lines()
        .filter_map(|line| line.strip_prefix("# ")?.trim_start().strip_prefix("kubectl delete "));
    let mut removals = 0;
    for command in commands.map(|command| {
        command.trim_end_matches(" &&").replace("deploy/kustomize", base.to_str().unwrap())
    }) {
        let args: Vec<&str> = ["delete"].into_iter().chain(command.split(' ')).collect();
        plane.kubectl().run(&args).ok();
        removals += 1;
    }
    assert_eq!(removals, 3);
    assert_eq!(api.get("/api/v1/namespaces/fieldward").await.code, 404);
    assert_eq!(api.get("/apis/fieldward.io/v1alpha1/updaterules").await.code, 404);
}

/// The command in the runbook opens the gate for good, and the base closes it while the replicas run.
async fn applying_the_base_closes_the_gate(plane: &ControlPlane, base: &str) {
    let api = plane.api();
    let opened = "clusterrolebinding,validatingwebhookconfiguration";
    assert!(
        std::fs::read_to_string(root().join("docs/runbook.md"))
            .unwrap()
            .contains(&format!("\nkubectl delete {opened} -l {LABEL}\n"))
    );
    plane.kubectl().run(&["delete", opened, "-l", LABEL]).ok();
    let update = async || {
        api.patch(
            &format!("{JOBS}/demo?dryRun=All"),
            MERGE_PATCH,
            &json!({"spec": {"queue": "gold"}}),
        )
        .await
    };
    eventually("the gate is open", async || update().await.is_ok()).await;
    // Long enough for the pauses between the attempts of the replicas to grow.
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(update().await.is_ok(), "it stays open");
    plane.kubectl().run(&["apply", "-k", base]).ok();
    let applied = Instant::now();
    eventually("the gate is closed", async || is_refused_by_the_rule(&api).await).await;
    let closed = applied.elapsed();
    assert!(closed < Duration::from_secs(5), "{closed:?}");
    eprintln!("cluster: the gate is closed {closed:.2?} after kubectl apply -k");
}

async fn helm_takes_away_all(assets: Assets, helm: Tool) {
    let (plane, helm) = (plane(&assets).await, Arc::new(helm));
    let api = plane.api();
    let restricted = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    api.create(
        "/api/v1/namespaces",
        &json!({"metadata": {"name": "guards", "labels": restricted}}),
    )
    .await
    .object();
    let node = Node::start(&plane, "guards", address);
    run(&helm, &plane, &["install", "guard", CHART, "--set", "registration=gate,events=true"])
        .await;
    eventually("updates are judged", async || is_refused_by_the_rule(&api).await).await;
    both_are_ready(&api, "guards").await;
    // A replica that has just heard of the certificate shows it within a second.
    eventually("the update is refused", async || {
        let refused = api
            .patch(&format!("{JOBS}/demo"), MERGE_PATCH, &json!({"spec": {"queue": "gold"}}))
            .await;
        assert!(!refused.is_ok());
        refused.code == 403
    })
    .await;
    eventually("the denial is told", async || {
        let events = api.get("/apis/events.k8s.io/v1/namespaces/default/events").await.object();
        events["items"].as_array().unwrap().iter().any(|event| event["reason"] == "UpdateDenied")
    })
    .await;
    nothing_was_forbidden(&plane, "system:serviceaccount:guards:guard-fieldward");

    run(&helm, &plane, &["uninstall", "guard", "--wait"]).await;
    eventually("no pod is left", async || pods(&api, "guards").await.is_empty()).await;
    let ended = node.stop().await;
    assert!(
        ended.len() == 3 && ended.values().all(|code| *code == Some(0)),
        "two replicas and the hook: {ended:?}"
    );
    for (kind, left) in [
        (CONFIGURATIONS, vec![]),
        ("/apis/coordination.k8s.io/v1/namespaces/guards/leases", vec![]),
        ("/api/v1/namespaces/guards/secrets", vec![]),
        ("/api/v1/namespaces/guards/serviceaccounts", vec!["default"]),
        ("/api/v1/namespaces/guards/configmaps", vec!["kube-root-ca.crt"]),
        ("/apis/batch/v1/namespaces/guards/jobs", vec![]),
        ("/apis/networking.k8s.io/v1/namespaces/guards/networkpolicies", vec![]),
        ("/apis/rbac.authorization.k8s.io/v1/namespaces/guards/roles", vec![]),
        ("/apis/rbac.authorization.k8s.io/v1/namespaces/guards/rolebindings", vec![]),
        (
            "/apis/rbac.authorization.k8s.io/v1/clusterroles?labelSelector=app.kubernetes.io/instance=guard",
            vec![],
        ),
        (
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings?labelSelector=app.kubernetes.io/instance=guard",
            vec![],
        ),
    ] {
        assert_eq!(
            names(&api, kind).await,
            left.into_iter().map(str::to_owned).collect(),
            "{kind}"
        );
    }
    // The rules are their authors'.
    api.get("/apis/fieldward.io/v1alpha1/updaterules").await.object();
    api.patch(&format!("{JOBS}/demo"), MERGE_PATCH, &json!({"spec": {"queue": "gold"}}))
        .await
        .object();
    // And with what has stayed it can come again.
    run(&helm, &plane, &["install", "guard", CHART]).await;
}

/// What the API server knows is accepted of each rendering, and its pods are admitted; one that
/// asks for more is not.
async fn pods_of_every_rendering_are_admitted(assets: Assets, helm: Tool) {
    let plane = ControlPlane::start(&assets).await;
    for (group, kind) in [
        ("cert-manager.io", "Certificate"),
        ("cert-manager.io", "Issuer"),
        ("monitoring.coreos.com", "ServiceMonitor"),
        ("monitoring.coreos.com", "PrometheusRule"),
    ] {
        define_untyped(&plane, group, kind).await;
    }
    let (api, files) = (plane.api(), values());
    for (number, release) in files.iter().map(|file| own(file)).chain([DEFAULT]).enumerate() {
        let namespace = format!("guards-{number}");
        let levels = ["enforce", "warn", "audit"]
            .map(|mode| (format!("pod-security.kubernetes.io/{mode}"), "restricted"));
        let labels: BTreeMap<String, &str> = levels.into_iter().collect();
        api.create(
            "/api/v1/namespaces",
            &json!({"metadata": {"name": namespace, "labels": labels}}),
        )
        .await
        .object();
        let text = Release { namespace: &namespace, ..release }.render(&helm, &[]);
        let applied = plane
            .kubectl()
            .run_with(&["apply", "--dry-run=server", "--validate=strict", "-f", "-"], &text);
        assert_eq!(applied.err, "", "{release:?}: no warning");
        assert!(applied.ok().lines().all(|line| line.ends_with(" (server dry run)")));

        let mut pods = 0;
        for document in documents(&text)
            .iter()
            .filter(|document| document["kind"] == "Deployment" || document["kind"] == "Job")
        {
            let template = &document["spec"]["template"];
            let mut pod = json!({"metadata": {"name": "probe",
                "labels": template["metadata"]["labels"]}, "spec": template["spec"]});
            let account = json!({"metadata": {"name": pod["spec"]["serviceAccountName"]}});
            api.create(&format!("/api/v1/namespaces/{namespace}/serviceaccounts"), &account)
                .await
                .object();
            let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
            let admitted = api.create(&path, &pod).await;
            assert!(admitted.warnings.is_empty(), "{:?}", admitted.warnings);
            admitted.object();
            pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] =
                Value::Bool(true);
            let refused = api.create(&path, &pod).await;
            assert!(
                refused.code == 403 && refused.message().contains("violates PodSecurity"),
                "{} {}",
                refused.code,
                refused.message()
            );
            pods += 1;
        }
        assert!(pods > 0);
    }
}

/// That the API server asks fieldward, reaches it through its Service, and trusts its certificate.
async fn is_refused_by_the_rule(api: &Api) -> bool {
    // Nothing is stored while nobody is registered yet.
    let answer = api
        .patch(&format!("{JOBS}/demo?dryRun=All"), MERGE_PATCH, &json!({"spec": {"queue": "gold"}}))
        .await;
    answer.code == 403 && answer.fields() == ["spec.queue"]
}

async fn both_are_ready(api: &Api, namespace: &str) {
    eventually("both replicas are ready", async || {
        let slices = api
            .get(&format!("/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"))
            .await
            .object();
        let endpoints = slices["items"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|slice| slice["endpoints"].as_array().cloned().unwrap_or_default());
        endpoints.filter(|endpoint| endpoint["conditions"]["ready"] == true).count() == 2
    })
    .await;
}

async fn pods(api: &Api, namespace: &str) -> BTreeSet<String> {
    names(api, &format!("/api/v1/namespaces/{namespace}/pods")).await
}

async fn names(api: &Api, collection: &str) -> BTreeSet<String> {
    let all = api.get(collection).await.object();
    all["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|object| object["metadata"]["name"].as_str().unwrap().to_owned())
        .collect()
}

/// RBAC refused the account nothing that it wrote: it has what it needs.
fn nothing_was_forbidden(plane: &ControlPlane, account: &str) {
    let own: Vec<Value> = plane
        .audit_events()
        .into_iter()
        .filter(|event| event["user"]["username"] == account)
        .collect();
    assert!(!own.is_empty(), "{account} wrote nothing");
    let forbidden: Vec<&Value> =
        own.iter().filter(|event| event["responseStatus"]["code"] == 403).collect();
    assert!(forbidden.is_empty(), "{forbidden:?}");
}

/// Runs kubectl while the node works.
async fn kubectl(plane: &ControlPlane, args: &[&str], input: &str) -> String {
    let (kubectl, input) = (plane.kubectl(), input.to_owned());
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let run =
        move || kubectl.run_with(&args.iter().map(String::as_str).collect::<Vec<_>>(), &input).ok();
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// Runs helm in the namespace `guards` while the node works.
async fn run(helm: &Arc<Tool>, plane: &ControlPlane, args: &[&str]) {
    const LONGEST: Duration = Duration::from_secs(180);
    let (helm, kubeconfig) = (Arc::clone(helm), plane.admin_kubeconfig());
    let last = [
        "--namespace",
        "guards",
        "--timeout",
        &format!("{}s", LONGEST.as_secs()),
        "--kubeconfig",
        kubeconfig.to_str().unwrap(),
    ];
    let args: Vec<String> = args.iter().chain(&last).map(|arg| (*arg).to_owned()).collect();
    tokio::task::spawn_blocking(move || helm.run(&args).ok()).await.unwrap();
}
