//! What is known of the registration, as one value that others follow.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use crate::cluster::api_error::ApiError;

/// The registration as this replica left it after its last turn. Only the replica that holds the
/// lease takes turns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RegistrationState {
    /// The configuration that registers each rule as it is in force, by the name of the rule.
    pub(crate) registered: BTreeMap<String, String>,
    /// Why the API server rejects a rule, by its name, in one sentence.
    pub(crate) rejected: BTreeMap<String, String>,
    /// The rules that no configuration has room for.
    pub(crate) unplaced: BTreeSet<String>,
    /// Whether this replica holds the lease.
    pub(crate) leads: bool,
    /// Since when everything that can be registered is registered; none while it is not.
    pub(crate) in_sync_since: Option<SystemTime>,
    /// The last error of the API server, and when it came.
    pub(crate) last_error: Option<(SystemTime, ApiError)>,
}

impl RegistrationState {
    /// Notes that this replica got or lost the lease. What an earlier term left says nothing of
    /// what others have done since.
    pub(super) fn hold(&mut self, leads: bool) {
        if leads {
            *self = Self::default();
        }
        self.leads = leads;
    }

    /// Notes an error that kept a turn from registering anything.
    pub(super) fn fail(&mut self, error: &ApiError) {
        self.in_sync_since = None;
        self.last_error = Some((SystemTime::now(), error.clone()));
    }

    /// The error for which the registration is not in sync, if a turn ended with one.
    pub(crate) fn failure(&self) -> Option<&ApiError> {
        self.last_error.as_ref().map(|(_, error)| error).filter(|_| self.in_sync_since.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_term_begins_without_what_the_last_one_left() {
        let mut state = RegistrationState {
            in_sync_since: Some(SystemTime::UNIX_EPOCH),
            ..RegistrationState::default()
        };
        state.hold(true);
        assert_eq!((state.leads, state.in_sync_since), (true, None));
        state.fail(&ApiError::other(&"away"));
        state.hold(false);
        assert!(!state.leads && state.failure().is_some());
        state.hold(true);
        assert!(state.leads && state.failure().is_none());
    }
}
