//! What entries permit, as messages list it.

use std::collections::HashMap;

use super::condition::Condition;
use super::definition::Entry;
use super::escape::{cut, escape_control};
use super::verbs::Verbs;

/// Characters of a condition in a message, at most.
const LONGEST: usize = 120;

/// What an entry permits, as a list of paths. Entries of one path and condition are one item;
/// narrowed ones name their verbs and what must hold.
pub(crate) fn mutable_text<'a>(entries: impl Iterator<Item = &'a Entry>) -> String {
    let mut paths: Vec<((String, Option<String>), Verbs)> = Vec::new();
    let mut places: HashMap<(String, Option<String>), usize> = HashMap::new();
    for entry in entries {
        let item = (entry.path.to_string(), entry.when.as_ref().map(condition_text));
        let place = *places.entry(item.clone()).or_insert(paths.len());
        match paths.get_mut(place) {
            Some((_, verbs)) => *verbs = verbs.union(entry.verbs),
            None => paths.push((item, entry.verbs)),
        }
    }
    let items: Vec<String> =
        paths.into_iter().map(|((path, when), verbs)| path + &narrowed(verbs, when)).collect();
    if items.is_empty() { "nothing".to_owned() } else { items.join(", ") }
}

/// The verbs and the condition of an entry, if it has any, in parentheses.
pub(crate) fn narrowed(verbs: Verbs, when: Option<String>) -> String {
    let verbs = (verbs != Verbs::ALL).then(|| verbs.names().collect::<Vec<_>>().join(", "));
    let parts: Vec<String> =
        verbs.into_iter().chain(when.map(|when| format!("when {when}"))).collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join("; ")) }
}

/// A condition on one line, shortened.
pub(crate) fn condition_text(condition: &Condition) -> String {
    let words: Vec<&str> = condition.text().split_whitespace().collect();
    cut(&escape_control(&words.join(" ")), LONGEST)
}
