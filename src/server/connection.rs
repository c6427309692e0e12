//! One connection: its handshake, its HTTP, its end.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tower_service::Service;

use super::body::{Connection, Uploads};
use super::deadline::RequestStart;
use super::handshakes::Handshake;
use super::head::{Activity, Counted, HeadTimer};
use super::judge_pool::guarded_async;
use super::shutdown::{Phase, stopping};
use super::slots::{ConnectionSlot, Slots};
use super::tls::Tls;

const HEAD_BYTES: usize = 64 * 1024;
const HTTP2_HEADER_LIST_BYTES: u32 = 32 * 1024;
const HTTP2_STREAMS: u32 = 128;
/// Large enough that a review of megabytes is not slowed by round trips.
const HTTP2_STREAM_WINDOW: u32 = 64 * 1024;
/// The sum of all stream windows, so that no stream blocks another one. Data that has arrived
/// unread can take this much memory, so only [`WIDE_WINDOWS`] connections have this window. All
/// others have the window of one stream.
const HTTP2_CONNECTION_WINDOW: u32 = HTTP2_STREAMS * HTTP2_STREAM_WINDOW;
/// More than there are API servers: each keeps one connection.
pub(super) const WIDE_WINDOWS: usize = 8;
const HTTP2_PING_EVERY: Duration = Duration::from_secs(30);
const HTTP2_PING_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a connection that is closed for a newer one may take to end.
const CLOSE_GRACE: Duration = Duration::from_millis(250);

/// What lies between a connection and HTTP.
#[derive(Debug, Clone)]
pub enum Transport {
    /// Nothing; HTTP/1.1 only.
    Plain,
    /// TLS; HTTP/1.1 or HTTP/2, as ALPN says.
    Tls(Arc<Tls>),
}

/// What one connection may take, and how many there may be.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// How long a connection may take to be served: to send its first byte, to make its TLS
    /// handshake, and to get a slot.
    pub handshake: Duration,
    /// How long a request head may take from its first byte to its last.
    pub head: Duration,
    /// How long a connection may be without a request; at least 120 s suits the API server, which
    /// reuses one for about 90 s.
    pub idle: Duration,
    /// How many connections may be served at once. At the limit, an idle one is closed for a new
    /// one.
    pub connections: u32,
    /// How many more may be in their TLS handshake or wait to be served. At the limit, one without
    /// progress is closed for a new one.
    pub handshakes: u32,
}

/// What all connections of a listener have in common.
pub(super) struct ListenerSettings {
    pub(super) transport: Transport,
    pub(super) limits: ConnectionLimits,
    pub(super) router: Router,
    pub(super) slots: Arc<Slots>,
    pub(super) uploads: Arc<Uploads>,
    pub(super) wide_windows: Arc<Semaphore>,
}

#[derive(Clone, Copy)]
enum Protocol {
    Http1,
    Http2,
}

/// Serves one connection until it ends.
pub(super) async fn run(
    stream: Arc<TcpStream>,
    activity: Arc<Activity>,
    handshake: Handshake,
    settings: Arc<ListenerSettings>,
    mut phase: watch::Receiver<Phase>,
) {
    // A verdict is one small write; Nagle's algorithm could only delay it. Fails only on a socket
    // that is gone already.
    let _ = stream.set_nodelay(true);
    match &settings.transport {
        Transport::Plain => {
            let ready = async {
                let stream = handshake.first_byte(stream).await?;
                Ok((stream, settings.slots.take(Arc::clone(&activity)).await))
            };
            let ready = before_serving(ready, &handshake, settings.limits, &mut phase).await;
            let Some((stream, slot)) = ready else { return };
            drop(handshake);
            serve_http(stream, Protocol::Http1, slot, activity, &settings, phase).await;
        }
        Transport::Tls(tls) => {
            let ready = async {
                let stream = handshake.first_byte(stream).await?;
                let stream = tls.acceptor().accept(stream).await?;
                Ok((stream, settings.slots.take(Arc::clone(&activity)).await))
            };
            let ready = before_serving(ready, &handshake, settings.limits, &mut phase).await;
            let Some((stream, slot)) = ready else { return };
            drop(handshake);
            // Without ALPN a client speaks HTTP/1.1 (RFC 9113 section 3.2 demands ALPN for HTTP/2).
            let protocol = match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => Protocol::Http2,
                _ => Protocol::Http1,
            };
            serve_http(stream, protocol, slot, activity, &settings, phase).await;
        }
    }
}

