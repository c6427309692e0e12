//! A certificate and its CA that are replaced while everybody goes on.

use std::cell::Cell;
use std::sync::Arc;

use libtest_mimic::Trial;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;
use tokio::task::JoinSet;

use super::{Mounted, bundle, clients, issue};
use crate::cluster::api::MERGE_PATCH;
use crate::cluster::control_plane::ControlPlane;
use crate::cluster::load::Load;
use crate::cluster::objects::{JOBS, volcano_job};
use crate::cluster::ward::{VOLCANO_JOB, Ward, rule};
use crate::cluster::{eventually, shared};
use crate::support::certificates::Authority;
use crate::support::raw::Raw;
use crate::support::server::Server;
use crate::support::until;

pub(super) fn trials() -> Vec<Trial> {
    vec![shared("failing::certificates_swapped_under_load_lose_no_update", swapped)]
}

async fn swapped(plane: Arc<ControlPlane>) {
    let (old, new) = (Authority::new(), Authority::new());
    let mounted = Mounted::new(&plane, "swapped", &old, &[&old, &new]).await;
    let server = &mounted.ward.server;
    let load = Load::start(&plane.api(), "swapped", 3).await;
    load.served(10).await;

    let (certificate, key) = issue(&new);
    mounted.mount.publish_certificate(&certificate, &key);
    until("the new certificate", async || {
        Raw::try_connect(server.address, &new.pem, rustls::DEFAULT_VERSIONS).await.is_ok()
    })
    .await;
    let shown = Raw::connect(server.address, &new.pem).await.shown();
    assert_eq!(shown, CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap().to_vec());
    let opened = further_connections(&plane, &mounted).await;
    load.served(10).await;

    mounted.register(&[&new]);
    let words = stranger(&plane, &mounted, &old).await;
    assert!(words.contains("x509: certificate signed by unknown authority"), "{words}");
    load.served(10).await;
    let sum = load.stop(&plane).await;
    sum.assert_none_lost();
    eprintln!("cluster: certificates swapped under load: {sum}, {opened} connections more");
}

/// Lets the API server open connections although it has some, by updates that come while the
/// webhook stands still; how many.
async fn further_connections(plane: &ControlPlane, mounted: &Mounted) -> usize {
    let (server, api) = (&mounted.ward.server, plane.api());
    let job = format!("{}/under-load-0?dryRun=All", mounted.ward.collection(JOBS));
    let before = clients(server.address);
    let still = Still::new(server);
    let mut updates = JoinSet::new();
    for counter in 0..16 {
        let (api, job) = (api.clone(), job.clone());
        updates.spawn(async move {
            let patch = json!({"metadata": {"annotations": {"burst": counter.to_string()}}});
            api.patch(&job, MERGE_PATCH, &patch).await.object();
        });
    }
    let opened = Cell::new(0);
    until("another connection", async || {
        opened.set(clients(server.address).difference(&before).count());
        opened.get() > 0
    })
    .await;
    drop(still);
    while let Some(ended) = updates.join_next().await {
        ended.unwrap();
    }
    opened.get()
}

/// A process that stands still until this is dropped.
struct Still<'a>(&'a Server);

impl<'a> Still<'a> {
    fn new(server: &'a Server) -> Self {
        server.signal("STOP");
        Self(server)
    }
}

impl Drop for Still<'_> {
    fn drop(&mut self) {
        self.0.signal("CONT");
    }
}

/// What the API server says of the webhook where it is told to trust only this CA.
///
/// It takes registrations in the order in which they are made: what was registered before is in
/// force then.
async fn stranger(plane: &Arc<ControlPlane>, mounted: &Mounted, trusted: &Authority) -> String {
    let ward =
        Ward::unregistered(plane, "swapped-stranger", &[rule(VOLCANO_JOB)], Server::start).await;
    ward.register(&mounted.url(), &bundle(&ward.rules, &[trusted]));
    let (api, jobs) = (plane.api(), ward.collection(JOBS));
    api.create(&jobs, &volcano_job("stranger")).await.object();
    let (job, words) = (format!("{jobs}/stranger?dryRun=All"), Cell::new(String::new()));
    eventually("the registration is in force", async || {
        let answer = api.patch(&job, MERGE_PATCH, &json!({"spec": {"queue": "gold"}})).await;
        words.set(answer.message().to_owned());
        !answer.is_ok()
    })
    .await;
    words.into_inner()
}
