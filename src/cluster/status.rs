//! What the status of a rule says. Pure values.

use std::time::SystemTime;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use super::objects::{Acceptance, ObjectOutcome, RuleObject};
use super::update_rule::{LastGood, NO_ROOM, NOT_KEPT, REGISTERED, REJECTED, UpdateRuleStatus};
use crate::engine::{Rule, cut_bytes};

/// What to do about a rule that no configuration has room for.
pub(super) const REMOVE_RULES: &str = "the configurations have no room for the webhook of the \
    rule; remove rules or make them smaller";

/// The condition that says whether the served schema lacks what the rule names.
const SCHEMA_WARNING: &str = "SchemaWarning";

/// Bytes of a rule that is kept in the status at most.
const MAX_KEPT_BYTES: usize = 64 * 1024;

/// Bytes of a condition's message at most.
const MAX_MESSAGE_BYTES: usize = 1536;

/// Whether the API server asks about a rule's objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Registered {
    /// It does, by the configuration of that name.
    Under(String),
    /// The rule is not in force in this replica yet, or will not be.
    NotYet,
    /// The registration could not be written; it is tried again.
    Failed(String),
    /// The API server rejects the webhook of the rule.
    Rejected(String),
    /// No configuration has room for the webhook of the rule.
    NoRoom,
}

/// What the served schema says of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SchemaFit {
    /// It was not asked yet.
    Unknown,
    /// It is not asked: the rule is not in force, or covers all groups.
    NotAsked,
    /// It has everything that the rule names.
    Fits,
    /// It lacks a kind or paths.
    Lacks(String),
}

/// The status that an object should have, none if it has it already. `good` is the last good
/// generation and its rule.
pub(crate) fn of(
    object: &RuleObject,
    verdict: &Acceptance,
    good: Option<(i64, &Rule)>,
    registered: &Registered,
    schema: &SchemaFit,
    now: SystemTime,
) -> Option<UpdateRuleStatus> {
    let before = &object.status;
    let (accepted, conflicting) = (accepted(verdict, good, before), conflicting(verdict));
    let asked = asked(verdict, registered);
    let is_ready = accepted.holds && !conflicting.holds && asked.holds;
    let why = [
        (!accepted.holds, accepted.reason),
        (conflicting.holds, conflicting.reason),
        (!asked.holds, asked.reason),
    ];
    let condition = |(name, state): (&str, ConditionState)| {
        state.condition(name, verdict.generation, before, now)
    };
    let known =
        [("Accepted", accepted), ("Conflicting", conflicting), (REGISTERED, asked)].map(condition);
    let status = UpdateRuleStatus {
        observed_generation: Some(verdict.generation),
        kinds: verdict.kinds.clone(),
        mutable: verdict.mutable,
        ready: if is_ready { "True" } else { "False" }.to_owned(),
        reason: why
            .into_iter()
            .find(|(is_why, _)| *is_why)
            .map(|(_, reason)| reason.to_owned())
            .unwrap_or_default(),
        enforced_generation: enforced(verdict, good, registered),
        last_good: last_good(verdict, good, registered, before),
        conditions: known.into_iter().chain(warning(schema, verdict, before, now)).collect(),
    };
    (status != *before).then_some(status)
}

fn accepted(
    verdict: &Acceptance,
    good: Option<(i64, &Rule)>,
    before: &UpdateRuleStatus,
) -> ConditionState {
    let is_kept = good.is_none_or(|(_, rule)| kept(rule).is_some());
    match &verdict.outcome {
        ObjectOutcome::Invalid { reason, stays: Some(generation) } => {
            let until = if is_kept { "" } else { " until all replicas restart" };
            let message = format!("generation {generation} stays in force{until}: {reason}");
            state(false, "Invalid", message)
        }
        ObjectOutcome::Invalid { reason, stays: None } => match &before.last_good {
            Some(last) => {
                let message = format!(
                    "generation {}, which was accepted, is no longer: {reason}",
                    last.generation
                );
                state(false, "NoLongerAccepted", message)
            }
            None => state(false, "NeverAccepted", reason.clone()),
        },
        _ if !is_kept => {
            let message = format!(
                "the rule is larger than {} KiB, so once a newer generation is invalid, this one \
                 stays in force only until all replicas restart",
                MAX_KEPT_BYTES / 1024
            );
            state(true, NOT_KEPT, message)
        }
        _ => state(true, "Valid", String::new()),
    }
}

fn conflicting(verdict: &Acceptance) -> ConditionState {
    match &verdict.outcome {
        ObjectOutcome::Conflicting { reason } => state(true, "HeldByAnother", reason.clone()),
        _ => state(false, "NoConflict", String::new()),
    }
}

