//! Reads request bodies as streams, within limits on their size, time and memory.
//!
//! A body that arrives too slowly is given up. If memory runs out, the slowest stalled body is
//! given up at once.

mod memory;
mod uploads;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tokio::time::{Instant, timeout_at};

use crate::engine;
use memory::Memory;
pub(super) use memory::{ConnectionMemory, ORDINARY, Share};
use uploads::Upload;
pub(super) use uploads::Uploads;

/// What request bodies may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How many bytes one may have.
    pub(crate) cap: usize,
    /// How long one may take to come.
    pub(crate) timeout: Duration,
    /// How many bytes of all bodies are kept at once; more wait.
    pub(crate) memory: usize,
}

/// How long a body may take before [`LEAST_RATE`] applies.
const GRACE: Duration = Duration::from_secs(3);

/// The lowest rate after that, in bytes per second.
const LEAST_RATE: u64 = 64 * 1024;

/// What came of a body.
pub(super) enum Received {
    /// All of it.
    Whole(Vec<u8>, Share),
    /// The first bytes of a body that exceeds the cap.
    Oversized(Vec<u8>),
    /// Not all of it in time: what there is.
    TimedOut(Vec<u8>),
    /// The client went away, or broke the framing.
    Broken,
}

/// Reads bodies within limits that hold for all of them together.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    limits: Limits,
    memory: Arc<Memory>,
}

impl Reader {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, memory: Arc::new(Memory::new(limits.memory)) }
    }

    pub(super) fn cap(&self) -> usize {
        self.limits.cap
    }

    /// Reads a body, at most until the time `until`. Time spent waiting for memory does not count
    /// towards [`Limits::timeout`].
    pub(super) async fn read(
        &self,
        mut body: Body,
        connection: &ConnectionMemory,
        until: Instant,
    ) -> Received {
        let cap = self.limits.cap;
        let started = Instant::now();
        let mut waited = Duration::ZERO;
        let declared = usize::try_from(body.size_hint().exact().unwrap_or(0)).unwrap_or(usize::MAX);
        // Of a body that cannot be judged, only the beginning is of use.
        let is_oversized = declared > cap;
        let (limit, expected) = if is_oversized { (engine::PREFIX, 0) } else { (cap, declared) };
        let mut share = Share::new(connection, expected);
        let mut bytes = Vec::with_capacity(expected);
        // After how many bytes the requester is looked for. It doubles, so that many small frames
        // do not make the search quadratic.
        let mut next_search = 1;
        let mut upload: Option<Upload> = None;
        loop {
            let kept = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let deadline = until
                .min(started + waited + self.limits.timeout)
                .min(started + waited + GRACE + Duration::from_secs(kept / LEAST_RATE));
            let aborted = async {
                match &upload {
                    Some(upload) => upload.aborted().await,
                    None => std::future::pending().await,
                }
            };
            let frame = tokio::select! {
                biased;
                frame = frame(&mut body, deadline) => frame,
                () = aborted => Frame::TimedOut,
                // The client keeps the server waiting.
                () = std::future::ready(()), if upload.is_none() => {
                    upload = Some(connection.uploads().start(bytes.len()));
                    continue;
                }
            };
            let data = match frame {
                Frame::Data(data) => data,
                Frame::End if is_oversized => return Received::Oversized(bytes),
                Frame::End => return Received::Whole(bytes, share),
                Frame::TimedOut => {
                    self.discard(body);
                    return if is_oversized {
                        Received::Oversized(bytes)
                    } else {
                        Received::TimedOut(bytes)
                    };
                }
                Frame::Broken => return Received::Broken,
            };
            if bytes.len() + data.len() > limit {
                drop(share);
                bytes.extend_from_slice(&data);
                return oversized(bytes, body, deadline).await;
            }
            let asked = Instant::now();
            let grown = self.memory.grow(&mut share, data.len(), upload.as_ref());
            match timeout_at(until, grown).await {
                Ok(true) => {}
                Ok(false) => return Received::Broken,
                Err(_) => {
                    self.discard(body);
                    return Received::TimedOut(bytes);
                }
            }
            waited += asked.elapsed();
            let searched = bytes.len();
            bytes.extend_from_slice(&data);
            if bytes.len() == expected {
                // With HTTP/2 the end of the stream may come later, or never.
                if !body.is_end_stream() {
                    self.discard(body);
                }
                return Received::Whole(bytes, share);
            }
            if share.lacks_requester() && searched < engine::PREFIX && bytes.len() >= next_search {
                next_search = bytes.len() * 2;
                if let Some(user) = engine::requester(&bytes) {
                    self.memory.attribute(&mut share, user);
                }
            }
            if let Some(upload) = &upload {
                upload.received(bytes.len());
            }
        }
    }

    /// Reads and discards a body while the answer is sent. An unread body would reset the
    /// connection before the client has read the answer.
    pub(super) fn discard(&self, body: Body) {
        tokio::spawn(drain(body, Instant::now() + self.limits.timeout));
    }
}

/// Keeps the first bytes of a body, and discards the rest while the answer is sent.
async fn oversized(mut beginning: Vec<u8>, mut body: Body, deadline: Instant) -> Received {
    while beginning.len() < engine::PREFIX {
        let Frame::Data(data) = frame(&mut body, deadline).await else { break };
        beginning.extend_from_slice(&data);
    }
    beginning.truncate(engine::PREFIX);
    beginning.shrink_to_fit();
    tokio::spawn(drain(body, deadline));
    Received::Oversized(beginning)
}

async fn drain(mut body: Body, deadline: Instant) {
    while let Frame::Data(_) = frame(&mut body, deadline).await {}
}

enum Frame {
    Data(Bytes),
    End,
    TimedOut,
    Broken,
}

async fn frame(body: &mut Body, deadline: Instant) -> Frame {
    match timeout_at(deadline, body.frame()).await {
        Err(_) => Frame::TimedOut,
        Ok(None) => Frame::End,
        Ok(Some(Err(_))) => Frame::Broken,
        // Trailers are of no interest; no data is as good as none.
        Ok(Some(Ok(frame))) => Frame::Data(frame.into_data().unwrap_or_default()),
    }
}
