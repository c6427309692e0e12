//! What follows from a violation, and from a webhook that cannot be reached.

/// What follows from a violation; `Deny` and `Warn` exclude each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actions {
    /// The first: what the requester notices.
    pub(crate) effect: Effect,
    /// Whether `Audit` is listed.
    pub(crate) audit: bool,
}

impl Actions {
    /// As `validationActions` lists them.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        let effect = match self.effect {
            Effect::Deny => Some("Deny"),
            Effect::Warn => Some("Warn"),
            Effect::Nothing => None,
        };
        effect.into_iter().chain(self.audit.then_some("Audit"))
    }
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

impl FailurePolicy {
    pub(crate) fn find(name: &str) -> Option<Self> {
        [Self::Fail, Self::Ignore].into_iter().find(|policy| policy.as_str() == name)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "Fail",
            Self::Ignore => "Ignore",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// 403: tools leave the object alone.
    Forbidden,
    /// 422: tools that are told to force may delete and recreate the object.
    Invalid,
}

impl Reason {
    pub(crate) fn find(name: &str) -> Option<Self> {
        [Self::Forbidden, Self::Invalid].into_iter().find(|reason| reason.as_str() == name)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Forbidden => "Forbidden",
            Self::Invalid => "Invalid",
        }
    }
}
