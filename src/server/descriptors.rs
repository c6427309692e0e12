//! Raises the limit of open files, and reserves the file descriptors that the process itself needs,
//! so that clients cannot use them up.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::accept::{CLOSING, ConnectionLimits};

/// Reserved for the process itself: listeners, the log, rules, certificates, the connection to
/// the API server.
const OWN_DESCRIPTORS: u64 = 32;

/// At most this many are reserved for connections to probes and metrics.
const OPERATIONS: u64 = 64;

/// How many connections the limit of open files allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Descriptors {
    pub(super) operations: u32,
    reviews: u32,
}

impl Descriptors {
    /// Raises the soft limit to the hard one.
    pub(super) fn raise() -> Self {
        let limit = getrlimit(Resource::Nofile);
        if limit.current < limit.maximum || limit.maximum.is_none() {
            let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
            if let Err(error) = setrlimit(Resource::Nofile, raised) {
                tracing::debug!(%error, "cannot raise the limit of open files");
            }
        }
        Self::within(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX))
    }

    fn within(limit: u64) -> Self {
        let operations = (limit / 8).clamp(4, OPERATIONS);
        let reviews =
            limit.saturating_sub(OWN_DESCRIPTORS + operations + 2 * u64::from(CLOSING)).max(8);
        let count = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Self { operations: count(operations), reviews: count(reviews) }
    }

    /// Lowers the limits to what the descriptors allow.
    pub(super) fn bound(self, limits: ConnectionLimits) -> ConnectionLimits {
        let handshakes = limits.handshakes.min(self.reviews / 2);
        ConnectionLimits {
            handshakes,
            connections: limits.connections.min(self.reviews - handshakes),
            ..limits
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_descriptors_are_shared_and_many_are_enough() {
        let shares = |limit| {
            let Descriptors { operations, reviews } = Descriptors::within(limit);
            (operations, reviews)
        };
        assert_eq!(shares(20), (4, 8));
        assert_eq!(shares(64), (8, 16));
        assert_eq!(shares(1024), (64, 920));
        assert_eq!(shares(u64::MAX), (64, u32::MAX));
    }
}
