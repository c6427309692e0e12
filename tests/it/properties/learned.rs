//! A rule that `learn` makes of random updates lets them all through, and no smaller one
//! does.

use super::case::{Case, Cases};
use super::explained::{Still, load};
use super::{Run, admission};
use fieldward::analysis::learn::{GivenUpdates, Learned};
use fieldward::engine::{OWNED, Path, Step, admit};
use libtest_mimic::Failed;
use proptest::strategy::{NewTree, Strategy};
use proptest::test_runner::{TestCaseError, TestRunner};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Updates of one kind; some are several edits of one object.
#[derive(Debug)]
struct Histories;

impl Strategy for Histories {
    type Tree = Still<Vec<Case>>;
    type Value = Vec<Case>;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let count = super::dice::Dice(runner.rng()).between(1, 4);
        let mut cases = Vec::new();
        for _ in 0..count {
            cases.push(Cases.new_tree(runner)?.current_case());
        }
        Ok(Still(cases))
    }
}

pub(super) fn a_learned_rule_is_the_smallest(run: Run) -> Result<(), Failed> {
    let (entries, smaller) = (AtomicUsize::new(0), AtomicUsize::new(0));
    run.each(&Histories, |cases| {
        let bodies: Vec<Vec<u8>> = cases
            .iter()
            .map(|case| {
                admission::review(&case.old, &case.new, &case.user).to_string().into_bytes()
            })
            .collect();
        let text = learned(&bodies).map_err(TestCaseError::fail)?;
        let allowed = |text: &str| -> Result<bool, TestCaseError> {
            let rules = load(text)?;
            Ok(bodies.iter().all(|body| admit(&rules, body).allowed() == Some(true)))
        };
        if !allowed(&text)? {
            return Err(TestCaseError::fail(format!("an update is refused under\n{text}")));
        }
        let rule = Rule::read(&text);
        let count = load(&text)?.rules().map(|rule| rule.entries().count()).sum();
        assert_eq!(rule.entries.len(), count, "{text}");
        entries.fetch_add(count, Ordering::Relaxed);
        for less in rule.smaller(&cases) {
            smaller.fetch_add(1, Ordering::Relaxed);
            let less = less.text();
            if allowed(&less)? {
                return Err(TestCaseError::fail(format!("less would do:\n{less}\nthan\n{text}")));
            }
        }
        Ok(())
    })?;
    let [entries, smaller] = [entries, smaller].map(AtomicUsize::into_inner);
    println!("learned: {entries} entries, {smaller} smaller rules");
    assert!(
        entries > run.cases && smaller > entries,
        "too little was learned: {entries} entries, {smaller} smaller rules"
    );
    Ok(())
}

/// The document of the one rule that is learned.
fn learned(bodies: &[Vec<u8>]) -> Result<String, String> {
    let mut given = GivenUpdates::default();
    for body in bodies {
        given.add("review", body, false)?;
    }
    match Learned::from_updates(&given)?.as_slice() {
        [rule] => Ok(rule.document.clone()),
        rules => Err(format!("expected one rule, found {}", rules.len())),
    }
}

/// A learned document: its entries, and the lines before and after them.
#[derive(Clone)]
struct Rule {
    head: String,
    entries: Vec<Entry>,
    tail: String,
}

#[derive(Clone)]
struct Entry {
    path: Vec<Step>,
    verbs: Vec<String>,
    by: String,
}

impl Rule {
    fn read(text: &str) -> Self {
        let (head, rest) = text.split_once("  mutable:").unwrap();
        let (list, tail) = rest.split_once("  equality:").unwrap_or((rest, ""));
        let mut rule = Self { head: head.to_owned(), entries: Vec::new(), tail: tail.to_owned() };
        for line in list.lines() {
            if let Some(path) = line.strip_prefix("    - path: ") {
                let path = serde_json::from_str(path).unwrap_or_else(|_| path.to_owned());
                let path = Path::parse(&path).unwrap().steps().to_vec();
                rule.entries.push(Entry { path, verbs: Vec::new(), by: String::new() });
            } else if let Some(verbs) = line.strip_prefix("      allow: ") {
                let verbs = verbs.trim_matches(['[', ']']).split(", ").map(str::to_owned);
                rule.entries.last_mut().unwrap().verbs = verbs.collect();
            } else if line.starts_with("      by: ") {
                rule.entries.last_mut().unwrap().by = format!("{line}\n");
            }
        }
        rule
    }

