//! The memory of request bodies, in two pools: one that only ordinary reviews take from, and one for
//! larger ones.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Up to this size a review is ordinary.
pub(in crate::server) const ORDINARY: usize = 64 * 1024;

/// Which part of all memory only ordinary reviews take: one in so many bytes.
const RESERVED: usize = 8;

/// How many bytes the bodies of one connection may hold. The API server sends all its reviews over
/// one HTTP/2 connection, so this is many times the largest review.
const PER_CONNECTION: usize = 64 * 1024 * 1024;

/// How many bodies of a pool may go on while its memory is used up. Without any, bodies that each
/// have come in part could wait for each other.
const OVERDRAFTS: usize = 4;

/// A body has stalled if nothing of it came for so long.
const STALLED: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Memory {
    ordinary: Pool,
    large: Pool,
    arriving: Mutex<BTreeMap<u64, Arc<Progress>>>,
}

#[derive(Debug, Clone)]
struct Pool {
    bytes: Arc<Semaphore>,
    overdrafts: Arc<Semaphore>,
}

impl Pool {
    fn new(bytes: usize) -> Self {
        Self {
            bytes: Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))),
            overdrafts: Arc::new(Semaphore::new(OVERDRAFTS)),
        }
    }
}

/// What the bodies of one connection may hold together.
#[derive(Debug, Clone)]
pub(in crate::server) struct HeldByConnection(Arc<Semaphore>);

impl Default for HeldByConnection {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(PER_CONNECTION)))
    }
}

/// The memory that a body takes, given back when dropped.
#[derive(Debug)]
pub(in crate::server) struct Share {
    held: HeldByConnection,
    of_connection: Option<OwnedSemaphorePermit>,
    of_pool: Option<OwnedSemaphorePermit>,
    overdraft: Option<OwnedSemaphorePermit>,
    size: usize,
    is_large: bool,
}

impl Memory {
    pub(super) fn new(bytes: usize) -> Self {
        let reserved = bytes / RESERVED;
        Self {
            ordinary: Pool::new(reserved),
            large: Pool::new(bytes - reserved),
            arriving: Mutex::default(),
        }
    }

    /// Waits until the share may be so much larger. False if that can never be.
    pub(super) async fn grow(
        &self,
        share: &mut Share,
        by: usize,
        arriving: Option<&Arriving>,
    ) -> bool {
        if !share.is_large && share.size + by > ORDINARY {
            share.is_large = true;
            // What it has taken as an ordinary one is given back once the others make room for it.
            let before = (share.of_pool.take(), share.overdraft.take());
            let size = share.size;
            share.size = 0;
            let grown = self.take(share, size + by, by, arriving).await;
            drop(before);
            return grown;
        }
        self.take(share, by, by, arriving).await
    }

    async fn take(
        &self,
        share: &mut Share,
        of_pool: usize,
        of_connection: usize,
        arriving: Option<&Arriving>,
    ) -> bool {
        share.size += of_pool;
        if share.overdraft.is_some() {
            return true;
        }
        let (Ok(bytes), Ok(held)) = (u32::try_from(of_pool), u32::try_from(of_connection)) else {
            return false;
        };
        let pool = if share.is_large { &self.large } else { &self.ordinary };
        let connection = Arc::clone(&share.held.0);
        if let (Ok(one), Ok(two)) = (
            Arc::clone(&connection).try_acquire_many_owned(held),
            Arc::clone(&pool.bytes).try_acquire_many_owned(bytes),
        ) {
            share.add(one, two);
            return true;
        }
        let _waiting = arriving.map(Arriving::waits);
        let both = async {
            let one = connection.acquire_many_owned(held).await.ok()?;
            Some((one, Arc::clone(&pool.bytes).acquire_many_owned(bytes).await.ok()?))
        };
        tokio::select! {
            biased;
            both = both => match both {
                Some((one, two)) => share.add(one, two),
                None => return false,
            },
            overdraft = Arc::clone(&pool.overdrafts).acquire_owned() => match overdraft {
                Ok(overdraft) => share.overdraft = Some(overdraft),
                Err(_) => return false,
            },
            () = self.give_up_the_stalled() => {}
        }
        true
    }

    /// Gives up the slowest body that has stalled, again and again.
    async fn give_up_the_stalled(&self) {
        loop {
            let slowest = self
                .progress()
                .values()
                .filter(|progress| progress.has_stalled())
                .min_by_key(|progress| progress.rate())
                .cloned();
            if let Some(slowest) = slowest {
                slowest.given_up.notify_one();
            }
            tokio::time::sleep(STALLED / 20).await;
        }
    }

