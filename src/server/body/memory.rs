//! The memory of request bodies, shared out so that nobody's bodies keep the others waiting.
//!
//! Ordinary reviews have memory that larger ones cannot take. The bodies of one connection, and the
//! large bodies of one requester, get a part of the memory and wait for more.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::uploads::{Upload, Uploads};

/// Up to this size a review is ordinary.
pub(in crate::server) const ORDINARY: usize = 64 * 1024;

/// Which part of all memory only ordinary reviews take: one in so many bytes.
const RESERVED: usize = 8;

/// How many bytes the bodies of one connection may hold. The API server may send all its reviews
/// over one HTTP/2 connection, so this is many times the largest review.
const PER_CONNECTION: usize = 64 * 1024 * 1024;

/// How many bodies of a pool may go on while its memory is used up. Without any, bodies that each
/// have come in part could wait for each other.
const OVERDRAFTS: usize = 4;

/// How often a stalled body is given up while others wait for memory.
const GIVING_UP: Duration = Duration::from_millis(25);

#[derive(Debug)]
pub(super) struct Memory {
    ordinary: Pool,
    large: Pool,
    /// What each requester may hold of the memory for large bodies.
    per_requester: usize,
    requesters: Mutex<BTreeMap<String, Weak<Semaphore>>>,
}

#[derive(Debug)]
struct Pool {
    bytes: Arc<Semaphore>,
    overdrafts: Arc<Semaphore>,
}

impl Pool {
    fn new(bytes: usize) -> Self {
        Self { bytes: semaphore(bytes), overdrafts: semaphore(OVERDRAFTS) }
    }
}

fn semaphore(permits: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)))
}

/// What the bodies of one connection may hold together, and those of all connections that are being
/// received.
#[derive(Debug, Clone)]
pub(in crate::server) struct ConnectionBodies {
    bytes: Arc<Semaphore>,
    uploads: Arc<Uploads>,
}

impl ConnectionBodies {
    pub(in crate::server) fn new(uploads: Arc<Uploads>) -> Self {
        Self { bytes: semaphore(PER_CONNECTION), uploads }
    }

    pub(super) fn uploads(&self) -> &Arc<Uploads> {
        &self.uploads
    }
}

impl Default for ConnectionBodies {
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

/// The memory that one body takes, given back when dropped.
#[derive(Debug)]
pub(in crate::server) struct Share {
    size: usize,
    is_large: bool,
    connection: ConnectionBodies,
    requester: Option<Arc<Semaphore>>,
    of_connection: Option<OwnedSemaphorePermit>,
    of_requester: Option<OwnedSemaphorePermit>,
    of_pool: Option<OwnedSemaphorePermit>,
    overdraft: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Nothing yet, for a body that declares this length, or none, with 0.
    pub(super) fn new(connection: &ConnectionBodies, declared: usize) -> Self {
        Self {
            size: 0,
            is_large: declared > ORDINARY,
            connection: connection.clone(),
            requester: None,
            of_connection: None,
            of_requester: None,
            of_pool: None,
            overdraft: None,
        }
    }

    /// Whether it is large, and nobody knows yet whose it is.
    pub(super) fn lacks_requester(&self) -> bool {
        self.is_large && self.requester.is_none()
    }
}

/// A semaphore with more permits than that cannot be acquired at once.
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

    /// Counts a large body as one of this requester.
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

    /// Waits until the share may be so much larger. False if that can never be.
    pub(super) async fn grow(&self, share: &mut Share, by: usize, upload: Option<&Upload>) -> bool {
        share.size += by;
        // What it holds as an ordinary one is given back once it has its place among the others.
        let before = if !share.is_large && share.size > ORDINARY {
            share.is_large = true;
            (share.of_pool.take(), share.overdraft.take())
        } else {
            (None, None)
        };
        let grown = share.overdraft.is_some() || self.take(share, upload).await.is_ok();
        drop(before);
        grown
    }

    /// Waits until the share has permits for all of its size.
    async fn take(&self, share: &mut Share, upload: Option<&Upload>) -> Result<(), TooMuch> {
        let (size, uploads) = (share.size, Arc::clone(&share.connection.uploads));
        let pool = if share.is_large { &self.large } else { &self.ordinary };
        let overdraft = {
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
                overdraft = Arc::clone(&pool.overdrafts).acquire_owned() => overdraft,
                never = give_up_the_slowest(&uploads) => match never {},
            }
        };
        share.overdraft = overdraft.ok();
        Ok(())
    }
}

async fn give_up_the_slowest(uploads: &Uploads) -> Infallible {
    loop {
        uploads.give_up_slowest();
        tokio::time::sleep(GIVING_UP).await;
    }
}

/// Adds permits to those that are held until they are so many.
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

    /// A share grown by these sizes, and whether it did not have to wait.
    async fn grown(memory: &Memory, user: Option<&str>, sizes: &[usize]) -> (Share, bool) {
        let mut share = Share::new(&ConnectionBodies::default(), sizes.iter().sum());
        if let Some(user) = user {
            memory.attribute(&mut share, user.to_owned());
        }
        for size in sizes {
            let grow = memory.grow(&mut share, *size, None);
            if tokio::time::timeout(Duration::from_millis(50), grow).await != Ok(true) {
                return (share, false);
            }
        }
        let at_once = share.overdraft.is_none();
        (share, at_once)
    }

    #[tokio::test]
    async fn large_bodies_leave_the_memory_of_ordinary_ones_alone() {
        let memory = Memory::new(16 * ORDINARY);
        let mut held = Vec::new();
        for _ in 0..7 + OVERDRAFTS {
            held.push(grown(&memory, None, &[2 * ORDINARY]).await);
        }
        assert_eq!(held.iter().filter(|(_, at_once)| *at_once).count(), 7);
        assert!(!grown(&memory, None, &[2 * ORDINARY]).await.1);
        assert!(grown(&memory, None, &[ORDINARY]).await.1);
    }

    #[tokio::test]
    async fn a_body_that_turns_out_to_be_large_changes_its_pool() {
        let memory = Memory::new(16 * ORDINARY);
        let mut share = Share::new(&ConnectionBodies::default(), 0);
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
        let connection = ConnectionBodies::default();
        let mut shares = [0, 0].map(|declared| Share::new(&connection, declared));
        assert!(memory.grow(&mut shares[0], PER_CONNECTION, None).await);
        assert!(memory.grow(&mut shares[1], ORDINARY + 1, None).await);
        assert!(shares[1].overdraft.is_some());
        let other = ConnectionBodies::default();
        let mut share = Share::new(&other, 0);
        assert!(memory.grow(&mut share, ORDINARY + 1, None).await);
        assert!(share.overdraft.is_none());
    }

    #[tokio::test]
    async fn a_stalled_body_is_given_up_where_memory_is_short() {
        let connection = ConnectionBodies::default();
        let uploads = connection.uploads();
        let memory = Memory::new(8 * ORDINARY);
        let mut held = Vec::new();
        for _ in 0..=OVERDRAFTS {
            held.push((grown(&memory, None, &[ORDINARY]).await, uploads.start(ORDINARY)));
        }
        let stalled = uploads.start(1);
        let mut share = Share::new(&connection, 0);
        let waiting = uploads.start(0);
        let given_up = tokio::select! {
            _ = memory.grow(&mut share, ORDINARY, Some(&waiting)) => false,
            () = stalled.given_up() => true,
        };
        assert!(given_up);
    }
}
