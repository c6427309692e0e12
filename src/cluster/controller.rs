//! What a process does in the cluster by itself: it follows the rules there, keeps the registration
//! and the certificates, and says what became of each rule. Any number of replicas follow; the one
//! that holds the lease writes.

mod annotations;
mod follow;
mod health;
mod lead;
mod registrar;
mod retry;
mod rule_reports;
mod schemas;
mod settings;
mod state;
mod statuses;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::watcher;
use kube_lease_manager::{LeaseManager, LeaseManagerBuilder, LeaseManagerError};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::api_error::{ApiError, Deduplicator};
use super::client::{Access, Cluster, ClusterError};
use super::denial_queue::Denial;
use super::events;
use super::metrics::ClusterMetrics;
use super::objects::RuleObject;
use super::placement::{MOST_CONFIGURATIONS, Registrations, numbered};
use super::registration::LABEL;
use super::tls_rotation::TlsBundle;
use super::update_rule::UpdateRule;

use health::WatchErrors;
pub(crate) use schemas::MissingFromCluster;
pub(crate) use settings::{Certificates, ControllerSettings, Followed, ReplicaState};
pub(crate) use state::RegistrationState;

/// How long a lease holds without being renewed, and how long before its end it is: another replica
/// takes over within the first.
const LEASE: Duration = Duration::from_secs(15);
const RENEWAL: Duration = Duration::from_secs(5);

/// A connection to the cluster, and what goes on over it.
pub(crate) struct Controller {
    cluster: Cluster,
    client: Client,
    settings: ControllerSettings,
    tasks: JoinSet<()>,
    followed: Followed,
    secret: watch::Receiver<Option<Arc<Option<Secret>>>>,
    state: watch::Sender<RegistrationState>,
    metrics: ClusterMetrics,
}

impl Controller {
    /// Begins to follow.
    ///
    /// # Errors
    /// No cluster to ask.
    pub(crate) async fn start(
        access: &Access,
        settings: ControllerSettings,
        metrics: ClusterMetrics,
    ) -> Result<Self, ClusterError> {
        let cluster = Cluster::connect(access).await?;
        let client = cluster.clone().into_client();
        let mut tasks = JoinSet::new();
        let (rules_sender, rules) = watch::channel(None);
        let (secret_sender, secret) = watch::channel(None);
        let (kept_sender, certificates) = watch::channel(None);
        let (registrations_sender, registrations) = watch::channel(None);
        let [rules_errors, registrations_errors, secret_errors] =
            std::array::from_fn(|_| WatchErrors::new(&metrics));
        let [rules_error, registrations_error, secret_error] =
            [&rules_errors, &registrations_errors, &secret_errors].map(WatchErrors::subscribe);

        tasks.spawn(follow_rules(client.clone(), rules_errors, rules_sender));
        tasks.spawn(follow_registrations(
            client.clone(),
            settings.name.clone(),
            registrations_errors,
            registrations_sender,
        ));
        if let Certificates::Managed { secret, .. } = &settings.certificates {
            let api: Api<Secret> = Api::namespaced(client.clone(), &settings.namespace);
            tasks.spawn(follow_secret(
                api,
                secret.clone(),
                secret_errors,
                kept_sender,
                secret_sender,
            ));
        }
        let followed = Followed {
            rules,
            certificates,
            registrations,
            rules_error,
            registrations_error,
            secret_error,
        };
        Ok(Self {
            cluster,
            client,
            settings,
            tasks,
            followed,
            secret,
            state: watch::Sender::default(),
            metrics,
        })
    }

    /// What is followed.
    pub(crate) fn followed(&self) -> Followed {
        self.followed.clone()
    }

    /// The registration as this replica leaves it while it holds the lease.
    pub(crate) fn registration(&self) -> watch::Receiver<RegistrationState> {
        self.state.subscribe()
    }

    /// Follows on, and writes while it holds the lease; for ever. `lacking` says what the schemas
    /// lack of the rules.
    pub(crate) async fn run(
        mut self,
        replica: ReplicaState,
        denials: Option<mpsc::Receiver<Denial>>,
        lacking: Arc<MissingFromCluster>,
    ) {
        if let Some(denials) = denials {
            self.tasks.spawn(events::tell(
                self.client.clone(),
                self.settings.identity.clone(),
                denials,
                self.metrics.clone(),
            ));
        }
        self.tasks.spawn(health::observe(
            self.followed.clone(),
            self.state.subscribe(),
            self.metrics.clone(),
        ));
        let (sender, schemas) = watch::channel(Arc::default());
        let (findings_sender, findings) = watch::channel(None);
        self.tasks.spawn(schemas::follow(
            self.cluster,
            replica.rules.clone(),
            self.state.subscribe(),
            lacking,
            sender,
        ));
        let sources = statuses::Sources::new(self.followed.rules.clone(), schemas, findings);
        self.tasks.spawn(statuses::write(self.client.clone(), sources, self.metrics.clone()));
        let channels = lead::Channels {
            followed: self.followed,
            secret: self.secret,
            replica,
            state: self.state,
            findings: findings_sender,
        };
        let lead = lead::Lead::new(
            self.client.clone(),
            self.settings.clone(),
            channels,
            self.metrics.clone(),
        );
        let errors = LeaseErrors { reported: Deduplicator::default(), metrics: self.metrics };
        self.tasks.spawn(hold(self.client, self.settings, lead, errors));
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task of the cluster ended");
            }
        }
    }
}