fn asked(verdict: &Acceptance, registered: &Registered) -> ConditionState {
    match (&verdict.outcome, registered) {
        (ObjectOutcome::Conflicting { .. }, _) => not_in_force("Conflicting"),
        (ObjectOutcome::Invalid { stays: None, .. }, _) => not_in_force("Accepted"),
        (ObjectOutcome::Rejected { stays: Some(generation) }, Registered::Rejected(sentence)) => {
            state(false, REJECTED, format!("generation {generation} stays in force: {sentence}"))
        }
        (_, Registered::Rejected(sentence)) => state(false, REJECTED, sentence.clone()),
        (_, Registered::Under(name)) => {
            state(true, "Registered", format!("by ValidatingWebhookConfiguration {name}"))
        }
        (_, Registered::NotYet) => {
            state(false, "Pending", "the webhook of the rule is not registered yet".to_owned())
        }
        (_, Registered::NoRoom) => state(false, NO_ROOM, REMOVE_RULES.to_owned()),
        (_, Registered::Failed(sentence)) => state(false, "Failed", sentence.clone()),
    }
}

/// Nothing is registered, for the reason that another condition has.
fn not_in_force(why: &str) -> ConditionState {
    let message = format!("the rule is not in force; the condition {why} says why");
    state(false, "NotInForce", message)
}

/// What was said of the schema stays until it is asked again.
fn warning(
    schema: &SchemaFit,
    verdict: &Acceptance,
    before: &UpdateRuleStatus,
    now: SystemTime,
) -> Option<Condition> {
    let last = before.conditions.iter().find(|condition| condition.type_ == SCHEMA_WARNING);
    let state = match schema {
        SchemaFit::Unknown => return last.cloned(),
        SchemaFit::NotAsked => return None,
        SchemaFit::Fits => state(false, "Fits", String::new()),
        SchemaFit::Lacks(what) => state(true, "NotInSchema", what.clone()),
    };
    Some(state.condition(SCHEMA_WARNING, verdict.generation, before, now))
}

/// The generation of the rule in force that the API server asks for, or will.
fn enforced(
    verdict: &Acceptance,
    good: Option<(i64, &Rule)>,
    registered: &Registered,
) -> Option<i64> {
    match (&verdict.outcome, registered) {
        (ObjectOutcome::Conflicting { .. }, _)
        | (
            ObjectOutcome::InForce | ObjectOutcome::Invalid { .. },
            Registered::Rejected(_) | Registered::NoRoom,
        ) => None,
        _ => good.map(|(generation, _)| generation),
    }
}

/// A generation replaces the last good one once it is registered, because the API server may reject
/// it until then. A rule in conflict is never registered, so it replaces its last good generation
/// at once.
fn last_good(
    verdict: &Acceptance,
    good: Option<(i64, &Rule)>,
    registered: &Registered,
    before: &UpdateRuleStatus,
) -> Option<LastGood> {
    let is_settled = matches!(registered, Registered::Under(_))
        || matches!(verdict.outcome, ObjectOutcome::Conflicting { .. });
    let is_rejected = matches!(
        (&verdict.outcome, registered),
        (ObjectOutcome::InForce | ObjectOutcome::Invalid { .. }, Registered::Rejected(_))
    );
    match good {
        Some((generation, rule)) if is_settled || (before.last_good.is_none() && !is_rejected) => {
            kept(rule).map(|rule| LastGood { generation, rule })
        }
        _ => before.last_good.clone(),
    }
}

/// The rule as it is kept; none if it is too large.
fn kept(rule: &Rule) -> Option<String> {
    let value: Value = serde_json::from_str(rule.text()).ok()?;
    Some(value.to_string()).filter(|text| text.len() <= MAX_KEPT_BYTES)
}

struct ConditionState {
    holds: bool,
    reason: &'static str,
    message: String,
}

fn state(holds: bool, reason: &'static str, message: String) -> ConditionState {
    ConditionState { holds, reason, message }
}

impl ConditionState {
    /// A condition that holds on keeps the time since when it does.
    fn condition(
        self,
        name: &str,
        generation: i64,
        before: &UpdateRuleStatus,
        now: SystemTime,
    ) -> Condition {
        let status = if self.holds { "True" } else { "False" };
        let last = before
            .conditions
            .iter()
            .find(|condition| condition.type_ == name && condition.status == status);
        let now = Timestamp::try_from(now)
            .ok()
            .and_then(|now| Timestamp::from_second(now.as_second()).ok())
            .unwrap_or_default();
        Condition {
            type_: name.to_owned(),
            status: status.to_owned(),
            reason: self.reason.to_owned(),
            message: cut_bytes(&self.message, MAX_MESSAGE_BYTES),
            observed_generation: Some(generation),
            last_transition_time: last
                .map_or(Time(now), |condition| condition.last_transition_time.clone()),
        }
    }
}

#[cfg(test)]
mod tests;
