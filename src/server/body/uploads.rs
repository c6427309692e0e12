//! Tracks the bodies that are being received. If memory or connections run out, the slowest stalled
//! one is given up.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// A body has stalled if none of its bytes has arrived for this long.
const STALLED: Duration = Duration::from_millis(500);

/// All bodies that are being received.
#[derive(Debug, Default)]
pub(in crate::server) struct Uploads(Mutex<All>);

#[derive(Debug, Default)]
struct All {
    next: u64,
    receiving: BTreeMap<u64, Arc<Progress>>,
}

impl Uploads {
    /// Registers a body that has arrived in part.
    pub(super) fn start(self: &Arc<Self>, received: usize) -> Upload {
        let progress = Arc::new(Progress {
            started: Instant::now(),
            received: AtomicUsize::new(received),
            last: Mutex::new(Instant::now()),
            waits: AtomicBool::new(false),
            aborted: Notify::new(),
        });
        let mut all = self.all();
        // A number is used once: a body that was given up still has its own.
        let number = all.next;
        all.next += 1;
        all.receiving.insert(number, Arc::clone(&progress));
        drop(all);
        Upload { number, progress, uploads: Arc::clone(self) }
    }

    /// Gives up the slowest body that has stalled, if there is one.
    pub(in crate::server) fn abort_slowest(&self) {
        let mut all = self.all();
        let stalled = all.receiving.iter().filter(|(_, progress)| progress.has_stalled());
        let slowest =
            stalled.min_by_key(|(_, progress)| progress.rate()).map(|(number, _)| *number);
        // Removed, so that the next call gives up another one.
        if let Some(slowest) = slowest.and_then(|number| all.receiving.remove(&number)) {
            slowest.aborted.notify_one();
        }
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Progress {
    started: Instant,
    received: AtomicUsize,
    last: Mutex<Instant>,
    /// Whether it waits for the server and not for the client.
    waits: AtomicBool,
    aborted: Notify,
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

/// One body that is being received, until dropped.
#[derive(Debug)]
pub(super) struct Upload {
    number: u64,
    progress: Arc<Progress>,
    uploads: Arc<Uploads>,
}

impl Upload {
    /// Records how many bytes have arrived.
    pub(super) fn received(&self, bytes: usize) {
        self.progress.received.store(bytes, Ordering::Relaxed);
        *self.progress.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Resolves when the body is given up.
    pub(super) async fn aborted(&self) {
        self.progress.aborted.notified().await;
    }

    /// Marks the body as waiting for the server until the guard is dropped.
    pub(super) fn waits(&self) -> PauseGuard<'_> {
        self.progress.waits.store(true, Ordering::Relaxed);
        PauseGuard(self)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.uploads.all().receiving.remove(&self.number);
    }
}

pub(super) struct PauseGuard<'a>(&'a Upload);

impl Drop for PauseGuard<'_> {
    fn drop(&mut self) {
        self.0.received(self.0.progress.received.load(Ordering::Relaxed));
        self.0.progress.waits.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_given_up(upload: &Upload) -> bool {
        let aborted = std::pin::pin!(upload.aborted());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        aborted.poll(&mut context).is_ready()
    }

    #[test]
    fn the_slowest_stalled_body_is_given_up() {
        let uploads = Arc::new(Uploads::default());
        let [fast, slow, waiting] = [2_000_000, 1_000, 1].map(|received| uploads.start(received));
        let waits = waiting.waits();
        uploads.abort_slowest();
        assert!(![&fast, &slow, &waiting].into_iter().any(is_given_up), "none has stalled");
        std::thread::sleep(STALLED);
        uploads.abort_slowest();
        assert_eq!([&fast, &slow, &waiting].map(is_given_up), [false, true, false]);
        uploads.abort_slowest();
        assert_eq!([&fast, &waiting].map(is_given_up), [true, false]);
        drop(waits);
        uploads.abort_slowest();
        assert!(!is_given_up(&waiting), "its time to stall starts anew");
    }

    #[test]
    fn a_body_that_was_given_up_does_not_end_the_one_after_it() {
        let uploads = Arc::new(Uploads::default());
        let aborted = uploads.start(0);
        std::thread::sleep(STALLED);
        uploads.abort_slowest();
        let next = uploads.start(0);
        drop(aborted);
        std::thread::sleep(STALLED);
        uploads.abort_slowest();
        assert!(is_given_up(&next));
    }
}
