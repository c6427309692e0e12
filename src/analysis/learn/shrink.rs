//! Whether a draft lets every update through that it was learned from, and the smallest part of it
//! that does.

use std::collections::BTreeSet;

use super::document;
use super::draft::Draft;
use super::reviews::{Target, Update};
use crate::engine::{Builtin, Decision, Document, Equal, RuleSet, admit};

/// The first update that the rule would refuse, if any; the rule itself if it cannot be loaded.
pub(crate) fn refused<'u>(
    target: &Target,
    draft: &Draft,
    updates: &'u [Update],
) -> Result<Option<&'u Update>, String> {
    let rules = load(&document::write(target, draft, updates))?;
    Ok(updates.iter().find(|update| !is_allowed(&rules, update)))
}

/// The smallest part of a draft: without what is not needed, and with the members named instead of
/// what appears or vanishes around them where that does.
pub(crate) fn shrunk(target: &Target, draft: Draft, updates: &[Update]) -> Draft {
    let mut draft = pruned(target, draft, updates);
    let trial = Trial { target, updates };
    // Each turn goes a step down, so there is an end to it.
    loop {
        let deeper = draft.deeper(updates).find(|deeper| trial.holds(deeper, &BTreeSet::new()));
        let Some(deeper) = deeper else { return draft };
        draft = pruned(target, deeper, updates);
    }
}

/// Leaves out what is not needed: equalities first, then entries, then verbs and requesters. One
/// pass is enough, since what a smaller rule could do without, a larger one could too.
fn pruned(target: &Target, mut draft: Draft, updates: &[Update]) -> Draft {
    let trial = Trial { target, updates };
    for index in (0..draft.equality.len()).rev() {
        // By position the entries would be wrong as soon as an element is inserted.
        let Some(equality) =
            draft.equality.get(index).filter(|equality| !matches!(equality.equal, Equal::Key(_)))
        else {
            continue;
        };
        let suspects = equality.reviews.clone();
        let mut smaller = draft.clone();
        smaller.equality.remove(index);
        if trial.holds(&smaller, &suspects) {
            draft = smaller;
        }
    }
    for index in (0..draft.entries.len()).rev() {
        let Some(entry) = draft.entries.get(index).cloned() else { continue };
        let mut smaller = draft.clone();
        smaller.entries.remove(index);
        if trial.holds(&smaller, &entry.reviews) {
            draft = smaller;
            continue;
        }
        for verb in &entry.verbs {
            let mut smaller = draft.clone();
            let Some(entry) = smaller.entries.get_mut(index).filter(|entry| entry.verbs.len() > 1)
            else {
                continue;
            };
            entry.verbs.remove(verb);
            let suspects = entry.reviews.clone();
            if trial.holds(&smaller, &suspects) {
                draft = smaller;
            }
        }
        for who in &entry.by {
            let mut smaller = draft.clone();
            let Some(entry) = smaller.entries.get_mut(index).filter(|entry| entry.by.len() > 1)
            else {
                continue;
            };
            entry.by.remove(who);
            let suspects = entry.reviews.clone();
            if trial.holds(&smaller, &suspects) {
                draft = smaller;
            }
        }
    }
    // A list that no entry goes into any more needs no key.
    for index in (0..draft.equality.len()).rev() {
        let is_idle = draft.equality.get(index).is_some_and(|equality| {
            let path = &equality.path;
            let goes_in = |steps: &[crate::engine::Step]| {
                steps.len() >= path.len() && steps.iter().zip(path).all(|(one, two)| one.meets(two))
            };
            matches!(equality.equal, Equal::Key(_))
                && !draft.entries.iter().any(|entry| goes_in(&entry.path))
                && !draft
                    .equality
                    .iter()
                    .enumerate()
                    .any(|(other, equality)| other != index && goes_in(&equality.path))
        });
        if is_idle {
            let mut smaller = draft.clone();
            let suspects = smaller.equality.remove(index).reviews;
            if trial.holds(&smaller, &suspects) {
                draft = smaller;
            }
        }
    }
    draft
}

struct Trial<'t> {
    target: &'t Target,
    updates: &'t [Update],
}

impl Trial<'_> {
    /// Whether all updates go through; those that are likely not to are asked first.
    fn holds(&self, draft: &Draft, suspects: &BTreeSet<usize>) -> bool {
        let Ok(rules) = load(&document::write(self.target, draft, self.updates)) else {
            return false;
        };
        let suspects = suspects.iter().filter_map(|index| self.updates.get(*index));
        suspects.chain(self.updates).all(|update| is_allowed(&rules, update))
    }
}

fn load(text: &str) -> Result<RuleSet, String> {
    let document = Document { origin: "learned rule".to_owned(), text: text.to_owned() };
    RuleSet::load(Builtin::Left, &[document]).map_err(|errors| errors.to_string())
}

fn is_allowed(rules: &RuleSet, update: &Update) -> bool {
    let reply = admit(rules, &update.body);
    reply.allowed() == Some(true)
        && reply.rules().iter().any(|outcome| outcome.decision == Decision::Allow)
}
