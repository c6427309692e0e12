//! What the replica that holds the lease writes: the Secret of the certificates and the
//! registrations. It says what it found to whoever writes the status of each rule.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{Api, PostParams};
use tokio::sync::watch;
use tokio::time::Instant;

use super::annotations::{self, UnknownAnnotations};
use super::registrar::Registrar;
use super::retry::{RETRY, RETRY_AT_MOST, Retry};
use super::rule_reports::{RuleReports, Webhooks};
use super::settings::{AGAIN, Certificates, ControllerSettings, Followed, GATHERING, ReplicaState};
use super::state::RegistrationState;
use super::statuses::Findings;
use crate::cluster::api_error::{ApiError, Deduplicator};
use crate::cluster::ca_bundle::CaBundle;
use crate::cluster::client::FIELD_MANAGER;
use crate::cluster::metrics::ClusterMetrics;
use crate::cluster::objects::{Resolved, RuleObject};
use crate::cluster::placement::{Registrations, all_trust, all_webhooks};
use crate::cluster::registration::{self, LABEL, SideEffects, Trust};
use crate::cluster::status;
use crate::cluster::tls_rotation::{self, Due, Lifetimes, Renewal, TlsBundle};
use crate::engine::RuleSet;

/// The replica's part while it holds the lease.
pub(super) struct Lead {
    client: Client,
    settings: ControllerSettings,
    followed: Followed,
    secret: watch::Receiver<Option<Arc<Option<Secret>>>>,
    replica: ReplicaState,
    /// The bundle that all webhooks have, and since when.
    trusted: Option<(String, SystemTime)>,
    registrar: Registrar,
    state: watch::Sender<RegistrationState>,
    findings: watch::Sender<Option<Arc<Findings>>>,
    reported: Deduplicator,
    metrics: ClusterMetrics,
    /// Whether the objects that were there at the start have been in force.
    has_taken_objects: bool,
    unknown_annotations: UnknownAnnotations,
}

/// What it reads, and where it says what came of it.
pub(super) struct Channels {
    pub(super) followed: Followed,
    pub(super) secret: watch::Receiver<Option<Arc<Option<Secret>>>>,
    pub(super) replica: ReplicaState,
    pub(super) state: watch::Sender<RegistrationState>,
    pub(super) findings: watch::Sender<Option<Arc<Findings>>>,
}

impl Lead {
    pub(super) fn new(
        client: Client,
        settings: ControllerSettings,
        channels: Channels,
        metrics: ClusterMetrics,
    ) -> Self {
        let Channels { followed, secret, replica, state, findings } = channels;
        Self {
            registrar: Registrar::new(client.clone(), &settings.name),
            client,
            settings,
            followed,
            secret,
            replica,
            trusted: None,
            state,
            findings,
            reported: Deduplicator::default(),
            metrics,
            has_taken_objects: false,
            unknown_annotations: UnknownAnnotations::default(),
        }
    }

    /// Writes whenever something changes, until the lease's task ends.
    pub(super) async fn while_held(&mut self, holds: &mut watch::Receiver<bool>) {
        let mut retry = Retry::default();
        let mut wake = Instant::now();
        loop {
            let leads = *holds.borrow_and_update();
            tokio::select! {
                changed = holds.changed() => {
                    let leads = changed.is_ok() && *holds.borrow();
                    self.state.send_modify(|state| state.hold(leads));
                    // Findings of an earlier term must not be written any more.
                    self.findings.send_replace(None);
                    if changed.is_err() {
                        return;
                    }
                    if leads {
                        tracing::info!(lease = self.settings.name, "leading: this replica keeps \
                            the registration");
                        // Another replica may have written since.
                        self.trusted = None;
                        self.registrar.take_over();
                    }
                    wake = Instant::now();
                    continue;
                }
                heard = self.next_event(), if leads => {
                    if heard.is_err() {
                        return;
                    }
                    tokio::time::sleep(GATHERING).await;
                }
                () = tokio::time::sleep_until(wake), if leads => {}
            }
            if !*holds.borrow() {
                continue;
            }
            match self.turn().await {
                Ok(next) => {
                    if self.reported.recovered() {
                        tracing::info!("registration recovered");
                    }
                    retry = Retry::default();
                    wake = Instant::now() + next.min(AGAIN);
                }
                Err(error) => {
                    if self.reported.is_new(&error) {
                        tracing::error!(%error, "cannot keep the registration; retrying");
                    }
                    self.metrics.count_error(error.class);
                    wake = Instant::now() + retry.pause_after(error.class);
                }
            }
        }
    }

    /// Waits for any change that a turn depends on. UpdateRules count only through the rules in
    /// force and the resolved objects, so changes of their status do not matter.
    async fn next_event(&mut self) -> Result<(), watch::error::RecvError> {
        tokio::select! {
            changed = self.followed.registrations.changed() => changed,
            changed = self.followed.registrations_error.changed() => changed,
            changed = self.replica.rules.changed() => changed,
            changed = self.replica.resolved.changed() => changed,
            changed = self.replica.shown.changed() => changed,
            // Without a Secret to follow there is nobody who could send.
            Ok(()) = self.secret.changed() => Ok(()),
        }
    }

