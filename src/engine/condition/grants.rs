//! Which entries are there in one review: by requester, and by condition, at each location.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cel::Context;
use cel::common::types::CelBool;
use serde_json::Value;

use super::meter::{BUDGET, ENVIRONMENT, METER, Meter};
use super::value::convert;
use super::{Condition, ConditionFailure, Failure, MOST_LOCATIONS, metered};
use crate::engine::review::Review;
use crate::engine::rules::Rule;

/// The stack that values of up to [`super::value::DEEPEST`] levels may need, converted, copied, compared and dropped.
const STACK: usize = 1024 * 1024;

/// The stack that a level of the rewritten expression may need, in an unoptimised build.
const STACK_PER_LEVEL: usize = 64 * 1024;

/// What all conditions of a review see.
pub(crate) struct Inputs<'a> {
    review: &'a Review<'a>,
    old: &'a Value,
    new: &'a Value,
    request: OnceCell<Option<Value>>,
}

impl<'a> Inputs<'a> {
    pub(crate) fn new(review: &'a Review<'a>, old: &'a Value, new: &'a Value) -> Self {
        Self { review, old, new, request: OnceCell::new() }
    }

    fn request(&self) -> Option<&Value> {
        self.request.get_or_init(|| self.review.request_value()).as_ref()
    }
}

/// What each object has at a location, as it was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent<'a> {
    pub(crate) old: Option<&'a Value>,
    pub(crate) new: Option<&'a Value>,
}

impl Sent<'_> {
    /// Two values of one review are the same location only if they are the same memory.
    fn identity(&self) -> (usize, usize) {
        let address = |value: Option<&Value>| value.map_or(0, |value| std::ptr::from_ref(value).addr());
        (address(self.old), address(self.new))
    }
}

/// Which of a rule's entries are there.
pub(crate) struct Grants<'a, 'i> {
    entries: Vec<Grant<'a, 'i>>,
}

enum Grant<'a, 'i> {
    /// Nowhere: it is somebody else's.
    Nowhere,
    /// Wherever its path leads.
    Everywhere,
    /// Where its condition holds.
    If(Box<RefCell<Asking<'a, 'i>>>),
}

/// Whether an entry is there at a location that its path reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Everywhere,
    Nowhere,
    /// It depends on the value there.
    ByValue,
}

impl<'a, 'i: 'a> Grants<'a, 'i> {
    /// Nothing is evaluated yet.
    pub(crate) fn of(rule: &'a Rule, inputs: &'a Inputs<'i>) -> Self {
        let (user, groups) = (&inputs.review.user, &inputs.review.groups);
        let grant = |entry: &'a crate::engine::rules::Entry| match &entry.when {
            _ if !entry.by.as_ref().is_none_or(|by| by.contains(user, groups)) => Grant::Nowhere,
            None => Grant::Everywhere,
            Some(condition) => Grant::If(Box::new(RefCell::new(Asking::new(condition, inputs)))),
        };
        Self { entries: rule.entries.iter().map(grant).collect() }
    }

    /// Whether the entry is there, as far as that does not depend on the location.
    pub(crate) fn presence(&self, entry: usize) -> Presence {
        match self.entries.get(entry) {
            None | Some(Grant::Nowhere) => Presence::Nowhere,
            Some(Grant::Everywhere) => Presence::Everywhere,
            Some(Grant::If(asking)) => {
                let mut asking = asking.borrow_mut();
                if asking.condition.depends_on_the_value() {
                    Presence::ByValue
                } else if asking.once() {
                    Presence::Everywhere
                } else {
                    Presence::Nowhere
                }
            }
        }
    }

    /// Whether the entry is there at a location that its path reaches.
    pub(crate) fn at(&self, entry: usize, sent: Sent<'i>) -> bool {
        match self.presence(entry) {
            Presence::Everywhere => true,
            Presence::Nowhere => false,
            Presence::ByValue => match self.entries.get(entry) {
                Some(Grant::If(asking)) => asking.borrow_mut().there(sent),
                _ => false,
            },
        }
    }

    /// What could not be decided, in the order of the entries.
    pub(crate) fn failures(&self, rule: &Rule) -> Vec<ConditionFailure> {
        let mut all = Vec::new();
        for (grant, entry) in self.entries.iter().zip(&rule.entries) {
            let Grant::If(asking) = grant else { continue };
            all.extend(asking.borrow().failures.iter().map(|(failure, times)| ConditionFailure {
                rule: rule.name.to_string(),
                path: crate::engine::words::harmless(&entry.path.to_string()),
                reason: failure.to_string(),
                times: *times,
            }));
        }
        all
    }
}

