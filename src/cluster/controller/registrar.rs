//! Registers webhooks so that one which the API server rejects never stops the others.
//!
//! The API server rejects a whole configuration for the fault of one webhook. When it does, the
//! registrar tries webhooks alone, by a dry run that creates a configuration with nothing else: first
//! those that the error names, then all. It leaves out those that are rejected, or keeps the form in
//! which they are registered already. Only an error in a field of a rule is a verdict on that rule: a
//! timeout, a missing permission or the error of a proxy is none.
//!
//! The API server compiles all match conditions at each write of a configuration, in time that grows
//! with the square of their length. A webhook with long conditions is tried alone before it is
//! registered, and left out if that takes too long.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingWebhook, ValidatingWebhookConfiguration,
};
use kube::Client;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::time::Instant;

use super::settings::{AGAIN, MAX_CONCURRENT_REQUESTS};
use crate::cluster::api_error::ApiError;
use crate::cluster::client::FIELD_MANAGER;
use crate::cluster::drift::{asks_the_same, correction, is_applied};
use crate::cluster::placement::{Placement, Registrations, all_webhooks, place};
use crate::cluster::registration::{LABEL, Trust};
use crate::cluster::rejection;

/// Forms of one webhook whose verdicts are remembered.
const FORMS: usize = 4;

/// Rejected webhooks that are tried again in one turn at most.
const TRIES: usize = 32;

/// Sum of the squares of the lengths of a webhook's match conditions, in bytes outside of quotes,
/// above which it is tried alone first. The API server compiles that much in about 0.1 s.
const COSTLY: usize = 8192 * 8192;

/// How long the API server may take to compile such conditions: every write of a configuration takes
/// that much longer.
const LONGEST_COMPILATION: Duration = Duration::from_secs(3);

/// What the status of such a rule says.
const TOO_LONG: &str = "spec.matchConditions: the API server needs more than three seconds to \
                        compile them, at each write of the registration: shorten them";

/// Registers webhooks and remembers which of them the API server rejects.
pub(super) struct Registrar {
    api: Api<ValidatingWebhookConfiguration>,
    name: String,
    /// The webhooks that were tried alone, by name, the latest last.
    tried: BTreeMap<String, Vec<Tried>>,
    /// When all configurations were applied, whatever they were like.
    applied: Option<Instant>,
}

struct Tried {
    webhook: ValidatingWebhook,
    verdict: WebhookValidity,
    at: Instant,
}

/// What the API server says of a webhook that was tried alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WebhookValidity {
    Accepted,
    /// It rejects it, for a reason in one sentence.
    Rejected(String),
}

/// How it went.
pub(super) struct RegistrationOutcome {
    /// The configurations as they are now, as far as is known.
    pub(super) there: Registrations,
    /// The webhooks that no configuration has room for.
    pub(super) unplaced: BTreeSet<String>,
    /// Whether rejected webhooks are still to be tried again.
    pub(super) is_pending: bool,
    /// The first error, if not everything is as it should be.
    pub(super) error: Option<ApiError>,
}

/// A configuration that the API server did not take.
struct ConfigurationFailure {
    sent: Vec<ValidatingWebhook>,
    error: kube::Error,
}

impl Registrar {
    pub(super) fn new(client: Client, name: &str) -> Self {
        Self { api: Api::all(client), name: name.to_owned(), tried: BTreeMap::new(), applied: None }
    }

    /// Forgets when configurations were applied: another replica may have written since.
    pub(super) fn take_over(&mut self) {
        self.applied = None;
    }

    /// What the API server says of a webhook; none if it was not asked.
    pub(super) fn verdict(&self, webhook: &ValidatingWebhook) -> Option<&WebhookValidity> {
        self.known(webhook).map(|tried| &tried.verdict)
    }

    fn known(&self, webhook: &ValidatingWebhook) -> Option<&Tried> {
        self.tried.get(&webhook.name)?.iter().find(|tried| asks_the_same(&tried.webhook, webhook))
    }