    /// Brings the cluster to what it should be; says after how long to look again.
    async fn turn(&mut self) -> Result<Duration, ApiError> {
        let Some(registrations) = self.followed.registrations.borrow_and_update().clone() else {
            return Ok(RETRY);
        };
        let Some(objects) = self.followed.rules.borrow().clone() else {
            return Ok(RETRY);
        };
        let (trust, next) = match self.settings.certificates.clone() {
            Certificates::Given(trust) => (given(trust, &registrations), AGAIN),
            Certificates::Managed { secret, subjects, lifetimes } => {
                let Some(known) = self.secret.borrow_and_update().clone() else { return Ok(RETRY) };
                let kept = self
                    .certificates(
                        &secret,
                        &subjects,
                        lifetimes,
                        known.as_ref().as_ref(),
                        &registrations,
                    )
                    .await;
                let (bundle, next) =
                    kept.inspect_err(|error| self.state.send_modify(|state| state.fail(error)))?;
                // The server reloads its certificate at intervals. A first registration that
                // trusts another one than it presents would refuse every update until then.
                if registrations.is_empty() && !self.presents_certificate_of(&bundle) {
                    return Ok(RETRY);
                }
                (Trust::Bundle(bundle), next)
            }
        };
        let rules = self.replica.rules.borrow_and_update().clone();
        let resolved = self.replica.resolved.borrow_and_update().clone();
        // Nobody hears of what others do to the registration, so it is written again and again.
        let is_blind = self.followed.registrations_error.borrow_and_update().is_some();
        let next = if is_blind { next.min(RETRY_AT_MOST) } else { next };
        if is_blind {
            self.registrar.take_over();
        }
        self.has_taken_objects |= resolved.is_taken(&objects, &rules);
        if !self.has_taken_objects {
            // At a start the registration may hold webhooks of objects that are not in force here
            // yet.
            return Ok(RETRY);
        }
        let (report, is_pending) = self.register(&rules, &resolved, &trust, &registrations).await;
        self.state.send_modify(|state| {
            let after = report.state(state, SystemTime::now());
            for rule in after.unplaced.difference(&state.unplaced) {
                tracing::error!(rule, error = status::REMOVE_RULES, "a rule is not registered");
            }
            *state = after;
        });
        let error = report.error.clone();
        self.findings.send_replace(Some(Arc::new(Findings { rules, resolved, report })));
        let all_told = self.report_unknown_annotations(&objects).await;
        let next = if all_told { next } else { next.min(RETRY_AT_MOST) };
        error.map_or(Ok(if is_pending { next.min(RETRY) } else { next }), Err)
    }

    /// Whether clients that trust the bundle accept the certificate that this replica presents.
    fn presents_certificate_of(&mut self, bundle: &CaBundle) -> bool {
        let shown = self.replica.shown.borrow_and_update();
        let chain = String::from_utf8_lossy(&shown);
        tls_rotation::is_trusted(&chain, &bundle.text(), SystemTime::now())
    }

    /// Registers the rules in force, and tries again what the API server rejected; says whether
    /// there is more to try.
    async fn register(
        &mut self,
        rules: &RuleSet,
        resolved: &Resolved,
        trust: &Trust,
        there: &Registrations,
    ) -> (RuleReports, bool) {
        let side_effects =
            if self.settings.writes_events { SideEffects::Events } else { SideEffects::None };
        let (mut wanted, mut candidates, mut unfit) =
            (Webhooks::new(), Webhooks::new(), BTreeMap::new());
        let built_in = registration::built_in(rules);
        let rules = rules
            .rules()
            .map(|rule| (true, rule))
            .chain(resolved.rejected().map(|rule| (false, rule)));
        for (is_wanted, rule) in rules {
            let name = rule.name().to_string();
            match registration::webhook(rule, &self.settings.endpoint, trust, side_effects) {
                Ok(webhook) => drop(
                    if is_wanted { &mut wanted } else { &mut candidates }.insert(name, webhook),
                ),
                Err(error) => drop(unfit.insert(name, error.to_string())),
            }
        }
        let all = |webhooks: &Webhooks| webhooks.values().cloned().collect::<Vec<_>>();
        let outcome = self
            .registrar
            .register(&all(&wanted), &all(&candidates), &built_in, trust, there)
            .await;
        self.note_trust(trust, &outcome.there);
        (
            RuleReports::new(&wanted, &candidates, unfit, &outcome, &self.registrar),
            outcome.is_pending,
        )
    }

    /// Notes since when all webhooks trust the bundle, whatever else fails.
    fn note_trust(&mut self, trust: &Trust, there: &Registrations) {
        let Trust::Bundle(bundle) = trust else { return };
        if !all_trust(there, bundle) {
            self.trusted = None;
        } else if self.trusted.as_ref().is_none_or(|(known, _)| *known != bundle.text()) {
            self.trusted = Some((bundle.text(), SystemTime::now()));
        }
    }

