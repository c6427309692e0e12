//! Values compared by their type, by the engine and by Go: a program in Go makes random pairs of
//! them and says of each pair whether it is equal.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::Mutex;
use std::thread;

use fieldward::engine::{Builtin, Reply, RuleFile, RuleSet, admit};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Table, folder, pins};

/// The first value that the random numbers of all runs come from.
const SEED: &str = "1";

/// How many pairs a thread takes at once.
const BATCH: usize = 64;

/// How many disagreements of a type are printed, and how much of each.
const MAX_PRINTED: usize = 5;
const MAX_CHARS: usize = 600;

/// A line of the program.
#[derive(Deserialize)]
struct Pair<'a> {
    #[serde(rename = "type")]
    type_name: &'a str,
    #[serde(borrow)]
    one: &'a RawValue,
    #[serde(borrow)]
    two: &'a RawValue,
    equal: bool,
}

/// What the pairs of one type came to.
#[derive(Debug, Default)]
struct Tally {
    pairs: usize,
    equal: usize,
    disagreements: usize,
    printed: Vec<String>,
}

/// Judges `count` pairs of each type that the table's program makes.
pub(super) fn agree(table: &Table, count: usize) {
    let (module, package) = table.program;
    let mut program = pins(module)
        .go()
        .args(["run", package, "pairs"])
        .arg(folder())
        .args([&count.to_string(), SEED])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = Mutex::new(BufReader::new(program.stdout.take().unwrap()).lines());
    let take = || -> Vec<String> {
        lines.lock().unwrap().by_ref().take(BATCH).map(Result::unwrap).collect()
    };
    let tallies = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(|| {
                let mut rules = BTreeMap::new();
                while let batch = take()
                    && !batch.is_empty()
                {
                    for line in batch {
                        judge(&mut rules, &line, &tallies);
                    }
                }
            });
        }
    });
    assert!(program.wait().unwrap().success(), "{}", table.file);
    check(&tallies.into_inner().unwrap(), count);
}

/// Judges a pair by the rule of its type and counts it.
fn judge(
    rules: &mut BTreeMap<String, RuleSet>,
    line: &str,
    tallies: &Mutex<BTreeMap<String, Tally>>,
) {
    let pair: Pair = serde_json::from_str(line).unwrap();
    let rules =
        rules.entry(pair.type_name.to_owned()).or_insert_with_key(|name| rules_of_type(name));
    let reply = admit(rules, review(pair.one.get(), pair.two.get()).as_bytes());
    let agrees = reply.allowed() == Some(pair.equal);
    let disagreement = (!agrees).then(|| pair.disagreement(&reply));
    let mut tallies = tallies.lock().unwrap();
    let tally = tallies.entry(pair.type_name.to_owned()).or_default();
    tally.pairs += 1;
    tally.equal += usize::from(pair.equal);
    tally.disagreements += usize::from(!agrees);
    if tally.printed.len() < MAX_PRINTED {
        tally.printed.extend(disagreement);
    }
}

fn check(tallies: &BTreeMap<String, Tally>, count: usize) {
    assert!(!tallies.is_empty(), "the program made no pairs");
    let mut failures = Vec::new();
    for (name, tally) in tallies {
        let Tally { pairs, equal, disagreements, printed } = tally;
        let different = pairs - equal;
        let line = format!(
            "{name}: {pairs} pairs, {equal} equal, {different} different, {disagreements} \
             disagreements"
        );
        println!("{line}");
        // A test that never sees one of the two shows nothing.
        let has_both = pairs / 4 < *equal && pairs / 4 < different;
        if *disagreements > 0 || *pairs != count || !has_both {
            failures.push(format!("{line}\n{}", printed.join("\n")));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

impl Pair<'_> {
    fn disagreement(&self, reply: &Reply) -> String {
        let text = if self.equal {
            let is_change = |line: &&str| line.starts_with("  ");
            let changes: Vec<&str> = reply.message().lines().filter(is_change).collect();
            format!("equal in Go:\n{}", changes.join("\n"))
        } else {
            let value = |raw: &RawValue| serde_json::from_str::<Value>(raw.get()).unwrap();
            let patch = json_patch::diff(&value(self.one), &value(self.two));
            format!("different in Go: {}", serde_json::to_string(&patch).unwrap())
        };
        text.chars().take(MAX_CHARS).collect()
    }
}

/// A rule that compares `spec` by that type, and permits no change of it.
fn rules_of_type(name: &str) -> RuleSet {
    let text = format!(
        "apiVersion: fieldward.io/v1alpha1\n\
         kind: UpdateRule\n\
         metadata: {{name: typed}}\n\
         spec:\n\
         \x20 matchConstraints:\n\
         \x20   resourceRules:\n\
         \x20     - {{apiGroups: [example.com], apiVersions: [v1], resources: [widgets]}}\n\
         \x20 mutable: [metadata.labels]\n\
         \x20 equality: [{{path: spec, as: {name}}}]\n"
    );
    RuleSet::load(Builtin::Excluded, &[RuleFile { origin: name.to_owned(), text }]).unwrap()
}

/// An update of `spec`. The texts of the values stay as they are.
fn review(one: &str, two: &str) -> String {
    let object = |spec: &str| {
        format!(
            r#"{{"apiVersion":"example.com/v1","kind":"Widget","metadata":{{"name":"w"}},"spec":{spec}}}"#
        )
    };
    format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{
        "uid":"1","operation":"UPDATE","userInfo":{{"username":"alice"}},"name":"w",
        "kind":{{"group":"example.com","version":"v1","kind":"Widget"}},
        "resource":{{"group":"example.com","version":"v1","resource":"widgets"}},
        "oldObject":{},"object":{}}}}}"#,
        object(one),
        object(two)
    )
}
