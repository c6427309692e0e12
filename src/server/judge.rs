//! Runs the engine off the async threads when a review is large, and contains panics.
//!
//! An ordinary review is judged at once. Larger ones, and those with slow conditions, run on
//! threads of lower priority, as many at once as the memory and the number of threads allow. The
//! next review comes from the requester with the least memory in use, its smallest one first. No
//! requester takes more than half of the memory or of the threads, unless a single review needs
//! more.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::body::{ORDINARY, Share};
use crate::engine::{self, Reply, RuleSet};

/// How many threads may judge for each core. More than one, so that small reviews do not wait for
/// large ones.
const THREADS_PER_CORE: usize = 4;

/// The niceness of these threads. The async threads get most of the time of a core that both need.
const NICE: i32 = 10;

/// Where reviews are judged.
#[derive(Debug, Clone)]
pub(super) struct JudgePool(Arc<Mutex<Queue>>);

#[derive(Debug)]
struct Queue {
    memory: usize,
    free: usize,
    threads: usize,
    free_threads: usize,
    running: BTreeMap<String, Running>,
    waiting: Vec<Waiting>,
}

/// The resources in use by the reviews of one requester.
#[derive(Debug, Default)]
struct Running {
    reviews: usize,
    memory: usize,
}

#[derive(Debug)]
struct Waiting {
    user: String,
    cost: usize,
    ready: oneshot::Sender<Permit>,
}

impl JudgePool {
    /// A pool that uses at most about `memory` bytes for judging.
    pub(super) fn new(memory: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self::with_threads(memory, THREADS_PER_CORE * cores)
    }

    fn with_threads(memory: usize, threads: usize) -> Self {
        Self(Arc::new(Mutex::new(Queue {
            memory,
            free: memory,
            threads,
            free_threads: threads,
            running: BTreeMap::new(),
            waiting: Vec::new(),
        })))
    }

    /// The reply, or `None` if the engine panicked. The share of memory is released once the
    /// review is judged.
    pub(super) async fn judge(
        &self,
        rules: RuleSet,
        bytes: Bytes,
        share: Arc<Share>,
    ) -> Option<Reply> {
        if bytes.len() <= ORDINARY {
            // A review with slow conditions is handed over like a large one: it would keep this
            // thread's other reviews waiting.
            let reply = guarded(|| engine::admit_at_once(&rules, &bytes))?;
            if reply.is_some() {
                return reply;
            }
        }
        let user = engine::requester(&bytes).unwrap_or_default();
        let permit = self.permit(user, cost(&bytes)).await?;
        let (sender, reply) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            // Linux changes only the calling thread. A failure does no harm.
            let _ = rustix::process::setpriority_process(None, NICE);
            // The receiver is dropped at the deadline, and when the client has gone.
            let is_late = || sender.is_closed();
            let reply = guarded(|| engine::admit_unless_late(&rules, &bytes, &is_late));
            drop((bytes, share, permit));
            let _ = sender.send(reply);
        });
        reply.await.ok()?
    }

    /// Waits until a review of that cost may be judged. Never returns `None`:
    /// the queue drops no sender.
    async fn permit(&self, user: String, cost: usize) -> Option<Permit> {
        let (ready, permit) = oneshot::channel();
        {
            let mut queue = self.queue();
            let cost = cost.min(queue.memory);
            queue.waiting.push(Waiting { user, cost, ready });
        }
        self.start();
        permit.await.ok()
    }

    /// Starts every review that there is room for.
    fn start(&self) {
        while let Some((waiting, permit)) = self.next() {
            // If the review has been given up meanwhile, the permit is dropped, which returns it.
            let _ = waiting.ready.send(permit);
        }
    }

    fn next(&self) -> Option<(Waiting, Permit)> {
        let mut queue = self.queue();
        if queue.free_threads == 0 {
            return None;
        }
        queue.waiting.retain(|waiting| !waiting.ready.is_closed());
        let next = queue
            .waiting
            .iter()
            .enumerate()
            .filter(|(_, waiting)| queue.has_room(waiting))
            .min_by_key(|(position, waiting)| {
                (queue.memory_in_use(&waiting.user), waiting.cost, *position)
            })
            .map(|(position, _)| position)?;
        let waiting = queue.waiting.remove(next);
        queue.free -= waiting.cost;
        queue.free_threads -= 1;
        let running = queue.running.entry(waiting.user.clone()).or_default();
        running.reviews += 1;
        running.memory += waiting.cost;
        let permit = Permit { user: waiting.user.clone(), cost: waiting.cost, pool: self.clone() };
        Some((waiting, permit))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// How much memory the reviews of the requester use.
    fn memory_in_use(&self, user: &str) -> usize {
        self.running.get(user).map_or(0, |running| running.memory)
    }

    fn has_room(&self, waiting: &Waiting) -> bool {
        let has_share = self.running.get(&waiting.user).is_none_or(|running| {
            running.memory + waiting.cost <= self.memory / 2 && running.reviews < self.threads / 2
        });
        has_share && waiting.cost <= self.free
    }
}