    /// Reports the annotations of the Secret and of the rules that have no effect; returns whether
    /// all Events are written.
    async fn report_unknown_annotations(&mut self, objects: &[Arc<RuleObject>]) -> bool {
        let secret = self.secret.borrow().clone();
        let secret = secret.as_deref().and_then(Option::as_ref);
        let notes = annotations::notes(secret, objects, self.settings.writes_events);
        self.unknown_annotations
            .report(notes, &self.client, &self.settings.identity, &self.metrics)
            .await
    }

    /// Keeps the Secret; what to trust, and when there is something to do again.
    async fn certificates(
        &self,
        name: &str,
        subjects: &[crate::cluster::certificates::Subject],
        lifetimes: Lifetimes,
        known: Option<&Secret>,
        registrations: &Registrations,
    ) -> Result<(CaBundle, Duration), ApiError> {
        let now = SystemTime::now();
        let trust = |kept: &TlsBundle| CaBundle::parse(kept.bundle().into_bytes()).map_err(other);
        let there = known.and_then(|secret| TlsBundle::from_secret(secret).ok());
        let before = self.followed.certificates.borrow().as_deref().cloned();
        let (kept, change) = match (there, before) {
            (Some(kept), _) => {
                if let Some(change) = known.and_then(tls_rotation::wanted)
                    && let Some(kept) =
                        kept.renewed(change, subjects, now, lifetimes).map_err(other)?
                {
                    // The annotation is gone with what is written.
                    self.write(name, &kept, known).await?;
                    tracing::info!(
                        secret = name,
                        change = words(change),
                        "certificates written, as the annotation wants"
                    );
                    return Ok((trust(&kept)?, RETRY));
                }
                let bundle = kept.bundle();
                let trusted = self.trusted.as_ref().filter(|(trusted, _)| *trusted == bundle);
                let since = trusted.map(|(_, since)| *since);
                match kept.due(subjects, now, since, lifetimes).map_err(other)? {
                    Due::Nothing(until) => {
                        let rest = until.duration_since(now).unwrap_or_default();
                        return Ok((trust(&kept)?, rest.max(Duration::from_millis(200))));
                    }
                    Due::Renew(kept, change) => (*kept, words(change)),
                }
            }
            // Deleted or broken by hand, it is written anew as it was: what replicas show stays
            // trusted.
            (None, Some(kept)) => (kept, "as they were"),
            (None, None) => {
                let trusted = trusted_before(registrations);
                (TlsBundle::new(subjects, trusted, now, lifetimes).map_err(other)?, "new ones")
            }
        };
        self.write(name, &kept, known).await?;
        tracing::info!(secret = name, change, "certificates written");
        // The Secret's own change wakes the next turn.
        Ok((trust(&kept)?, RETRY))
    }

    async fn write(
        &self,
        name: &str,
        kept: &TlsBundle,
        known: Option<&Secret>,
    ) -> Result<(), ApiError> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.settings.namespace);
        let labels = BTreeMap::from([(LABEL.0.to_owned(), LABEL.1.to_owned())]);
        let mut secret = kept.secret(name, &self.settings.namespace, labels);
        let params =
            PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        match known {
            None => drop(api.create(&params, &secret).await?),
            Some(known) => {
                // If somebody was faster, the next turn sees what they wrote.
                secret.metadata.resource_version.clone_from(&known.metadata.resource_version);
                // One that was made by somebody else keeps its type, which cannot change.
                secret.type_.clone_from(&known.type_);
                drop(api.replace(name, &params, &secret).await?);
            }
        }
        Ok(())
    }
}

fn other<E: std::fmt::Display>(error: E) -> ApiError {
    ApiError::other(&error)
}

fn words(change: Renewal) -> &'static str {
    match change {
        Renewal::Authority => "a new CA, trusted beside the one before",
        Renewal::Certificate => "a new certificate",
        Renewal::Bundle => "without a CA that has expired",
    }
}

/// The CAs that the registrations name: certificates of theirs may still be shown.
fn trusted_before(registrations: &Registrations) -> Vec<String> {
    let bundles = all_webhooks(registrations).filter_map(|(_, webhook)| {
        String::from_utf8(webhook.client_config.ca_bundle.clone()?.0).ok()
    });
    let all: BTreeSet<String> = bundles
        .flat_map(|bundle| tls_rotation::certificates(&bundle).unwrap_or_default())
        .collect();
    all.into_iter().collect()
}

/// What somebody else fills in is never taken away: what is there stays, also in a webhook that is
/// new.
fn given(trust: Trust, registrations: &Registrations) -> Trust {
    let there = all_webhooks(registrations)
        .filter_map(|(_, webhook)| webhook.client_config.ca_bundle.as_ref())
        .find(|bundle| !bundle.0.is_empty());
    match (trust, there.and_then(|bundle| CaBundle::parse(bundle.0.clone()).ok())) {
        (Trust::CertManager { certificate, bundle }, there) => {
            Trust::CertManager { certificate, bundle: there.or(bundle) }
        }
        (trust, _) => trust,
    }
}
