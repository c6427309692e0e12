//! Tracks the bodies that keep the server waiting. If memory or connections run out, the slowest
//! ones are given up.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::server::size_class::SizeClass;

/// How long a body may keep the server waiting before it may be given up.
const GRACE: Duration = Duration::from_millis(250);

/// A body that arrives at this rate is never given up, in bytes per second: the largest one takes
/// some seconds then.
const FAST: u128 = 1024 * 1024;

/// All bodies that keep the server waiting.
#[derive(Debug, Default)]
pub(in crate::server) struct Uploads(Mutex<All>);

#[derive(Debug, Default)]
struct All {
    next: u64,
    receiving: BTreeMap<u64, Arc<Progress>>,
}

impl Uploads {
    /// Registers a body of which this much has arrived, and the memory that it holds, if any.
    pub(super) fn start(self: &Arc<Self>, received: usize, memory: Option<SizeClass>) -> Upload {
        let now = Instant::now();
        let progress = Arc::new(Progress {
            memory,
            started: now,
            received: AtomicUsize::new(received),
            last: Mutex::new(now),
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

    /// Gives up so many bodies, the slowest first; only those that hold this memory, if any.
    pub(in crate::server) fn abort_slowest(&self, count: usize, memory: Option<SizeClass>) {
        if count == 0 {
            return;
        }
        let mut all = self.all();
        let slow = all.receiving.iter().filter(|(_, progress)| {
            progress.is_slow() && (memory.is_none() || progress.memory == memory)
        });
        let mut slow: Vec<_> = slow.map(|(number, progress)| (progress.rate(), *number)).collect();
        slow.sort_unstable();
        for (_, number) in slow.into_iter().take(count) {
            // Removed, so that the next call gives up other ones.
            if let Some(progress) = all.receiving.remove(&number) {
                progress.aborted.notify_one();
            }
        }
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Progress {
    memory: Option<SizeClass>,
    started: Instant,
    received: AtomicUsize,
    last: Mutex<Instant>,
    aborted: Notify,
}

impl Progress {
    /// Whether it has stalled, or has been slow on the whole.
    fn is_slow(&self) -> bool {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.elapsed() >= GRACE || (self.started.elapsed() >= GRACE && self.rate() < FAST)
    }

    /// Bytes per second.
    fn rate(&self) -> u128 {
        let received = self.received.load(Ordering::Relaxed) as u128;
        received * 1000 / self.started.elapsed().as_millis().max(1)
    }
}

/// One body that keeps the server waiting, until dropped.
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
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.uploads.all().receiving.remove(&self.number);
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
    fn the_slowest_body_is_given_up_even_if_it_never_stalls() {
        let uploads = Arc::new(Uploads::default());
        let [stalled, fast, slow, drips] =
            [100_000, 1, 2, 0].map(|received| uploads.start(received, None));
        uploads.abort_slowest(4, None);
        assert!(![&stalled, &fast, &slow, &drips].into_iter().any(is_given_up), "all are new");
        std::thread::sleep(GRACE);
        fast.received(10_000_000);
        slow.received(10_000);
        drips.received(1);
        for expected in [[false, false, false, true], [false, false, true, false]] {
            uploads.abort_slowest(1, None);
            assert_eq!([&stalled, &fast, &slow, &drips].map(is_given_up), expected);
        }
        uploads.abort_slowest(2, None);
        assert_eq!([&stalled, &fast].map(is_given_up), [true, false]);
        std::thread::sleep(GRACE);
        uploads.abort_slowest(1, None);
        assert!(is_given_up(&fast), "it has stalled");
    }

    #[test]
    fn a_body_that_was_given_up_does_not_end_the_one_after_it() {
        let uploads = Arc::new(Uploads::default());
        let aborted = uploads.start(0, None);
        std::thread::sleep(GRACE);
        uploads.abort_slowest(1, None);
        let next = uploads.start(0, None);
        drop(aborted);
        std::thread::sleep(GRACE);
        uploads.abort_slowest(1, None);
        assert!(is_given_up(&next));
    }
}
