use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;

use super::*;
use crate::cluster::metrics::STATES;
use crate::engine::{Builtin, RuleFile, RuleSet};

fn object(status: UpdateRuleStatus) -> RuleObject {
    let text = String::new;
    RuleObject {
        name: "r".to_owned(),
        uid: text(),
        generation: 2,
        created: text(),
        text: text(),
        unknown_annotations: Vec::new(),
        status,
    }
}

fn rules(paths: usize) -> RuleSet {
    let resources = json!([{"apiGroups": ["example.com"], "apiVersions": ["v1"],
        "resources": ["widgets"]}]);
    let mutable: Vec<String> = (0..paths).map(|number| format!("spec.field{number}")).collect();
    let text = json!({"apiVersion": "fieldward.io/v1alpha1", "kind": "UpdateRule",
        "metadata": {"name": "r"},
                      "spec": {"matchConstraints": {"resourceRules": resources},
                          "mutable": mutable}});
    RuleSet::load(Builtin::Excluded, &[RuleFile { origin: "r".to_owned(), text: text.to_string() }])
        .expect("a rule")
}

fn verdict(outcome: ObjectOutcome) -> Acceptance {
    Acceptance { generation: 2, outcome, kinds: "Widget".to_owned(), mutable: Some(3) }
}

/// The status after one that is empty; the good generation is the one that the outcome names.
fn told(outcome: ObjectOutcome, registered: &Registered) -> UpdateRuleStatus {
    after(UpdateRuleStatus::default(), outcome, registered).expect("another one")
}

fn after(
    before: UpdateRuleStatus,
    outcome: ObjectOutcome,
    registered: &Registered,
) -> Option<UpdateRuleStatus> {
    let generation = match outcome {
        ObjectOutcome::Invalid { stays, .. } | ObjectOutcome::Rejected { stays } => stays,
        ObjectOutcome::InForce | ObjectOutcome::Conflicting { .. } => Some(2),
    };
    let rules = rules(1);
    let good = generation.zip(rules.rules().next());
    of(
        &object(before),
        &verdict(outcome),
        good,
        registered,
        &SchemaFit::Unknown,
        UNIX_EPOCH + Duration::from_secs(60),
    )
}

/// Each of its conditions has a series of the metrics.
#[track_caller]
fn assert_counted(status: &UpdateRuleStatus) {
    for one in &status.conditions {
        assert!(STATES.contains(&(&one.type_, &one.status, &one.reason)), "{one:?}");
    }
}

fn under() -> Registered {
    Registered::Under("fieldward".to_owned())
}

fn rejected() -> Registered {
    Registered::Rejected("no".to_owned())
}

fn refused(stays: Option<i64>) -> ObjectOutcome {
    ObjectOutcome::Invalid { reason: "why".to_owned(), stays }
}

#[test]
fn a_rule_is_ready_when_it_is_accepted_registered_and_alone() {
    let contended = || ObjectOutcome::Conflicting { reason: "why".to_owned() };
    let table = [
        (ObjectOutcome::InForce, under(), "True", "", ["True", "False", "True"], Some(2)),
        (
            ObjectOutcome::InForce,
            Registered::NotYet,
            "False",
            "Pending",
            ["True", "False", "False"],
            Some(2),
        ),
        (
            ObjectOutcome::InForce,
            Registered::NoRoom,
            "False",
            "NoRoom",
            ["True", "False", "False"],
            None,
        ),
        (
            ObjectOutcome::InForce,
            Registered::Failed("why".to_owned()),
            "False",
            "Failed",
            ["True", "False", "False"],
            Some(2),
        ),
        (ObjectOutcome::InForce, rejected(), "False", "Rejected", ["True", "False", "False"], None),
        (
            ObjectOutcome::Rejected { stays: None },
            rejected(),
            "False",
            "Rejected",
            ["True", "False", "False"],
            None,
        ),
        (
            ObjectOutcome::Rejected { stays: Some(1) },
            rejected(),
            "False",
            "Rejected",
            ["True", "False", "False"],
            Some(1),
        ),
        (contended(), under(), "False", "HeldByAnother", ["True", "True", "False"], None),
        (refused(None), under(), "False", "NeverAccepted", ["False", "False", "False"], None),
        (refused(Some(1)), under(), "False", "Invalid", ["False", "False", "True"], Some(1)),
    ];
    for (outcome, registered, ready, why, conditions, enforced) in table {
        let status = told(outcome.clone(), &registered);
        assert_eq!((status.ready.as_str(), status.reason.as_str()), (ready, why), "{outcome:?}");
        assert_eq!(status.enforced_generation, enforced, "{outcome:?}");
        let found: Vec<(&str, &str)> =
            status.conditions.iter().map(|one| (one.type_.as_str(), one.status.as_str())).collect();
        assert_counted(&status);
        let silent = |one: &Condition| {
            one.message.is_empty()
                && !["Valid", "NoConflict", "Registered"].contains(&one.reason.as_str())
        };
        assert!(!status.conditions.iter().any(silent), "{:?}", status.conditions);
        let [accepted, conflicting, asked] = conditions;
        assert_eq!(
            found,
            [("Accepted", accepted), ("Conflicting", conflicting), ("Registered", asked)],
            "{outcome:?}"
        );
    }
}

