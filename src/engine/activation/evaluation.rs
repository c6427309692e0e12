//! One condition in one review: asked once for each value that it is about, whichever entries have
//! it.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cel::Context;
use cel::common::types::CelBool;

use super::failure::Failure;
use super::value::{convert, convert_object};
use crate::engine::condition::{BUDGET_VARIABLE, Budget, ENVIRONMENT, pattern_name};
use crate::engine::review::{Node, Review};
use crate::engine::rule::Condition;

/// The stack that values of up to [`super::failure::DEEPEST`] levels may need, converted, copied,
/// compared and dropped.
const STACK: usize = 1_048_576;

/// The stack that a level of the rewritten expression may need, in an unoptimised build.
const STACK_PER_LEVEL: usize = 65_536;

/// What an evaluation costs before it looks at anything: setting it up.
const SET_UP: u64 = 4;

/// What all conditions of a review see.
pub(crate) struct Inputs<'a> {
    review: &'a Review<'a>,
    old: Node<'a>,
    new: Node<'a>,
    request: OnceCell<Option<Vec<(&'static str, Node<'a>)>>>,
}

impl<'a> Inputs<'a> {
    pub(crate) fn new(review: &'a Review<'a>, old: Node<'a>, new: Node<'a>) -> Self {
        Self { review, old, new, request: OnceCell::new() }
    }

    /// Who asks for the update: the user and the groups.
    pub(crate) fn requester(&self) -> (&str, &[String]) {
        (&self.review.user, &self.review.groups)
    }

    fn request(&self) -> Option<&[(&'static str, Node<'a>)]> {
        self.request.get_or_init(|| self.review.seen_by_conditions()).as_deref()
    }
}

/// What each object has at a location, as it was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SentValues<'a> {
    pub(crate) old: Option<Node<'a>>,
    pub(crate) new: Option<Node<'a>>,
}

/// The numbers of two nodes.
pub(crate) type NodeNumbers = (Option<u32>, Option<u32>);

impl SentValues<'_> {
    /// Identifies a location: two locations may share the node of one side, but never the nodes
    /// of both.
    pub(crate) fn identity(&self) -> NodeNumbers {
        (self.old.map(Node::number), self.new.map(Node::number))
    }
}

/// A condition, what it may still spend, and what came of evaluating it.
pub(crate) struct Evaluation<'a, 'i> {
    condition: &'a Condition,
    inputs: &'a Inputs<'i>,
    budget: Budget,
    /// The variables that all locations share, once they are converted.
    context: Option<Result<Context<'a, 'a>, Failure>>,
    once: Option<Result<bool, Failure>>,
    asked: HashMap<NodeNumbers, Result<bool, Failure>>,
}

impl<'a, 'i: 'a> Evaluation<'a, 'i> {
    pub(crate) fn new(condition: &'a Condition, inputs: &'a Inputs<'i>, budget: u64) -> Self {
        Self {
            condition,
            inputs,
            budget: Budget::new(budget),
            context: None,
            once: None,
            asked: HashMap::new(),
        }
    }

    /// The stack that one evaluation may need.
    pub(crate) fn stack(condition: &Condition) -> usize {
        STACK + condition.program.depth * STACK_PER_LEVEL
    }

    pub(crate) fn depends_on_the_value(&self) -> bool {
        self.condition.depends_on_the_value()
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.budget.is_spent()
    }

    /// Whether it holds, whatever the location.
    pub(crate) fn once(&mut self) -> Result<bool, Failure> {
        if let Some(known) = &self.once {
            return known.clone();
        }
        let result = self.guarded(None);
        self.once.insert(result).clone()
    }

    /// Whether it holds at a location.
    pub(crate) fn there(&mut self, sent: SentValues<'i>) -> Result<bool, Failure> {
        if let Some(known) = self.asked.get(&sent.identity()) {
            return known.clone();
        }
        let result = self.guarded(Some(sent));
        self.asked.insert(sent.identity(), result.clone());
        result
    }

    fn guarded(&mut self, sent: Option<SentValues<'i>>) -> Result<bool, Failure> {
        let stack = Self::stack(self.condition);
        // What a panic leaves half done is the context, which is not used again.
        let result = stacker::maybe_grow(stack, stack, || {
            catch_unwind(AssertUnwindSafe(|| self.evaluate(sent)))
        });
        result.unwrap_or_else(|_| {
            self.context = Some(Err(Failure::Panic));
            Err(Failure::Panic)
        })
    }

    fn evaluate(&mut self, sent: Option<SentValues<'i>>) -> Result<bool, Failure> {
        let program = &self.condition.program;
        if !self.budget.charge(SET_UP + program.nodes) {
            return Err(Failure::Budget);
        }
        let context = match self.context.take() {
            Some(context) => context,
            None => self.shared(),
        };
        let context = self.context.insert(context).as_mut().map_err(|failure| failure.clone())?;
        if let Some(sent) = sent {
            for (name, value) in [("oldValue", sent.old), ("value", sent.new)] {
                if let Some(reads) = program.reads.members.get(name) {
                    context.add_variable_as_val(name, convert(value, reads, &self.budget)?);
                }
            }
        }
        let result = cel::Value::resolve_val(&program.expression, context);
        if self.budget.is_spent() {
            return Err(Failure::Budget);
        }
        let value = result.map_err(|error| Failure::from_error(&error))?;
        value
            .downcast_ref::<CelBool>()
            .map(|bool| *bool.inner())
            .ok_or_else(|| Failure::NotABool(value.get_type().name().to_owned()))
    }

    /// The variables that do not depend on the location.
    fn shared(&self) -> Result<Context<'a, 'a>, Failure> {
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        let program = &self.condition.program;
        context.add_variable_as_val(BUDGET_VARIABLE, Box::new(self.budget.clone()));
        for (number, pattern) in program.patterns.iter().enumerate() {
            context.add_variable_as_val(pattern_name(number), Box::new(pattern.clone()));
        }
        for (name, value) in [("oldObject", self.inputs.old), ("object", self.inputs.new)] {
            if let Some(reads) = program.reads.members.get(name) {
                context.add_variable_as_val(name, convert(Some(value), reads, &self.budget)?);
            }
        }
        if let Some(reads) = program.reads.members.get("request") {
            let request = self.inputs.request().ok_or(Failure::Request)?;
            context.add_variable_as_val("request", convert_object(request, reads, &self.budget)?);
        }
        Ok(context)
    }
}
