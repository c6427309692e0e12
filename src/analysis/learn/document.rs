//! A learned rule as a document, with comments that say what each line was learned from.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::lines::{Lines, What};
use super::reviews::{Component, Reviews, Update, UpdateTarget, components};
use crate::analysis::words::{counted, listed};
use crate::analysis::yaml;
use crate::engine::{Step, Verb, Verbs, escape_control, written};

/// A rule that permits what recorded updates changed.
#[derive(Debug, Serialize)]
pub struct Learned {
    name: String,
    reviews: usize,
    entries: Vec<LearnedEntry>,
    /// The rule as YAML.
    pub document: String,
}

#[derive(Debug, Serialize)]
struct LearnedEntry {
    path: String,
    allow: Vec<&'static str>,
    reviews: usize,
    /// The first review that it was learned from.
    example: String,
    users: BTreeSet<String>,
}

impl Learned {
    pub(super) fn new(target: &UpdateTarget, updates: &[Update], lines: &Lines) -> Self {
        let count = counted(updates.len(), "review");
        let mut document = format!(
            "# Learned from {count}. Fields that are not named below may not change.\n\
             apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata:\n  name: {}\n  \
             annotations:\n    # Write the address of the page that documents what may change.\n    \
             fieldward.io/source: {}\nspec:\n  matchConstraints:\n    resourceRules:\n      \
             - {{apiGroups: [{}], apiVersions: [{}], resources: [{}], kinds: [{}]}}\n",
            yaml::scalar(&target.rule_name()),
            yaml::scalar(&format!("learned from {count} by `fieldward learn`")),
            yaml::scalar(&target.group),
            yaml::scalar(&target.version),
            yaml::scalar(&target.resource),
            yaml::scalar(&target.kind),
        );
        let mut permitted: BTreeMap<_, (Verbs, Reviews)> = BTreeMap::new();
        let mut equal = BTreeMap::new();
        for ((path, what), reviews) in lines {
            match what {
                What::May(verb) => {
                    let by = components(updates, reviews);
                    let (verbs, all) = permitted.entry((path, by)).or_default();
                    *verbs = verbs.with(*verb);
                    all.extend(reviews);
                }
                What::Equal(equality) => drop(equal.insert((equality, path), reviews)),
                What::Masked => {}
            }
        }
        document += if permitted.is_empty() { "  mutable: []\n" } else { "  mutable:\n" };
        let mut entries = Vec::new();
        for ((path, by), (verbs, reviews)) in permitted {
            let users =
                reviews.iter().filter_map(|review| Some(updates.get(*review)?.user.clone()));
            let entry = LearnedEntry {
                path: written(path),
                allow: verbs.names().collect(),
                reviews: reviews.len(),
                example: example(updates, &reviews),
                users: users.collect(),
            };
            let is_masked =
                verbs.has(Verb::Modify) && lines.contains_key(&(path.clone(), What::Masked));
            document += &entry.text(path, &by, is_masked);
            entries.push(entry);
        }
        document += if equal.is_empty() { "" } else { "  equality:\n" };
        for ((equality, path), reviews) in equal {
            let (declaration, why) = equality.text();
            let (count, example) = (counted(reviews.len(), "review"), example(updates, reviews));
            document += &format!(
                "    # {why}: {count}, as {example}\n    - {{path: {}, {declaration}}}\n",
                yaml::scalar(&written(path))
            );
        }
        Self { name: target.rule_name(), reviews: updates.len(), entries, document }
    }
}

impl LearnedEntry {
    fn text(&self, path: &[Step], by: &BTreeSet<Component>, is_masked: bool) -> String {
        let name = |user: &String| {
            if user.is_empty() { "nobody".to_owned() } else { escape_control(user) }
        };
        let users = listed(&self.users.iter().map(name).collect::<Vec<_>>());
        let count = counted(self.reviews, "review");
        let mut text = format!("    # {count}, as {}; by {users}\n", self.example);
        if matches!(path.last(), Some(Step::AnyMember | Step::Prefix(_))) {
            text +=
                "    # several keys of this map changed, or may not be named: all of them may\n";
        }
        if is_masked {
            text += "    # the recording masks the values, so another spelling looks like a change \
                     here\n";
        }
        let (path, allow) = (yaml::scalar(&self.path), self.allow.join(", "));
        text += &format!("    - path: {path}\n      allow: [{allow}]\n");
        let mut lists: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (list, name) in by {
            lists.entry(list).or_default().push(yaml::scalar(name));
        }
        let list = |(list, names): (&str, Vec<String>)| format!("{list}: [{}]", names.join(", "));
        if !by.is_empty() {
            let lists: Vec<String> = lists.into_iter().map(list).collect();
            text += &format!("      by: {{{}}}\n", lists.join(", "));
        }
        text
    }
}

fn example(updates: &[Update], reviews: &Reviews) -> String {
    let first = reviews.first().and_then(|review| updates.get(*review));
    first.map(|update| update.file.clone()).unwrap_or_default()
}
