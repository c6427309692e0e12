//! Runs the engine off the async threads when a review is large, and contains panics.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::body::Share;
use crate::engine::{self, Reply, RuleSet};

/// Up to this size a review is judged on the async thread: handing it to another thread takes
/// longer, unless its conditions are slow.
const INLINE: usize = 64 * 1024;

/// Reviews of this size or more are judged one at a time: judging may take up to 18 times the
/// memory of the text.
const ALONE: usize = 1024 * 1024;

/// Where reviews are judged.
#[derive(Debug, Clone)]
pub(super) struct JudgePool {
    /// Limits how many reviews are judged off the async threads at once: each may need memory of
    /// many times its size, and its conditions may occupy a core.
    permits: Arc<Semaphore>,
    all: u32,
}

impl JudgePool {
    pub(super) fn new() -> Self {
        let cores = std::thread::available_parallelism()
            .ok()
            .and_then(|cores| u32::try_from(cores.get()).ok())
            .unwrap_or(1);
        Self { permits: Arc::new(Semaphore::new(cores as usize)), all: cores }
    }

    /// The reply, or none if the engine panicked. The share of memory is released with the reply.
    pub(super) async fn judge(&self, rules: RuleSet, bytes: Bytes, share: Share) -> Option<Reply> {
        if bytes.len() <= INLINE {
            // A review with slow conditions is handed over like a large one: it would keep this
            // thread's other reviews waiting.
            let reply = guarded(|| engine::admit_at_once(&rules, &bytes))?;
            if reply.is_some() {
                return reply;
            }
        }
        let taken = if bytes.len() < ALONE { 1 } else { self.all };
        let permit = Arc::clone(&self.permits).acquire_many_owned(taken).await.ok()?;
        tokio::task::spawn_blocking(move || {
            let reply = guarded(|| engine::admit(&rules, &bytes));
            drop((bytes, share, permit));
            reply
        })
        .await
        .ok()?
    }
}

/// What the closure returns, or none if it panicked; the panic hook has logged where.
pub(super) fn guarded<T>(judge: impl FnOnce() -> T) -> Option<T> {
    // Whatever a panic leaves half done is dropped with the closure: the rules are never changed in
    // place.
    catch_unwind(AssertUnwindSafe(judge)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_no_reply() {
        assert_eq!(guarded(|| 1), Some(1));
        assert_eq!(guarded(|| -> i32 { panic!("on purpose") }), None);
    }
}
