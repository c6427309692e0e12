//! Certificates that are kept and renewed, without a moment in which an update could not be judged.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;

use super::replica::{NAMESPACE, Site, WIDGETS, address};
use crate::cluster::api::{Api, JSON_PATCH, MERGE_PATCH};
use crate::cluster::assets::Assets;
use crate::cluster::load::Load;
use crate::cluster::objects::{volcano_job, widget, widget_rule};
use crate::cluster::ward::Probe;
use crate::cluster::{THEIRS, eventually};
use crate::corpus::root;
use crate::support::base64;
use crate::support::certificates::{Authority, ecdsa, write};

/// How long things are valid: as short as whole seconds allow with room for both to be replaced.
pub(super) const SHORT: [&str; 3] =
    ["--ca-lifetime=36s", "--certificate-lifetime=12s", "--ca-settling=3s"];

/// How to see that the rule for Volcano jobs is in force.
pub(super) fn probe() -> Probe {
    Probe {
        collection: "/apis/batch.volcano.sh/v1alpha1/namespaces/default/jobs".to_owned(),
        object: volcano_job("probe"),
        forbidden: json!({"spec": {"queue": "probed"}}),
    }
}

/// What the Secret has had so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) authorities: BTreeSet<String>,
    pub(super) certificates: BTreeSet<String>,
    pub(super) most_trusted: usize,
    pub(super) newest_trusted: usize,
}

impl Seen {
    pub(super) async fn look(&mut self, api: &Api) {
        let secret = api
            .get(&format!("/api/v1/namespaces/{NAMESPACE}/secrets/fieldward-tls"))
            .await
            .object();
        let member = |name: &str| {
            String::from_utf8(base64::decode(secret["data"][name].as_str().unwrap())).unwrap()
        };
        let bundle = member("ca.crt");
        let trusted: Vec<&str> = bundle.split_inclusive("-----END CERTIFICATE-----\n").collect();
        self.newest_trusted = trusted.len();
        self.most_trusted = self.most_trusted.max(trusted.len());
        self.authorities.extend(trusted.into_iter().map(str::to_owned));
        self.certificates.insert(member("tls.crt"));
    }
}

