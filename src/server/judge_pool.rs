//! Judges large reviews off the async threads, and catches panics.
//!
//! An ordinary review is judged at once. Larger ones, and those with slow conditions, run on
//! threads of their own with a lower priority, as many at once as the memory allows. Only the
//! estimate of their memory is made before.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::memory_pool::{Holder, Permit, Pool};
use super::size_class::SizeClass;
use crate::engine::{self, Reply, RuleSet};

/// The niceness of these threads. The async threads get most of the time of a core that both need.
const NICE: i32 = 10;

/// The least memory that a review reserves. It limits the number of threads.
const LEAST_MEMORY: usize = 4 * 1024 * 1024;

/// Where reviews are judged.
#[derive(Debug, Clone)]
pub(super) struct JudgePool {
    memory: Pool,
    engine: Engine,
}

/// The functions of the engine that judge.
#[derive(Debug, Clone, Copy)]
pub(super) struct Engine {
    pub(super) if_cheap: fn(&RuleSet, &[u8]) -> Option<Reply>,
    pub(super) within: fn(&RuleSet, &[u8], usize, &dyn Fn() -> bool) -> Reply,
}

impl Default for Engine {
    fn default() -> Self {
        Self { if_cheap: engine::admit_if_cheap, within: engine::admit_within }
    }
}

/// Why a review has no reply.
#[derive(Debug)]
pub(super) enum Unjudged {
    Panicked,
    /// It may take this many bytes of memory, which is more than the pool has.
    TooMuchMemory(usize),
}

impl JudgePool {
    /// A pool that uses at most about `memory` bytes for judging.
    pub(super) fn new(memory: usize, engine: Engine) -> Self {
        Self { memory: Pool::new(memory), engine }
    }

    /// The reply. The memory of the review is released once it is judged. An ordinary review that
    /// panics does so in the caller.
    pub(super) async fn judge(
        &self,
        rules: RuleSet,
        bytes: Bytes,
        body: Arc<Permit>,
    ) -> Result<Reply, Unjudged> {
        let Engine { if_cheap, within } = self.engine;
        let is_large = SizeClass::from_bytes(bytes.len()) == SizeClass::Large;
        if !is_large {
            // A review with slow conditions is handed over like a large one: it would keep this
            // thread's other reviews waiting.
            if let Some(reply) = if_cheap(&rules, &bytes) {
                return Ok(reply);
            }
        }
        let estimate = engine::memory_estimate(&rules, &bytes);
        if is_large && estimate > self.memory.size() {
            return Err(Unjudged::TooMuchMemory(estimate));
        }
        let reserved = estimate.max(LEAST_MEMORY);
        let permit = self.memory.take(vec![requester(&bytes)], reserved).await;
        // An ordinary review is never refused for its memory.
        let most = if is_large { reserved } else { usize::MAX };
        let (sender, reply) = oneshot::channel();
        let judge = move || {
            // Linux changes only the calling thread. A failure does no harm.
            let _ = rustix::process::setpriority_process(None, NICE);
            // The receiver is dropped at the deadline, and when the client has gone.
            let is_late = || sender.is_closed();
            let reply = guarded(|| within(&rules, &bytes, most, &is_late));
            drop((bytes, body, permit));
            let _ = sender.send(reply);
        };
        if let Err(error) = std::thread::Builder::new().name("judge".to_owned()).spawn(judge) {
            tracing::error!(%error, "cannot start a thread that judges a review");
        }
        reply.await.ok().flatten().ok_or(Unjudged::Panicked)
    }
}

/// Who sent the review. All reviews without a user name count as one requester's.
pub(super) fn requester(review: &[u8]) -> Holder {
    Holder::Requester(guarded(|| engine::requester(review)).flatten().unwrap_or_default())
}

/// What the closure returns, or none if it panicked; the panic hook has logged where.
pub(super) fn guarded<T>(run: impl FnOnce() -> T) -> Option<T> {
    // Whatever a panic leaves half done is dropped with the closure: the rules are never changed in
    // place.
    catch_unwind(AssertUnwindSafe(run)).ok()
}

/// The same for a future.
pub(super) async fn guarded_async<T>(run: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(run).catch_unwind().await.ok()
}
