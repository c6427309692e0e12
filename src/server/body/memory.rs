//! Divides the memory for request bodies, so that no client can use all of it.
//!
//! Ordinary reviews have a pool of their own, and larger ones share the rest. The bodies of one
//! connection, and the large bodies of one requester, may use only a part; further ones wait.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::uploads::{Upload, Uploads};

/// The largest size of an ordinary review, in bytes.
pub(in crate::server) const ORDINARY: usize = 64 * 1024;

/// Of all memory, one byte in this many is for ordinary reviews.
const RESERVED: usize = 8;

/// How many bytes the bodies of one connection may hold. The API server may send all its reviews
/// over one HTTP/2 connection, so this is several times the largest review.
const PER_CONNECTION: usize = 64 * 1024 * 1024;

/// How many bodies of a pool may exceed its memory. Without them, bodies that have each arrived in
/// part could wait for each other.
const EXTRA_BODIES: usize = 4;

/// How often a stalled body is given up while others wait for memory.
const ABORT_EVERY: Duration = Duration::from_millis(25);

#[derive(Debug)]
pub(super) struct Memory {
    ordinary: Pool,
    large: Pool,
    /// How many bytes the large bodies of one requester may hold.
    per_requester: usize,
    requesters: Mutex<BTreeMap<String, Weak<Semaphore>>>,
}

#[derive(Debug)]
struct Pool {
    bytes: Arc<Semaphore>,
    extra_bodies: Arc<Semaphore>,
}

impl Pool {
    fn new(bytes: usize) -> Self {
        Self { bytes: semaphore(bytes), extra_bodies: semaphore(EXTRA_BODIES) }
    }
}

fn semaphore(permits: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)))
}

/// The memory that the bodies of one connection may hold, and the uploads of all connections.
#[derive(Debug, Clone)]
pub(in crate::server) struct ConnectionMemory {
    bytes: Arc<Semaphore>,
    uploads: Arc<Uploads>,
}

impl ConnectionMemory {
    pub(in crate::server) fn new(uploads: Arc<Uploads>) -> Self {
        Self { bytes: semaphore(PER_CONNECTION), uploads }
    }

    pub(super) fn uploads(&self) -> &Arc<Uploads> {
        &self.uploads
    }
}

impl Default for ConnectionMemory {
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

/// The memory of one body, released when dropped.
#[derive(Debug)]
pub(in crate::server) struct Share {
    size: usize,
    is_large: bool,
    connection: ConnectionMemory,
    requester: Option<Arc<Semaphore>>,
    of_connection: Option<OwnedSemaphorePermit>,
    of_requester: Option<OwnedSemaphorePermit>,
    of_pool: Option<OwnedSemaphorePermit>,
    extra: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// An empty share, for a body that declares this length; 0 if it declares none.
    pub(super) fn new(connection: &ConnectionMemory, declared: usize) -> Self {
        Self {
            size: 0,
            is_large: declared > ORDINARY,
            connection: connection.clone(),
            requester: None,
            of_connection: None,
            of_requester: None,
            of_pool: None,
            extra: None,
        }
    }

    /// Whether the body is large and its requester is not known yet.
    pub(super) fn lacks_requester(&self) -> bool {
        self.is_large && self.requester.is_none()
    }
}

/// More permits than one call can acquire.
struct TooMuch;

impl Memory {
    pub(super) fn new(bytes: usize) -> Self {
        let reserved = bytes / RESERVED;
        Self {
            ordinary: Pool::new(reserved),
            large: Pool::new(bytes - reserved),
            per_requester: (bytes - reserved) / 2,
            requesters: Mutex::default(),
        }
    }

    /// Counts a large body towards the limit of its requester.
    pub(super) fn attribute(&self, share: &mut Share, user: String) {
        let mut requesters = self.requesters.lock().unwrap_or_else(PoisonError::into_inner);
        let known = requesters.get(&user).and_then(Weak::upgrade);
        share.requester = Some(known.unwrap_or_else(|| {
            let new = semaphore(self.per_requester);
            requesters.retain(|_, known| known.strong_count() > 0);
            requesters.insert(user, Arc::downgrade(&new));
            new
        }));
    }

    /// Waits until the share may grow by that many bytes. Returns false if it never may.
    pub(super) async fn grow(&self, share: &mut Share, by: usize, upload: Option<&Upload>) -> bool {
        share.size += by;
        // The memory of the ordinary pool is released once the large pool has granted it.
        let before = if !share.is_large && share.size > ORDINARY {
            share.is_large = true;
            (share.of_pool.take(), share.extra.take())
        } else {
            (None, None)
        };
        let grown = share.extra.is_some() || self.take(share, upload).await.is_ok();
        drop(before);
        grown
    }

