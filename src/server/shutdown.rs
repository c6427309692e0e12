//! How a server leaves: phases that every task can watch, and the signals that start them.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// Where a server is in its life; only ever moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Ready and serving.
    Serving,
    /// No longer ready, still serving, until the load balancers have noticed.
    Draining,
    /// No new connections; those there are finish what is in flight.
    Stopping,
}

/// How long a shutdown may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShutdownTimes {
    /// From SIGTERM until connections are no longer accepted. SIGINT comes from a terminal and
    /// skips it.
    pub(crate) delay: Duration,
    /// From then until what is still in flight is cut.
    pub(crate) timeout: Duration,
}

/// A signal that asks the process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGTERM.
    Terminate,
    /// SIGINT.
    Interrupt,
}

impl Signal {
    /// The exit code of a process that the signal ended, as a shell reports it.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Terminate => 143,
            Self::Interrupt => 130,
        }
    }
}

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShutdownOutcome {
    /// Everything in flight was answered.
    Clean,
    /// The time to finish was over while something was in flight.
    Cut,
    /// A second signal came.
    Forced(Signal),
}

/// Catches SIGTERM and SIGINT from now on. Must be called inside a tokio runtime.
///
/// # Errors
/// The operating system refused a handler.
pub(crate) fn signals() -> io::Result<mpsc::Receiver<Signal>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (sender, receiver) = mpsc::channel(2);
    tokio::spawn(async move {
        loop {
            let caught = tokio::select! {
                Some(()) = terminate.recv() => Signal::Terminate,
                Some(()) = interrupt.recv() => Signal::Interrupt,
                else => return,
            };
            if sender.send(caught).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

/// Resolves when connections are to be given up. A phase that nobody can change any more counts as
/// that.
pub(super) async fn stopping(phase: &mut watch::Receiver<Phase>) {
    // An error means that the sender is gone, and with it the server.
    let _ = phase.wait_for(|now| *now >= Phase::Stopping).await;
}

/// The next signal; never resolves once no more can come.
pub(super) async fn next(signals: &mut mpsc::Receiver<Signal>) -> Signal {
    match signals.recv().await {
        Some(caught) => caught,
        None => std::future::pending().await,
    }
}