#[test]
fn a_generation_is_kept_once_it_is_registered() {
    let kept = |status: UpdateRuleStatus| status.last_good.map(|last| last.generation);
    let first = UpdateRuleStatus {
        last_good: Some(LastGood { generation: 1, rule: "{}".to_owned() }),
        ..Default::default()
    };
    let table = [
        (ObjectOutcome::InForce, under(), Some(2), Some(2)),
        (ObjectOutcome::InForce, Registered::NotYet, Some(2), Some(1)),
        (ObjectOutcome::InForce, rejected(), None, Some(1)),
        (ObjectOutcome::Rejected { stays: Some(1) }, rejected(), Some(1), Some(1)),
        (
            ObjectOutcome::Conflicting { reason: String::new() },
            Registered::NotYet,
            Some(2),
            Some(2),
        ),
        (refused(None), Registered::NotYet, None, Some(1)),
    ];
    for (outcome, registered, from_nothing, from_first) in table {
        assert_eq!(kept(told(outcome.clone(), &registered)), from_nothing, "{outcome:?}");
        assert_eq!(
            after(first.clone(), outcome.clone(), &registered).and_then(kept),
            from_first,
            "{outcome:?}"
        );
    }
    let lost = after(first, refused(None), &Registered::NotYet).expect("another one");
    assert_counted(&lost);
    assert_eq!(lost.conditions[0].reason, "NoLongerAccepted", "nothing is enforced");
    assert_eq!(lost.conditions[0].message, "generation 1, which was accepted, is no longer: why");
}

#[test]
fn a_rule_that_is_too_large_is_not_kept_and_the_status_says_so() {
    let rules = rules(6_000);
    let good = Some(2).zip(rules.rules().next());
    let status = of(
        &object(UpdateRuleStatus::default()),
        &verdict(ObjectOutcome::InForce),
        good,
        &under(),
        &SchemaFit::Unknown,
        UNIX_EPOCH,
    );
    let status = status.expect("another one");
    assert_counted(&status);
    assert_eq!((status.last_good, status.ready.as_str()), (None, "True"));
    let accepted = &status.conditions[0];
    assert_eq!((accepted.status.as_str(), accepted.reason.as_str()), ("True", NOT_KEPT));
    assert!(accepted.message.starts_with("the rule is larger than 64 KiB"), "{accepted:?}");
    let status = of(
        &object(UpdateRuleStatus::default()),
        &verdict(refused(Some(1))),
        Some(1).zip(rules.rules().next()),
        &under(),
        &SchemaFit::Unknown,
        UNIX_EPOCH,
    );
    assert_eq!(
        status.expect("another one").conditions[0].message,
        "generation 1 stays in force until all replicas restart: why"
    );
}

#[test]
fn the_message_of_a_condition_is_bounded() {
    let reason = || "é".repeat(MAX_MESSAGE_BYTES);
    for outcome in [
        ObjectOutcome::Invalid { reason: reason(), stays: None },
        ObjectOutcome::Invalid { reason: reason(), stays: Some(1) },
        ObjectOutcome::Conflicting { reason: reason() },
    ] {
        let status = told(outcome.clone(), &Registered::Failed(reason()));
        let longest = status.conditions.iter().map(|one| one.message.len()).max();
        assert!(
            longest.is_some_and(|longest| longest <= MAX_MESSAGE_BYTES),
            "{outcome:?} {longest:?}"
        );
    }
}

#[test]
fn what_has_not_changed_keeps_its_time_and_is_not_written_again() {
    let told = |before: UpdateRuleStatus, registered: &Registered, second: u64| {
        let rules = rules(1);
        let good = Some(2).zip(rules.rules().next());
        let now = UNIX_EPOCH + Duration::from_secs(second);
        of(
            &object(before),
            &verdict(ObjectOutcome::InForce),
            good,
            registered,
            &SchemaFit::Unknown,
            now,
        )
    };
    let before = told(UpdateRuleStatus::default(), &Registered::NotYet, 0).expect("another one");
    assert_eq!(told(before.clone(), &Registered::NotYet, 60), None);
    let after = json!(told(before, &under(), 60));
    let since = |index: usize| after["conditions"][index]["lastTransitionTime"].clone();
    assert_eq!(
        (since(0), since(2)),
        (json!("1970-01-01T00:00:00Z"), json!("1970-01-01T00:01:00Z"))
    );
}

#[test]
fn what_the_schema_lacks_is_a_condition() {
    let told = |before: UpdateRuleStatus, schema: SchemaFit| {
        let status = of(
            &object(before),
            &verdict(ObjectOutcome::InForce),
            None,
            &under(),
            &schema,
            UNIX_EPOCH,
        )
        .expect("another one");
        assert_counted(&status);
        let found = status.conditions.iter().find(|condition| condition.type_ == SCHEMA_WARNING);
        found.map(|condition| {
            format!("{} {} {}", condition.status, condition.reason, condition.message)
        })
    };
    assert_eq!(told(UpdateRuleStatus::default(), SchemaFit::Unknown), None);
    assert_eq!(told(UpdateRuleStatus::default(), SchemaFit::Fits).as_deref(), Some("False Fits "));
    assert_eq!(
        told(UpdateRuleStatus::default(), SchemaFit::Lacks("no".to_owned())).as_deref(),
        Some("True NotInSchema no")
    );
    let status = |before: UpdateRuleStatus, schema: SchemaFit| {
        of(
            &object(before),
            &verdict(ObjectOutcome::InForce),
            None,
            &rejected(),
            &schema,
            UNIX_EPOCH,
        )
        .expect("another one")
    };
    let warned = of(
        &object(UpdateRuleStatus::default()),
        &verdict(ObjectOutcome::InForce),
        None,
        &under(),
        &SchemaFit::Lacks("no".to_owned()),
        UNIX_EPOCH,
    );
    let has_warning = |status: &UpdateRuleStatus| {
        status.conditions.iter().any(|condition| condition.type_ == SCHEMA_WARNING)
    };
    let warned = warned.expect("another one");
    assert!(
        has_warning(&status(warned.clone(), SchemaFit::Unknown)),
        "it stays until the schema is asked again"
    );
    assert!(!has_warning(&status(warned, SchemaFit::NotAsked)), "nobody will ask again");
}
