//! What became of each rule in a turn.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhook;

use super::registrar::{Registrar, RegistrationOutcome, WebhookValidity};
use super::state::RegistrationState;
use crate::cluster::api_error::ApiError;
use crate::cluster::drift::asks_the_same;
use crate::cluster::objects::{ObjectOutcome, Resolved};
use crate::cluster::placement::all_webhooks;
use crate::cluster::status;
use crate::engine::RuleSet;

/// Webhooks by the names of their rules.
pub(super) type Webhooks = BTreeMap<String, ValidatingWebhook>;

/// What became of each rule, by its name.
pub(super) struct RuleReports {
    /// The configuration that registers the rule as it is in force.
    registered: BTreeMap<String, String>,
    /// Why the rule in force is not registered, and never will be as it is.
    rejected: BTreeMap<String, String>,
    /// The rules in force that no configuration has room for.
    unplaced: BTreeSet<String>,
    /// What the API server says of a generation that it rejected before.
    candidates: BTreeMap<String, WebhookValidity>,
    /// Why the others are not registered.
    pub(super) error: Option<ApiError>,
}

impl RuleReports {
    /// `unfit` are rules of which no webhook can be replica, with the reason.
    pub(super) fn new(
        wanted: &Webhooks,
        candidates: &Webhooks,
        unfit: BTreeMap<String, String>,
        outcome: &RegistrationOutcome,
        registrar: &Registrar,
    ) -> Self {
        let there: BTreeMap<&str, (&str, &ValidatingWebhook)> = all_webhooks(&outcome.there)
            .map(|(name, webhook)| (webhook.name.as_str(), (name, webhook)))
            .collect();
        let (mut registered, mut rejected, mut unplaced) =
            (BTreeMap::new(), unfit, BTreeSet::new());
        for (rule, webhook) in wanted {
            match there.get(webhook.name.as_str()) {
                Some((name, found)) if asks_the_same(found, webhook) => {
                    registered.insert(rule.clone(), (*name).to_owned());
                }
                _ if outcome.unplaced.contains(&webhook.name) => {
                    unplaced.insert(rule.clone());
                }
                _ => rejected.extend(
                    registrar
                        .verdict(webhook)
                        .and_then(reason)
                        .map(|reason| (rule.clone(), reason.to_owned())),
                ),
            }
        }
        let verdict = |(rule, webhook): (&String, &ValidatingWebhook)| {
            Some((rule.clone(), registrar.verdict(webhook)?.clone()))
        };
        let candidates = candidates.iter().filter_map(verdict).collect();
        Self { registered, rejected, unplaced, candidates, error: outcome.error.clone() }
    }

    /// What to say of the registration of an object's rule; nothing if it is not known.
    pub(super) fn registered(
        &self,
        name: &str,
        outcome: &ObjectOutcome,
        resolved: &Resolved,
        in_force: &RuleSet,
    ) -> Option<status::Registered> {
        if matches!(outcome, ObjectOutcome::Rejected { .. }) {
            return match self.candidates.get(name)? {
                WebhookValidity::Rejected(reason) => {
                    Some(status::Registered::Rejected(reason.clone()))
                }
                WebhookValidity::Accepted => Some(status::Registered::NotYet),
            };
        }
        Some(if !resolved.is_in_force(name, in_force) {
            status::Registered::NotYet
        } else if let Some(configuration) = self.registered.get(name) {
            status::Registered::Under(configuration.clone())
        } else if let Some(sentence) = self.rejected.get(name) {
            status::Registered::Rejected(sentence.clone())
        } else if self.unplaced.contains(name) {
            status::Registered::NoRoom
        } else {
            self.error.as_ref().map_or(status::Registered::NotYet, |error| {
                status::Registered::Failed(error.to_string())
            })
        })
    }

    /// The state of the registration, after what it was before.
    pub(super) fn state(&self, before: &RegistrationState, now: SystemTime) -> RegistrationState {
        let refused = self
            .candidates
            .iter()
            .filter_map(|(rule, verdict)| Some((rule.clone(), reason(verdict)?.to_owned())));
        RegistrationState {
            leads: before.leads,
            registered: self.registered.clone(),
            rejected: self.rejected.clone().into_iter().chain(refused).collect(),
            unplaced: self.unplaced.clone(),
            in_sync_since: if self.error.is_none() {
                before.in_sync_since.or(Some(now))
            } else {
                None
            },
            last_error: self
                .error
                .clone()
                .map(|error| (now, error))
                .or_else(|| before.last_error.clone()),
        }
    }
}

fn reason(verdict: &WebhookValidity) -> Option<&str> {
    match verdict {
        WebhookValidity::Rejected(reason) => Some(reason),
        WebhookValidity::Accepted => None,
    }
}
