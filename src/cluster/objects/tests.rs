use super::*;

fn object(name: &str, created: &str, generation: i64, mutable: &Value) -> Arc<RuleObject> {
    let object = json!({
        "apiVersion": "fieldward.io/v1alpha1", "kind": "UpdateRule",
        "metadata": {"name": name, "uid": format!("uid-of-{name}"), "generation": generation,
            "creationTimestamp": created,
                     "annotations": {"fieldward.io/source": "here", "other": "thing"}},
        "spec": {
            "matchConstraints": {"resourceRules": [{"apiGroups": ["example.com"],
                "apiVersions": ["v1"], "resources": ["widgets"]}]},
            "mutable": mutable,
        },
    });
    let object: DynamicObject = serde_json::from_value(object).expect("an object");
    Arc::new(RuleObject::from_object(&object))
}

fn resolved(objects: &[Arc<RuleObject>], before: &Resolved) -> Resolved {
    Resolved::new(Builtin::Excluded, &[], objects, before).expect("no files")
}

fn held_by(resolved: &Resolved) -> Vec<&str> {
    resolved.documents.iter().map(|document| document.origin.as_str()).collect()
}

const OLD: &str = "2026-01-01T00:00:00Z";
const NEW: &str = "2026-01-02T00:00:00Z";

#[test]
fn the_older_of_two_holds_and_then_the_other() {
    let (old, new) =
        (object("b", OLD, 1, &json!(["spec.a"])), object("a", NEW, 1, &json!(["spec.b"])));
    let both = resolved(&[Arc::clone(&new), Arc::clone(&old)], &Resolved::default());
    assert_eq!(held_by(&both), ["updaterules/b"]);
    assert!(matches!(&both.acceptances["a"].outcome, ObjectOutcome::Conflicting { reason }
            if reason.starts_with("the older UpdateRule b holds")));
    assert_eq!(
        (
            &both.acceptances["b"].outcome,
            both.acceptances["b"].kinds.as_str(),
            both.acceptances["b"].mutable
        ),
        (&ObjectOutcome::InForce, "widgets", Some(1))
    );
    assert_eq!(held_by(&resolved(&[new], &both)), ["updaterules/a"]);
}

#[test]
fn objects_are_taken_once_each_is_resolved_and_in_force() {
    let (one, other) = (object("a", OLD, 1, &json!(["spec.a"])), object("b", NEW, 1, &json!([3])));
    let found = resolved(&[Arc::clone(&one), Arc::clone(&other)], &Resolved::default());
    let load = |documents: &[RuleFile]| RuleSet::load(Builtin::Excluded, documents).expect("rules");
    let (at_start, reloaded) = (load(&[]), load(&found.documents));
    let both = [one, other];
    assert!(!Resolved::default().is_taken(&both, &at_start), "nothing is resolved");
    assert!(!found.is_taken(&both, &at_start), "the rules of the objects are not in force");
    assert!(found.is_taken(&both, &reloaded), "an invalid rule is never in force");
    assert!(Resolved::default().is_taken(&[], &at_start));
}

#[test]
fn what_a_file_says_holds_before_any_object() {
    let text = object("file", OLD, 1, &json!(["spec.a"])).text.clone();
    let file = RuleFile { origin: "file.yaml".to_owned(), text };
    let found = Resolved::new(
        Builtin::Excluded,
        &[file],
        &[object("a", OLD, 1, &json!([]))],
        &Resolved::default(),
    )
    .expect("a rule");
    assert!(matches!(&found.acceptances["a"].outcome, ObjectOutcome::Conflicting { reason }
            if reason.starts_with("the rule file of file.yaml holds")));
    assert!(found.documents.is_empty());
}

#[test]
fn the_last_good_generation_stays_until_there_is_a_better_one() {
    let good = resolved(&[object("a", OLD, 1, &json!(["spec.a"]))], &Resolved::default());
    let broken = resolved(&[object("a", OLD, 2, &json!(["spec..a"]))], &good);
    assert_eq!(broken.documents, good.documents);
    let ObjectOutcome::Invalid { reason, stays: Some(1) } = &broken.acceptances["a"].outcome else {
        panic!("{broken:?}")
    };
    assert!(reason.contains("\"spec..a\": in path `spec..a`"), "{reason}");
    let still = resolved(&[object("a", OLD, 3, &json!([3]))], &broken);
    assert_eq!(still.documents, good.documents);
    let better = resolved(&[object("a", OLD, 4, &json!(["spec.b"]))], &still);
    assert!(
        better.documents != good.documents
            && better.acceptances["a"].outcome == ObjectOutcome::InForce
    );
    // An object that only has its name is another one.
    let mut other = RuleObject::clone(&object("a", NEW, 1, &json!([3])));
    other.uid = "other".to_owned();
    assert!(resolved(&[Arc::new(other)], &good).documents.is_empty());
}

/// The same object with a status that keeps a generation, and perhaps says that the API server
/// rejects the newest.
fn with_status(
    object: &RuleObject,
    kept: Option<&RuleObject>,
    is_rejected: bool,
) -> Arc<RuleObject> {
    let mut object = object.clone();
    object.status.last_good =
        kept.map(|kept| LastGood { generation: kept.generation, rule: kept.text.clone() });
    if is_rejected {
        let condition = json!({"type": REGISTERED, "status": "False", "reason": REJECTED,
            "message": "", "lastTransitionTime": OLD,
                               "observedGeneration": object.generation});
        object.status.conditions = vec![serde_json::from_value(condition).expect("a condition")];
    }
    Arc::new(object)
}

