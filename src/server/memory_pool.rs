//! Divides memory among the reviews that need it. The next request that is granted comes from the
//! holder with the least memory, its smallest request first.
//!
//! A request is granted as a whole, so none waits while it holds a part. No holder gets more than
//! half of the memory, unless a single request needs more.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Who holds memory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holder {
    Connection(u64),
    Requester(String),
}

#[derive(Debug, Clone)]
pub(super) struct Pool(Arc<Mutex<PoolState>>);

#[derive(Debug)]
struct PoolState {
    size: usize,
    free: usize,
    held: BTreeMap<Holder, usize>,
    /// The requests that wait, by their first holder, the smallest first.
    waiting: BTreeMap<Holder, BTreeMap<QueuePosition, Waiting>>,
    next: u64,
}

/// The place of a request among those of its first holder: its size, and a number used once.
type QueuePosition = (usize, u64);

#[derive(Debug)]
struct Waiting {
    holders: Vec<Holder>,
    granted: oneshot::Sender<Permit>,
}

impl Pool {
    pub(super) fn new(size: usize) -> Self {
        Self(Arc::new(Mutex::new(PoolState {
            size,
            free: size,
            held: BTreeMap::new(),
            waiting: BTreeMap::new(),
            next: 0,
        })))
    }

    /// Waits until this much memory is granted to these holders. A request for more than there is
    /// waits for all of it.
    pub(super) async fn take(&self, holders: Vec<Holder>, size: usize) -> Permit {
        let (granted, permit) = oneshot::channel();
        let _waiting = self.enqueue(holders, size, granted);
        self.grant();
        match permit.await {
            Ok(permit) => permit,
            // Never happens: the guard keeps the sender.
            Err(_) => std::future::pending().await,
        }
    }

    fn enqueue(
        &self,
        holders: Vec<Holder>,
        size: usize,
        granted: oneshot::Sender<Permit>,
    ) -> Option<MemoryWaitGuard<'_>> {
        let first = holders.first()?.clone();
        let mut state = self.state();
        let place = (size.min(state.size), state.next);
        state.next += 1;
        let of_holder = state.waiting.entry(first.clone()).or_default();
        of_holder.insert(place, Waiting { holders, granted });
        Some(MemoryWaitGuard { pool: self, first, place })
    }

    /// How much memory there is, granted or free.
    pub(super) fn size(&self) -> usize {
        self.state().size
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.state().waiting.is_empty()
    }

    /// How many holders wait although they hold less than their share.
    pub(super) fn short_of_memory(&self) -> usize {
        let state = self.state();
        let heads = state.waiting.values().filter_map(BTreeMap::first_key_value);
        heads.filter(|((size, _), head)| *size > state.free && state.has_share(head, *size)).count()
    }

    /// Grants every request that there is room for.
    fn grant(&self) {
        loop {
            let Some(((size, _), Waiting { holders, granted })) = self.state().next() else {
                return;
            };
            // If the request was given up meanwhile, the permit is dropped, which returns it.
            let _ = granted.send(Permit { holders, size, pool: self.clone() });
        }
    }

    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PoolState {
    fn next(&mut self) -> Option<(QueuePosition, Waiting)> {
        let heads = self
            .waiting
            .iter()
            .filter_map(|(first, of_holder)| Some((first, of_holder.first_key_value()?)));
        let fitting = heads
            .filter(|(_, ((size, _), head))| *size <= self.free && self.has_share(head, *size));
        let (first, place) = fitting
            .min_by_key(|(first, (place, _))| (self.held(first), **place))
            .map(|(first, (place, _))| (first.clone(), *place))?;
        let next = self.remove(&first, place)?;
        self.free -= place.0;
        for holder in &next.holders {
            *self.held.entry(holder.clone()).or_default() += place.0;
        }
        Some((place, next))
    }

    fn held(&self, holder: &Holder) -> usize {
        self.held.get(holder).copied().unwrap_or_default()
    }

    fn has_share(&self, request: &Waiting, size: usize) -> bool {
        let mut held = request.holders.iter().map(|holder| self.held(holder));
        held.all(|held| held == 0 || held + size <= self.size / 2)
    }

    fn remove(&mut self, first: &Holder, place: QueuePosition) -> Option<Waiting> {
        let of_holder = self.waiting.get_mut(first)?;
        let removed = of_holder.remove(&place);
        if of_holder.is_empty() {
            self.waiting.remove(first);
        }
        removed
    }

    fn release(&mut self, holders: &[Holder], size: usize) {
        self.free += size;
        for holder in holders {
            if let Some(held) = self.held.get_mut(holder) {
                *held -= size;
                if *held == 0 {
                    self.held.remove(holder);
                }
            }
        }
    }
}

