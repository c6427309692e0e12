//! Limits the connections that are served at once. If all slots are taken, a new connection gets
//! the slot of an idle one: of the oldest that never had a request, or else of the one that has
//! been idle longest.
//!
//! So clients that keep connections open do not lock others out. If every connection has a request,
//! the slowest stalled body is given up; over HTTP/1.1 its connection is closed, too.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::MissedTickBehavior;

use super::body::Uploads;
use super::head::Activity;

/// How often a waiting connection looks for another one to close.
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
}

impl Slots {
    pub(super) fn new(most: u32, uploads: Arc<Uploads>) -> Arc<Self> {
        let free = Arc::new(Semaphore::new(most as usize));
        Arc::new(Self { free, served: Mutex::default(), uploads })
    }

    /// Takes a slot, and waits until one is free. Never returns `None`: the semaphore is never
    /// closed.
    pub(super) async fn take(self: &Arc<Self>, activity: Arc<Activity>) -> Option<Slot> {
        let permit = match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait().await?,
        };
        let (close, closed) = oneshot::channel();
        let mut served = self.served();
        let number = served.next;
        served.next += 1;
        served.connections.insert(number, (activity, close));
        Some(Slot { number, closed, all: Arc::clone(self), _permit: permit })
    }

    async fn wait(&self) -> Option<OwnedSemaphorePermit> {
        self.served().waiting += 1;
        let _waiting = WaitGuard(self);
        let mut permit = std::pin::pin!(Arc::clone(&self.free).acquire_owned());
        let mut retry = tokio::time::interval(RETRY_EVERY);
        retry.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                permit = &mut permit => return permit.ok(),
                _ = retry.tick() => self.make_room(),
            }
        }
    }

    /// Closes an idle connection, unless as many connections are closing as wait.
    fn make_room(&self) {
        let mut served = self.served();
        if served.closing >= served.waiting {
            return;
        }
        let longest_idle = served
            .connections
            .iter()
            .filter_map(|(number, (activity, _))| Some((*number, activity.idle()?)))
            .max_by_key(|(number, (had_request, idle))| (!had_request, *idle, Reverse(*number)));
        let Some((_, close)) =
            longest_idle.and_then(|(number, _)| served.connections.remove(&number))
        else {
            return self.uploads.abort_slowest();
        };
        served.closing += 1;
        // This fails if the connection has just ended.
        let _ = close.send(());
    }

    fn served(&self) -> MutexGuard<'_, Served> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a connection as waiting until dropped.
struct WaitGuard<'a>(&'a Slots);

impl Drop for WaitGuard<'_> {
    fn drop(&mut self) {
        self.0.served().waiting -= 1;
    }
}

/// The slot of one connection, free again when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    number: u64,
    closed: oneshot::Receiver<()>,
    all: Arc<Slots>,
    _permit: OwnedSemaphorePermit,
}

impl Slot {
    /// Resolves when the connection must close for a newer one.
    pub(super) async fn closed(&mut self) {
        if (&mut self.closed).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Slot {
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

    #[tokio::test]
    async fn an_idle_connection_is_closed_and_one_with_a_request_is_not() {
        let slots = Slots::new(3, Arc::default());
        let activities: Vec<_> = (0..3).map(|_| Arc::new(Activity::new())).collect();
        let mut served = Vec::new();
        for activity in &activities {
            served.push(slots.take(Arc::clone(activity)).await);
        }
        let _in_flight = activities[0].request();
        drop(activities[1].request());
        let waiting = tokio::spawn({
            let slots = Arc::clone(&slots);
            async move { slots.take(Arc::new(Activity::new())).await }
        });
        let mut silent = served.pop().flatten();
        if let Some(silent) = &mut silent {
            silent.closed().await;
        }
        drop(silent);
        assert!(waiting.await.is_ok_and(|slot| slot.is_some()));
    }
}