#[test]
fn the_last_good_generation_is_read_from_the_status_after_a_restart() {
    let first = object("a", OLD, 1, &json!(["spec.a"]));
    let broken = object("a", OLD, 2, &json!(["spec..a"]));
    let restarted = resolved(&[with_status(&broken, Some(&first), false)], &Resolved::default());
    assert_eq!(
        restarted.documents,
        resolved(&[first], &Resolved::default()).documents,
        "as it was, byte by byte"
    );
    assert!(matches!(
        &restarted.acceptances["a"].outcome,
        ObjectOutcome::Invalid { stays: Some(1), .. }
    ));
    let never = resolved(&[broken], &Resolved::default());
    assert!(
        matches!(&never.acceptances["a"].outcome, ObjectOutcome::Invalid { stays: None, .. })
            && never.documents.is_empty()
    );
}

#[test]
fn the_last_good_text_is_read_from_the_status_though_only_an_annotation_broke_the_rule() {
    let good = object("a", OLD, 1, &json!(["spec.a"]));
    let mut broken = RuleObject::clone(&good);
    broken.text = good.text.replace(r#"source": "here"#, r#"defaulted": "spec..a"#);
    let restarted = resolved(&[with_status(&broken, Some(&good), false)], &Resolved::default());
    assert_eq!(restarted.documents, resolved(&[Arc::clone(&good)], &Resolved::default()).documents);
    assert!(
        matches!(
            &restarted.acceptances["a"].outcome,
            ObjectOutcome::Invalid { stays: Some(1), .. }
        ),
        "{restarted:?}"
    );
    assert!(
        with_status(&good, Some(&good), false).says_the_same(&good),
        "what it says itself does not stand in for it"
    );
}

#[test]
fn a_newer_good_generation_that_was_seen_outranks_the_one_in_the_status() {
    let [first, second] = [(1, "spec.a"), (2, "spec.b")]
        .map(|(generation, path)| object("a", OLD, generation, &json!([path])));
    let broken = object("a", OLD, 3, &json!([3]));
    let seen = resolved(&[with_status(&second, Some(&first), false)], &Resolved::default());
    let stays = |is_rejected: bool, before: &Resolved| {
        let found = resolved(&[with_status(&broken, Some(&first), is_rejected)], before);
        match &found.acceptances["a"].outcome {
            ObjectOutcome::Invalid { stays, .. } => *stays,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        (stays(false, &seen), stays(true, &seen), stays(false, &Resolved::default())),
        (Some(2), Some(1), Some(1))
    );
}

#[test]
fn what_the_api_server_rejects_is_not_in_force() {
    let (first, second) =
        (object("a", OLD, 1, &json!(["spec.a"])), object("a", OLD, 2, &json!(["spec.b"])));
    let in_force =
        resolved(&[Arc::clone(&second)], &resolved(&[Arc::clone(&first)], &Resolved::default()));
    assert_eq!(in_force.acceptances["a"].outcome, ObjectOutcome::InForce);
    // Whether the replica has seen the generation before or only reads of it.
    for before in [&in_force, &Resolved::default()] {
        let rejected = resolved(&[with_status(&second, Some(&first), true)], before);
        assert_eq!(rejected.acceptances["a"].outcome, ObjectOutcome::Rejected { stays: Some(1) });
        assert_eq!(
            rejected.documents,
            resolved(&[Arc::clone(&first)], &Resolved::default()).documents
        );
        let texts: Vec<&str> = rejected.rejected().map(Rule::text).collect();
        assert_eq!(
            texts.iter().map(|text| text.trim_end()).collect::<Vec<_>>(),
            [second.text.as_str()],
            "it is tried again"
        );
        let taken = resolved(&[with_status(&second, Some(&first), false)], &rejected);
        assert_eq!(
            (taken.documents, taken.acceptances["a"].outcome.clone()),
            (in_force.documents.clone(), ObjectOutcome::InForce)
        );
    }
    // A rule that never was registered holds no other back.
    let younger = object("b", NEW, 1, &json!(["spec.c"]));
    let never = resolved(&[with_status(&first, None, true), younger], &Resolved::default());
    assert_eq!(
        (held_by(&never), &never.acceptances["a"].outcome),
        (vec!["updaterules/b"], &ObjectOutcome::Rejected { stays: None })
    );
}

#[test]
fn an_object_named_as_a_built_in_rule_replaces_it() {
    let own = object("mxjob", NEW, 1, &json!(["spec.a"]));
    let found =
        Resolved::new(Builtin::Included, &[], &[own], &Resolved::default()).expect("no files");
    assert_eq!(
        (held_by(&found), &found.acceptances["mxjob"].outcome),
        (vec!["updaterules/mxjob"], &ObjectOutcome::InForce)
    );
}

#[test]
fn of_the_annotations_only_its_own_are_part_of_the_rule() {
    let text = &object("a", OLD, 1, &json!([])).text;
    assert!(
        text.contains("\"fieldward.io/source\": \"here\"") && !text.contains("other"),
        "{text}"
    );
}