/// Waits for `ready`. Returns `None` if that fails or takes too long, if the connection must close
/// for a newer one, or if the server stops.
async fn before_serving<T>(
    ready: impl Future<Output = io::Result<T>>,
    handshake: &Handshake,
    limits: ConnectionLimits,
    phase: &mut watch::Receiver<Phase>,
) -> Option<T> {
    tokio::select! {
        () = stopping(phase) => None,
        () = handshake.closed() => None,
        ready = tokio::time::timeout(limits.handshake, ready) => {
            ready
                .inspect_err(|_| tracing::debug!("a connection was not served in time"))
                .ok()?
                .inspect_err(|error| tracing::debug!(%error, "TLS handshake failed"))
                .ok()
        }
    }
}

async fn serve_http<S>(
    stream: S,
    protocol: Protocol,
    mut slot: ConnectionSlot,
    activity: Arc<Activity>,
    settings: &ListenerSettings,
    mut phase: watch::Receiver<Phase>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = settings.limits;
    let wide_window = match protocol {
        Protocol::Http1 => None,
        Protocol::Http2 => Arc::clone(&settings.wide_windows).try_acquire_owned().ok(),
    };
    let window = if wide_window.is_some() { HTTP2_CONNECTION_WINDOW } else { HTTP2_STREAM_WINDOW };
    let builder = builder(protocol, limits, &activity, window);
    let service = {
        let router = settings.router.clone();
        let activity = Arc::clone(&activity);
        let phase = phase.clone();
        let bodies = Connection::new(Arc::clone(&settings.uploads));
        service_fn(move |mut request: Request<Incoming>| {
            let began = activity.request_start(matches!(protocol, Protocol::Http1));
            request.extensions_mut().insert(RequestStart(began));
            request.extensions_mut().insert(bodies.clone());
            let in_flight = activity.request();
            let mut router = router.clone();
            let phase = phase.clone();
            async move {
                // A panic must not end the connection, on which others wait for answers.
                let response = guarded_async(router.call(request)).await;
                let mut response = response.unwrap_or_else(|| Ok(panicked()));
                if let (Protocol::Http1, Ok(response)) = (protocol, &mut response) {
                    ask_to_reconnect(response, *phase.borrow());
                }
                drop(in_flight);
                response
            }
        })
    };
    let io = TokioIo::new(Counted::new(stream, Arc::clone(&activity)));
    let mut connection = pin!(builder.serve_connection(io, service));
    let mut stopped = false;
    let mut is_closing = false;
    let mut cut_at = None;
    loop {
        let wake = cut_at.unwrap_or_else(|| activity.idle_at(limits.idle));
        tokio::select! {
            // A request that has come is answered, whatever else ends the connection.
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error, "connection ended with an error");
                }
                return;
            }
            () = stopping(&mut phase), if !stopped => {
                stopped = true;
                connection.as_mut().graceful_shutdown();
            }
            () = slot.closed(), if !is_closing => {
                is_closing = true;
                connection.as_mut().graceful_shutdown();
                cut_at = Some(Instant::now() + CLOSE_GRACE);
            }
            () = tokio::time::sleep_until(wake.into()) => {
                if cut_at.is_some() {
                    if !activity.has_request() {
                        return;
                    }
                    // A request has arrived meanwhile; it is still answered.
                    cut_at = Some(Instant::now() + CLOSE_GRACE);
                } else if activity.idle_at(limits.idle) <= Instant::now() {
                    // A well-behaved client sees the end; one that reads nothing is cut a little
                    // later.
                    connection.as_mut().graceful_shutdown();
                    cut_at = Some(Instant::now() + limits.head);
                }
            }
        }
    }
}

fn panicked() -> Response {
    let sentence = "answering this request failed; the server's log says where\n";
    (StatusCode::INTERNAL_SERVER_ERROR, sentence).into_response()
}

/// Asks clients to reconnect while the server shuts down, so that they reach another server. A
/// request on a connection that the server closes could get lost, and the API server does not
/// repeat it.
fn ask_to_reconnect(response: &mut Response, phase: Phase) {
    if phase >= Phase::Draining {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

fn builder(
    protocol: Protocol,
    limits: ConnectionLimits,
    activity: &Arc<Activity>,
    window: u32,
) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // The version is known from ALPN: detecting it would wait, without a limit, for a client that
    // says nothing.
    match protocol {
        Protocol::Http1 => {
            builder
                .http1()
                .timer(HeadTimer(Arc::clone(activity)))
                .header_read_timeout(limits.head)
                .max_buf_size(HEAD_BYTES);
            builder.http1_only()
        }
        Protocol::Http2 => {
            builder
                .http2()
                .timer(TokioTimer::new())
                .max_concurrent_streams(HTTP2_STREAMS)
                .max_header_list_size(HTTP2_HEADER_LIST_BYTES)
                .initial_stream_window_size(HTTP2_STREAM_WINDOW)
                .initial_connection_window_size(window)
                .keep_alive_interval(HTTP2_PING_EVERY)
                .keep_alive_timeout(HTTP2_PING_TIMEOUT);
            builder.http2_only()
        }
    }
}
