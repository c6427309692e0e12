//! Which entries are active in one review: by requester, and by condition, at each location.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::evaluation::{Evaluation, Inputs, NodeNumbers, SentValues};
use super::failure::{ConditionFailure, Failure, MOST_LOCATIONS};
use crate::engine::rule::{Condition, Entry, Rule, escape_control};

/// The stack that judging takes in addition to the conditions that it evaluates.
const STACK: usize = 1_048_576;

/// All conditions of a review, each text once whatever rules and entries have it.
///
/// They have equal shares of the review's budget. So their number does not make a review cost more,
/// what one spends is not what another lacks, and the order in which they are asked decides
/// nothing.
pub(crate) struct Conditions<'a, 'i> {
    inputs: &'a Inputs<'i>,
    evaluation: BTreeMap<&'a str, Rc<RefCell<Evaluation<'a, 'i>>>>,
    stack: usize,
}

impl<'a, 'i: 'a> Conditions<'a, 'i> {
    /// Those of the requester's entries. Nothing is evaluated yet.
    pub(crate) fn evaluate(rules: &[&'a Rule], inputs: &'a Inputs<'i>, budget: u64) -> Self {
        let entries =
            rules.iter().flat_map(|rule| &rule.entries).filter(|entry| is_for(entry, inputs));
        let distinct: BTreeMap<&'a str, &'a Condition> = entries
            .filter_map(|entry| entry.when.as_ref())
            .map(|condition| (condition.text(), condition))
            .collect();
        let share = budget / u64::try_from(distinct.len()).unwrap_or(u64::MAX).max(1);
        let stack = distinct
            .values()
            .map(|condition| Evaluation::stack(condition))
            .max()
            .unwrap_or_default();
        let evaluation =
            |condition| Rc::new(RefCell::new(Evaluation::new(condition, inputs, share)));
        Self {
            inputs,
            evaluation: distinct
                .into_iter()
                .map(|(text, condition)| (text, evaluation(condition)))
                .collect(),
            stack,
        }
    }

    /// Whether one of them took all that it may spend.
    pub(crate) fn ran_out(&self) -> bool {
        self.evaluation.values().any(|evaluation| evaluation.borrow().is_spent())
    }

    /// Judges on a stack that is large enough for all of them, so that no evaluation needs one of
    /// its own.
    pub(crate) fn on_a_stack<T>(&self, judge: impl FnOnce() -> T) -> T {
        if self.evaluation.is_empty() {
            return judge();
        }
        let stack = self.stack.saturating_add(STACK);
        stacker::maybe_grow(stack, stack, judge)
    }
}

fn is_for(entry: &Entry, inputs: &Inputs<'_>) -> bool {
    let (user, groups) = inputs.requester();
    entry.is_for(user, groups)
}

/// The entries of a rule that are active.
pub(crate) struct ActiveEntries<'a, 'i> {
    entries: Vec<EntryActivation<'a, 'i>>,
}

enum EntryActivation<'a, 'i> {
    /// Nowhere: it is somebody else's.
    Nowhere,
    /// Wherever its path leads.
    Everywhere,
    /// Where its condition holds.
    If(Box<RefCell<EntryCondition<'a, 'i>>>),
}

/// Whether an entry is active at a location that its path reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    Everywhere,
    Nowhere,
    /// It depends on the value there.
    ByValue,
}

impl<'a, 'i: 'a> ActiveEntries<'a, 'i> {
    /// Nothing is evaluated yet.
    pub(crate) fn decide(rule: &'a Rule, conditions: &Conditions<'a, 'i>) -> Self {
        let activation = |entry: &'a Entry| match &entry.when {
            _ if !is_for(entry, conditions.inputs) => EntryActivation::Nowhere,
            None => EntryActivation::Everywhere,
            Some(condition) => match conditions.evaluation.get(condition.text()) {
                Some(evaluation) => EntryActivation::If(Box::new(RefCell::new(
                    EntryCondition::new(Rc::clone(evaluation)),
                ))),
                None => EntryActivation::Nowhere,
            },
        };
        Self { entries: rule.entries.iter().map(activation).collect() }
    }

    /// Whether the entry is active, as far as that does not depend on the location.
    pub(crate) fn activation(&self, entry: usize) -> Activation {
        match self.entries.get(entry) {
            None | Some(EntryActivation::Nowhere) => Activation::Nowhere,
            Some(EntryActivation::Everywhere) => Activation::Everywhere,
            Some(EntryActivation::If(condition)) => match condition.borrow_mut().once() {
                None => Activation::ByValue,
                Some(true) => Activation::Everywhere,
                Some(false) => Activation::Nowhere,
            },
        }
    }

    /// Whether the entry is active wherever its path leads, without any condition.
    pub(crate) fn is_unconditional(&self, entry: usize) -> bool {
        matches!(self.entries.get(entry), Some(EntryActivation::Everywhere))
    }

    /// Whether the entry is active at a location that its path reaches.
    pub(crate) fn at(&self, entry: usize, sent: SentValues<'i>) -> bool {
        match self.activation(entry) {
            Activation::Everywhere => true,
            Activation::Nowhere => false,
            Activation::ByValue => match self.entries.get(entry) {
                Some(EntryActivation::If(condition)) => condition.borrow_mut().there(sent),
                _ => false,
            },
        }
    }

    /// What could not be decided, in the order of the entries.
    pub(crate) fn failures(&self, rule: &Rule) -> Vec<ConditionFailure> {
        let mut all = Vec::new();
        for (activation, entry) in self.entries.iter().zip(&rule.entries) {
            let EntryActivation::If(condition) = activation else { continue };
            all.extend(condition.borrow().failures.iter().map(|(failure, times)| {
                ConditionFailure {
                    rule: rule.name.to_string(),
                    path: escape_control(&entry.path.to_string()),
                    reason: failure.to_string(),
                    times: *times,
                }
            }));
        }
        all
    }
}

/// What one entry wants to know of its condition.
struct EntryCondition<'a, 'i> {
    evaluation: Rc<RefCell<Evaluation<'a, 'i>>>,
    once: Option<bool>,
    asked: HashMap<NodeNumbers, bool>,
    failures: BTreeMap<Failure, usize>,
}

impl<'a, 'i: 'a> EntryCondition<'a, 'i> {
    fn new(evaluation: Rc<RefCell<Evaluation<'a, 'i>>>) -> Self {
        Self { evaluation, once: None, asked: HashMap::new(), failures: BTreeMap::new() }
    }

    /// None if it depends on the value.
    fn once(&mut self) -> Option<bool> {
        if self.once.is_none() && !self.evaluation.borrow().depends_on_the_value() {
            let result = self.evaluation.borrow_mut().once();
            self.once = Some(self.noted(result));
        }
        self.once
    }

    fn there(&mut self, sent: SentValues<'i>) -> bool {
        if let Some(known) = self.asked.get(&sent.identity()) {
            return *known;
        }
        let result = if self.asked.len() < MOST_LOCATIONS {
            self.evaluation.borrow_mut().there(sent)
        } else {
            Err(Failure::Locations)
        };
        let holds = self.noted(result);
        self.asked.insert(sent.identity(), holds);
        holds
    }

    /// A condition that cannot be decided grants nothing, and the failure is counted.
    fn noted(&mut self, result: Result<bool, Failure>) -> bool {
        result.unwrap_or_else(|failure| {
            *self.failures.entry(failure).or_default() += 1;
            false
        })
    }
}