    fn rejects(&self, webhook: &ValidatingWebhook) -> bool {
        matches!(self.verdict(webhook), Some(WebhookValidity::Rejected(_)))
    }

    /// Whether a webhook must not be registered now: it is rejected, or is to be tried alone first.
    fn holds_back(&self, webhook: &ValidatingWebhook) -> bool {
        match self.verdict(webhook) {
            Some(verdict) => *verdict != WebhookValidity::Accepted,
            None => is_costly(webhook),
        }
    }

    /// Registers what is wanted and deletes configurations that are left over. `candidates` are
    /// webhooks that were rejected and are not wanted therefore; they are only tried again.
    /// `built_in` are the rules that are compiled in.
    pub(super) async fn register(
        &mut self,
        wanted: &[ValidatingWebhook],
        candidates: &[ValidatingWebhook],
        built_in: &BTreeSet<String>,
        trust: &Trust,
        there: &Registrations,
    ) -> RegistrationOutcome {
        let names: BTreeSet<&str> =
            wanted.iter().chain(candidates).map(|webhook| webhook.name.as_str()).collect();
        self.tried.retain(|name, _| names.contains(name.as_str()));
        let mut outcome = self.apply_until_taken(wanted, built_in, trust, there).await;
        // What is good is registered first; nothing of this is needed for it.
        if outcome.error.is_none() {
            let (has_accepted, is_pending) = self.try_again(wanted, candidates).await;
            if has_accepted {
                outcome = self.apply_until_taken(wanted, built_in, trust, &outcome.there).await;
            }
            outcome.is_pending = is_pending;
        }
        outcome
    }

    /// Tries some of the webhooks that are held back, again if they were rejected some time ago;
    /// says whether a wanted one is accepted now, and whether others are still to be tried.
    async fn try_again(
        &mut self,
        wanted: &[ValidatingWebhook],
        candidates: &[ValidatingWebhook],
    ) -> (bool, bool) {
        let held_back: Vec<&ValidatingWebhook> =
            wanted.iter().filter(|webhook| self.holds_back(webhook)).collect();
        let mut to_try: Vec<ValidatingWebhook> = held_back
            .iter()
            .copied()
            .chain(candidates)
            .filter(|webhook| self.is_stale(webhook))
            .cloned()
            .collect();
        let is_pending = to_try.len() > TRIES;
        to_try.truncate(TRIES);
        let tried = self.try_alone(&to_try).await;
        if let Err(error) = &tried {
            tracing::warn!(%error, "cannot try webhooks alone");
        }
        (held_back.iter().any(|webhook| !self.holds_back(webhook)), is_pending && tried.is_ok())
    }

    /// Registers what is wanted, without what is found to be rejected.
    async fn apply_until_taken(
        &mut self,
        wanted: &[ValidatingWebhook],
        built_in: &BTreeSet<String>,
        trust: &Trust,
        there: &Registrations,
    ) -> RegistrationOutcome {
        let mut error = None;
        let mut there = there.clone();
        let is_due = self.applied.is_none_or(|applied| applied.elapsed() >= AGAIN);
        loop {
            let Placement { configurations, unplaced } =
                place(self.registrable(wanted, &there), built_in, &self.name, trust, &there);
            let failures = self.apply(&configurations, is_due, &mut there).await;
            if failures.is_empty() {
                self.applied = if is_due { Some(Instant::now()) } else { self.applied };
                let left = left_over(&configurations, wanted, &there);
                error = error.or(self.delete_others(left, &mut there).await.err());
            } else {
                let mut has_found = false;
                for failure in &failures {
                    match self.culprits(failure, &there).await {
                        Ok(found) => has_found |= found,
                        Err(failed) => error = error.or(Some(failed)),
                    }
                }
                if has_found {
                    continue;
                }
                error = failures.first().map(|failure| (&failure.error).into()).or(error);
            }
            let unplaced = unplaced.into_iter().map(|webhook| webhook.name).collect();
            return RegistrationOutcome { there, unplaced, is_pending: false, error };
        }
    }

