//! The bodies that are being received. Where memory or connections run short, the slowest one that
//! has stalled is given up.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// A body has stalled if no byte of it comes for so long.
const STALLED: Duration = Duration::from_millis(500);

/// All of them.
#[derive(Debug, Default)]
pub(in crate::server) struct Uploads(Mutex<BTreeMap<u64, Arc<Progress>>>);

impl Uploads {
    /// A body of which so much has come, and more is to come.
    pub(super) fn start(self: &Arc<Self>, received: usize) -> Upload {
        let progress = Arc::new(Progress {
            started: Instant::now(),
            received: AtomicUsize::new(received),
            last: Mutex::new(Instant::now()),
            waits: AtomicBool::new(false),
            given_up: Notify::new(),
        });
        let mut all = self.all();
        let number = all.last_key_value().map_or(0, |(last, _)| last + 1);
        all.insert(number, Arc::clone(&progress));
        drop(all);
        Upload { number, progress, uploads: Arc::clone(self) }
    }

    /// Gives up the slowest body that has stalled, if there is one.
    pub(in crate::server) fn give_up_slowest(&self) {
        let mut all = self.all();
        let stalled = all.iter().filter(|(_, progress)| progress.has_stalled());
        let slowest =
            stalled.min_by_key(|(_, progress)| progress.rate()).map(|(number, _)| *number);
        // Removed, so that the next call gives up another one.
        if let Some(slowest) = slowest.and_then(|number| all.remove(&number)) {
            slowest.given_up.notify_one();
        }
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Progress>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

/// One body, no longer received when dropped.
#[derive(Debug)]
pub(super) struct Upload {
    number: u64,
    progress: Arc<Progress>,
    uploads: Arc<Uploads>,
}

impl Upload {
    /// So much of it has come.
    pub(super) fn received(&self, bytes: usize) {
        self.progress.received.store(bytes, Ordering::Relaxed);
        *self.progress.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Resolves when the body is given up.
    pub(super) async fn given_up(&self) {
        self.progress.given_up.notified().await;
    }

    /// The server keeps the client waiting until what is returned is dropped.
    pub(super) fn waits(&self) -> Waits<'_> {
        self.progress.waits.store(true, Ordering::Relaxed);
        Waits(self)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.uploads.all().remove(&self.number);
    }
}

pub(super) struct Waits<'a>(&'a Upload);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.received(self.0.progress.received.load(Ordering::Relaxed));
        self.0.progress.waits.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_given_up(upload: &Upload) -> bool {
        let given_up = std::pin::pin!(upload.given_up());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        given_up.poll(&mut context).is_ready()
    }

    #[test]
    fn the_slowest_stalled_body_is_given_up() {
        let uploads = Arc::new(Uploads::default());
        let [fast, slow, waiting] = [2_000_000, 1_000, 1].map(|received| uploads.start(received));
        let waits = waiting.waits();
        uploads.give_up_slowest();
        assert!(![&fast, &slow, &waiting].into_iter().any(is_given_up), "none has stalled");
        std::thread::sleep(STALLED);
        uploads.give_up_slowest();
        assert_eq!([&fast, &slow, &waiting].map(is_given_up), [false, true, false]);
        uploads.give_up_slowest();
        assert_eq!([&fast, &waiting].map(is_given_up), [true, false]);
        drop(waits);
        uploads.give_up_slowest();
        assert!(!is_given_up(&waiting), "its time to stall starts anew");
    }
}