    /// Waits until the share has permits for its whole size, or may exceed the memory as one of
    /// [`EXTRA_BODIES`].
    async fn take(&self, share: &mut Share, upload: Option<&Upload>) -> Result<(), TooMuch> {
        let (size, uploads) = (share.size, Arc::clone(&share.connection.uploads));
        let pool = if share.is_large { &self.large } else { &self.ordinary };
        let extra = {
            let parts = async {
                let Share { connection, requester, of_connection, of_requester, of_pool, .. } =
                    &mut *share;
                fill(of_connection, &connection.bytes, size).await?;
                if let Some(requester) = requester {
                    fill(of_requester, requester, size).await?;
                }
                fill(of_pool, &pool.bytes, size).await
            };
            let parts = std::pin::pin!(parts);
            let _waits = upload.map(Upload::waits);
            tokio::select! {
                biased;
                parts = parts => return parts,
                extra = Arc::clone(&pool.extra_bodies).acquire_owned() => extra,
                never = abort_the_slowest(&uploads) => match never {},
            }
        };
        share.extra = extra.ok();
        Ok(())
    }
}

async fn abort_the_slowest(uploads: &Uploads) -> Infallible {
    loop {
        uploads.abort_slowest();
        tokio::time::sleep(ABORT_EVERY).await;
    }
}

/// Acquires permits until `held` has `size` of them.
async fn fill(
    held: &mut Option<OwnedSemaphorePermit>,
    semaphore: &Arc<Semaphore>,
    size: usize,
) -> Result<(), TooMuch> {
    let missing = size - held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
    let missing = u32::try_from(missing).map_err(|_| TooMuch)?;
    let more = Arc::clone(semaphore).acquire_many_owned(missing).await.map_err(|_| TooMuch)?;
    match held {
        Some(held) => held.merge(more),
        None => *held = Some(more),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A share that grew by these sizes, and whether it neither waited nor exceeded the memory.
    async fn grown(memory: &Memory, user: Option<&str>, sizes: &[usize]) -> (Share, bool) {
        let mut share = Share::new(&ConnectionMemory::default(), sizes.iter().sum());
        if let Some(user) = user {
            memory.attribute(&mut share, user.to_owned());
        }
        for size in sizes {
            let grow = memory.grow(&mut share, *size, None);
            if tokio::time::timeout(Duration::from_millis(50), grow).await != Ok(true) {
                return (share, false);
            }
        }
        let at_once = share.extra.is_none();
        (share, at_once)
    }

    #[tokio::test]
    async fn large_bodies_leave_the_memory_of_ordinary_ones_alone() {
        let memory = Memory::new(16 * ORDINARY);
        let mut held = Vec::new();
        for _ in 0..7 + EXTRA_BODIES {
            held.push(grown(&memory, None, &[2 * ORDINARY]).await);
        }
        assert_eq!(held.iter().filter(|(_, at_once)| *at_once).count(), 7);
        assert!(!grown(&memory, None, &[2 * ORDINARY]).await.1);
        assert!(grown(&memory, None, &[ORDINARY]).await.1);
    }

    #[tokio::test]
    async fn a_body_that_turns_out_to_be_large_changes_its_pool() {
        let memory = Memory::new(16 * ORDINARY);
        let mut share = Share::new(&ConnectionMemory::default(), 0);
        assert!(memory.grow(&mut share, ORDINARY, None).await);
        assert_eq!(memory.ordinary.bytes.available_permits(), ORDINARY);
        assert!(memory.grow(&mut share, 1, None).await);
        assert_eq!(memory.ordinary.bytes.available_permits(), 2 * ORDINARY);
        assert_eq!(memory.large.bytes.available_permits(), 13 * ORDINARY - 1);
        drop(share);
        assert_eq!(memory.large.bytes.available_permits(), 14 * ORDINARY);
    }

    #[tokio::test]
    async fn one_requester_gets_half_of_the_memory_for_large_bodies() {
        let memory = Memory::new(16 * ORDINARY);
        let (flood, at_once) = grown(&memory, Some("flood"), &[3 * ORDINARY, 4 * ORDINARY]).await;
        assert!(at_once);
        assert!(!grown(&memory, Some("flood"), &[2 * ORDINARY]).await.1);
        assert!(grown(&memory, Some("other"), &[2 * ORDINARY]).await.1);
        drop(flood);
        assert!(grown(&memory, Some("flood"), &[2 * ORDINARY]).await.1);
    }

    #[tokio::test]
    async fn a_connection_gets_a_part_of_the_memory() {
        let memory = Memory::new(16 * PER_CONNECTION);
        let connection = ConnectionMemory::default();
        let mut shares = [0, 0].map(|declared| Share::new(&connection, declared));
        assert!(memory.grow(&mut shares[0], PER_CONNECTION, None).await);
        assert!(memory.grow(&mut shares[1], ORDINARY + 1, None).await);
        assert!(shares[1].extra.is_some());
        let other = ConnectionMemory::default();
        let mut share = Share::new(&other, 0);
        assert!(memory.grow(&mut share, ORDINARY + 1, None).await);
        assert!(share.extra.is_none());
    }

    #[tokio::test]
    async fn a_stalled_body_is_given_up_if_memory_runs_out() {
        let connection = ConnectionMemory::default();
        let uploads = connection.uploads();
        let memory = Memory::new(8 * ORDINARY);
        let mut held = Vec::new();
        for _ in 0..=EXTRA_BODIES {
            held.push((grown(&memory, None, &[ORDINARY]).await, uploads.start(ORDINARY)));
        }
        let stalled = uploads.start(1);
        let mut share = Share::new(&connection, 0);
        let waiting = uploads.start(0);
        let aborted = tokio::select! {
            _ = memory.grow(&mut share, ORDINARY, Some(&waiting)) => false,
            () = stalled.aborted() => true,
        };
        assert!(aborted);
    }
}
