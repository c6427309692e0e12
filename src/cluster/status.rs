//! What the status of a rule says. Pure values.

use std::time::SystemTime;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;

use super::objects::{Outcome, RuleObject, Verdict};
use super::update_rule::UpdateRuleStatus;

/// Whether the API server asks about a rule's objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// It does, by the configurations of that name.
    Under(String),
    /// The rule is not in force in this replica yet, or will not be.
    NotYet,
    /// The registration could not be written.
    Failed(String),
}

/// The status that an object should have, none if it has it already.
pub fn of(object: &RuleObject, verdict: &Verdict, registered: &Registered, now: SystemTime) -> Option<UpdateRuleStatus> {
    let before = UpdateRuleStatus::deserialize(&object.status).unwrap_or_default();
    let accepted = match &verdict.outcome {
        Outcome::Refused { reason, stays: None } => state(false, "Invalid", reason.clone()),
        Outcome::Refused { reason, stays: Some(generation) } => {
            state(false, "Invalid", format!("generation {generation} stays in force: {reason}"))
        }
        Outcome::InForce | Outcome::Contended { .. } => state(true, "Valid", String::new()),
    };
    let conflicting = match &verdict.outcome {
        Outcome::Contended { reason } => state(true, "HeldByAnother", reason.clone()),
        _ => state(false, "NoConflict", String::new()),
    };
    let asked = match (&verdict.outcome, registered) {
        (Outcome::Contended { .. } | Outcome::Refused { stays: None, .. }, _) => state(false, "NotInForce", String::new()),
        (_, Registered::Under(name)) => state(true, "Registered", format!("by ValidatingWebhookConfiguration {name}")),
        (_, Registered::NotYet) => state(false, "Pending", String::new()),
        (_, Registered::Failed(reason)) => state(false, "Failed", reason.clone()),
    };
    let is_ready = accepted.holds && !conflicting.holds && asked.holds;
    let why = [(!accepted.holds, accepted.reason), (conflicting.holds, conflicting.reason), (!asked.holds, asked.reason)];
    let status = UpdateRuleStatus {
        observed_generation: Some(verdict.generation),
        kinds: verdict.kinds.clone(),
        mutable: verdict.mutable,
        ready: if is_ready { "True" } else { "False" }.to_owned(),
        reason: why.into_iter().find(|(is_why, _)| *is_why).map(|(_, reason)| reason.to_owned()).unwrap_or_default(),
        conditions: [("Accepted", accepted), ("Conflicting", conflicting), ("Registered", asked)]
            .into_iter()
            .map(|(name, state)| state.condition(name, verdict.generation, &before, now))
            .collect(),
    };
    (status != before).then_some(status)
}

struct State {
    holds: bool,
    reason: &'static str,
    message: String,
}

fn state(holds: bool, reason: &'static str, message: String) -> State {
    State { holds, reason, message }
}

impl State {
    /// A condition that holds on keeps the time since when it does.
    fn condition(self, name: &str, generation: i64, before: &UpdateRuleStatus, now: SystemTime) -> Condition {
        let status = if self.holds { "True" } else { "False" };
        let last = before.conditions.iter().find(|condition| condition.type_ == name && condition.status == status);
        let now = Timestamp::try_from(now).ok().and_then(|now| Timestamp::from_second(now.as_second()).ok()).unwrap_or_default();
        Condition {
            type_: name.to_owned(),
            status: status.to_owned(),
            reason: self.reason.to_owned(),
            message: self.message,
            observed_generation: Some(generation),
            last_transition_time: last.map_or(Time(now), |condition| condition.last_transition_time.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::{Value, json};

    use super::*;

    fn object(status: Value) -> RuleObject {
        let text = String::new;
        RuleObject { name: "r".to_owned(), uid: text(), generation: 2, created: text(), text: text(), status }
    }

    fn told(outcome: Outcome, registered: &Registered) -> Value {
        let verdict = Verdict { generation: 2, outcome, kinds: "Widget".to_owned(), mutable: Some(3) };
        json!(of(&object(Value::Null), &verdict, registered, UNIX_EPOCH).expect("another one"))
    }

    #[test]
    fn a_rule_is_ready_when_nothing_stands_in_the_way() {
        let under = Registered::Under("fieldward".to_owned());
        let reason = || "why".to_owned();
        let table = [
            (Outcome::InForce, &under, "True", Value::Null, ["True", "False", "True"]),
            (Outcome::InForce, &Registered::NotYet, "False", json!("Pending"), ["True", "False", "False"]),
            (Outcome::InForce, &Registered::Failed(reason()), "False", json!("Failed"), ["True", "False", "False"]),
            (Outcome::Contended { reason: reason() }, &under, "False", json!("HeldByAnother"), ["True", "True", "False"]),
            (Outcome::Refused { reason: reason(), stays: None }, &under, "False", json!("Invalid"), ["False", "False", "False"]),
            (Outcome::Refused { reason: reason(), stays: Some(1) }, &under, "False", json!("Invalid"), ["False", "False", "True"]),
        ];
        for (outcome, registered, ready, why, conditions) in table {
            let status = told(outcome.clone(), registered);
            assert_eq!((&status["ready"], &status["reason"]), (&json!(ready), &why), "{outcome:?}");
            let found: Vec<(&str, &str)> = status["conditions"]
                .as_array()
                .expect("conditions")
                .iter()
                .map(|condition| (condition["type"].as_str().unwrap_or_default(), condition["status"].as_str().unwrap_or_default()))
                .collect();
            let [accepted, conflicting, asked] = conditions;
            assert_eq!(found, [("Accepted", accepted), ("Conflicting", conflicting), ("Registered", asked)], "{outcome:?}");
        }
    }

    #[test]
    fn what_has_not_changed_keeps_its_time_and_is_not_written_again() {
        let before = told(Outcome::InForce, &Registered::NotYet);
        let verdict = Verdict { generation: 2, outcome: Outcome::InForce, kinds: "Widget".to_owned(), mutable: Some(3) };
        let later = UNIX_EPOCH + Duration::from_secs(60);
        assert_eq!(of(&object(before.clone()), &verdict, &Registered::NotYet, later), None);
        let after = json!(of(&object(before), &verdict, &Registered::Under("fieldward".to_owned()), later));
        let since = |index: usize| after["conditions"][index]["lastTransitionTime"].clone();
        assert_eq!((since(0), since(2)), (json!("1970-01-01T00:00:00Z"), json!("1970-01-01T00:01:00Z")));
    }
}
