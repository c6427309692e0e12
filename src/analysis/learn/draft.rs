//! A rule in the making: lines, and the reviews that each was learned from.

use std::collections::{BTreeMap, BTreeSet};

use super::document::Learned;
use super::lines::{self, KEY, Line, Lines, What};
use super::reviews::{Reviews, Update, UpdateTarget, components};
use super::shape::RecordedShape;
use crate::analysis::paths::meets;
use crate::engine::{Builtin, Decision, RuleFile, RuleSet, Step, admit, refused_changes};

pub(super) struct Draft<'u> {
    target: &'u UpdateTarget,
    updates: &'u [Update],
    lines: Lines<'u>,
}

impl<'u> Draft<'u> {
    /// The smallest rule that permits the updates, or why there is none.
    pub(super) fn learned(mut self) -> Result<Learned, String> {
        self.shrink();
        match self.refused(&self.updates.iter().enumerate().collect())? {
            None => Ok(Learned::new(self.target, self.updates, &self.lines)),
            Some(update) => Err(refusal(update)),
        }
    }

    /// A draft that permits the updates, and perhaps more.
    pub(super) fn grown(target: &'u UpdateTarget, updates: &'u [Update]) -> Result<Self, String> {
        let shape = RecordedShape::new(target, updates);
        // All lines that some change asks for, and their number before the current round.
        let (mut seen, mut known) = (BTreeMap::new(), None);
        loop {
            let draft = Self { target, updates, lines: generalised(&shape, &seen) };
            let rules = draft.load()?;
            let mut last = None;
            for (review, update) in updates.iter().enumerate() {
                let changes =
                    refused_changes(&rules, &update.body).ok_or_else(|| refusal(update))?;
                for change in changes {
                    let mut lines = lines::equalities(&change, update.component.is_some());
                    // What is refused again needs entries.
                    if lines.is_empty() || known.is_some() {
                        lines = lines::entries(&change);
                    }
                    seen.extend(lines.into_iter().map(|line| ((line, review), update)));
                    last = Some(update);
                }
            }
            match last {
                None => return Ok(draft),
                Some(update) if known == Some(seen.len()) => return Err(refusal(update)),
                Some(_) => known = Some(seen.len()),
            }
        }
    }

    /// Drops what the updates do not need: equalities, then entries from the root down, so that
    /// the members of an object remain and not the object.
    fn shrink(&mut self) {
        let all = self.lines.clone();
        let of = |is_wanted: fn(&What) -> bool| all.keys().filter(move |line| is_wanted(&line.1));
        let equalities = of(|what| matches!(what, What::Equal(..)) && *what != KEY);
        for line in equalities.chain(of(|what| matches!(what, What::May(_)))) {
            // A line decides only about updates with a change at its locations, above or below.
            let affected = || all.iter().filter(|((path, _), _)| meets(path, &line.0));
            let affected: Reviews<'_> =
                affected().flat_map(|(_, reviews)| reviews.clone()).collect();
            let Some(mut reviews) = self.lines.remove(line) else { continue };
            if matches!(self.refused(&affected), Ok(None)) {
                continue;
            }
            for component in components(&reviews) {
                let mut fewer = reviews.clone();
                fewer.retain(|_, update| update.component.as_ref() != Some(&component));
                self.lines.insert(line.clone(), fewer.clone());
                if !fewer.is_empty() && matches!(self.refused(&affected), Ok(None)) {
                    reviews = fewer;
                }
            }
            self.lines.insert(line.clone(), reviews);
        }
        self.drop_idle_keys();
    }

    /// Drops the keys of lists that no other line goes into. A key that is not needed but in use
    /// stays: by position, the entries are wrong as soon as an element is inserted.
    fn drop_idle_keys(&mut self) {
        let others = self.lines.clone();
        self.lines.retain(|(list, what), reviews| {
            if *what != KEY {
                return true;
            }
            let goes_in = |(path, other): &Line| {
                ![KEY, What::Masked].contains(other) && path.starts_with(list)
            };
            let users = others.iter().filter(|(line, _)| goes_in(line));
            *reviews = users.flat_map(|(_, reviews)| reviews.clone()).collect();
            !reviews.is_empty()
        });
    }

    /// The first of these updates that the rule refuses; the reason if the rule does not load.
    fn refused(&self, reviews: &Reviews<'u>) -> Result<Option<&'u Update>, String> {
        let rules = self.load()?;
        let is_refused = |update: &&Update| {
            let reply = admit(&rules, &update.body);
            reply.allowed() != Some(true)
                || !reply.rules().iter().any(|outcome| outcome.decision == Decision::Allow)
        };
        Ok(reviews.values().copied().find(is_refused))
    }

    fn load(&self) -> Result<RuleSet, String> {
        let text = Learned::new(self.target, self.updates, &self.lines).document;
        let document = RuleFile { origin: "learned rule".to_owned(), text };
        RuleSet::load(Builtin::Excluded, &[document]).map_err(|errors| errors.to_string())
    }
}

fn refusal(update: &Update) -> String {
    format!("the rule would refuse {}", update.file)
}

/// The lines with the keys of maps generalised, and the keys of all lists that can have one.
fn generalised<'u>(
    shape: &RecordedShape<'_>,
    seen: &BTreeMap<(Line, usize), &'u Update>,
) -> Lines<'u> {
    let mut keys: BTreeMap<&[Step], BTreeSet<&str>> = BTreeMap::new();
    for ((path, _), _) in seen.keys() {
        for (depth, step) in path.iter().enumerate().skip(1) {
            if let (Step::Name(key), Some(object)) = (step, path.get(..depth)) {
                keys.entry(object).or_default().insert(key);
            }
        }
    }
    let common = |(object, keys)| Some((object, shape.common_step(object, &keys)?));
    let common: BTreeMap<&[Step], Step> = keys.into_iter().filter_map(common).collect();
    let general = |path: &[Step]| -> Vec<Step> {
        let step = |(depth, step): (usize, &Step)| {
            let common = path.get(..depth).and_then(|object| common.get(object));
            common.filter(|_| step.is_member()).unwrap_or(step).clone()
        };
        path.iter().enumerate().map(step).collect()
    };
    let mut lines = Lines::new();
    for (((path, what), review), update) in seen {
        lines.entry((general(path), *what)).or_default().insert(*review, *update);
    }
    let mut keyed: BTreeMap<Vec<Step>, bool> = BTreeMap::new();
    for (list, is_named) in &shape.lists {
        *keyed.entry(general(list)).or_insert(true) &= is_named;
    }
    keyed.retain(|_, is_named| *is_named);
    lines.extend(keyed.into_keys().map(|list| ((list, KEY), Reviews::new())));
    lines
}