/// Permission to judge one review, returned when dropped.
#[derive(Debug)]
struct Permit {
    user: String,
    cost: usize,
    pool: JudgePool,
}

impl Drop for Permit {
    fn drop(&mut self) {
        {
            let mut queue = self.pool.queue();
            queue.free += self.cost;
            queue.free_threads += 1;
            if let Some(running) = queue.running.get_mut(&self.user) {
                running.reviews -= 1;
                running.memory -= self.cost;
                if running.reviews == 0 {
                    queue.running.remove(&self.user);
                }
            }
        }
        self.pool.start();
    }
}

/// A high estimate of the bytes that judging a review takes.
fn cost(review: &[u8]) -> usize {
    /// Measured with reviews that take as much as possible.
    const PER_BYTE: usize = 18;
    review.len() * PER_BYTE
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

    /// The order in which permits are granted, each one returned before the next.
    async fn order(pool: &JudgePool, waiting: &[(&str, usize)]) -> Vec<(String, usize)> {
        let all = pool.permit(String::new(), usize::MAX).await;
        let (sender, mut given) = tokio::sync::mpsc::unbounded_channel();
        for (user, cost) in waiting {
            let (pool, user, cost, sender) =
                (pool.clone(), (*user).to_owned(), *cost, sender.clone());
            tokio::spawn(async move {
                let permit = pool.permit(user, cost).await;
                let _ = sender.send(permit);
            });
            tokio::task::yield_now().await;
        }
        drop((sender, all));
        let mut order = Vec::new();
        while let Some(Some(permit)) = given.recv().await {
            order.push((permit.user.clone(), permit.cost));
        }
        order
    }

    #[tokio::test]
    async fn the_smallest_comes_first() {
        let order =
            order(&JudgePool::with_threads(10, 100), &[("a", 9), ("b", 10), ("c", 8)]).await;
        assert_eq!(order.iter().map(|(_, cost)| *cost).collect::<Vec<_>>(), [8, 9, 10]);
    }

    #[tokio::test]
    async fn one_requester_gets_half() {
        let pool = JudgePool::with_threads(10, 100);
        let mut permits = Vec::new();
        for _ in 0..5 {
            permits.push(pool.permit("flood".to_owned(), 1).await);
        }
        let sixth = pool.permit("flood".to_owned(), 1);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(20), sixth).await.is_err());
        assert!(pool.permit("other".to_owned(), 5).await.is_some());
        permits.pop();
        assert!(pool.permit("flood".to_owned(), 1).await.is_some());
    }

    #[tokio::test]
    async fn there_are_only_so_many_threads() {
        let pool = JudgePool::with_threads(100, 2);
        let first = pool.permit("a".to_owned(), 1).await;
        let _second = pool.permit("b".to_owned(), 1).await;
        let third = pool.permit("c".to_owned(), 1);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(20), third).await.is_err());
        drop(first);
        assert!(pool.permit("c".to_owned(), 1).await.is_some());
    }

    #[tokio::test]
    async fn a_review_that_is_given_up_takes_nothing() {
        let pool = JudgePool::with_threads(10, 100);
        let all = pool.permit("a".to_owned(), 10).await;
        let waiting = tokio::spawn({
            let pool = pool.clone();
            async move { pool.permit("b".to_owned(), 10).await.is_some() }
        });
        tokio::task::yield_now().await;
        waiting.abort();
        let _ = waiting.await;
        drop(all);
        assert!(pool.permit("c".to_owned(), 10).await.is_some());
    }
}
