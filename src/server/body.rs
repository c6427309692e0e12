//! Request bodies: read as a stream, up to a cap, a deadline and a share of memory.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::engine;

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

/// How much of a body that is refused is still read, so that the client gets to read the answer
/// instead of a reset. The API server cannot send more: two objects of 3 MiB, in which each byte
/// may be written as six.
const DRAINED: usize = 64 * 1024 * 1024;

/// How many bodies may go on while memory is used up. Without any, bodies that each have come in
/// part could wait for each other.
const OVERDRAFTS: usize = 4;

/// What came of a body.
pub(super) enum Received {
    /// All of it.
    Whole(Vec<u8>, Share),
    /// More than the cap: its first bytes, the rest is read and gone.
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
    memory: Arc<Semaphore>,
    overdrafts: Arc<Semaphore>,
}

impl Reader {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            memory: Arc::new(Semaphore::new(limits.memory.min(Semaphore::MAX_PERMITS))),
            overdrafts: Arc::new(Semaphore::new(OVERDRAFTS)),
        }
    }

    pub(super) fn cap(&self) -> usize {
        self.limits.cap
    }

    /// Reads a body. Time spent waiting for memory is not held against the client.
    pub(super) async fn read(&self, mut body: Body) -> Received {
        let cap = self.limits.cap;
        let mut deadline = Instant::now() + self.limits.timeout;
        let declared = body.size_hint().exact();
        if declared.is_some_and(|length| length > cap as u64) {
            return self.keep_prefix(Vec::new(), body, deadline).await;
        }
        let mut share = Share::default();
        let expected = declared.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        let mut bytes = Vec::with_capacity(expected);
        loop {
            let data = match frame(&mut body, deadline).await {
                Frame::Data(data) => data,
                Frame::End => return Received::Whole(bytes, share),
                Frame::TimedOut => return Received::TimedOut(bytes),
                Frame::Broken => return Received::Broken,
            };
            if bytes.len() + data.len() > cap {
                drop(share);
                bytes.extend_from_slice(&data);
                return self.keep_prefix(bytes, body, deadline).await;
            }
            let asked = Instant::now();
            if !self.grow(&mut share, data.len()).await {
                return Received::Broken;
            }
            deadline += asked.elapsed();
            bytes.extend_from_slice(&data);
        }
    }

    /// Reads a body that nobody wants, so that the client gets to read the answer.
    pub(super) async fn discard(&self, body: Body) {
        let deadline = Instant::now() + self.limits.timeout;
        let _ = self.keep_prefix(Vec::new(), body, deadline).await;
    }

    async fn keep_prefix(
        &self,
        mut prefix: Vec<u8>,
        mut body: Body,
        deadline: Instant,
    ) -> Received {
        let mut seen = prefix.len();
        prefix.truncate(engine::PREFIX);
        prefix.shrink_to_fit();
        while seen < DRAINED {
            let Frame::Data(data) = frame(&mut body, deadline).await else {
                break;
            };
            seen += data.len();
            let wanted = engine::PREFIX.saturating_sub(prefix.len()).min(data.len());
            prefix.extend_from_slice(data.get(..wanted).unwrap_or_default());
        }
        Received::Oversized(prefix)
    }

    /// False if there is no such share, which cannot be: the semaphores are never closed.
    async fn grow(&self, share: &mut Share, by: usize) -> bool {
        if share.overdraft.is_some() {
            return true;
        }
        let Ok(by) = u32::try_from(by) else {
            return false;
        };
        tokio::select! {
            biased;
            memory = Arc::clone(&self.memory).acquire_many_owned(by) => match (memory,
                &mut share.memory) {
                (Ok(more), Some(held)) => held.merge(more),
                (Ok(more), held) => *held = Some(more),
                (Err(_), _) => return false,
            },
            overdraft = Arc::clone(&self.overdrafts).acquire_owned() => match overdraft {
                Ok(overdraft) => share.overdraft = Some(overdraft),
                Err(_) => return false,
            },
        }
        true
    }
}

/// The part of memory that a body takes, given back when dropped.
#[derive(Debug, Default)]
pub(super) struct Share {
    memory: Option<OwnedSemaphorePermit>,
    overdraft: Option<OwnedSemaphorePermit>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bodies_beyond_all_memory_wait_for_each_other_and_all_come() {
        let reader =
            Reader::new(Limits { cap: 1000, timeout: Duration::from_secs(60), memory: 1500 });
        let tasks: Vec<_> = (0..500)
            .map(|_| {
                let reader = reader.clone();
                tokio::spawn(async move {
                    match reader.read(Body::from(vec![b'x'; 1000])).await {
                        Received::Whole(bytes, share) => {
                            tokio::task::yield_now().await;
                            drop(share);
                            bytes.len()
                        }
                        _ => 0,
                    }
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.ok(), Some(1000));
        }
    }
}
