//! Laws that need no oracle.

use super::admission;
use super::case::{Case, Cases};
use super::dice::Dice;
use super::{Run, wild, world};
use crate::oracle::rule::{Entry, Path, Reading, Rule, Step, User};
use crate::oracle::{self, notation, render};
use fieldward::engine::{Builtin, RuleFile, RuleSet};
use libtest_mimic::Failed;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{TestCaseError, TestRunner};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Old = new is allowed, whatever the rule.
pub(super) fn an_update_that_changes_nothing_is_allowed(run: Run) -> Result<(), Failed> {
    run.each(&Cases, |case: Case| {
        let set = admission::load(&case.rule).map_err(TestCaseError::fail)?;
        for side in [&case.old, &case.new] {
            let answer =
                admission::ask_about(&set, side, side, &case.user).map_err(TestCaseError::fail)?;
            prop_assert!(answer.allowed, "denied: {:?}", answer.fields);
        }
        Ok(())
    })
}

/// A rule of bare entries, and three objects, each got from the one before by edits.
#[derive(Debug)]
struct Chains;

impl Strategy for Chains {
    type Tree = Fixed<(Case, Value)>;
    type Value = (Case, Value);

    fn new_tree(
        &self,
        runner: &mut TestRunner,
    ) -> Result<Self::Tree, proptest::test_runner::Reason> {
        let mut case = Cases.new_tree(runner)?.current();
        let bare = |entry: &Entry| Entry { allow: None, when: None, ..entry.clone() };
        // In a keyed list the law does not hold: it may be reordered through an update in between
        // that leaves an element out, and is compared otherwise forwards than backwards if one side
        // cannot be keyed.
        case.rule = Rule {
            mutable: case.rule.mutable.iter().map(bare).collect(),
            equality: case
                .rule
                .equality
                .iter()
                .filter(|entry| !matches!(entry.reading, Reading::Key(_)))
                .cloned()
                .collect(),
            protected: case.rule.protected,
            selector: case.rule.selector,
            exempt: case.rule.exempt,
        };
        let keyed = |path: &Path| path.0.iter().any(|step| matches!(step, Step::Keyed { .. }));
        case.rule.mutable.retain(|entry| !keyed(&entry.path));
        case.rule.protected.retain(|path| !keyed(path));
        case.rule.equality.retain(|entry| !keyed(&entry.path));
        for side in [&mut case.old, &mut case.new] {
            not_deleted(side);
        }
        let mut dice = Dice(runner.rng());
        let mut last = if dice.percent(20) { case.old.clone() } else { case.new.clone() };
        wild::edit_near(&mut dice, &case.rule, &mut last, 1);
        not_deleted(&mut last);
        Ok(Fixed((case, last)))
    }
}

/// While an object is being deleted its finalizers go, and do not come back.
fn not_deleted(object: &mut Value) {
    object["metadata"]
        .as_object_mut()
        .into_iter()
        .for_each(|metadata| drop(metadata.remove("deletionTimestamp")));
}

/// A value that does not shrink.
#[derive(Debug)]
pub(super) struct Fixed<T>(pub(super) T);

impl<T: Clone + std::fmt::Debug> ValueTree for Fixed<T> {
    type Value = T;

    fn current(&self) -> T {
        self.0.clone()
    }

    fn simplify(&mut self) -> bool {
        false
    }

    fn complicate(&mut self) -> bool {
        false
    }
}

/// With bare entries alone, what may be done may be undone, and what may be done in two steps may
/// be done in one.
pub(super) fn bare_entries_are_symmetric_and_transitive(run: Run) -> Result<(), Failed> {
    run.each(&Chains, |(case, last)| {
        let set = admission::load(&case.rule).map_err(TestCaseError::fail)?;
        let ask = |old: &Value, new: &Value| {
            admission::ask_about(&set, old, new, &case.user).map_err(TestCaseError::fail)
        };
        let (first, second) = (ask(&case.old, &case.new)?.allowed, ask(&case.new, &last)?.allowed);
        prop_assert_eq!(first, ask(&case.new, &case.old)?.allowed, "not symmetric");
        prop_assert_eq!(second, ask(&last, &case.new)?.allowed, "not symmetric with {}", last);
        if first && second {
            prop_assert!(ask(&case.old, &last)?.allowed, "not transitive with {}", last);
        }
        Ok(())
    })
}

