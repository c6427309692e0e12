//! A rule in the making: lines, and the reviews that each was learned from.

use std::collections::{BTreeMap, BTreeSet};

use super::document::Learned;
use super::lines::{self, Equality, Line, Lines, What};
use super::reviews::{Reviews, Target, Update, components};
use super::shape::Shape;
use crate::engine::{
    Builtin, Decision, Document, RefusedChange, RuleSet, Step, admit, refused_changes,
};

/// A rule in the making.
pub(super) struct Draft<'u> {
    target: &'u Target,
    updates: &'u [Update],
    lines: Lines,
    /// The locations whose values the recordings mask.
    masked: BTreeSet<Vec<Step>>,
}

impl<'u> Draft<'u> {
    /// The smallest rule that permits the updates, or why there is none.
    pub(super) fn learned(target: &'u Target, updates: &'u [Update]) -> Result<Learned, String> {
        let mut draft = Self::grown(target, updates)?;
        draft.shrink();
        match draft.refused((0..updates.len()).collect())? {
            None => Ok(draft.written()),
            Some(update) => Err(refusal(update)),
        }
    }

    /// A draft that permits the updates, and perhaps more.
    fn grown(target: &'u Target, updates: &'u [Update]) -> Result<Self, String> {
        let shape = Shape::of(target, updates);
        let mut seen = Seen::default();
        loop {
            let draft = seen.draft(&shape, target, updates);
            let rules = draft.load()?;
            let before = seen.clone();
            for (review, update) in updates.iter().enumerate() {
                let changes =
                    refused_changes(&rules, &update.body).ok_or_else(|| refusal(update))?;
                for change in &changes {
                    seen.add(&before, change, review, update);
                }
                if !changes.is_empty() && seen.lines.len() == before.lines.len() {
                    return Err(refusal(update));
                }
            }
            if seen.lines.len() == before.lines.len() {
                return Ok(draft);
            }
        }
    }

    /// Drops what the updates do not need: equalities, then entries from the root down, so that
    /// the members of an object remain and not the object.
    fn shrink(&mut self) {
        let all = self.lines.clone();
        let (mut order, entries): (Vec<&Line>, Vec<&Line>) =
            all.keys().partition(|(_, what)| matches!(what, What::Equal(_)));
        order.retain(|(_, what)| *what != What::Equal(Equality::Key));
        for line in order.into_iter().chain(entries) {
            // A line decides only about updates with a change at its locations, above or below.
            let meets =
                |(path, _): &Line| path.iter().zip(&line.0).all(|(one, two)| one.meets(two));
            let affected = || all.iter().filter(|(other, _)| meets(other));
            let affected: Reviews = affected().flat_map(|(_, reviews)| reviews).copied().collect();
            let Some(mut reviews) = self.lines.remove(line) else { continue };
            if self.permits(&affected) {
                continue;
            }
            for component in components(self.updates, &reviews) {
                let is_other = |review: &usize| {
                    self.updates.get(*review).and_then(|update| update.component.as_ref())
                        != Some(&component)
                };
                let fewer: Reviews = reviews.iter().copied().filter(is_other).collect();
                self.lines.insert(line.clone(), fewer.clone());
                if !fewer.is_empty() && self.permits(&affected) {
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
            if *what != What::Equal(Equality::Key) {
                return true;
            }
            let goes_in = |(path, other): &Line| other != what && path.starts_with(list);
            let users = others.iter().filter(|(line, _)| goes_in(line));
            *reviews = users.flat_map(|(_, reviews)| reviews).copied().collect();
            !reviews.is_empty()
        });
    }

    fn permits(&self, reviews: &Reviews) -> bool {
        self.refused(reviews.clone()).is_ok_and(|refused| refused.is_none())
    }

    /// The first of these updates that the rule refuses; the reason if the rule does not load.
    fn refused(&self, reviews: Reviews) -> Result<Option<&'u Update>, String> {
        let rules = self.load()?;
        let is_refused = |update: &&Update| {
            let reply = admit(&rules, &update.body);
            reply.allowed() != Some(true)
                || !reply.rules().iter().any(|outcome| outcome.decision == Decision::Allow)
        };
        Ok(reviews.into_iter().filter_map(|review| self.updates.get(review)).find(is_refused))
    }

    fn written(&self) -> Learned {
        Learned::of(self.target, self.updates, &self.lines, &self.masked)
    }

    fn load(&self) -> Result<RuleSet, String> {
        let document =
            Document { origin: "learned rule".to_owned(), text: self.written().document };
        RuleSet::load(Builtin::Left, &[document]).map_err(|errors| errors.to_string())
    }
}

fn refusal(update: &Update) -> String {
    format!("the rule would refuse {}", update.file)
}

/// The lines that the refused changes need, with the keys of maps as they are.
#[derive(Default, Clone)]
struct Seen {
    lines: BTreeSet<(Line, usize)>,
    masked: BTreeSet<Vec<Step>>,
}

impl Seen {
    /// Adds the equalities that make a change none. If there are none, or the draft `before` has
    /// them already, it adds the entries that permit the change.
    fn add(&mut self, before: &Self, change: &RefusedChange, review: usize, update: &Update) {
        let mut lines = lines::equalities(change, update.component.is_some());
        if lines.iter().all(|line| before.lines.contains(&(line.clone(), review))) {
            lines = lines::entries(change);
            let paths = lines.iter().map(|(path, _)| path.clone());
            self.masked.extend(paths.filter(|_| lines::is_masked(change)));
        }
        self.lines.extend(lines.into_iter().map(|line| (line, review)));
    }

    fn draft<'u>(&self, shape: &Shape<'_>, target: &'u Target, updates: &'u [Update]) -> Draft<'u> {
        let mut keys: BTreeMap<&[Step], BTreeSet<&str>> = BTreeMap::new();
        for ((path, _), _) in &self.lines {
            for (object, step) in (1..path.len()).filter_map(|depth| ends(path, depth)) {
                if let Step::Name(key) = step {
                    keys.entry(object).or_default().insert(key);
                }
            }
        }
        let steps: BTreeMap<&[Step], Step> = keys
            .into_iter()
            .filter_map(|(object, keys)| Some((object, shape.common_step(object, &keys)?)))
            .collect();
        let general = |path: &[Step]| -> Vec<Step> {
            let step = |depth| {
                let (object, step) = ends(path, depth)?;
                Some(steps.get(object).filter(|_| step.is_member()).unwrap_or(step).clone())
            };
            (0..path.len()).filter_map(step).collect()
        };
        let mut lines = Lines::new();
        for ((path, what), review) in &self.lines {
            lines.entry((general(path), *what)).or_default().insert(*review);
        }
        let mut keyed: BTreeMap<Vec<Step>, bool> = BTreeMap::new();
        for (list, is_named) in &shape.lists {
            *keyed.entry(general(list)).or_insert(true) &= is_named;
        }
        keyed.retain(|_, is_named| *is_named);
        let key = |(list, _)| ((list, What::Equal(Equality::Key)), Reviews::new());
        lines.extend(keyed.into_iter().map(key));
        let masked = self.masked.iter().map(|path| general(path)).collect();
        Draft { target, updates, lines, masked }
    }
}

/// The step at a depth, and the path of the object or list that it leads from.
fn ends(path: &[Step], depth: usize) -> Option<(&[Step], &Step)> {
    Some((path.get(..depth)?, path.get(depth)?))
}
