//! The settings of a replica, the objects that it watches, and the state that it publishes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::cluster::api_error::ApiError;
use crate::cluster::certificates::Subject;
use crate::cluster::endpoint::Endpoint;
use crate::cluster::objects::{Resolved, RuleObject};
use crate::cluster::placement::Registrations;
use crate::cluster::registration::Trust;
use crate::cluster::tls_rotation::{Lifetimes, TlsBundle};
use crate::engine::RuleSet;

/// Requests under way at once.
pub(super) const MAX_CONCURRENT_REQUESTS: usize = 8;

/// How long to wait for further changes, so that a burst is handled once and all replicas see it.
pub(super) const GATHERING: Duration = Duration::from_millis(500);

/// Everything is looked at again after this time, whatever is heard.
pub(super) const AGAIN: Duration = Duration::from_secs(10 * 60);

/// The settings of a replica in a cluster.
#[derive(Debug, Clone)]
pub(crate) struct ControllerSettings {
    /// The name of the configurations that it keeps, of the lease, and of itself.
    pub(crate) name: String,
    pub(crate) namespace: String,
    /// Which replica it is.
    pub(crate) identity: String,
    /// Where the API server reaches it.
    pub(crate) endpoint: Endpoint,
    /// Whether an Event is written for each denial.
    pub(crate) writes_events: bool,
    /// By what the API server trusts it.
    pub(crate) certificates: Certificates,
}

/// Whose certificates there are.
#[derive(Debug, Clone)]
pub(crate) enum Certificates {
    /// Its own, in a Secret.
    Managed {
        /// The Secret's name.
        secret: String,
        /// What the certificate is for.
        subjects: Vec<Subject>,
        /// How long they are valid.
        lifetimes: Lifetimes,
    },
    /// Somebody else's: what to trust is given, or filled in by somebody else.
    Given(Trust),
}

/// What the process follows in the cluster.
#[derive(Debug, Clone)]
pub(crate) struct Followed {
    /// The rules; none until they were listed once.
    pub(crate) rules: watch::Receiver<Option<Arc<Vec<Arc<RuleObject>>>>>,
    /// The certificates; none until there are some.
    pub(crate) certificates: watch::Receiver<Option<Arc<TlsBundle>>>,
    /// The registrations by name; none until they were listed once.
    pub(crate) registrations: watch::Receiver<Option<Arc<Registrations>>>,
    /// The error of the watch of rules; none while it works.
    pub(crate) rules_error: watch::Receiver<Option<ApiError>>,
    /// The error of the watch of registrations; none while it works.
    pub(crate) registrations_error: watch::Receiver<Option<ApiError>>,
    /// The error of the watch of the Secret; none while it works.
    pub(crate) secret_error: watch::Receiver<Option<ApiError>>,
}

/// What the process has made of it.
#[derive(Debug, Clone)]
pub(crate) struct ReplicaState {
    pub(crate) rules: watch::Receiver<RuleSet>,
    /// What is said of the objects.
    pub(crate) resolved: watch::Receiver<Arc<Resolved>>,
    /// The certificate chain that this replica presents, PEM.
    pub(crate) shown: watch::Receiver<Vec<u8>>,
}