/// What the API server takes for a path is what the parser takes.
pub(super) fn the_pattern_of_paths_is_their_grammar(run: Run) -> Result<(), Failed> {
    let parts = r"([ab_.*0é -]|\n|\[|\]|'|''|=|\.a|\[\*\]|\['a.b'\]|\[a=(b|0|-?1)(,c=(true|-2|'d'))?\]|\[a='b(\*){0,3}'\]|\[a='(''|c|\*)*'\]){0,9}";
    let pattern = regex::Regex::new(fieldward::engine::Path::PATTERN).unwrap();
    let valid = AtomicUsize::new(0);
    run.each(&parts, |text: String| {
        let is_path = fieldward::engine::Path::parse(&text).is_ok();
        valid.fetch_add(usize::from(is_path), Ordering::Relaxed);
        prop_assert_eq!(pattern.is_match(&text), is_path, "{:?}", text);
        Ok(())
    })?;
    let valid = valid.into_inner();
    if valid * 20 < run.cases { Err(format!("only {valid} were paths").into()) } else { Ok(()) }
}

/// json-patch's patch from old to new, applied to old, gives new.
pub(super) fn a_patch_gives_the_new_object(run: Run) -> Result<(), Failed> {
    run.each(&Cases, |case: Case| {
        let patch = json_patch::diff(&case.old, &case.new);
        let mut patched = case.old.clone();
        json_patch::patch(&mut patched, &patch)
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(patched, case.new);
        Ok(())
    })
}

/// Of a repeated JSON key the last one counts (§2).
pub(super) fn of_a_repeated_key_the_last_counts(run: Run) -> Result<(), Failed> {
    run.each(&Decoyed, |(case, Body(body))| {
        let set = admission::load(&case.rule).map_err(TestCaseError::fail)?;
        let plain = admission::ask_about(&set, &case.old, &case.new, &case.user)
            .map_err(TestCaseError::fail)?;
        prop_assert_eq!(
            plain,
            admission::ask_with(&set, &body).map_err(TestCaseError::fail)?,
            "{}",
            String::from_utf8_lossy(&body)
        );
        Ok(())
    })
}

/// The same for each member of the envelope, and each kind of value before it.
pub(super) fn of_a_repeated_key_of_the_envelope_the_last_counts() -> Result<(), Failed> {
    let rule = Rule::default();
    let set = admission::load(&rule)?;
    let user = User { name: "alice".into(), groups: vec!["staff".into()] };
    let review = admission::review(&json!({"a": 1}), &json!({"a": 2}), &user);
    let plain = admission::ask_about(&set, &json!({"a": 1}), &json!({"a": 2}), &user)?;
    let mut wrong = Vec::new();
    for above in ["", "/request", "/request/kind", "/request/resource", "/request/userInfo"] {
        let members = review.pointer(above).and_then(Value::as_object).unwrap();
        for (key, value) in members {
            for decoy in [
                json!(null),
                json!(false),
                json!(0),
                json!("x"),
                json!([]),
                json!(["x"]),
                json!({}),
                json!({"x": "x"}),
            ] {
                let printed = Value::from(members.clone()).to_string();
                let member = format!("{}:{value}", json!(key));
                let twice = printed.replace(&member, &format!("{}:{decoy},{member}", json!(key)));
                let body = review.to_string().replace(&printed, &twice);
                assert_ne!(body, review.to_string());
                match admission::ask_with(&set, body.as_bytes()) {
                    Ok(answer) if answer == plain => {}
                    answer => wrong.push(format!("{above}/{key} after {decoy}: {answer:?}")),
                }
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// A request body, shown as text.
#[derive(Clone)]
pub(super) struct Body(pub(super) Vec<u8>);

impl fmt::Debug for Body {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "body: {}", String::from_utf8_lossy(&self.0))
    }
}

/// A review in which some members of both objects are there twice.
#[derive(Debug)]
struct Decoyed;

impl Strategy for Decoyed {
    type Tree = Fixed<(Case, Body)>;
    type Value = (Case, Body);

    fn new_tree(
        &self,
        runner: &mut TestRunner,
    ) -> Result<Self::Tree, proptest::test_runner::Reason> {
        let case = Cases.new_tree(runner)?.current();
        let mut review = admission::review(&case.old, &case.new, &case.user).to_string();
        let mut dice = Dice(runner.rng());
        for (field, side) in [("object", &case.new), ("oldObject", &case.old)] {
            let mut text = String::new();
            decoy(&mut dice, side, &mut text);
            review = review.replace(&format!("\"{field}\":{side}"), &format!("\"{field}\":{text}"));
        }
        Ok(Fixed((case, Body(review.into_bytes()))))
    }
}

/// Prints a value; before some members of objects, others of the same name.
fn decoy(dice: &mut Dice, value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut printed = Vec::new();
            for (key, value) in members {
                let key = json!(key);
                if dice.percent(15) {
                    printed.push(format!("{key}:{}", world::tree(dice, 2)));
                }
                let mut member = format!("{key}:");
                decoy(dice, value, &mut member);
                printed.push(member);
            }
            *text += &format!("{{{}}}", printed.join(","));
        }
        Value::Array(elements) => {
            let mut printed = vec![String::new(); elements.len()];
            elements
                .iter()
                .zip(&mut printed)
                .for_each(|(element, text)| decoy(dice, element, text));
            *text += &format!("[{}]", printed.join(","));
        }
        scalar => *text += &scalar.to_string(),
    }
}

