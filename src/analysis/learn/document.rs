//! A learned rule as a document, with comments that say what each line was learned from.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::lines::{Lines, What};
use super::reviews::{Reviews, Update, UpdateTarget, components};
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
    pub(super) fn new(target: &UpdateTarget, updates: &[Update], lines: &Lines<'_>) -> Self {
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
        let example = |reviews: &Reviews<'_>| {
            reviews.values().next().map(|update| update.file.clone()).unwrap_or_default()
        };
        let mut permitted: BTreeMap<_, (Verbs, Reviews<'_>)> = BTreeMap::new();
        let mut equal = BTreeMap::new();
        for ((path, what), reviews) in lines {
            match what {
                What::May(verb) => {
                    let by = components(reviews);
                    let (verbs, all) = permitted.entry((path, by)).or_default();
                    *verbs = verbs.with(*verb);
                    all.extend(reviews);
                }
                What::Equal(order, declaration, why) => {
                    equal.insert((order, path), (declaration, why, reviews));
                }
                What::Masked => {}
            }
        }
        document += if permitted.is_empty() { "  mutable: []\n" } else { "  mutable:\n" };
        let mut entries = Vec::new();
        for ((path, by), (verbs, reviews)) in permitted {
            let entry = LearnedEntry {
                path: written(path),
                allow: verbs.names().collect(),
                reviews: reviews.len(),
                example: example(&reviews),
                users: reviews.values().map(|update| update.user.clone()).collect(),
            };
            let name = |user: &String| {
                if user.is_empty() { "nobody".to_owned() } else { escape_control(user) }
            };
            let users = listed(&entry.users.iter().map(name).collect::<Vec<_>>());
            let count = counted(entry.reviews, "review");
            document += &format!("    # {count}, as {}; by {users}\n", entry.example);
            if matches!(path.last(), Some(Step::AnyMember | Step::Prefix(_))) {
                document += "    # several keys of this map changed, or may not be named: all of \
                             them may\n";
            }
            if verbs.has(Verb::Modify) && lines.contains_key(&(path.clone(), What::Masked)) {
                document += "    # the recording masks the values, so another spelling looks like \
                             a change here\n";
            }
            let (path, allow) = (yaml::scalar(&entry.path), entry.allow.join(", "));
            document += &format!("    - path: {path}\n      allow: [{allow}]\n");
            let mut lists: BTreeMap<&str, Vec<String>> = BTreeMap::new();
            for (list, name) in &by {
                lists.entry(list).or_default().push(yaml::scalar(name));
            }
            let lists: Vec<String> = lists
                .into_iter()
                .map(|(list, names)| format!("{list}: [{}]", names.join(", ")))
                .collect();
            if !by.is_empty() {
                document += &format!("      by: {{{}}}\n", lists.join(", "));
            }
            entries.push(entry);
        }
        document += if equal.is_empty() { "" } else { "  equality:\n" };
        for ((_, path), (declaration, why, reviews)) in equal {
            let (count, example) = (counted(reviews.len(), "review"), example(reviews));
            document += &format!(
                "    # {why}: {count}, as {example}\n    - {{path: {}, {declaration}}}\n",
                yaml::scalar(&written(path))
            );
        }
        Self { name: target.rule_name(), reviews: updates.len(), entries, document }
    }
}