/// Leaf and CA are replaced again and again while updates go on.
pub(super) async fn rotated(assets: Assets) {
    let site = Site::new(&assets).await;
    let rule = root().join("deploy/rules/volcano-job.yaml");
    let options = ["--no-builtin-rules", "--rules", rule.to_str().unwrap()];
    let replica = site.replica("a", address(), &[&options[..], &SHORT].concat()).await;
    let api = site.plane.api();
    probe().refused_with(&api, 403).await;
    let load = Load::start(&api, "default", 3).await;
    load.served(10).await;
    let (started, mut seen) = (Instant::now(), Seen::default());
    // The first CA has come and gone, and certificates of two more have been shown.
    while seen.authorities.len() < 3 || seen.certificates.len() < 6 || seen.newest_trusted > 2 {
        seen.look(&api).await;
        let (_, ready) = replica.ops("/readyz?verbose").await.unwrap();
        assert!(
            ready.contains("[+]registration ok: the certificate that is shown is trusted"),
            "{ready}"
        );
        assert!(started.elapsed() < THEIRS, "{seen:?}\n{}", replica.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    load.served(10).await;
    let sum = load.stop(&site.plane).await;
    sum.assert_none_lost();
    eprintln!(
        "cluster: {} CAs and {} certificates in {:.0?}, at most {} trusted at once: {sum}",
        seen.authorities.len(),
        seen.certificates.len(),
        started.elapsed(),
        seen.most_trusted
    );
}

/// What somebody else fills in as cert-manager does is never taken away, and new webhooks have it
/// from their first moment.
pub(super) async fn injected(assets: Assets) {
    let (site, folder, authority, key) =
        (Site::new(&assets).await, tempfile::tempdir().unwrap(), Authority::new(), ecdsa());
    let chain = write(folder.path(), "tls.crt", &authority.server(&key));
    let key = write(folder.path(), "tls.key", &key.serialize_pem());
    let options = [
        "--no-builtin-rules",
        "--tls-cert",
        &chain,
        "--tls-key",
        &key,
        "--inject-ca-from=fieldward/fieldward-tls",
    ];
    let replica = site.replica_with("a", address(), &options).await;
    let api = site.plane.api();
    let rule = widget_rule("[widgets]", "[metadata.labels]");
    site.apply(&rule).ok();
    site.ready("widget").await;
    let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/fieldward";
    let configuration = api.get(path).await.object();
    assert_eq!(
        configuration["metadata"]["annotations"]["cert-manager.io/inject-ca-from"],
        "fieldward/fieldward-tls"
    );
    assert!(configuration["webhooks"][0]["clientConfig"]["caBundle"].is_null());
    let bundle = base64::encode(authority.pem.as_bytes());
    let filled =
        json!([{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle}]);
    api.patch(path, JSON_PATCH, &filled).await.object();
    eventually("it is ready", async || {
        replica.ops("/readyz").await.is_some_and(|(status, _)| status == 200)
    })
    .await;
    site.apply(
        &rule
            .replace("name: widget\n", "name: other\n")
            .replace("[widgets]", "[gadgets]")
            .replace("  mutable:", "  failurePolicy: Ignore\n  mutable:"),
    )
    .ok();
    site.ready("other").await;
    let webhooks = api.get(path).await.object()["webhooks"].as_array().unwrap().clone();
    assert_eq!(
        webhooks.iter().map(|webhook| &webhook["clientConfig"]["caBundle"]).collect::<Vec<_>>(),
        [&json!(bundle), &json!(bundle)]
    );
    api.create(WIDGETS, &widget("probe")).await.object();
    let painted = json!({"spec": {"color": "blue"}});
    eventually("it is enforced", async || {
        api.patch(&format!("{WIDGETS}/probe?dryRun=All"), MERGE_PATCH, &painted).await.code == 403
    })
    .await;
}

/// A Secret that is deleted or broken by hand comes back as it was, one that is to be renewed by
/// hand is, and nothing is lost.
pub(super) async fn secret_lost(assets: Assets) {
    let site = Site::new(&assets).await;
    let rule = root().join("deploy/rules/volcano-job.yaml");
    let _replica = site
        .replica(
            "a",
            address(),
            &["--no-builtin-rules", "--rules", rule.to_str().unwrap(), "--ca-settling=2s"],
        )
        .await;
    let api = site.plane.api();
    probe().refused_with(&api, 403).await;
    let load = Load::start(&api, "default", 2).await;
    load.served(5).await;
    let path = format!("/api/v1/namespaces/{NAMESPACE}/secrets/fieldward-tls");
    let kept = api.get(&path).await.object()["data"].clone();
    api.delete(&path, &serde_json::Value::Null).await.object();
    eventually("what was deleted comes back", async || api.get(&path).await.body["data"] == kept)
        .await;
    let broken = json!({"data": {"tls.crt": base64::encode(b"broken")}});
    api.patch(&path, MERGE_PATCH, &broken).await.object();
    eventually("what was broken is mended", async || api.get(&path).await.body["data"] == kept)
        .await;
    let renewed = async |what: &str| {
        let annotation = format!("fieldward.io/renew={what}");
        site.plane
            .kubectl()
            .run(&["-n", NAMESPACE, "annotate", "secret", "fieldward-tls", &annotation])
            .ok();
        eventually("the annotation is heard", async || {
            api.get(&path).await.body["metadata"]["annotations"].is_null()
        })
        .await;
        api.get(&path).await.object()["data"].clone()
    };
    let certificate = renewed("certificate").await;
    assert!(certificate["tls.crt"] != kept["tls.crt"] && certificate["ca.crt"] == kept["ca.crt"]);
    let authority = renewed("ca").await;
    assert!(
        authority["tls.crt"] == certificate["tls.crt"] && authority["ca.crt"] != kept["ca.crt"]
    );
    eventually("the new CA issues", async || {
        api.get(&path).await.body["data"]["tls.crt"] != authority["tls.crt"]
    })
    .await;
    load.served(5).await;
    load.stop(&site.plane).await.assert_none_lost();
}