    /// What is wanted, but for what is held back: that stays in the form in which it is registered,
    /// if it is.
    fn registrable(
        &self,
        wanted: &[ValidatingWebhook],
        there: &Registrations,
    ) -> Vec<ValidatingWebhook> {
        let registered = |name: &str| {
            all_webhooks(there).map(|(_, webhook)| webhook).find(|webhook| webhook.name == name)
        };
        let in_its_form = |webhook: &ValidatingWebhook| {
            if !self.holds_back(webhook) {
                return Some(webhook.clone());
            }
            let before = registered(&webhook.name).filter(|before| !self.rejects(before))?;
            Some(ValidatingWebhook {
                client_config: webhook.client_config.clone(),
                ..before.clone()
            })
        };
        wanted.iter().filter_map(in_its_form).collect()
    }

    /// Applies the configurations that are not as they should be, or all. Configurations do not
    /// depend on each other, unless webhooks move.
    async fn apply(
        &self,
        wanted: &[ValidatingWebhookConfiguration],
        all: bool,
        there: &mut Registrations,
    ) -> Vec<ConfigurationFailure> {
        let mut failures = Vec::new();
        if moves(wanted, there) {
            // First to where webhooks move, together with those that are to leave: nothing is
            // unregistered in between.
            for configuration in wanted {
                let mut with_old = configuration.clone();
                self.keep_old(&mut with_old, there);
                failures.extend(self.apply_one(&with_old, there).await.err());
            }
            if !failures.is_empty() {
                return failures;
            }
        }
        for configuration in wanted {
            let is_there = there
                .get(name_of(configuration))
                .is_some_and(|found| is_applied(configuration, found));
            if all || !is_there {
                failures.extend(self.apply_one(configuration, there).await.err());
            }
        }
        failures
    }

    async fn apply_one(
        &self,
        wanted: &ValidatingWebhookConfiguration,
        there: &mut Registrations,
    ) -> Result<(), ConfigurationFailure> {
        let found = self.write(wanted).await.map_err(|error| ConfigurationFailure {
            sent: wanted.webhooks.clone().unwrap_or_default(),
            error,
        })?;
        there.insert(name_of(wanted).to_owned(), found);
        Ok(())
    }

    async fn write(
        &self,
        wanted: &ValidatingWebhookConfiguration,
    ) -> kube::Result<ValidatingWebhookConfiguration> {
        let name = name_of(wanted);
        let found = self
            .api
            .patch(name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(wanted))
            .await?;
        let Some(webhooks) = correction(wanted, &found) else { return Ok(found) };
        // Only a change of the whole removes what others own, too. The version keeps it from being
        // made of an older state.
        let change = json!({"metadata": {"resourceVersion": found.metadata.resource_version},
            "webhooks": webhooks});
        let params =
            PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let corrected = self.api.patch(name, &params, &Patch::Merge(&change)).await?;
        tracing::warn!(configuration = name, "somebody else changed the registration; corrected");
        Ok(corrected)
    }

    fn keep_old(&self, configuration: &mut ValidatingWebhookConfiguration, there: &Registrations) {
        let Some(old) = there.get(name_of(configuration)) else { return };
        let webhooks = configuration.webhooks.get_or_insert_default();
        let names: BTreeSet<String> = webhooks.iter().map(|webhook| webhook.name.clone()).collect();
        webhooks.extend(
            old.webhooks
                .iter()
                .flatten()
                .filter(|old| !names.contains(&old.name) && !self.rejects(old))
                .cloned(),
        );
    }

    /// Deletes the configurations that no webhook is left for.
    async fn delete_others(
        &self,
        names: Vec<String>,
        there: &mut Registrations,
    ) -> Result<(), ApiError> {
        for name in names {
            match self.api.delete(&name, &DeleteParams::default()).await {
                Ok(_) => tracing::info!(configuration = name, "registration removed"),
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => return Err(error.into()),
            }
            there.remove(&name);
        }
        Ok(())
    }

