//! Limits the connections that are served at once. If all slots are taken, a new connection gets
//! the slot of an idle one: of the oldest that never had a request, or else of the one that has
//! been idle longest. A connection whose first request is about to come is not idle.
//!
//! So clients that keep connections open do not lock others out. If too few connections are idle,
//! the slowest bodies are given up; over HTTP/1.1 their connections are closed, too.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::MissedTickBehavior;

use super::body::Uploads;
use super::head::Activity;

/// How often connections to close are looked for while others wait.
const RETRY_EVERY: Duration = Duration::from_millis(25);

#[derive(Debug)]
pub(super) struct Slots {
    free: Arc<Semaphore>,
    served: Mutex<Served>,
    uploads: Arc<Uploads>,
}

#[derive(Debug, Default)]
struct Served {
    next: u64,
    connections: BTreeMap<u64, (Arc<Activity>, oneshot::Sender<()>)>,
    /// How many connections wait for a slot.
    waiting: usize,
    /// How many connections were told to close and have not ended yet.
    closing: usize,
    /// When the last search for idle connections found too few.
    exhausted: Option<Instant>,
}

impl Slots {
    pub(super) fn new(most: u32, uploads: Arc<Uploads>) -> Arc<Self> {
        let free = Arc::new(Semaphore::new(most as usize));
        Arc::new(Self { free, served: Mutex::default(), uploads })
    }

    /// Takes a slot, and waits until one is free.
    pub(super) async fn take(self: &Arc<Self>, activity: Arc<Activity>) -> ConnectionSlot {
        let permit = match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait().await,
        };
        activity.serves();
        let (close, closed) = oneshot::channel();
        let mut served = self.served();
        let number = served.next;
        served.next += 1;
        served.connections.insert(number, (activity, close));
        ConnectionSlot { number, closed, all: Arc::clone(self), _permit: permit }
    }

    async fn wait(&self) -> OwnedSemaphorePermit {
        self.served().waiting += 1;
        let _waiting = SlotWaitGuard(self);
        let mut permit = std::pin::pin!(Arc::clone(&self.free).acquire_owned());
        let mut retry = tokio::time::interval(RETRY_EVERY);
        retry.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                // The semaphore is never closed.
                Ok(permit) = &mut permit => return permit,
                _ = retry.tick() => self.make_room(),
            }
        }
    }

    /// Closes an idle connection for each waiting one that has none closing for it. One search
    /// serves all that wait.
    fn make_room(&self) {
        let mut served = self.served();
        let wanted = served.waiting.saturating_sub(served.closing);
        let searched = served.exhausted.is_some_and(|at| at.elapsed() < RETRY_EVERY);
        if wanted == 0 || searched {
            return;
        }
        let idle = |(number, (activity, _)): (&u64, &(Arc<Activity>, _))| {
            Some((activity.idle()?, *number))
        };
        let mut idle: Vec<_> = served.connections.iter().filter_map(idle).collect();
        idle.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
        idle.truncate(wanted);
        let missing = wanted - idle.len();
        served.exhausted = (missing > 0).then(Instant::now);
        for (_, number) in idle {
            if let Some((_, close)) = served.connections.remove(&number) {
                served.closing += 1;
                // This fails if the connection has just ended.
                let _ = close.send(());
            }
        }
        drop(served);
        self.uploads.abort_slowest(missing, None);
    }

    fn served(&self) -> MutexGuard<'_, Served> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a connection as waiting until dropped.
struct SlotWaitGuard<'a>(&'a Slots);

impl Drop for SlotWaitGuard<'_> {
    fn drop(&mut self) {
        self.0.served().waiting -= 1;
    }
}

/// The slot of one connection, free again when dropped.
#[derive(Debug)]
pub(super) struct ConnectionSlot {
    number: u64,
    closed: oneshot::Receiver<()>,
    all: Arc<Slots>,
    _permit: OwnedSemaphorePermit,
}

impl ConnectionSlot {
    /// Resolves when the connection must close for a newer one.
    pub(super) async fn closed(&mut self) {
        if (&mut self.closed).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut served = self.all.served();
        if served.connections.remove(&self.number).is_none() {
            served.closing -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn slots<const N: usize>(slots: &Arc<Slots>) -> [(Arc<Activity>, ConnectionSlot); N] {
        let mut taken = Vec::new();
        for _ in 0..N {
            let activity = Arc::new(Activity::new());
            taken.push((Arc::clone(&activity), slots.take(activity).await));
        }
        taken.try_into().unwrap_or_else(|_| panic!())
    }

    /// Which of these connections is closed first.
    async fn closed_first<const N: usize>(
        of: &mut [(Arc<Activity>, ConnectionSlot); N],
    ) -> Option<usize> {
        let started = Instant::now();
        while started.elapsed() < 2 * Activity::FRESH {
            for (number, (_, slot)) in of.iter_mut().enumerate() {
                let closed = tokio::time::timeout(Duration::from_millis(1), slot.closed()).await;
                if closed.is_ok() {
                    return Some(number);
                }
            }
        }
        None
    }

    #[tokio::test]
    async fn an_idle_connection_is_closed_and_a_fresh_one_or_one_with_a_request_is_not() {
        let all = Slots::new(3, Arc::default());
        let mut served = slots::<3>(&all).await;
        let _in_flight = served[0].0.request();
        drop(served[1].0.request());
        let waiting = tokio::spawn({
            let all = Arc::clone(&all);
            async move { all.take(Arc::new(Activity::new())).await }
        });
        assert_eq!(closed_first(&mut served).await, Some(1));
        drop(served);
        assert!(waiting.await.is_ok());
    }

    #[tokio::test]
    async fn a_connection_that_is_never_used_is_closed_before_one_that_is_idle() {
        let all = Slots::new(3, Arc::default());
        let mut served = slots::<3>(&all).await;
        drop(served[0].0.request());
        tokio::time::sleep(Activity::FRESH).await;
        drop(served[2].0.request());
        let waiting = tokio::spawn({
            let all = Arc::clone(&all);
            async move { all.take(Arc::new(Activity::new())).await }
        });
        assert_eq!(closed_first(&mut served).await, Some(1));
        drop(served);
        assert!(waiting.await.is_ok());
    }

    #[tokio::test]
    async fn as_many_are_closed_as_wait() {
        let all = Slots::new(4, Arc::default());
        let mut served = slots::<4>(&all).await;
        for (activity, _) in &served {
            drop(activity.request());
        }
        for _ in 0..2 {
            let all = Arc::clone(&all);
            tokio::spawn(async move { all.take(Arc::new(Activity::new())).await });
        }
        tokio::time::sleep(4 * RETRY_EVERY).await;
        let mut closed = 0;
        for (_, slot) in &mut served {
            let is_closed = tokio::time::timeout(Duration::ZERO, slot.closed()).await.is_ok();
            closed += usize::from(is_closed);
        }
        assert_eq!(closed, 2);
    }
}
