//! A server that has its addresses, and what it does until a signal ends it.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::accept::{self, ConnectionLimits, Transport};
use super::config::Config;
use super::descriptors::Descriptors;
use super::judge_pool::Engine;
use super::metrics::Metrics;
use super::ops::{self, Ops};
use super::record::{RecordError, Recorder};
use super::reload;
use super::routes;
use super::served_rules::ServedRules;
use super::shutdown::{self, Phase, ShutdownOutcome, Signal};
use super::tls::{self, Tls, TlsError};
use crate::engine::RuleSet;

/// The length of the listen queue. The kernel lowers it to net.core.somaxconn.
const BACKLOG: u32 = i32::MAX as u32;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BindError {
    /// The certificate, its key or the client CA.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address for reviews.
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    /// The address for probes and metrics.
    #[error("cannot listen on {address}: {source}")]
    OpsListen { address: SocketAddr, source: io::Error },
    /// The folder of recordings.
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("metrics cannot be set up: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// A server that listens; clients that connect wait until it serves.
pub(crate) struct Bound {
    config: Config,
    listener: TcpListener,
    /// Where reviews are served.
    pub(crate) address: SocketAddr,
    ops_listener: TcpListener,
    /// Where probes and metrics are served.
    pub(crate) ops_address: SocketAddr,
    tls: Arc<Tls>,
    /// The rules in force, to be replaced while serving.
    pub(crate) rules: Arc<ServedRules>,
    metrics: Arc<Metrics>,
    recorder: Option<Arc<Recorder>>,
}

impl Config {
    /// Reads the certificate, binds both addresses and opens the folder of recordings. Must be
    /// called inside a tokio runtime.
    ///
    /// # Errors
    /// One that says which file, folder or address cannot be used.
    pub(crate) fn bind(mut self, rules: RuleSet) -> Result<Bound, BindError> {
        let now = SystemTime::now();
        let tls = Tls::load(self.certificate.clone(), self.clients.clone(), now)?;
        let address = self.listen;
        let (listener, address) =
            listen(address).map_err(|source| BindError::Listen { address, source })?;
        let ops_address = self.ops_listen;
        let (ops_listener, ops_address) = listen(ops_address)
            .map_err(|source| BindError::OpsListen { address: ops_address, source })?;
        let metrics = Arc::new(Metrics::new(self.metrics.clone())?);
        let (recording, lingering) = (self.recording.take(), self.lingering);
        let recorder = recording
            .map(|recording| Recorder::start(recording, Arc::clone(&metrics)))
            .transpose()?
            .map(Arc::new);
        Ok(Bound {
            config: self,
            listener,
            address,
            ops_listener,
            ops_address,
            tls: Arc::new(tls),
            rules: Arc::new(ServedRules::new(rules, now, lingering)),
            metrics,
            recorder,
        })
    }
}

impl Bound {
    /// The certificate chain that is shown, PEM, from now on.
    pub(crate) fn certificate(&self) -> watch::Receiver<Vec<u8>> {
        self.tls.shown()
    }

    /// Serves until the first signal has been obeyed, or a second one has come.
    pub(crate) async fn serve(self, mut signals: mpsc::Receiver<Signal>) -> ShutdownOutcome {
        let Config { limits, answers, shutdown, rules, reload_every, readiness, .. } = self.config;
        let (phase, watching) = watch::channel(Phase::Serving);
        let mut background = JoinSet::new();
        background.spawn(tls::watch(Arc::clone(&self.tls), reload_every));
        if let Some(source) = rules {
            background.spawn(reload::watch(source, Arc::clone(&self.rules)));
        }
        let ops = ops::router(Ops {
            rules: Arc::clone(&self.rules),
            metrics: Arc::clone(&self.metrics),
            tls: Arc::clone(&self.tls),
            phase: watching.clone(),
            others: readiness,
        });
        // The operations port has a phase of its own: it answers until the very end.
        let (_ops_phase, ops_watching) = watch::channel(Phase::Serving);
        let descriptors = Descriptors::raise();
        let ops_limits = ConnectionLimits {
            connections: descriptors.operations / 2,
            handshakes: descriptors.operations / 2,
            ..limits
        };
        on_its_own_thread(self.ops_listener, ops_limits, ops, ops_watching);
        let reviews = routes::router(
            self.rules,
            self.metrics,
            answers,
            self.recorder.clone(),
            self.config.denials.clone(),
            Engine::default(),
        );
        let limits = descriptors.bound(limits);
        let serving =
            accept::serve(self.listener, Transport::Tls(self.tls), limits, reviews, watching);
        let mut serving = JoinSet::from_iter([serving]);

        let first = shutdown::next(&mut signals).await;
        phase.send_replace(Phase::Draining);
        let delay = match first {
            Signal::Terminate => shutdown.delay,
            Signal::Interrupt => Duration::ZERO,
        };
        tracing::info!(signal = ?first, delay = ?delay, "draining: no longer ready, still serving");
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            second = shutdown::next(&mut signals) => return ShutdownOutcome::Forced(second),
        }
        phase.send_replace(Phase::Stopping);
        tracing::info!("stopping: no new connections");
        let outcome = tokio::select! {
            finished = tokio::time::timeout(shutdown.timeout, serving.join_next()) => {
                if finished.is_ok() {
                    ShutdownOutcome::Clean
                } else {
                    tracing::warn!(timeout = ?shutdown.timeout, "requests in flight were cut");
                    ShutdownOutcome::Cut
                }
            }
            second = shutdown::next(&mut signals) => return ShutdownOutcome::Forced(second),
        };
        let Some(recorder) = self.recorder else { return outcome };
        tokio::select! {
            () = recorder.finish() => outcome,
            second = shutdown::next(&mut signals) => ShutdownOutcome::Forced(second),
        }
    }
}

/// Serves probes and metrics on a thread of their own, so that reviews do not delay them.
fn on_its_own_thread(
    listener: TcpListener,
    limits: ConnectionLimits,
    router: Router,
    phase: watch::Receiver<Phase>,
) {
    let serve = move || -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener.into_std()?)?;
            accept::serve(listener, Transport::Plain, limits, router, phase).await;
            Ok(())
        })
    };
    let serve = move || {
        if let Err(error) = serve() {
            tracing::error!(%error, "probes and metrics cannot be served");
        }
    };
    if let Err(error) = std::thread::Builder::new().name("operations".to_owned()).spawn(serve) {
        tracing::error!(%error, "probes and metrics cannot be served");
    }
}

fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = match listen_on(address) {
        Ok(listener) => listener,
        // Every address of a machine without IPv6 is every IPv4 address.
        Err(error)
            if address.ip() == Ipv6Addr::UNSPECIFIED
                && error.kind() != io::ErrorKind::AddrInUse =>
        {
            listen_on((Ipv4Addr::UNSPECIFIED, address.port()).into()).map_err(|_| error)?
        }
        Err(error) => return Err(error),
    };
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // `TcpListener::bind` does the same, so that a restarted server can bind the address at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
