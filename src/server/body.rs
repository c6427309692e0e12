//! Reads request bodies as streams, within limits on their size, time and memory.
//!
//! A body that arrives too slowly is given up. If memory runs out, the slowest bodies are given up
//! sooner.

mod memory;
mod uploads;

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tokio::time::{Instant, timeout_at};

use super::deadline::AnswerTime;
use super::judge_pool::requester;
use super::memory_pool::{Holder, Permit};
use super::size_class::{ORDINARY, SizeClass};
use crate::engine;
pub(super) use memory::Connection;
use memory::Memory;
use uploads::Upload;
pub(super) use uploads::Uploads;

/// What request bodies may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    /// How many bytes one may have.
    pub(crate) cap: usize,
    /// How long one may take to come.
    pub(crate) timeout: Duration,
    /// How many bytes of all bodies are kept at once; more wait.
    pub(crate) memory: usize,
}

/// How many bytes of a body are read before there is memory for it. The API server sends the uid
/// and the requester in them, so a review that gets no memory in time can be answered. They are
/// less than what a connection may buffer anyway.
const BEGINNING: usize = 4 * 1024;

/// How long a body may take before [`LEAST_RATE`] applies.
const GRACE: Duration = Duration::from_secs(3);

/// The lowest rate after that, in bytes per second.
const LEAST_RATE: u64 = 64 * 1024;

/// What came of a body.
pub(super) enum Received {
    Whole(Vec<u8>, Permit),
    /// The first bytes of a body that exceeds the cap.
    Oversized(Vec<u8>),
    /// Not all of it in time: what there is.
    TimedOut(Vec<u8>),
    /// The client went away, or broke the framing.
    Broken,
}

/// Reads bodies within limits that hold for all of them together.
#[derive(Debug)]
pub(super) struct Reader {
    limits: BodyLimits,
    memory: Memory,
}

impl Reader {
    pub(super) fn new(limits: BodyLimits) -> Self {
        Self { limits, memory: Memory::new(limits.memory) }
    }

    pub(super) fn cap(&self) -> usize {
        self.limits.cap
    }

    /// Reads a body. Time spent waiting for memory does not count towards [`BodyLimits::timeout`].
    pub(super) async fn read(
        &self,
        body: Body,
        connection: &Connection,
        time: AnswerTime,
    ) -> Received {
        let (by, latest) = (time.judge_by.into(), time.read_uid_by.into());
        let cap = self.limits.cap;
        let declared =
            body.size_hint().exact().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        let is_oversized = declared.is_some_and(|length| length > cap);
        let sizes = match declared {
            // Of a body that cannot be judged, only the beginning is of use.
            Some(_) if is_oversized => vec![engine::PREFIX],
            Some(length) => vec![length],
            None if cap > ORDINARY => vec![ORDINARY, cap],
            None => vec![cap],
        };
        // Whether a body of unknown length has ended shows with the next byte.
        let beyond = usize::from(declared.is_none());
        let mut arriving = Arriving::new(body, connection, self.limits.timeout);
        let beginning = declared.map_or(BEGINNING, |length| length.min(BEGINNING));
        let mut filled = arriving.fill(beginning, None, by).await;
        let is_known = || requester(&arriving.bytes) != Holder::Requester(String::new());
        if matches!(filled, Filled::TimedOut) && Instant::now() >= by && !is_known() {
            filled = arriving.fill(beginning, None, latest).await;
        }
        let mut share = None;
        for size in sizes {
            if matches!(filled, Filled::TimedOut | Filled::Broken) {
                break;
            }
            let asked = Instant::now();
            let reserve = self.memory.reserve(size, &arriving.bytes, connection);
            match timeout_at(by, reserve).await {
                // The assignment gives the memory of the other pool back.
                Ok(reserved) => share = Some(reserved),
                Err(_) => filled = Filled::TimedOut,
            }
            arriving.waited += asked.elapsed();
            if !matches!(filled, Filled::Enough) {
                break;
            }
            filled = arriving.fill(size + beyond, Some(SizeClass::from_bytes(size)), by).await;
        }
        let Arriving { body, mut bytes, .. } = arriving;
        let is_oversized = is_oversized || bytes.len() > cap;
        if !matches!(filled, Filled::Broken | Filled::End) && !body.is_end_stream() {
            self.discard(body);
        }
        match (filled, share) {
            (Filled::Broken, _) => Received::Broken,
            _ if is_oversized => {
                bytes.truncate(engine::PREFIX);
                bytes.shrink_to_fit();
                Received::Oversized(bytes)
            }
            (Filled::End | Filled::Enough, Some(mut share)) => {
                share.shrink(bytes.len());
                Received::Whole(bytes, share)
            }
            _ => Received::TimedOut(bytes),
        }
    }

    /// Reads and discards a body while the answer is sent. An unread body would reset the
    /// connection before the client has read the answer.
    pub(super) fn discard(&self, body: Body) {
        tokio::spawn(drain(body, Instant::now() + self.limits.timeout));
    }
}

async fn drain(mut body: Body, deadline: Instant) {
    while frame(&mut body, deadline).await.is_ok() {}
}

/// A body, and what has arrived of it.
struct Arriving<'a> {
    body: Body,
    bytes: Vec<u8>,
    connection: &'a Connection,
    timeout: Duration,
    started: Instant,
    /// How long it has waited for memory.
    waited: Duration,
}

enum Filled {
    /// As many bytes have arrived as were asked for.
    Enough,
    /// All bytes have arrived.
    End,
    TimedOut,
    Broken,
}

impl<'a> Arriving<'a> {
    fn new(body: Body, connection: &'a Connection, timeout: Duration) -> Self {
        let (bytes, started) = (Vec::new(), Instant::now());
        Self { body, bytes, connection, timeout, started, waited: Duration::ZERO }
    }

    /// Reads until this many bytes have arrived. The body may be given up for the memory that it
    /// holds.
    async fn fill(&mut self, size: usize, memory: Option<SizeClass>, until: Instant) -> Filled {
        let mut upload: Option<Upload> = None;
        self.bytes.reserve_exact(size.saturating_sub(self.bytes.len()));
        while self.bytes.len() < size {
            let kept = u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
            let least_rate = GRACE + Duration::from_secs(kept / LEAST_RATE);
            let deadline = until.min(self.started + self.waited + self.timeout.min(least_rate));
            let aborted = async {
                match &upload {
                    Some(upload) => upload.aborted().await,
                    None => std::future::pending().await,
                }
            };
            let frame = tokio::select! {
                biased;
                frame = frame(&mut self.body, deadline) => frame,
                () = aborted => Err(Filled::TimedOut),
                // The client keeps the server waiting.
                () = std::future::ready(()), if upload.is_none() => {
                    upload = Some(self.connection.uploads().start(self.bytes.len(), memory));
                    continue;
                }
            };
            match frame {
                Ok(data) => self.bytes.extend_from_slice(&data),
                Err(filled) => return filled,
            }
            if let Some(upload) = &upload {
                upload.received(self.bytes.len());
            }
        }
        Filled::Enough
    }
}

/// The next data of a body, or why there is none.
async fn frame(body: &mut Body, deadline: Instant) -> Result<Bytes, Filled> {
    match timeout_at(deadline, body.frame()).await {
        Err(_) => Err(Filled::TimedOut),
        Ok(None) => Err(Filled::End),
        Ok(Some(Err(_))) => Err(Filled::Broken),
        // Trailers are of no interest; no data is as good as none.
        Ok(Some(Ok(frame))) => Ok(frame.into_data().unwrap_or_default()),
    }
}
