//! The rules that are in force in a trial: what they guard, which of them the API server asks, and
//! whose grants the recorded writes need.

use std::collections::BTreeSet;

use fieldward::engine::{Builtin, RuleFile, RuleSet, admit};
use serde_json::Value;

use super::cases::read;
use super::scene::{Account, Scene};
use crate::corpus::{files, root};
use crate::oracle::condition::holds;

/// The built-in rules and those of further files.
pub(crate) struct Rules {
    builtin: Vec<Value>,
    /// The further ones, and what is parsed of each.
    further: Vec<(RuleFile, Value)>,
}

impl Rules {
    /// Reads rule files, whose paths are relative to the repository.
    pub(crate) fn read(paths: &[&str]) -> Self {
        let builtin = files(&root().join("deploy/rules"), &["yaml"])
            .into_iter()
            .filter(|file| file.parent() == Some(&root().join("deploy/rules")))
            .map(|file| parse(&document(file.to_str().unwrap())));
        let further = paths.iter().map(|path| document(path)).map(|rule| {
            let parsed = parse(&rule);
            (rule, parsed)
        });
        Self { builtin: builtin.collect(), further: further.collect() }
    }

    /// The groups and resources that the rules guard, without subresources.
    pub(crate) fn guarded(&self) -> BTreeSet<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let named = |rule: &Value| {
            let resources = rule["spec"]["matchConstraints"]["resourceRules"].as_array().unwrap();
            resources
                .iter()
                .flat_map(|resource| {
                    let all = |name: &str| resource[name].as_array().unwrap().clone();
                    let (groups, plurals) = (all("apiGroups"), all("resources"));
                    groups.into_iter().flat_map(move |group| {
                        let group = text(&group);
                        plurals
                            .clone()
                            .into_iter()
                            .map(move |plural| (group.clone(), text(&plural)))
                    })
                })
                .filter(|(_, resource)| !resource.contains('/'))
                .collect::<Vec<_>>()
        };
        self.builtin
            .iter()
            .chain(self.further.iter().map(|(_, rule)| rule))
            .flat_map(named)
            .collect()
    }

    /// The rules whose `matchConditions` hold for a request.
    pub(crate) fn asked(&self, request: &Value) -> RuleSet {
        let hold = |rule: &Value| {
            let conditions = rule["spec"]["matchConditions"].as_array().into_iter().flatten();
            conditions.into_iter().all(|condition| {
                let expression = condition["expression"].as_str().unwrap();
                holds(expression, &request["oldObject"], &request["object"])
            })
        };
        let asked: Vec<RuleFile> = self
            .further
            .iter()
            .filter(|(_, rule)| hold(rule))
            .map(|(document, _)| document.clone())
            .collect();
        RuleSet::load(Builtin::Included, &asked).unwrap()
    }
}

/// Fails unless each entry of a rule that is granted to a controller permitted one of the
/// controller's recorded writes.
///
/// An entry did so if the rule allows the write with it and denies it without it. The entries that
/// hold for everybody under a condition are left out of both: whether such a condition holds can
/// depend on which of two controllers is faster.
pub(crate) fn every_grant_is_used(scene: &Scene, rule: &str, controller: Account) {
    let rule = parse(&document(rule));
    let resource = &rule["spec"]["matchConstraints"]["resourceRules"][0]["resources"][0];
    let is_its_own = |case: &Value| {
        let request = &case["review"]["request"];
        request["userInfo"]["username"] == controller.user()
            && request["resource"]["resource"] == *resource
            && case["expect"]["allowed"] == true
    };
    let writes: Vec<Vec<u8>> = read(&scene.recordings())
        .into_iter()
        .filter(is_its_own)
        .map(|case| case["review"].to_string().into_bytes())
        .collect();
    let account = format!("{}/{}", controller.namespace, controller.name);
    let entries = rule["spec"]["mutable"].as_array().unwrap();
    let granted = |entry: &&Value| {
        let accounts = entry["by"]["serviceAccounts"].as_array().into_iter().flatten();
        accounts.into_iter().any(|known| *known == account)
    };
    let without = |granted: Option<&Value>| {
        let mut less = rule.clone();
        less["spec"]["mutable"].as_array_mut().unwrap().retain(|entry| {
            Some(entry) != granted && (entry["when"].is_null() || !entry["by"].is_null())
        });
        let document = RuleFile { origin: "less".to_owned(), text: less.to_string() };
        RuleSet::load(Builtin::Included, &[document]).unwrap()
    };
    let with_all = without(None);
    let is_used = |granted: &Value| {
        let less = without(Some(granted));
        writes.iter().any(|write| {
            admit(&with_all, write).allowed() == Some(true)
                && admit(&less, write).allowed() == Some(false)
        })
    };
    let all: Vec<&Value> = entries.iter().filter(granted).collect();
    assert!(!all.is_empty(), "{account} is granted nothing");
    let unused: Vec<&Value> = all.into_iter().filter(|entry| !is_used(entry)).collect();
    assert!(unused.is_empty(), "{account} used none of {unused:#?} in {} writes", writes.len());
}

fn document(path: &str) -> RuleFile {
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    RuleFile { origin: path.to_owned(), text }
}

fn parse(rule: &RuleFile) -> Value {
    serde_saphyr::from_str(&rule.text).unwrap()
}
