//! Request bodies: read as a stream, up to a cap, a deadline and a share of memory.
//!
//! A body that comes too slowly is given up. Where memory is short, the slowest of those that have
//! stalled is given up at once.

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
pub(super) use memory::{ConnectionBodies, ORDINARY, Share};
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

/// How many bytes per second must come after that.
const LEAST_RATE: u64 = 64 * 1024;

/// What came of a body.
pub(super) enum Received {
    /// All of it.
    Whole(Vec<u8>, Share),
    /// More than the cap: its first bytes.
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

    /// Reads a body until that time at the latest. Time spent waiting for memory does not count
    /// towards the body's own timeout.
    pub(super) async fn read(
        &self,
        mut body: Body,
        connection: &ConnectionBodies,
        until: Instant,
    ) -> Received {
        let cap = self.limits.cap;
        let started = Instant::now();
        let mut waited = Duration::ZERO;
        let expected = usize::try_from(body.size_hint().exact().unwrap_or(0)).unwrap_or(usize::MAX);
        if expected > cap {
            return oversized(Vec::new(), body, until.min(started + self.limits.timeout)).await;
        }
        let mut share = Share::new(connection, expected);
        let mut bytes = Vec::with_capacity(expected);
        let mut upload: Option<Upload> = None;
        loop {
            let kept = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let deadline = until
                .min(started + waited + self.limits.timeout)
                .min(started + waited + GRACE + Duration::from_secs(kept / LEAST_RATE));
            let given_up = async {
                match &upload {
                    Some(upload) => upload.given_up().await,
                    None => std::future::pending().await,
                }
            };
            let frame = tokio::select! {
                biased;
                frame = frame(&mut body, deadline) => frame,
                () = given_up => Frame::TimedOut,
            };
            let data = match frame {
                Frame::Data(data) => data,
                Frame::End => return Received::Whole(bytes, share),
                Frame::TimedOut => return Received::TimedOut(bytes),
                Frame::Broken => return Received::Broken,
            };
            if bytes.len() + data.len() > cap {
                drop(share);
                bytes.extend_from_slice(&data);
                return oversized(bytes, body, deadline).await;
            }
            let asked = Instant::now();
            let grown = self.memory.grow(&mut share, data.len(), upload.as_ref());
            match timeout_at(until, grown).await {
                Ok(true) => {}
                Ok(false) => return Received::Broken,
                Err(_) => return Received::TimedOut(bytes),
            }
            waited += asked.elapsed();
            let is_beginning = bytes.len() < engine::PREFIX;
            bytes.extend_from_slice(&data);
            if bytes.len() == expected {
                continue;
            }
            if let Some(user) = (is_beginning && share.lacks_requester())
                .then(|| engine::requester(&bytes))
                .flatten()
            {
                self.memory.attribute(&mut share, user);
            }
            match &mut upload {
                Some(upload) => upload.received(bytes.len()),
                None => upload = Some(connection.uploads().start(bytes.len())),
            }
        }
    }

    /// Reads a body that nobody wants while the answer is sent, so that the client gets to read it
    /// instead of a reset.
    pub(super) fn discard(&self, body: Body) {
        tokio::spawn(drain(body, Instant::now() + self.limits.timeout));
    }
}

/// Keeps the first bytes of a body; the rest is read while the answer is sent.
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