/// One entry's condition in one review.
struct Asking<'a, 'i> {
    condition: &'a Condition,
    inputs: &'a Inputs<'i>,
    meter: Meter,
    /// The variables that all locations share, once they are converted.
    context: Option<Result<Context<'a, 'a>, Failure>>,
    once: Option<bool>,
    asked: HashMap<(usize, usize), bool>,
    failures: BTreeMap<Failure, usize>,
}

impl<'a, 'i: 'a> Asking<'a, 'i> {
    fn new(condition: &'a Condition, inputs: &'a Inputs<'i>) -> Self {
        Self { condition, inputs, meter: Meter::new(BUDGET), context: None, once: None, asked: HashMap::new(), failures: BTreeMap::new() }
    }

    fn once(&mut self) -> bool {
        if let Some(known) = self.once {
            return known;
        }
        let holds = self.counted(None);
        self.once = Some(holds);
        holds
    }

    fn there(&mut self, sent: Sent<'i>) -> bool {
        if let Some(known) = self.asked.get(&sent.identity()) {
            return *known;
        }
        let holds = if self.asked.len() < MOST_LOCATIONS {
            self.counted(Some(sent))
        } else {
            *self.failures.entry(Failure::Locations).or_default() += 1;
            false
        };
        self.asked.insert(sent.identity(), holds);
        holds
    }

    /// Whether the condition holds; what goes wrong is noted.
    fn counted(&mut self, sent: Option<Sent<'i>>) -> bool {
        // What a panic leaves half done is this entry's context, which is not used again.
        let stack = STACK + self.condition.program.depth * STACK_PER_LEVEL;
        let result = stacker::maybe_grow(stack, stack, || catch_unwind(AssertUnwindSafe(|| self.evaluate(sent))));
        let result = result.unwrap_or_else(|_| {
            self.context = Some(Err(Failure::Panic));
            Err(Failure::Panic)
        });
        result.unwrap_or_else(|failure| {
            *self.failures.entry(failure).or_default() += 1;
            false
        })
    }

    fn evaluate(&mut self, sent: Option<Sent<'i>>) -> Result<bool, Failure> {
        let context = match self.context.take() {
            Some(context) => context,
            None => self.shared(),
        };
        let context = self.context.insert(context).as_mut().map_err(|failure| failure.clone())?;
        let program = &self.condition.program;
        if let Some(sent) = sent {
            for (name, value) in [("oldValue", sent.old), ("value", sent.new)] {
                if let Some(reads) = program.reads.of_variable(name) {
                    context.add_variable_as_val(name, convert(value, reads, &self.meter)?);
                }
            }
        }
        let result = cel::Value::resolve_val(&program.expression, context);
        if self.meter.is_spent() {
            return Err(Failure::Budget);
        }
        let value = result.map_err(|error| Failure::of(&error))?;
        value.downcast_ref::<CelBool>().map(|bool| *bool.inner()).ok_or_else(|| Failure::NotABool(value.get_type().name().to_owned()))
    }

    /// The variables that do not depend on the location.
    fn shared(&self) -> Result<Context<'a, 'a>, Failure> {
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        let program = &self.condition.program;
        context.add_variable_as_val(METER, Box::new(self.meter.clone()));
        for (number, pattern) in program.patterns.iter().enumerate() {
            context.add_variable_as_val(metered::pattern_name(number), Box::new(pattern.clone()));
        }
        for (name, value) in [("oldObject", self.inputs.old), ("object", self.inputs.new)] {
            if let Some(reads) = program.reads.of_variable(name) {
                context.add_variable_as_val(name, convert(Some(value), reads, &self.meter)?);
            }
        }
        if let Some(reads) = program.reads.of_variable("request") {
            let request = self.inputs.request().ok_or(Failure::Request)?;
            context.add_variable_as_val("request", convert(Some(request), reads, &self.meter)?);
        }
        Ok(context)
    }
}