    /// A body of which more is to come.
    pub(super) fn arriving(self: &Arc<Self>, received: usize) -> Arriving {
        let progress = Arc::new(Progress {
            started: Instant::now(),
            received: AtomicUsize::new(received),
            last: Mutex::new(Instant::now()),
            waits: AtomicBool::new(false),
            given_up: Notify::new(),
        });
        let mut all = self.progress();
        let number = all.last_key_value().map_or(0, |(last, _)| last + 1);
        all.insert(number, Arc::clone(&progress));
        drop(all);
        Arriving { number, progress, memory: Arc::clone(self) }
    }

    fn progress(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Progress>>> {
        self.arriving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Nothing yet, for a body that declares this length, or none, with 0.
    pub(super) fn new(held: HeldByConnection, declared: usize) -> Self {
        Self {
            held,
            of_connection: None,
            of_pool: None,
            overdraft: None,
            size: 0,
            is_large: declared > ORDINARY,
        }
    }

    fn add(&mut self, of_connection: OwnedSemaphorePermit, of_pool: OwnedSemaphorePermit) {
        for (held, more) in [(&mut self.of_connection, of_connection), (&mut self.of_pool, of_pool)]
        {
            match held {
                Some(held) => held.merge(more),
                None => *held = Some(more),
            }
        }
    }
}

#[derive(Debug)]
struct Progress {
    started: Instant,
    received: AtomicUsize,
    last: Mutex<Instant>,
    /// Whether the server, not the client, keeps it waiting.
    waits: AtomicBool,
    given_up: Notify,
}

impl Progress {
    fn has_stalled(&self) -> bool {
        !self.waits.load(Ordering::Relaxed)
            && self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed() >= STALLED
    }

    /// Bytes per second.
    fn rate(&self) -> u128 {
        let received = self.received.load(Ordering::Relaxed) as u128;
        received * 1000 / self.started.elapsed().as_millis().max(1)
    }
}

/// A body that is known to others while more of it is to come.
#[derive(Debug)]
pub(super) struct Arriving {
    number: u64,
    progress: Arc<Progress>,
    memory: Arc<Memory>,
}

impl Arriving {
    pub(super) fn received(&self, bytes: usize) {
        self.progress.received.store(bytes, Ordering::Relaxed);
        *self.progress.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Resolves when the body is given up for the memory that it holds.
    pub(super) async fn given_up(&self) {
        self.progress.given_up.notified().await;
    }

    fn waits(&self) -> Waits<'_> {
        self.progress.waits.store(true, Ordering::Relaxed);
        Waits(self)
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.memory.progress().remove(&self.number);
    }
}

/// A body that waits for memory until this is dropped.
struct Waits<'a>(&'a Arriving);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.received(self.0.progress.received.load(Ordering::Relaxed));
        self.0.progress.waits.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn grown(memory: &Memory, sizes: &[usize]) -> (Share, bool) {
        let mut share = Share::new(HeldByConnection::default(), 0);
        for size in sizes {
            let grow = memory.grow(&mut share, *size, None);
            if tokio::time::timeout(Duration::from_millis(50), grow).await != Ok(true) {
                return (share, false);
            }
        }
        (share, true)
    }

    #[tokio::test]
    async fn large_bodies_leave_ordinary_ones_their_memory() {
        let memory = Memory::new(8 * ORDINARY);
        let mut held = Vec::new();
        while let (share, true) = grown(&memory, &[ORDINARY, ORDINARY]).await {
            held.push(share);
        }
        // Seven eighths, and the overdrafts.
        assert_eq!(held.len(), 3 + OVERDRAFTS);
        assert!(grown(&memory, &[ORDINARY]).await.1);
        drop(held);
        assert!(grown(&memory, &[ORDINARY, ORDINARY]).await.1);
    }

    #[tokio::test]
    async fn a_stalled_body_is_given_up_where_memory_is_short() {
        let memory = Arc::new(Memory::new(8 * ORDINARY));
        let mut held = Vec::new();
        for _ in 0..=OVERDRAFTS {
            let (share, _) = grown(&memory, &[ORDINARY]).await;
            held.push((share, memory.arriving(ORDINARY)));
        }
        let mut share = Share::new(HeldByConnection::default(), 0);
        let waiting = memory.arriving(0);
        let ended = tokio::select! {
            _ = memory.grow(&mut share, ORDINARY, Some(&waiting)) => false,
            () = held[0].1.given_up() => true,
            () = held[1].1.given_up() => true,
            () = held[2].1.given_up() => true,
            () = held[3].1.given_up() => true,
            () = held[4].1.given_up() => true,
        };
        assert!(ended);
    }
}