/// Publishes the `UpdateRule`s of the cluster.
async fn follow_rules(
    client: Client,
    errors: WatchErrors,
    rules: watch::Sender<Option<Arc<Vec<Arc<RuleObject>>>>>,
) {
    let api: Api<DynamicObject> = Api::all_with(client, &ApiResource::erase::<UpdateRule>(&()));
    let keep = |object: DynamicObject| Arc::new(RuleObject::from_object(&object));
    follow::all("UpdateRules", api, watcher::Config::default(), errors, keep, move |objects| {
        let objects: Vec<Arc<RuleObject>> = objects.values().cloned().collect();
        rules.send_if_modified(|known| {
            let differs =
                known.as_ref().is_none_or(|known: &Arc<Vec<Arc<RuleObject>>>| **known != objects);
            if differs {
                *known = Some(Arc::new(objects));
            }
            differs
        });
    })
    .await;
}

/// Publishes the webhook configurations of this fieldward.
async fn follow_registrations(
    client: Client,
    name: String,
    errors: WatchErrors,
    registrations: watch::Sender<Option<Arc<Registrations>>>,
) {
    let without_history = |mut object: ValidatingWebhookConfiguration| {
        object.metadata.managed_fields = None;
        object
    };
    let api: Api<ValidatingWebhookConfiguration> = Api::all(client);
    let own = watcher::Config::default().labels(&format!("{}={}", LABEL.0, LABEL.1));
    follow::all("ValidatingWebhookConfigurations", api, own, errors, without_history, move |all| {
        let is_own =
            |found: &str| (1..=MOST_CONFIGURATIONS).any(|number| numbered(&name, number) == found);
        let own: Registrations = all
            .iter()
            .filter(|(found, _)| is_own(found))
            .map(|(name, found)| (name.clone(), found.clone()))
            .collect();
        registrations.send_replace(Some(Arc::new(own)));
    })
    .await;
}

/// Publishes the Secret of the certificates, and the last certificates in it that can be used.
async fn follow_secret(
    api: Api<Secret>,
    name: String,
    errors: WatchErrors,
    certificates: watch::Sender<Option<Arc<TlsBundle>>>,
    secret_sender: watch::Sender<Option<Arc<Option<Secret>>>>,
) {
    let one = watcher::Config::default().fields(&format!("metadata.name={name}"));
    follow::all(
        "the Secret of the certificates",
        api,
        one,
        errors,
        |secret: Secret| secret,
        move |found| {
            let secret = found.values().next().cloned();
            match secret.as_ref().map(TlsBundle::from_secret) {
                Some(Ok(kept)) => drop(certificates.send_replace(Some(Arc::new(kept)))),
                // What was read before goes on being shown.
                Some(Err(error)) => {
                    tracing::error!(%error, "the certificates in the Secret cannot be used");
                }
                None => {}
            }
            secret_sender.send_replace(Some(Arc::new(secret)));
        },
    )
    .await;
}

/// Asks for the lease for ever, and leads while it holds it.
async fn hold(
    client: Client,
    settings: ControllerSettings,
    mut lead: lead::Lead,
    mut errors: LeaseErrors,
) {
    loop {
        let manager = LeaseManagerBuilder::new(client.clone(), settings.name.as_str())
            .with_namespace(settings.namespace.as_str())
            .with_identity(settings.identity.as_str())
            .with_duration(LEASE.as_secs())
            .with_grace(RENEWAL.as_secs())
            .build()
            .await;
        match manager {
            Ok(manager) => {
                let (sender, mut holds) = watch::channel(false);
                tokio::join!(renew(manager, sender, &mut errors), async {
                    lead.while_held(&mut holds).await;
                    drop(holds);
                });
            }
            Err(error) => errors.warn(&error),
        }
        tokio::time::sleep(RENEWAL).await;
    }
}

/// Keeps asking for the lease and renewing it, and says whether it is held, until nobody listens.
async fn renew(manager: LeaseManager, holds: watch::Sender<bool>, errors: &mut LeaseErrors) {
    while let Some(changed) = next_change(&manager, &holds, errors).await {
        match changed {
            Ok(is_held) => drop(holds.send_replace(is_held)),
            Err(error) => {
                errors.warn(&error);
                tokio::time::sleep(RENEWAL).await;
            }
        }
    }
    // Another replica need not wait until it expires.
    if let Err(error) = manager.release().await {
        errors.warn(&error);
    }
}

/// The next change of the lease's holder; none if nobody listens any more.
async fn next_change(
    manager: &LeaseManager,
    holds: &watch::Sender<bool>,
    errors: &mut LeaseErrors,
) -> Option<Result<bool, LeaseManagerError>> {
    let mut changed = pin!(manager.changed());
    loop {
        tokio::select! {
            () = holds.closed() => return None,
            changed = &mut changed => return Some(changed),
            // Every error would have come by now.
            () = tokio::time::sleep(LEASE) => if errors.reported.recovered() {
                tracing::info!("lease recovered");
            },
        }
    }
}

/// The errors of requests for the lease: counted, and each logged once.
struct LeaseErrors {
    reported: Deduplicator,
    metrics: ClusterMetrics,
}

impl LeaseErrors {
    fn warn(&mut self, error: &LeaseManagerError) {
        let error = match error {
            LeaseManagerError::KubeError(error) => ApiError::from(error),
            other => ApiError::other(other),
        };
        self.metrics.count_error(error.class);
        if self.reported.is_new(&error) {
            tracing::warn!(%error, "cannot renew the lease; retrying");
        }
    }
}
