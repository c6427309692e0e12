//! A time limit for request heads that leaves idle connections alone.
//!
//! hyper arms its header timer when it starts to wait for a request, so it closes a connection that
//! is merely idle. The API server reuses a connection for about 90 s, and a request fails on a
//! connection that is closing. So the limit on slow heads must not limit idle time. hyper asks its
//! timer again after each read. This timer starts only when the first byte of a head has arrived.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What happened on one connection.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    /// When its handshake was over, in milliseconds after `opened`.
    served: AtomicU64,
    bytes_read: AtomicU64,
    in_flight: AtomicU32,
    requests: AtomicU32,
    /// When the last request was answered, in milliseconds after `opened`.
    last_request: AtomicU64,
    /// When the first byte of the next request was read, in the same unit; [`NONE`] until then.
    next_start: AtomicU64,
}

const NONE: u64 = u64::MAX;

impl Activity {
    /// How long after its handshake a client sends the request for which it connected.
    pub(super) const FRESH: Duration = Duration::from_millis(500);

    pub(super) fn new() -> Self {
        Self {
            opened: Instant::now(),
            served: AtomicU64::new(0),
            bytes_read: AtomicU64::new(0),
            in_flight: AtomicU32::new(0),
            requests: AtomicU32::new(0),
            last_request: AtomicU64::new(0),
            next_start: AtomicU64::new(NONE),
        }
    }

    /// Records that the handshake is over and requests may come.
    pub(super) fn serves(&self) {
        self.served.store(self.milliseconds(), Ordering::Relaxed);
    }

    /// When the request that is about to be answered began: with its first byte (HTTP/1.1) or its
    /// complete head (HTTP/2). The first request began with its connection if it came right after
    /// the handshake. Clients keep connections that they turned out not to need, so a first request
    /// may also come much later.
    pub(super) fn request_start(&self, is_http1: bool) -> Instant {
        let first_byte = self.next_start.load(Ordering::Relaxed);
        let start = if is_http1 && first_byte != NONE { first_byte } else { self.milliseconds() };
        let is_first = self.requests.load(Ordering::Relaxed) == 0;
        let served = self.served.load(Ordering::Relaxed);
        if is_first && Duration::from_millis(start.saturating_sub(served)) <= Self::FRESH {
            return self.opened;
        }
        self.opened + Duration::from_millis(start)
    }

    /// Whether the connection never had a request, and how long it has had none. `None` while a
    /// request is in flight, and while the first one is about to come.
    pub(super) fn idle(&self) -> Option<(bool, Duration)> {
        let is_unused = self.requests.load(Ordering::Relaxed) == 0;
        let since = if is_unused { &self.served } else { &self.last_request };
        let since = self.opened + Duration::from_millis(since.load(Ordering::Relaxed));
        let idle = (is_unused, since.elapsed());
        let is_fresh = is_unused && since.elapsed() < Self::FRESH;
        (!self.has_request() && !is_fresh).then_some(idle)
    }

    pub(super) fn has_request(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0
    }

    fn milliseconds(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(NONE)
    }

    /// Counts a request as in flight until the guard is dropped.
    pub(super) fn request(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    /// When the connection has been idle for `limit`, or will have been.
    pub(super) fn idle_at(&self, limit: Duration) -> Instant {
        if self.has_request() {
            return Instant::now() + limit;
        }
        self.opened + Duration::from_millis(self.last_request.load(Ordering::Relaxed)) + limit
    }
}

/// A request that is being answered.
pub(super) struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.last_request.store(self.0.milliseconds(), Ordering::Relaxed);
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream whose reads are counted.
pub(super) struct Counted<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> Counted<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(context, into);
        let read = into.filled().len().saturating_sub(before);
        this.activity.bytes_read.fetch_add(read as u64, Ordering::Relaxed);
        if read > 0 && this.activity.next_start.load(Ordering::Relaxed) == NONE {
            this.activity.next_start.store(this.activity.milliseconds(), Ordering::Relaxed);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// The timer that hyper is given for one HTTP/1 connection.
#[derive(Debug)]
pub(super) struct HeadTimer(pub(super) Arc<Activity>);

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        // The bytes that were read until now belong to the previous request.
        self.0.next_start.store(NONE, Ordering::Relaxed);
        Box::pin(HeadSleep {
            read_when_armed: self.0.bytes_read.load(Ordering::Relaxed),
            activity: Arc::clone(&self.0),
            limit: duration,
            running: None,
        })
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.sleep(deadline.saturating_duration_since(Instant::now()))
    }
}

struct HeadSleep {
    activity: Arc<Activity>,
    read_when_armed: u64,
    limit: Duration,
    running: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Future for HeadSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.running.is_none()
            && this.activity.bytes_read.load(Ordering::Relaxed) == this.read_when_armed
        {
            // Nothing wakes this future: the read that brings the first byte does, and hyper polls
            // it again after that.
            return Poll::Pending;
        }
        let limit = this.limit;
        let running = this.running.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        running.as_mut().poll(context)
    }
}

impl Sleep for HeadSleep {}
