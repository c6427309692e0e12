//! The accept loop: one task per connection, its TLS handshake included, so that no client waits
//! for another.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::connection::{self, Settings};
pub use super::connection::{Limits, Transport};
use super::shutdown::{Phase, stopping};

/// Serves what `listener` accepts until the phase is [`Phase::Stopping`], then returns when the
/// last connection has ended.
pub async fn serve(
    listener: TcpListener,
    transport: Transport,
    limits: Limits,
    router: Router,
    mut phase: watch::Receiver<Phase>,
) {
    let slots = Arc::new(Semaphore::new(limits.connections as usize));
    let settings = Arc::new(Settings { transport, limits, router });
    let mut backoff = Backoff::default();
    loop {
        let accepted = tokio::select! {
            () = stopping(&mut phase) => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((stream, slot)) => {
                backoff.over();
                tokio::spawn(connection::run(stream, slot, Arc::clone(&settings), phase.clone()));
            }
            Err(error) => {
                if let Some(pause) = backoff.after(&error) {
                    tokio::select! {
                        () = stopping(&mut phase) => break,
                        () = tokio::time::sleep(pause) => {}
                    }
                }
            }
        }
    }
    drop(listener);
    // Every connection holds a slot; all slots are free when the last has ended. The semaphore is
    // never closed.
    let _ = slots.acquire_many(limits.connections).await;
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, slot))
}

/// The pause after an error that accepting again at once would only repeat (no file descriptors, no
/// memory).
#[derive(Debug, Default)]
struct Backoff(Option<Duration>);

impl Backoff {
    const FIRST: Duration = Duration::from_millis(5);
    const LONGEST: Duration = Duration::from_secs(1);

    fn after(&mut self, error: &io::Error) -> Option<Duration> {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
        if matches!(
            error.kind(),
            ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
        ) {
            // Of the one connection, not of the listener.
            return None;
        }
        let pause = if let Some(last) = self.0 {
            (last * 2).min(Self::LONGEST)
        } else {
            tracing::warn!(%error, "cannot accept connections; trying again until it works");
            Self::FIRST
        };
        self.0 = Some(pause);
        Some(pause)
    }

    fn over(&mut self) {
        if self.0.take().is_some() {
            tracing::info!("accepting connections again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_to_a_second_and_starts_anew_after_success() {
        let mut backoff = Backoff::default();
        let full = io::Error::from_raw_os_error(24);
        let pauses: Vec<_> = (0..12).filter_map(|_| backoff.after(&full)).collect();
        assert_eq!(pauses.first(), Some(&Duration::from_millis(5)));
        assert_eq!(pauses.last(), Some(&Duration::from_secs(1)));
        backoff.over();
        assert_eq!(backoff.after(&full), Some(Duration::from_millis(5)));
    }

    #[test]
    fn an_aborted_connection_costs_no_pause() {
        let aborted = io::Error::from(io::ErrorKind::ConnectionAborted);
        assert_eq!(Backoff::default().after(&aborted), None);
    }
}