/// Removes a request that is granted or given up.
struct MemoryWaitGuard<'a> {
    pool: &'a Pool,
    first: Holder,
    place: QueuePosition,
}

impl Drop for MemoryWaitGuard<'_> {
    fn drop(&mut self) {
        let removed = self.pool.state().remove(&self.first, self.place);
        drop(removed);
    }
}

/// Memory of a pool, returned when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    holders: Vec<Holder>,
    size: usize,
    pool: Pool,
}

impl Permit {
    /// Returns what is held beyond this size.
    pub(super) fn shrink(&mut self, size: usize) {
        let beyond = self.size.saturating_sub(size);
        self.size -= beyond;
        self.pool.state().release(&self.holders, beyond);
        self.pool.grant();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn requester(name: &str) -> Vec<Holder> {
        vec![Holder::Requester(name.to_owned())]
    }

    /// What is granted without waiting for others.
    async fn at_once(pool: &Pool, holders: Vec<Holder>, size: usize) -> Option<Permit> {
        tokio::time::timeout(Duration::from_millis(20), pool.take(holders, size)).await.ok()
    }

    /// The order in which requests are granted, each permit returned before the next.
    async fn order(pool: &Pool, waiting: &[(&str, usize)]) -> Vec<(String, usize)> {
        let all = pool.take(requester("all"), usize::MAX).await;
        let (sender, mut granted) = tokio::sync::mpsc::unbounded_channel();
        for (user, size) in waiting {
            let (pool, user, size, sender) =
                (pool.clone(), (*user).to_owned(), *size, sender.clone());
            tokio::spawn(async move {
                let permit = pool.take(requester(&user), size).await;
                let _ = sender.send((user, permit));
            });
            tokio::task::yield_now().await;
        }
        drop((sender, all));
        let mut order = Vec::new();
        while let Some((user, permit)) = granted.recv().await {
            order.push((user, permit.size));
        }
        order
    }

    #[tokio::test]
    async fn the_smallest_comes_first() {
        let order = order(&Pool::new(10), &[("a", 9), ("b", 10), ("c", 8)]).await;
        assert_eq!(order.iter().map(|(_, size)| *size).collect::<Vec<_>>(), [8, 9, 10]);
    }

    #[tokio::test]
    async fn the_holder_with_the_least_comes_first() {
        let pool = Pool::new(10);
        let held = pool.take(requester("busy"), 1).await;
        let mut rest = pool.take(requester("other"), 9).await;
        let [busy, idle] = [("busy", 1), ("idle", 2)].map(|(user, size)| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.take(requester(user), size).await })
        });
        tokio::task::yield_now().await;
        rest.shrink(7);
        assert!(tokio::time::timeout(Duration::from_secs(5), idle).await.is_ok());
        drop((rest, held));
        assert!(busy.await.is_ok());
    }

    #[tokio::test]
    async fn each_holder_of_a_request_gets_at_most_half() {
        let pool = Pool::new(10);
        let of = |user: &str, connection| {
            vec![Holder::Requester(user.to_owned()), Holder::Connection(connection)]
        };
        let mut permits = Vec::new();
        for _ in 0..5 {
            permits.push(pool.take(of("flood", 1), 1).await);
        }
        assert!(at_once(&pool, of("flood", 2), 1).await.is_none());
        assert!(at_once(&pool, of("other", 1), 1).await.is_none());
        assert_eq!(pool.short_of_memory(), 0);
        assert!(at_once(&pool, of("other", 2), 5).await.is_some());
        permits.pop();
        assert!(at_once(&pool, of("flood", 1), 1).await.is_some());
    }

    #[tokio::test]
    async fn only_those_who_wait_for_the_memory_of_others_are_short_of_it() {
        let pool = Pool::new(10);
        let _held = (pool.take(requester("a"), 4).await, pool.take(requester("b"), 5).await);
        let mut waiting = ["a", "b", "c"].map(|user| Box::pin(pool.take(requester(user), 2)));
        for request in &mut waiting {
            let waits = tokio::time::timeout(Duration::ZERO, request.as_mut()).await;
            assert!(waits.is_err());
        }
        assert_eq!(pool.short_of_memory(), 1);
        drop(waiting);
        assert!(!pool.has_waiting());
    }

    #[tokio::test]
    async fn a_single_request_may_need_more_than_half() {
        let pool = Pool::new(10);
        let all = at_once(&pool, requester("a"), 11).await;
        assert!(all.is_some());
        assert!(at_once(&pool, requester("b"), 1).await.is_none());
    }
}
