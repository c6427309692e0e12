//! A condition of an entry, compiled: what a rule keeps of it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use cel::common::ast::IdedExpr;

/// A condition of an entry: it must hold, else the entry is not active.
#[derive(Clone)]
pub struct Condition {
    pub(crate) text: Arc<str>,
    pub(crate) program: Arc<Program>,
}

/// What a condition was compiled to.
pub(crate) struct Program {
    /// Rewritten so that it pays for what it does.
    pub(crate) expression: IdedExpr,
    /// Its levels.
    pub(crate) depth: usize,
    /// Its nodes, as it was written.
    pub(crate) nodes: u64,
    /// The regular expressions of `matches`, compiled at load.
    pub(crate) patterns: Vec<Pattern>,
    /// What of each variable is read.
    pub(crate) reads: Reads,
    /// What it reads: each variable with the members named after it.
    pub(crate) chains: Vec<Read>,
    /// Whether a list or map in it mixes types.
    pub(crate) is_mixed: bool,
}

impl Condition {
    /// The expression as it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it has a list or map with literals of several types, which Kubernetes' CEL refuses
    /// unless each is in `dyn()`.
    pub(crate) fn mixes_types(&self) -> bool {
        self.program.is_mixed
    }

    /// Whether it is about the value at a location, so that the entry may be active at one and not
    /// at another.
    pub(crate) fn depends_on_the_value(&self) -> bool {
        self.program
            .chains
            .iter()
            .any(|read| read.variable == "value" || read.variable == "oldValue")
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Condition {}

impl fmt::Debug for Condition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Condition").field(&self.text).finish()
    }
}

/// A regular expression of `matches`.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    pub(crate) regex: regex::Regex,
    /// What each 16 bytes of a text cost: a measure of the states that the matcher may have to
    /// visit for each byte.
    pub(crate) weight: u64,
}

/// A chain of members that a condition reads: `oldObject.spec.suspend`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Read {
    /// The variable it starts from.
    pub(crate) variable: String,
    /// The members named after it.
    pub(crate) members: Vec<String>,
    /// Whether it is only compared with the same field of the other object. Such a condition is
    /// about the change itself, not about the state of the object.
    pub(crate) is_compared: bool,
}

/// What is read of a value: the whole, or only its kind and some members.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reads {
    pub(crate) is_whole: bool,
    pub(crate) members: BTreeMap<String, Reads>,
}

/// What is wrong with an expression.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Line in the expression, from 1.
    pub(crate) line: usize,
    /// Column in that line in characters, from 1.
    pub(crate) column: usize,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn start(message: impl Into<String>) -> Self {
        Self { line: 1, column: 1, message: message.into() }
    }

    /// At a byte of the text.
    pub(crate) fn at(text: &str, offset: usize, message: String) -> Self {
        let before = text.get(..offset).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self { line: before.matches('\n').count() + 1, column: line.chars().count() + 1, message }
    }
}

/// How the expressions of a document are compiled.
#[derive(Clone, Copy)]
pub(crate) struct Compiler {
    /// The condition of an entry.
    pub(crate) condition: fn(&str) -> Result<Condition, Fault>,
    /// Finds what is wrong with a match condition.
    pub(crate) match_condition: fn(&str) -> Result<(), Fault>,
}
