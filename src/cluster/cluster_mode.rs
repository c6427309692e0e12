//! What a server does in a cluster: it follows the rules there, and keeps the registration and the
//! certificates.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::{Notify, mpsc, watch};

use super::certificates::{self, IssueError};
use super::client::{Access, ClusterError};
use super::controller::{
    Certificates, Controller, ControllerSettings, Followed, MissingFromCluster, ReplicaState,
};
use super::denial_queue::{Denial, DenialQueue};
use super::metrics::ClusterMetrics;
use super::objects::Resolved;
use super::readiness;
use super::rule_reader::{RuleFiles, RuleReader};
use super::tls_rotation::TlsBundle;
use crate::engine::RuleSet;

/// How long the certificate is valid that is shown until the cluster's is there; no client trusts
/// it.
const UNTIL_THEN: Duration = Duration::from_secs(24 * 3600);

/// A certificate chain and its key, PEM, which change while they are shown.
pub(crate) type SharedCertificate = Arc<ArcSwap<(String, String)>>;

/// What a check of `/readyz` says: why it holds, or why not.
pub(crate) type CheckState = watch::Receiver<Result<String, String>>;

/// Why a server cannot work in a cluster.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// No certificate can be made.
    #[error(transparent)]
    Issue(#[from] IssueError),
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
    /// There is no cluster to ask.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

/// The cluster's half of a server.
pub(crate) struct ClusterMode {
    controller: Controller,
    followed: Followed,
    /// The certificate that the cluster keeps, if it does.
    pub(crate) certificate: Option<SharedCertificate>,
    resolved: watch::Receiver<Arc<Resolved>>,
    /// The rules of files and objects.
    pub(crate) reading: Arc<RuleReader>,
    pub(crate) metrics: prometheus::Registry,
    /// Is notified when the objects have changed.
    pub(crate) changed: Arc<Notify>,
    is_synced: watch::Sender<Result<String, String>>,
    is_trusted: watch::Sender<Result<String, String>>,
    /// The queue of denials that become Events, and its other end; none if Events are off.
    pub(crate) denials: Option<(DenialQueue, mpsc::Receiver<Denial>)>,
}

impl ClusterMode {
    /// Begins to follow the cluster.
    ///
    /// # Errors
    /// Those of [`StartError`].
    pub(crate) async fn start(
        access: &Access,
        settings: ControllerSettings,
        files: RuleFiles,
    ) -> Result<Self, StartError> {
        let certificate = match &settings.certificates {
            Certificates::Given(_) => None,
            Certificates::Managed { subjects, .. } => {
                let issued = certificates::issue(subjects, SystemTime::now(), UNTIL_THEN)?;
                Some(Arc::new(ArcSwap::from_pointee((issued.certificate, issued.key))))
            }
        };
        let denials = settings.writes_events.then(DenialQueue::channel);
        let metrics = prometheus::Registry::new();
        let controller =
            Controller::start(access, settings, ClusterMetrics::register(&metrics)?).await?;
        let followed = controller.followed();
        let (sender, resolved) = watch::channel(Arc::default());
        let reading = RuleReader::new(files, followed.rules.clone(), sender);
        let waiting = || watch::Sender::new(Err(readiness::NO_ANSWER.to_owned()));
        Ok(Self {
            controller,
            followed,
            certificate,
            resolved,
            reading: Arc::new(reading),
            metrics,
            changed: Arc::default(),
            is_synced: waiting(),
            is_trusted: waiting(),
            denials,
        })
    }

    /// What must hold for the replica to be ready, by name.
    pub(crate) fn readiness(&self) -> [(&'static str, CheckState); 2] {
        [
            ("cluster-rules", self.is_synced.subscribe()),
            ("registration", self.is_trusted.subscribe()),
        ]
    }

    /// Runs the tasks of cluster mode; it never returns. `rules` are the rules in force, `shown` is
    /// the certificate chain that the server presents, and `lacking` finds the paths of rules that
    /// a schema lacks.
    pub(crate) fn run(
        self,
        rules: watch::Receiver<RuleSet>,
        shown: watch::Receiver<Vec<u8>>,
        lacking: Arc<MissingFromCluster>,
    ) -> impl Future<Output = ()> + use<> {
        let replica = ReplicaState {
            rules: rules.clone(),
            resolved: self.resolved.clone(),
            shown: shown.clone(),
        };
        let Self {
            controller,
            followed,
            certificate,
            resolved,
            changed,
            is_synced,
            is_trusted,
            denials,
            ..
        } = self;
        let (keeps, registration) = (certificate.is_some(), controller.registration());
        async move {
            tokio::join!(
                controller.run(replica, denials.map(|(_, receiver)| receiver), lacking),
                notify(followed.rules.clone(), changed),
                show(followed.certificates.clone(), certificate),
                readiness::rules(followed.clone(), resolved, rules, is_synced),
                readiness::registration(followed, registration, keeps, shown, is_trusted),
            );
        }
    }
}

/// Tells the reader of rules of changes.
async fn notify<T>(mut objects: watch::Receiver<T>, changed: Arc<Notify>) {
    while objects.changed().await.is_ok() {
        changed.notify_one();
    }
}

/// Shows the certificate that the cluster keeps.
async fn show(
    mut certificates: watch::Receiver<Option<Arc<TlsBundle>>>,
    shown: Option<SharedCertificate>,
) {
    let Some(shown) = shown else { return };
    loop {
        if let Some(certificates) = &*certificates.borrow_and_update() {
            let (chain, key) = certificates.pair();
            shown.store(Arc::new((chain.to_owned(), key.to_owned())));
        }
        if certificates.changed().await.is_err() {
            return;
        }
    }
}
