//! What follows from a violation, and from a webhook that cannot be reached.

/// What follows from a violation; `Deny` and `Warn` exclude each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actions {
    /// The first: what the requester notices.
    pub(crate) effect: Effect,
    /// Whether `Audit` is listed.
    pub(crate) audit: bool,
}

/// What the requester notices of a violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The update is refused.
    Deny,
    /// The update is allowed, with a warning.
    Warn,
    /// Nothing: it is only recorded.
    Nothing,
}

/// What the API server does when the webhook cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailurePolicy {
    /// It refuses the update.
    Fail,
    /// It lets the update through.
    Ignore,
}

/// The reason of a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// 403: tools leave the object alone.
    Forbidden,
    /// 422: tools that are told to force may delete and recreate the object.
    Invalid,
}
