//! A draft as the document of a rule, with comments that say what each line was learned from.

use std::collections::BTreeSet;

use super::draft::{Draft, Entry, Equality, NODES, Who};
use super::reviews::{Target, Update};
use crate::engine::{Equal, Path, Step, Verbs, escape_control, escape_json};

/// Names that a comment lists at most.
const MOST_NAMES: usize = 3;

/// Writes the rule down.
pub(crate) fn write(target: &Target, draft: &Draft, updates: &[Update]) -> String {
    let Target { group, version, resource, kind } = target;
    let mut text = format!(
        "# Learned from {}. What no line below names may not change.\napiVersion: \
         fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata:\n  name: {}\n  \
         annotations:\n    # Put the page here that documents what may \
         change.\n    fieldward.io/source: {}\nspec:\n  matchConstraints:\n    \
         resourceRules:\n      - {{apiGroups: [{}], apiVersions: [{}], resources: [{}], kinds: \
         [{}]}}\n",
        counted(updates.len()),
        quoted(&name(target)),
        quoted(&format!("learned from {} by `fieldward learn`", counted(updates.len()))),
        quoted(group),
        quoted(version),
        quoted(resource),
        quoted(kind),
    );
    text += if draft.entries.is_empty() { "  mutable: []\n" } else { "  mutable:\n" };
    text.extend(draft.entries.iter().map(|entry| self::entry(entry, updates)));
    if !draft.equality.is_empty() {
        text += "  equality:\n";
    }
    text.extend(draft.equality.iter().map(|equality| self::equality(equality, updates)));
    text
}

/// The rule's name: the resource as kubectl writes it.
pub(crate) fn name(target: &Target) -> String {
    let Target { group, version, resource, .. } = target;
    let name = format!("{}.{version}.{group}", resource.replace('/', "-")).to_lowercase();
    name.trim_end_matches('.').to_owned()
}

fn entry(entry: &Entry, updates: &[Update]) -> String {
    let users: Vec<String> = entry
        .users
        .iter()
        .map(|user| if user.is_empty() { "nobody".to_owned() } else { escape_control(user) })
        .collect();
    let mut text = format!("    # {}; by {}\n", seen(&entry.reviews, updates), some(&users));
    if matches!(entry.path.last(), Some(Step::AnyMember | Step::Prefix(_))) {
        text += "    # several keys of this map changed, or may not be named: all of them may\n";
    }
    if entry.is_masked {
        text +=
            "    # the recording masks the values, so another spelling looks like a change here\n";
    }
    let spelled = match entry.spelled {
        Some(Equal::Quantity) => Some(("quantity", "as: Quantity")),
        Some(Equal::Duration) => Some(("duration", "as: Duration")),
        _ => None,
    };
    if let Some((what, meaning)) = spelled {
        text += &format!(
            "    # if it is a {what}, only its spelling changed: then `{meaning}` under equality \
             instead\n"
        );
    }
    let path = quoted(&path(&entry.path));
    if entry.verbs() == Verbs::ALL && entry.by.is_empty() {
        return text + &format!("    - {path}\n");
    }
    text += &format!("    - path: {path}\n");
    if entry.verbs() != Verbs::ALL {
        text +=
            &format!("      allow: [{}]\n", entry.verbs().names().collect::<Vec<_>>().join(", "));
    }
    if !entry.by.is_empty() {
        text += &format!("      by: {{{}}}\n", by(&entry.by));
    }
    text
}

fn by(who: &BTreeSet<Who>) -> String {
    let list = |name: &str, of: &dyn Fn(&Who) -> Option<String>| {
        let names: Vec<String> = who.iter().filter_map(of).map(|name| quoted(&name)).collect();
        (!names.is_empty()).then(|| format!("{name}: [{}]", names.join(", ")))
    };
    let users =
        list("users", &|who| if let Who::User(name) = who { Some(name.clone()) } else { None });
    let groups = list("groups", &|who| (*who == Who::Nodes).then(|| NODES.to_owned()));
    let accounts = list("serviceAccounts", &|who| {
        if let Who::Account(name) = who { Some(name.clone()) } else { None }
    });
    [users, groups, accounts].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn equality(equality: &Equality, updates: &[Update]) -> String {
    let (comment, what) = match &equality.equal {
        Equal::Key(key) => {
            (format!("every element has a {key} of its own"), format!("key: {}", quoted(key)))
        }
        Equal::Quantity => {
            ("one quantity in several spellings".to_owned(), "as: Quantity".to_owned())
        }
        Equal::Duration => {
            ("one duration in several spellings".to_owned(), "as: Duration".to_owned())
        }
        Equal::Set => ("one set in several orders".to_owned(), "as: Set".to_owned()),
        Equal::AbsentAs(value) => {
            ("left out by some who write it".to_owned(), format!("absentAs: {value}"))
        }
    };
    let path = quoted(&path(&equality.path));
    format!(
        "    # {comment}: {}\n    - {{path: {path}, {what}}}\n",
        seen(&equality.reviews, updates)
    )
}

pub(crate) fn path(steps: &[Step]) -> String {
    Path::of(steps).map(|path| path.to_string()).unwrap_or_default()
}

pub(crate) fn counted(reviews: usize) -> String {
    if reviews == 1 { "1 review".to_owned() } else { format!("{reviews} reviews") }
}

fn seen(reviews: &BTreeSet<usize>, updates: &[Update]) -> String {
    let example = reviews
        .first()
        .and_then(|review| updates.get(*review))
        .map(|update| escape_control(&update.file))
        .unwrap_or_default();
    format!("{}, as {example}", counted(reviews.len()))
}

pub(crate) fn some(names: &[String]) -> String {
    let listed = names.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > MOST_NAMES {
        format!("{listed} and {} more", names.len() - MOST_NAMES)
    } else {
        listed
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
