//! How long to wait after a request failed.

use std::time::Duration;

use crate::cluster::api_error::ErrorClass;

/// The first pause, and the longest.
pub(super) const RETRY: Duration = Duration::from_secs(1);
pub(super) const RETRY_AT_MOST: Duration = Duration::from_secs(30);

/// The longest pause after a forbidden request. Such requests are cheap, and whoever restores the
/// permissions expects the registration to follow at once.
const RETRY_FORBIDDEN: Duration = Duration::from_secs(2);

/// Pauses that double while requests fail.
pub(super) struct Retry(Duration);

impl Default for Retry {
    fn default() -> Self {
        Self(RETRY)
    }
}

impl Retry {
    /// The pause after an error of this class.
    pub(super) fn pause_after(&mut self, class: ErrorClass) -> Duration {
        let most = if class == ErrorClass::Forbidden { RETRY_FORBIDDEN } else { RETRY_AT_MOST };
        let pause = self.0.min(most);
        self.0 = pause * 2;
        pause
    }
}