    /// Finds the webhooks for which a configuration was rejected; says whether there are any. Tries
    /// alone those that the error names, then those that are not registered as they are, then the
    /// others.
    ///
    /// The error gives positions in the configuration as the API server has merged it. Webhooks that
    /// somebody else has added shift them.
    async fn culprits(
        &mut self,
        failure: &ConfigurationFailure,
        there: &Registrations,
    ) -> Result<bool, ApiError> {
        let kube::Error::Api(status) = &failure.error else { return Ok(false) };
        if !rejection::is_about_content(status) {
            return Ok(false);
        }
        let is_registered = |webhook: &ValidatingWebhook| {
            all_webhooks(there).any(|(_, other)| asks_the_same(other, webhook))
        };
        let named = rejection::errors_by_webhook(status).into_keys();
        let named = named.filter_map(|position| failure.sent.get(position).cloned()).collect();
        let (registered, new): (Vec<_>, Vec<_>) =
            failure.sent.iter().cloned().partition(is_registered);
        for mut suspects in [named, new, registered] {
            suspects.retain(|webhook| !self.rejects(webhook));
            self.try_alone(&suspects).await?;
            if suspects.iter().any(|webhook| self.rejects(webhook)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Tries webhooks one by one, unless the verdict on them is known and recent.
    async fn try_alone(&mut self, webhooks: &[ValidatingWebhook]) -> Result<(), ApiError> {
        let unknown: Vec<ValidatingWebhook> =
            webhooks.iter().filter(|webhook| self.is_stale(webhook)).cloned().collect();
        let api = self.api.clone();
        let tries = unknown.into_iter().map(|webhook| {
            let api = &api;
            async move { dry_run(api, &webhook).await.map(|verdict| (webhook, verdict)) }
        });
        // The first error ends it: it says nothing of a rule, so it would be the same for the
        // others.
        let mut tries = stream::iter(tries).buffer_unordered(MAX_CONCURRENT_REQUESTS);
        while let Some((webhook, verdict)) = tries.try_next().await? {
            self.remember(webhook, verdict);
        }
        Ok(())
    }

    /// A newer API server may know more, so a verdict does not hold for ever.
    fn is_stale(&self, webhook: &ValidatingWebhook) -> bool {
        self.known(webhook).is_none_or(|tried| tried.at.elapsed() >= AGAIN)
    }

    fn remember(&mut self, webhook: ValidatingWebhook, verdict: WebhookValidity) {
        if let WebhookValidity::Rejected(reason) = &verdict
            && self.verdict(&webhook) != Some(&verdict)
        {
            tracing::error!(
                webhook = webhook.name,
                reason,
                "the API server rejects a webhook; the others are registered without it"
            );
        }
        let tried = self.tried.entry(webhook.name.clone()).or_default();
        tried.retain(|other| !asks_the_same(&other.webhook, &webhook));
        tried.push(Tried { webhook, verdict, at: Instant::now() });
        let too_many = tried.len().saturating_sub(FORMS);
        tried.drain(..too_many);
    }
}

/// Whether the API server may need long to compile a webhook's match conditions.
fn is_costly(webhook: &ValidatingWebhook) -> bool {
    let outside_of_quotes = |text: &str| text.split(['\'', '"']).step_by(2).map(str::len).sum();
    let conditions = webhook.match_conditions.iter().flatten();
    let lengths = conditions.map(|condition| outside_of_quotes(&condition.expression));
    lengths.map(|length: usize| length.pow(2)).sum::<usize>() > COSTLY
}

/// Creates a configuration with one webhook, without storing it; says why the API server rejects
/// it, if it does.
async fn dry_run(
    api: &Api<ValidatingWebhookConfiguration>,
    webhook: &ValidatingWebhook,
) -> Result<WebhookValidity, ApiError> {
    let mut configuration = ValidatingWebhookConfiguration {
        webhooks: Some(vec![webhook.clone()]),
        ..Default::default()
    };
    configuration.metadata.generate_name = Some("fieldward-dry-run-".to_owned());
    configuration.metadata.labels =
        Some(BTreeMap::from([(LABEL.0.to_owned(), LABEL.1.to_owned())]));
    let params = PostParams { dry_run: true, field_manager: Some(FIELD_MANAGER.to_owned()) };
    let answer = api.create(&params, &configuration);
    let answer = if is_costly(webhook) {
        match tokio::time::timeout(LONGEST_COMPILATION, answer).await {
            Ok(answer) => answer,
            Err(_) => return Ok(WebhookValidity::Rejected(TOO_LONG.to_owned())),
        }
    } else {
        answer.await
    };
    match answer {
        Ok(_) => Ok(WebhookValidity::Accepted),
        Err(kube::Error::Api(status)) => match rejection::errors_by_webhook(&status).remove(&0) {
            Some(sentence) => Ok(WebhookValidity::Rejected(sentence)),
            None => Err((&kube::Error::Api(status)).into()),
        },
        Err(error) => Err(error.into()),
    }
}

/// The configurations to delete: nothing goes into them, and none of their webhooks is wanted but
/// rejected.
fn left_over(
    placed: &[ValidatingWebhookConfiguration],
    wanted: &[ValidatingWebhook],
    there: &Registrations,
) -> Vec<String> {
    let placed_webhooks: BTreeSet<&str> = placed.iter().flat_map(names).collect();
    let is_left_out = |name: &&str| {
        !placed_webhooks.contains(name) && wanted.iter().any(|webhook| webhook.name == *name)
    };
    let has_nothing_wanted = |(name, one): &(&String, &ValidatingWebhookConfiguration)| {
        placed.iter().all(|placed| name_of(placed) != name.as_str())
            && !names(one).iter().any(is_left_out)
    };
    there.iter().filter(has_nothing_wanted).map(|(name, _)| name.clone()).collect()
}

fn name_of(configuration: &ValidatingWebhookConfiguration) -> &str {
    configuration.metadata.name.as_deref().unwrap_or_default()
}

/// The names of the webhooks of a configuration.
fn names(configuration: &ValidatingWebhookConfiguration) -> BTreeSet<&str> {
    configuration.webhooks.iter().flatten().map(|webhook| webhook.name.as_str()).collect()
}

/// Whether a webhook that is there goes to another configuration.
fn moves(wanted: &[ValidatingWebhookConfiguration], there: &Registrations) -> bool {
    wanted.iter().any(|one| {
        let wanted = names(one);
        there
            .iter()
            .filter(|(name, _)| *name != name_of(one))
            .any(|(_, other)| !names(other).is_disjoint(&wanted))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhooks(names: &[&str]) -> Vec<ValidatingWebhook> {
        names
            .iter()
            .map(|name| ValidatingWebhook { name: (*name).to_owned(), ..Default::default() })
            .collect()
    }

    fn configuration(name: &str, webhooks_of: &[&str]) -> ValidatingWebhookConfiguration {
        let mut configuration = ValidatingWebhookConfiguration {
            webhooks: Some(webhooks(webhooks_of)),
            ..Default::default()
        };
        configuration.metadata.name = Some(name.to_owned());
        configuration
    }

    #[test]
    fn a_configuration_of_rejected_webhooks_is_not_deleted() {
        let all = [configuration("f", &["a"]), configuration("f-2", &["b", "c"])];
        let there: Registrations =
            all.iter().map(|one| (name_of(one).to_owned(), one.clone())).collect();
        for (placed, wanted, expected) in [
            (vec![], vec!["a", "b"], vec![]),
            (vec![configuration("f", &["a"])], vec!["a", "b"], vec![]),
            (vec![configuration("f", &["a"])], vec!["a"], vec!["f-2"]),
            (vec![configuration("f", &["a", "b", "c"])], vec!["a", "b", "c"], vec!["f-2"]),
            (vec![], vec![], vec!["f", "f-2"]),
        ] {
            assert_eq!(left_over(&placed, &webhooks(&wanted), &there), expected, "{wanted:?}");
        }
    }
}
