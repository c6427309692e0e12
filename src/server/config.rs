//! The configuration of a server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{accept, record, reload, routes, shutdown, tls};

/// The configuration of a server.
pub(crate) struct Config {
    /// Where reviews are served, over TLS. Port 0 takes a free one.
    pub(crate) listen: SocketAddr,
    /// Where probes and metrics are served, over plain HTTP. Port 0 takes a free one.
    pub(crate) ops_listen: SocketAddr,
    pub(crate) certificate: tls::CertificateSource,
    /// Which clients may ask, if they must have a certificate.
    pub(crate) clients: Option<tls::Clients>,
    /// Where the rules are read from again, if they may change.
    pub(crate) rules: Option<reload::RuleSource>,
    /// How long removed rules still answer reviews that no newer rule covers.
    pub(crate) lingering: Duration,
    /// How often the certificate files are read again.
    pub(crate) reload_every: Duration,
    /// How long connections may take, and how many there may be.
    pub(crate) limits: accept::ConnectionLimits,
    /// Limits on answering reviews.
    pub(crate) answers: routes::AnswerLimits,
    /// Where reviews are recorded, if they are.
    pub(crate) recording: Option<record::RecordingSettings>,
    pub(crate) denials: Option<Arc<routes::DenialListener>>,
    /// How the server shuts down.
    pub(crate) shutdown: shutdown::ShutdownTimes,
    /// The registry of its metrics, which other components use too.
    pub(crate) metrics: prometheus::Registry,
    /// What else must hold for it to be ready.
    pub(crate) readiness: Vec<ReadyCheck>,
}

/// Something that must hold for a server to be ready, looked at from elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct ReadyCheck {
    pub(crate) name: &'static str,
    /// What there is to say; or why it does not hold.
    pub(crate) state: watch::Receiver<Result<String, String>>,
}
