//! A learned rule as a document, with comments that say what each line was learned from.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::lines::{Lines, What};
use super::reviews::{Component, Reviews, Target, Update, components};
use crate::engine::{Path, Step, Verb, Verbs, escape_control, escape_json};

/// Names that a comment lists at most.
const MOST_NAMES: usize = 3;

/// A rule that permits what recorded updates changed.
#[derive(Debug, Serialize)]
pub struct Learned {
    name: String,
    reviews: usize,
    entries: Vec<LearnedEntry>,
    /// The rule as YAML.
    pub document: String,
}

/// An entry of `mutable`.
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
    pub(super) fn of(
        target: &Target,
        updates: &[Update],
        lines: &Lines,
        masked: &BTreeSet<Vec<Step>>,
    ) -> Self {
        let count = counted(updates.len());
        let mut document = format!(
            "# Learned from {count}. What no line below names may not change.\n\
             apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata:\n  name: {}\n  \
             annotations:\n    # Put the page here that documents what may change.\n    \
             fieldward.io/source: {}\nspec:\n  matchConstraints:\n    resourceRules:\n      \
             - {{apiGroups: [{}], apiVersions: [{}], resources: [{}], kinds: [{}]}}\n",
            quoted(&target.rule_name()),
            quoted(&format!("learned from {count} by `fieldward learn`")),
            quoted(&target.group),
            quoted(&target.version),
            quoted(&target.resource),
            quoted(&target.kind),
        );
        let mut grouped: BTreeMap<_, (Verbs, Reviews)> = BTreeMap::new();
        let mut equalities = BTreeMap::new();
        for ((path, what), reviews) in lines {
            match what {
                What::May(verb) => {
                    let (verbs, all) =
                        grouped.entry((path, components(updates, reviews))).or_default();
                    *verbs = verbs.with(*verb);
                    all.extend(reviews);
                }
                What::Equal(equality) => {
                    equalities.insert((equality, path), reviews);
                }
            }
        }
        document += if grouped.is_empty() { "  mutable: []\n" } else { "  mutable:\n" };
        let mut entries = Vec::new();
        for ((path, by), (verbs, reviews)) in grouped {
            let entry = LearnedEntry::of(path, verbs, &reviews, updates);
            document += &entry.text(path, masked.contains(path), verbs, &by);
            entries.push(entry);
        }
        if !equalities.is_empty() {
            document += "  equality:\n";
        }
        for ((equality, path), reviews) in equalities {
            let ((what, why), seen) =
                (equality.text(), seen(reviews.len(), example(reviews, updates)));
            let path = quoted(&written(path));
            document += &format!("    # {why}: {seen}\n    - {{path: {path}, {what}}}\n");
        }
        Self { name: target.rule_name(), reviews: updates.len(), entries, document }
    }
}

impl LearnedEntry {
    fn of(path: &[Step], verbs: Verbs, reviews: &Reviews, updates: &[Update]) -> Self {
        let updates_of = || reviews.iter().filter_map(|review| updates.get(*review));
        Self {
            path: written(path),
            allow: verbs.names().collect(),
            reviews: reviews.len(),
            example: example(reviews, updates).to_owned(),
            users: updates_of().map(|update| update.user.clone()).collect(),
        }
    }

    fn text(
        &self,
        path: &[Step],
        is_masked: bool,
        verbs: Verbs,
        by: &BTreeSet<Component>,
    ) -> String {
        let name = |user: &String| {
            if user.is_empty() { "nobody".to_owned() } else { escape_control(user) }
        };
        let users: Vec<String> = self.users.iter().map(name).collect();
        let mut text =
            format!("    # {}; by {}\n", seen(self.reviews, &self.example), some(&users));
        if matches!(path.last(), Some(Step::AnyMember | Step::Prefix(_))) {
            text +=
                "    # several keys of this map changed, or may not be named: all of them may\n";
        }
        if is_masked && verbs.has(Verb::Modify) {
            text += "    # the recording masks the values, so another spelling looks like a change \
                     here\n";
        }
        let path = quoted(&self.path);
        if verbs == Verbs::ALL && by.is_empty() {
            return text + &format!("    - {path}\n");
        }
        text += &format!("    - path: {path}\n");
        if verbs != Verbs::ALL {
            text += &format!("      allow: [{}]\n", self.allow.join(", "));
        }
        let list = |list: &str| {
            let names = by.iter().filter(|(own, _)| *own == list).map(|(_, name)| quoted(name));
            let names = names.collect::<Vec<_>>().join(", ");
            (!names.is_empty()).then(|| format!("{list}: [{names}]"))
        };
        let by: Vec<String> =
            ["users", "groups", "serviceAccounts"].into_iter().filter_map(list).collect();
        if !by.is_empty() {
            text += &format!("      by: {{{}}}\n", by.join(", "));
        }
        text
    }
}

fn written(path: &[Step]) -> String {
    Path::of(path).map(|path| path.to_string()).unwrap_or_default()
}

fn example<'u>(reviews: &Reviews, updates: &'u [Update]) -> &'u str {
    let first = reviews.first().and_then(|review| updates.get(*review));
    first.map_or("", |update| &update.file)
}

fn seen(reviews: usize, example: &str) -> String {
    format!("{}, as {example}", counted(reviews))
}

pub(crate) fn counted(reviews: usize) -> String {
    if reviews == 1 { "1 review".to_owned() } else { format!("{reviews} reviews") }
}

pub(crate) fn some(names: &[String]) -> String {
    let listed = names.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(MOST_NAMES) {
        None | Some(0) => listed,
        Some(more) => format!("{listed} and {more} more"),
    }
}

/// Plain where YAML reads it as the same text everywhere, else as JSON has it.
fn quoted(text: &str) -> String {
    let is_plain =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '/' | '-' | '_');
    let is_word =
        text.starts_with(|letter: char| letter.is_ascii_alphabetic()) && text.chars().all(is_plain);
    let is_reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        .contains(&text.to_lowercase().as_str());
    if is_word && !is_reserved {
        text.to_owned()
    } else {
        escape_json(&serde_json::Value::from(text).to_string())
    }
}
