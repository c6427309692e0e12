//! Writes the status of each rule, apart from the registration: no number of statuses delays it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt, stream};
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use serde_json::json;
use tokio::sync::watch;

use super::retry::Retry;
use super::rule_reports::RuleReports;
use super::schemas::Schemas;
use super::settings::{GATHERING, MAX_CONCURRENT_REQUESTS};
use crate::cluster::api_error::{ApiError, Deduplicator};
use crate::cluster::client::FIELD_MANAGER;
use crate::cluster::metrics::ClusterMetrics;
use crate::cluster::objects::{Resolved, RuleObject};
use crate::cluster::status;
use crate::cluster::update_rule::{UpdateRule, UpdateRuleStatus};
use crate::engine::RuleSet;

/// What a turn of the leader found.
pub(super) struct Findings {
    pub(super) rules: RuleSet,
    pub(super) resolved: Arc<Resolved>,
    pub(super) report: RuleReports,
}

/// The inputs of the statuses, and the warnings that were already logged.
pub(super) struct Sources {
    objects: watch::Receiver<Option<Arc<Vec<Arc<RuleObject>>>>>,
    schemas: watch::Receiver<Arc<Schemas>>,
    /// None while this replica does not hold the lease.
    findings: watch::Receiver<Option<Arc<Findings>>>,
    /// The rules that the log has already named as too large to be kept in their status.
    not_kept: BTreeSet<String>,
}

/// Writes statuses while this replica holds the lease, until its sources end.
pub(super) async fn write(client: Client, mut sources: Sources, metrics: ClusterMetrics) {
    let api: Api<DynamicObject> = Api::all_with(client, &ApiResource::erase::<UpdateRule>(&()));
    let (mut reported, mut retry) = (Deduplicator::default(), Retry::default());
    loop {
        let pause = match sources.write_due(&api).await {
            Ok(Written::All) => {
                if reported.recovered() {
                    tracing::info!("the status of each rule can be written again");
                }
                retry = Retry::default();
                Duration::MAX
            }
            Ok(Written::NotAll) => Duration::MAX,
            Err(error) => {
                metrics.count_error(error.class);
                if reported.is_new(&error) {
                    tracing::warn!(%error, "cannot write the status of a rule; retrying");
                }
                retry.pause_after(error.class)
            }
        };
        let changed = tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            changed = sources.objects.changed() => changed,
            changed = sources.findings.changed() => changed,
            Ok(()) = sources.schemas.changed() => Ok(()),
        };
        if changed.is_err() {
            return;
        }
        tokio::time::sleep(GATHERING).await;
    }
}

/// Whether all statuses that were due were written.
enum Written {
    /// At least one was due, and all of them were written.
    All,
    /// None was due, or newer findings arrived before all were written.
    NotAll,
}

impl Sources {
    /// `findings` is `None` while this replica does not hold the lease.
    pub(super) fn new(
        objects: watch::Receiver<Option<Arc<Vec<Arc<RuleObject>>>>>,
        schemas: watch::Receiver<Arc<Schemas>>,
        findings: watch::Receiver<Option<Arc<Findings>>>,
    ) -> Self {
        Self { objects, schemas, findings, not_kept: BTreeSet::new() }
    }

    /// Writes the statuses that are not as they should be, until there are newer findings.
    async fn write_due(&mut self, api: &Api<DynamicObject>) -> Result<Written, ApiError> {
        let due = self.due();
        self.warn_of_not_kept(&due);
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let findings = &self.findings;
        let writing = due.into_iter().map(|(name, status)| {
            let patch = json!({"apiVersion": "fieldward.io/v1alpha1", "kind": "UpdateRule",
                "metadata": {"name": name}, "status": status});
            let (api, params) = (&api, &params);
            async move {
                // The newer findings may say something else.
                if findings.has_changed().unwrap_or(true) {
                    return Ok(false);
                }
                match api.patch_status(&name, params, &Patch::Apply(&patch)).await {
                    Ok(_) => Ok(true),
                    // Deleted meanwhile.
                    Err(kube::Error::Api(status)) if status.code == 404 => Ok(true),
                    Err(error) => Err(ApiError::from(error)),
                }
            }
        });
        // One status that cannot be written does not keep the others from being written.
        let results: Vec<Result<bool, ApiError>> =
            stream::iter(writing).buffer_unordered(MAX_CONCURRENT_REQUESTS).collect().await;
        let written = results.into_iter().collect::<Result<Vec<bool>, _>>()?;
        let is_all = !written.is_empty() && written.into_iter().all(|written| written);
        Ok(if is_all { Written::All } else { Written::NotAll })
    }

    /// Logs each rule that is too large to be kept in its status, once.
    fn warn_of_not_kept(&mut self, due: &[(String, UpdateRuleStatus)]) {
        let objects = self.objects.borrow().clone().unwrap_or_default();
        let names: BTreeSet<&str> = objects.iter().map(|object| object.name.as_str()).collect();
        self.not_kept.retain(|rule| names.contains(rule.as_str()));
        for (rule, status) in due {
            if status.last_good.is_some() {
                self.not_kept.remove(rule);
            } else if status.is_kept() {
                // No generation is valid, or the last valid one was too large and has been logged.
            } else if self.not_kept.insert(rule.clone()) {
                tracing::warn!(
                    rule,
                    "the rule is too large to be kept in its status, so once a newer \
                     generation is invalid, this one stays only until all replicas restart"
                );
            }
        }
    }

    /// The statuses that have to be written, by the names of their rules.
    fn due(&mut self) -> Vec<(String, UpdateRuleStatus)> {
        let objects = self.objects.borrow_and_update().clone().unwrap_or_default();
        let schemas = self.schemas.borrow_and_update().clone();
        let Some(findings) = self.findings.borrow_and_update().clone() else { return Vec::new() };
        let Findings { rules, resolved, report } = &*findings;
        let of_object = |object: &Arc<RuleObject>| {
            // What is not resolved yet is told after the turn that resolves it.
            let verdict = resolved
                .acceptances
                .get(&object.name)
                .filter(|verdict| verdict.generation == object.generation)?;
            let registered = report.registered(&object.name, &verdict.outcome, resolved, rules)?;
            let (good, schema) = (resolved.good(&object.name), schemas.fit(&object.name, rules));
            let status =
                status::of(object, verdict, good, &registered, &schema, SystemTime::now())?;
            Some((object.name.clone(), status))
        };
        objects.iter().filter_map(of_object).collect()
    }
}
