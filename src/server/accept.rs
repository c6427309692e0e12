//! The accept loop: one task per connection, its TLS handshake included, so that no client waits
//! for the handshake of another. The loop waits for no client.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::body::Uploads;
use super::connection::{self, ListenerSettings, WIDE_WINDOWS};
pub use super::connection::{ConnectionLimits, Transport};
use super::handshakes::Handshakes;
use super::head::Activity;
use super::shutdown::{Phase, stopping};
use super::slots::Slots;

/// How many closing connections there may be beside the newer ones that replace them.
pub(super) const CLOSING: u32 = 4;

/// Serves what `listener` accepts until the phase is [`Phase::Stopping`], then returns when the
/// last connection has ended.
pub async fn serve(
    listener: TcpListener,
    transport: Transport,
    limits: ConnectionLimits,
    router: Router,
    mut phase: watch::Receiver<Phase>,
) {
    let handshakes = Handshakes::new(limits.handshakes);
    let uploads = Arc::new(Uploads::default());
    let slots = Slots::new(limits.connections, Arc::clone(&uploads));
    let wide_windows = Arc::new(Semaphore::new(WIDE_WINDOWS));
    let settings =
        Arc::new(ListenerSettings { transport, limits, router, slots, uploads, wide_windows });
    let most = limits.handshakes.saturating_add(limits.connections).saturating_add(CLOSING);
    let sockets = Arc::new(Semaphore::new(most as usize));
    let mut backoff = Backoff::default();
    loop {
        let accepted = tokio::select! {
            () = stopping(&mut phase) => break,
            accepted = accept(&listener, &sockets) => accepted,
        };
        match accepted {
            Ok((stream, peer, socket)) => {
                backoff.over();
                let activity = Arc::new(Activity::new());
                let stream = Arc::new(stream);
                let handshake = handshakes.start(peer.ip(), &stream);
                let settings = Arc::clone(&settings);
                let connection =
                    connection::run(stream, activity, handshake, settings, phase.clone());
                tokio::spawn(async move {
                    connection.await;
                    drop(socket);
                });
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
    // Every permit is free once the last connection has ended. The semaphore is never closed.
    let _ = sockets.acquire_many(most).await;
}

async fn accept(
    listener: &TcpListener,
    sockets: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let socket = Arc::clone(sockets).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, socket))
}

/// The pause after an error that accepting again at once would only repeat (no file descriptors, no
/// memory).
#[derive(Debug, Default)]
struct Backoff(Option<Duration>);

impl Backoff {
    const FIRST: Duration = Duration::from_millis(5);
    const MAX_PAUSE: Duration = Duration::from_secs(1);

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
            (last * 2).min(Self::MAX_PAUSE)
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
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_panic_while_a_request_is_answered_ends_neither_connection_nor_server() {
        let second = Duration::from_secs(1);
        let limits = ConnectionLimits {
            handshake: second,
            head: second,
            idle: second,
            connections: 8,
            handshakes: 8,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let broken: fn() -> String = || panic!("on purpose");
        let router = Router::new()
            .route("/broken", get(async move || broken()))
            .route("/whole", get(async || "whole"));
        let (_phase, watching) = watch::channel(Phase::Serving);
        tokio::spawn(serve(listener, Transport::Plain, limits, router, watching));
        for _ in 0..2 {
            let mut client = TcpStream::connect(address).await.unwrap();
            for (path, expected) in [
                ("broken", ["HTTP/1.1 500 ", "answering this request failed"]),
                ("whole", ["HTTP/1.1 200 ", "whole"]),
            ] {
                let request = format!("GET /{path} HTTP/1.1\r\nHost: x\r\n\r\n");
                client.write_all(request.as_bytes()).await.unwrap();
                let mut answer = String::new();
                while !expected.iter().all(|part| answer.contains(part)) {
                    let mut part = [0; 1024];
                    let length = client.read(&mut part).await.unwrap();
                    assert!(length > 0, "{answer}");
                    answer += std::str::from_utf8(&part[..length]).unwrap();
                }
            }
        }
    }

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