/// If several rules match, all must allow, and all their violations are reported (§2).
pub(super) fn several_rules_must_all_allow(run: Run) -> Result<(), Failed> {
    run.each(&(Cases, Cases), |(case, other): (Case, Case)| {
        let names = ["first", "second"];
        let documents: Vec<RuleFile> = (names.iter().zip([&case.rule, &other.rule]))
            .map(|(name, rule)| RuleFile {
                origin: format!("{name}.yaml"),
                text: render::named_document(name, rule),
            })
            .collect();
        let set = RuleSet::load(Builtin::Excluded, &documents)
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        let body = admission::review(&case.old, &case.new, &case.user).to_string();
        let reply = admission::both_ways(&set, body.as_bytes()).map_err(TestCaseError::fail)?;
        let answer: Value = serde_json::from_slice(&reply.into_body())
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        let causes = answer["response"]["status"]["details"]["causes"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let found: BTreeSet<String> =
            causes.iter().filter_map(|cause| cause["field"].as_str()).map(str::to_owned).collect();
        let expected: BTreeSet<String> = [&case.rule, &other.rule]
            .into_iter()
            .flat_map(|rule| oracle::violations(rule, &case.old, &case.new, &case.user))
            .map(|at| notation::field(&at))
            .collect();
        prop_assert_eq!(&answer["response"]["allowed"], expected.is_empty(), "{}", answer);
        prop_assert_eq!(found, expected);
        Ok(())
    })
}

/// A body, and the rule that judges it.
#[derive(Debug)]
struct Bodies;

impl Strategy for Bodies {
    type Tree = Fixed<(Case, Body)>;
    type Value = (Case, Body);

    fn new_tree(
        &self,
        runner: &mut TestRunner,
    ) -> Result<Self::Tree, proptest::test_runner::Reason> {
        let case = Cases.new_tree(runner)?.current();
        let mut dice = Dice(runner.rng());
        let mut review = admission::review(&case.old, &case.new, &case.user);
        let mut bytes;
        match dice.below(4) {
            0 => {
                bytes =
                    (0..dice.below(200)).map(|_| u8::try_from(dice.below(256)).unwrap()).collect();
            }
            1 => {
                break_envelope(&mut dice, &mut review);
                bytes = review.to_string().into_bytes();
            }
            _ => {
                bytes = review.to_string().into_bytes();
                for _ in 0..dice.between(1, 3) {
                    break_bytes(&mut dice, &mut bytes);
                }
            }
        }
        Ok(Fixed((case, Body(bytes))))
    }
}

/// Replaces or removes something in the envelope.
fn break_envelope(dice: &mut Dice, review: &mut Value) {
    let places = [
        "",
        "apiVersion",
        "kind",
        "request",
        "request/uid",
        "request/kind",
        "request/kind/kind",
        "request/resource",
        "request/resource/group",
        "request/operation",
        "request/userInfo",
        "request/userInfo/groups",
        "request/userInfo/username",
        "request/object",
        "request/oldObject",
        "request/subResource",
        "request/name",
        "request/dryRun",
    ];
    for _ in 0..dice.between(1, 2) {
        let place = *dice.pick(&places);
        let value = match dice.below(4) {
            0 => world::scalar(dice),
            1 => json!(dice.pick(&[
                "CREATE",
                "DELETE",
                "CONNECT",
                "UPDATE",
                "PATCH",
                "status",
                "v1",
                "\u{1b}[31m"
            ])),
            _ => world::tree(dice, 2),
        };
        let (above, last) = place.rsplit_once('/').unwrap_or(("", place));
        let pointer = if above.is_empty() { String::new() } else { format!("/{above}") };
        match review.pointer_mut(&pointer) {
            Some(Value::Object(members)) if dice.percent(40) => drop(members.remove(last)),
            Some(Value::Object(members)) => drop(members.insert(last.to_owned(), value)),
            _ => {}
        }
    }
}

/// Changes, inserts, repeats or cuts off bytes.
fn break_bytes(dice: &mut Dice, bytes: &mut Vec<u8>) {
    let length = bytes.len();
    if length == 0 {
        return;
    }
    let at = dice.below(length);
    let snippets: &[&[u8]] = &[
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b",",
        b":",
        b"\\ud800",
        b"\xff",
        b"\0",
        b"1e999",
        b"-",
        b"null,",
        b"\\",
        b"\"uid\":\"other\",",
        b"\"operation\":\"CREATE\",",
        b"[[[[[[[[",
        b"99999999999999999999999",
    ];
    let snippet = *dice.pick(snippets);
    match dice.below(4) {
        0 => bytes[at] = u8::try_from(dice.below(256)).unwrap(),
        1 => drop(bytes.splice(at..at, snippet.iter().copied())),
        2 => bytes.truncate(at),
        _ => {
            let end = (at + dice.below(40)).min(length);
            let again = bytes[at..end].to_vec();
            drop(bytes.splice(at..at, again));
        }
    }
}

/// Whatever the bytes, there is an answer, and a verdict carries the review's uid.
pub(super) fn every_body_is_answered(run: Run) -> Result<(), Failed> {
    run.each(&Bodies, |(case, Body(bytes))| {
        let set: RuleSet = admission::load(&case.rule).map_err(TestCaseError::fail)?;
        answered(&set, &bytes)
    })
}

/// Whether a body is answered with a sentence or with a verdict on its own uid.
pub(crate) fn answered(set: &RuleSet, bytes: &[u8]) -> Result<(), TestCaseError> {
    let reply = admission::both_ways(set, bytes).map_err(TestCaseError::fail)?;
    let status = reply.status();
    let body = reply.into_body();
    let shown = format!(
        "{status} {} to {}",
        String::from_utf8_lossy(&body),
        String::from_utf8_lossy(bytes)
    );
    prop_assert!([200, 400, 404, 413].contains(&status), "{}", shown);
    if status != 200 {
        prop_assert!(!body.is_empty(), "{}", shown);
        return Ok(());
    }
    let answer: Value = serde_json::from_slice(&body)
        .map_err(|error| TestCaseError::fail(format!("{error}: {shown}")))?;
    let uid = answer["response"]["uid"].as_str().unwrap_or_default();
    prop_assert!(!uid.is_empty() && answer["response"]["allowed"].is_boolean(), "{}", shown);
    // What is no JSON has no verdict but where the uid stands before the place that is wrong.
    let asked: Option<Value> = serde_json::from_slice(bytes).ok();
    let expected =
        asked.as_ref().map_or(uid, |review| review["request"]["uid"].as_str().unwrap_or_default());
    prop_assert!(uid == expected, "{}", shown);
    Ok(())
}
