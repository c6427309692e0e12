//! What went wrong with a condition, by class: the library's own messages quote values, which
//! nothing may show.

use cel::ExecutionError;

/// Levels of nesting of what a condition may read. The library copies, compares and drops by
/// recursion.
pub(crate) const DEEPEST: usize = 128;

/// Locations at which one entry's condition is evaluated in one review, at most.
pub(crate) const MOST_LOCATIONS: usize = 1_000;

/// Why a condition granted nothing although it was asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub(crate) enum Failure {
    #[error("no such key")]
    NoSuchKey,
    #[error("type error")]
    Type,
    #[error("index out of bounds")]
    Index,
    #[error("division by zero")]
    Division,
    #[error("integer overflow")]
    Overflow,
    #[error("a function's argument is out of its range")]
    Argument,
    #[error("not a bool: found {0}")]
    NotABool(String),
    #[error("more than {most} levels of nesting in what it reads", most = DEEPEST)]
    Depth,
    #[error("too much to evaluate")]
    Budget,
    #[error("too many evaluations: more than {most} locations", most = MOST_LOCATIONS)]
    Locations,
    #[error("the request cannot be read")]
    Request,
    #[error("a bug: the evaluation panicked")]
    Panic,
}

impl Failure {
    /// The class of an error of the library.
    pub(crate) fn from_error(error: &ExecutionError) -> Self {
        match error {
            ExecutionError::NoSuchKey(_) => Self::NoSuchKey,
            ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
                Self::Division
            }
            ExecutionError::Overflow(..) => Self::Overflow,
            ExecutionError::IndexOutOfBounds(_) => Self::Index,
            ExecutionError::FunctionError { .. } => Self::Argument,
            _ => Self::Type,
        }
    }
}

/// A condition that granted nothing because it could not be decided. Names and reasons only, never
/// values.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct ConditionFailure {
    /// The rule's name.
    pub(crate) rule: String,
    /// The path of the entry.
    pub(crate) path: String,
    /// What went wrong, as a class.
    pub(crate) reason: String,
    /// At how many locations.
    pub(crate) times: usize,
}