    fn text(&self) -> String {
        let mut text = format!("{}  mutable:", self.head);
        text += if self.entries.is_empty() { " []\n" } else { "\n" };
        for Entry { path, verbs, by } in &self.entries {
            let path = Value::from(Path::from_steps(path).unwrap().to_string());
            text += &format!("    - path: {path}\n      allow: [{}]\n{by}", verbs.join(", "));
        }
        if !self.tail.is_empty() {
            text += &format!("  equality:{}", self.tail);
        }
        text
    }

    /// Every rule that lacks one entry, or one verb of an entry, or has entries below it instead.
    fn smaller(&self, cases: &[Case]) -> Vec<Self> {
        let mut smaller = Vec::new();
        for (index, entry) in self.entries.iter().enumerate() {
            let mut less = self.clone();
            less.entries.remove(index);
            smaller.push(less);
            for verb in &entry.verbs {
                let mut less = self.clone();
                less.entries[index].verbs.retain(|own| own != verb);
                less.entries.retain(|entry| !entry.verbs.is_empty());
                if entry.verbs.len() > 1 {
                    smaller.push(less.clone());
                }
                let below = entry.below(verb, cases);
                if !below.is_empty() {
                    less.entries.extend(below);
                    smaller.push(less);
                }
            }
        }
        smaller
    }
}

impl Entry {
    /// The same for one verb and the members of what appears or vanishes at its locations; none
    /// where an empty object does, or something else.
    fn below(&self, verb: &str, cases: &[Case]) -> Vec<Self> {
        if verb != "Set" && verb != "Clear" {
            return Vec::new();
        }
        let mut found = Vec::new();
        for case in cases {
            one_sided(&self.path, Some(&case.old), Some(&case.new), &mut found);
        }
        if found.iter().any(|value| value.as_object().is_none_or(Map::is_empty)) {
            return Vec::new();
        }
        let names: BTreeSet<&String> =
            found.iter().filter_map(Value::as_object).flat_map(Map::keys).collect();
        let is_metadata = self.path == [Step::Name("metadata".to_owned())];
        let entry = |name: &String| Self {
            path: self.path.iter().cloned().chain([Step::Name(name.clone())]).collect(),
            verbs: vec![verb.to_owned()],
            by: self.by.clone(),
        };
        names
            .into_iter()
            .filter(|name| !is_metadata || !OWNED.contains(&name.as_str()))
            .map(entry)
            .collect()
    }
}

/// What only one side has where a path leads to.
fn one_sided(path: &[Step], old: Option<&Value>, new: Option<&Value>, found: &mut Vec<Value>) {
    let Some((step, rest)) = path.split_first() else {
        if let (None, Some(value)) | (Some(value), None) = (old, new) {
            found.push(value.clone());
        }
        return;
    };
    let keys = |value: Option<&Value>| -> BTreeSet<String> {
        value.and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned().collect()
    };
    for key in &keys(old) | &keys(new) {
        if Step::Name(key.clone()).within(step) {
            let member = |value: Option<&Value>| value.and_then(|value| value.get(&key)).cloned();
            one_sided(rest, member(old).as_ref(), member(new).as_ref(), found);
        }
    }
    if let (Some(Value::Array(old)), Some(Value::Array(new)), Step::AnyElement) = (old, new, step) {
        let by_name = old.iter().flat_map(|one| {
            let name = one.get("name");
            new.iter()
                .filter(move |two| name.is_some() && two.get("name") == name)
                .map(move |two| (one, two))
        });
        for (one, two) in old.iter().zip(new).chain(by_name) {
            one_sided(rest, Some(one), Some(two), found);
        }
    }
}
