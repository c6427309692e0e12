//! Why there is no verdict.

/// The `apiVersion` of every review that is understood.
pub(crate) const API_VERSION: &str = "admission.k8s.io/v1";

/// Levels of nesting up to which an object is judged: the API server's own limit.
pub(crate) const DEEPEST: usize = 10_000;

/// Why a body is not a review: it has no uid to answer to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAReview {
    #[error("expected an AdmissionReview as JSON, found something else: {0}")]
    Json(String),
    #[error("expected apiVersion `{API_VERSION}`, found `{0}`")]
    Version(String),
    #[error("expected kind `AdmissionReview`, found `{0}`")]
    Kind(String),
    #[error("expected an AdmissionReview with a `request`, found none")]
    Request,
    #[error("expected an AdmissionReview with a `request.uid`, found none")]
    Uid,
}

/// Why the content of a review cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unjudgeable {
    #[error("expected the operation UPDATE, CREATE, DELETE or CONNECT, found `{0}`")]
    Operation(String),
    #[error(
        "expected `request.resource` with group, version and resource, and `request.kind`, found \
         none"
    )]
    Target,
    #[error("expected both `object` and `oldObject` of the update, found no `{0}`")]
    Missing(&'static str),
    #[error("expected an object as `{0}`, found something else")]
    NoObject(&'static str),
    #[error("expected at most {DEEPEST} levels of nesting in `{0}`, found more")]
    Depth(&'static str),
    #[error("expected text and numbers that JSON can carry in `{0}`, found {1}")]
    Content(&'static str, String),
    #[error(
        "expected an AdmissionReview of at most {0} bytes, found a larger one (--max-body raises \
         the cap)"
    )]
    Oversized(usize),
    #[error("judging it may take {0} bytes of memory, which is more than --judging-memory")]
    TooMuchMemory(usize),
    #[error("the review could not be received and judged in time; try again")]
    TimedOut,
    #[error("fieldward failed with an internal error; its log says where")]
    Internal,
    #[error("{0}")]
    Difference(#[from] StrayOperation),
}

impl Unjudgeable {
    /// The code and the reason of the status that reports it.
    pub(crate) fn status(&self) -> (u16, &'static str) {
        match self {
            Self::Oversized(_) | Self::TooMuchMemory(_) => (413, "RequestEntityTooLarge"),
            Self::TimedOut => (504, "Timeout"),
            Self::Internal => (500, "InternalError"),
            _ => (400, "BadRequest"),
        }
    }
}

/// json-patch named an address that is no location's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the difference of the two objects could not be read")]
pub(crate) struct StrayOperation;
