//! Divides the memory for request bodies, so that no client can use all of it.
//!
//! Ordinary reviews have a pool of their own, and larger ones share the rest. A body waits at most
//! once for each pool, for all that it may need of it, and never for the ordinary pool while it
//! holds the other one. So bodies that have arrived in part never wait for each other. While a pool
//! is short of memory, the slowest bodies that hold it are given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::uploads::Uploads;
use crate::server::judge_pool::requester;
use crate::server::memory_pool::{Holder, Permit, Pool};
use crate::server::size_class::SizeClass;

/// Of all memory, one byte in this many is for ordinary reviews.
const RESERVED: usize = 8;

/// How often bodies are given up while others wait for memory.
const ABORT_EVERY: Duration = Duration::from_millis(25);

#[derive(Debug)]
pub(super) struct Memory {
    ordinary: Arc<ClassMemory>,
    large: Arc<ClassMemory>,
}

/// A connection, as the bodies on it see it.
#[derive(Debug, Clone)]
pub(in crate::server) struct Connection {
    number: u64,
    uploads: Arc<Uploads>,
}

impl Connection {
    pub(in crate::server) fn new(uploads: Arc<Uploads>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { number: NEXT.fetch_add(1, Ordering::Relaxed), uploads }
    }

    pub(super) fn uploads(&self) -> &Arc<Uploads> {
        &self.uploads
    }
}

impl Default for Connection {
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

impl Memory {
    pub(super) fn new(bytes: usize) -> Self {
        let reserved = bytes / RESERVED;
        Self {
            ordinary: ClassMemory::new(SizeClass::Ordinary, reserved),
            large: ClassMemory::new(SizeClass::Large, bytes - reserved),
        }
    }

    /// Waits for the memory of a body of this size, whose beginning has arrived.
    pub(super) async fn reserve(
        &self,
        size: usize,
        beginning: &[u8],
        connection: &Connection,
    ) -> Permit {
        let connected = Holder::Connection(connection.number);
        let (memory, holders) = match SizeClass::from_bytes(size) {
            SizeClass::Ordinary => (&self.ordinary, vec![connected]),
            SizeClass::Large => (&self.large, vec![requester(beginning), connected]),
        };
        let mut permit = std::pin::pin!(memory.pool.take(holders, size));
        tokio::select! {
            biased;
            permit = &mut permit => return permit,
            () = std::future::ready(()) => memory.reclaim(&connection.uploads),
        }
        permit.await
    }
}

/// The memory of one class of bodies.
#[derive(Debug)]
struct ClassMemory {
    class: SizeClass,
    pool: Pool,
    is_reclaiming: AtomicBool,
}

impl ClassMemory {
    fn new(class: SizeClass, bytes: usize) -> Arc<Self> {
        Arc::new(Self { class, pool: Pool::new(bytes), is_reclaiming: AtomicBool::new(false) })
    }

    /// Gives up slow bodies as long as others wait, in one task however many wait.
    fn reclaim(self: &Arc<Self>, uploads: &Arc<Uploads>) {
        if self.is_reclaiming.swap(true, Ordering::SeqCst) {
            return;
        }
        let (memory, uploads) = (Arc::clone(self), Arc::clone(uploads));
        tokio::spawn(async move {
            while memory.pool.has_waiting() {
                uploads.abort_slowest(memory.pool.short_of_memory(), Some(memory.class));
                tokio::time::sleep(ABORT_EVERY).await;
            }
            memory.is_reclaiming.store(false, Ordering::SeqCst);
            // A body that began to wait meanwhile has started no task.
            if memory.pool.has_waiting() {
                memory.reclaim(&uploads);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::size_class::ORDINARY;

    /// The memory that a body gets without waiting for others.
    async fn at_once(memory: &Memory, user: &str, size: usize) -> Option<Permit> {
        let beginning =
            format!(r#"{{"request":{{"uid":"u","userInfo":{{"username":"{user}"}}}}}}"#);
        let connection = Connection::default();
        let reserve = memory.reserve(size, beginning.as_bytes(), &connection);
        tokio::time::timeout(Duration::from_millis(20), reserve).await.ok()
    }

    #[tokio::test]
    async fn large_bodies_leave_the_memory_of_ordinary_ones_alone() {
        let memory = Memory::new(16 * ORDINARY);
        let mut held = Vec::new();
        for user in ["a", "b", "c", "d", "e", "f", "g"] {
            held.push(at_once(&memory, user, 2 * ORDINARY).await.unwrap());
        }
        assert!(at_once(&memory, "h", 2 * ORDINARY).await.is_none());
        assert!(at_once(&memory, "h", ORDINARY).await.is_some());
    }

    #[tokio::test]
    async fn one_requester_gets_half_of_the_memory_for_large_bodies() {
        let memory = Memory::new(16 * ORDINARY);
        let flood = at_once(&memory, "flood", 6 * ORDINARY).await;
        assert!(flood.is_some());
        assert!(at_once(&memory, "flood", 2 * ORDINARY).await.is_none());
        assert!(at_once(&memory, "other", 2 * ORDINARY).await.is_some());
        drop(flood);
        assert!(at_once(&memory, "flood", 2 * ORDINARY).await.is_some());
    }

    #[tokio::test]
    async fn a_connection_gets_half_of_the_memory() {
        let memory = Memory::new(16 * ORDINARY);
        let connection = Connection::default();
        let _first = memory.reserve(ORDINARY, &[], &connection).await;
        let second = memory.reserve(1, &[], &connection);
        assert!(tokio::time::timeout(Duration::from_millis(20), second).await.is_err());
        let other = Connection::default();
        let _other = memory.reserve(ORDINARY, &[], &other).await;
    }

    #[tokio::test]
    async fn slow_bodies_are_given_up_for_those_that_wait_for_their_memory() {
        let connection = Connection::default();
        let uploads = connection.uploads();
        let memory = Memory::new(8 * ORDINARY);
        let _held = memory.reserve(ORDINARY, &[], &Connection::default()).await;
        let [large, ordinary] =
            [SizeClass::Large, SizeClass::Ordinary].map(|c| uploads.start(1, Some(c)));
        let aborted = tokio::select! {
            _ = memory.reserve(ORDINARY, &[], &connection) => "none",
            () = large.aborted() => "large",
            () = ordinary.aborted() => "ordinary",
        };
        assert_eq!(aborted, "ordinary");
    }

    #[tokio::test]
    async fn no_body_is_given_up_for_one_whose_share_is_used_up() {
        let connection = Connection::default();
        let uploads = connection.uploads();
        let memory = Memory::new(32 * ORDINARY);
        let _held = memory.reserve(ORDINARY, &[], &connection).await;
        let _more = memory.reserve(ORDINARY, &[], &connection).await;
        let upload = uploads.start(1, Some(SizeClass::Ordinary));
        let aborted = tokio::select! {
            _ = memory.reserve(ORDINARY, &[], &connection) => true,
            () = upload.aborted() => true,
            () = tokio::time::sleep(Duration::from_millis(500)) => false,
        };
        assert!(!aborted);
    }
}
