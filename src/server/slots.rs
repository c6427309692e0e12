//! The connections that are served. Where all slots are taken, a new connection takes that of one
//! without a request: first of one that never had a request, then of the one that has been idle
//! longest.
//!
//! So a client that keeps connections open costs the others nothing. If all have a request, the
//! slowest body that has stalled is given up, and its connection with it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::MissedTickBehavior;

use super::body::Uploads;
use super::head::Activity;

/// How often a connection that waits looks for another one that can give way.
const LOOKING: Duration = Duration::from_millis(25);

#[derive(Debug)]
pub(super) struct Slots {
    free: Arc<Semaphore>,
    taken: Mutex<Taken>,
    uploads: Arc<Uploads>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    connections: BTreeMap<u64, (Arc<Activity>, oneshot::Sender<()>)>,
    /// How many connections wait for a slot.
    waiting: usize,
    /// How many connections give way and have not ended yet.
    closing: usize,
}

impl Slots {
    pub(super) fn new(most: u32, uploads: Arc<Uploads>) -> Arc<Self> {
        let free = Arc::new(Semaphore::new(most as usize));
        Arc::new(Self { free, taken: Mutex::default(), uploads })
    }

    /// Takes a slot, and waits if every connection has a request. Never none: the semaphore is not
    /// closed.
    pub(super) async fn take(self: &Arc<Self>, activity: Arc<Activity>) -> Option<Slot> {
        let permit = match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait().await?,
        };
        let (close, closed) = oneshot::channel();
        let mut taken = self.taken();
        let number = taken.next;
        taken.next += 1;
        taken.connections.insert(number, (activity, close));
        Some(Slot { number, closed, all: Arc::clone(self), _permit: permit })
    }

    async fn wait(&self) -> Option<OwnedSemaphorePermit> {
        self.taken().waiting += 1;
        let _waiting = Waiting(self);
        let mut permit = std::pin::pin!(Arc::clone(&self.free).acquire_owned());
        let mut looking = tokio::time::interval(LOOKING);
        looking.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                permit = &mut permit => return permit.ok(),
                _ = looking.tick() => self.make_room(),
            }
        }
    }

    /// Has a connection end, unless as many as wait are about to.
    fn make_room(&self) {
        let mut taken = self.taken();
        if taken.closing >= taken.waiting {
            return;
        }
        let idlest = taken
            .connections
            .iter()
            .filter_map(|(number, (activity, _))| Some((*number, activity.idle()?)))
            .max_by_key(|(number, (had_request, idle))| (!had_request, *idle, Reverse(*number)));
        let Some((_, close)) = idlest.and_then(|(number, _)| taken.connections.remove(&number))
        else {
            return self.uploads.give_up_slowest();
        };
        taken.closing += 1;
        // Its task may have ended just now.
        let _ = close.send(());
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that waits until this is dropped.
struct Waiting<'a>(&'a Slots);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.taken().waiting -= 1;
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
    /// Resolves when the connection must give way to a newer one.
    pub(super) async fn closed(&mut self) {
        if (&mut self.closed).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.all.taken();
        if taken.connections.remove(&self.number).is_none() {
            taken.closing -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_idlest_connection_gives_way_and_one_with_a_request_does_not() {
        let slots = Slots::new(3, Arc::default());
        let activities: Vec<_> = (0..3).map(|_| Arc::new(Activity::new())).collect();
        let mut taken = Vec::new();
        for activity in &activities {
            taken.push(slots.take(Arc::clone(activity)).await);
        }
        let _in_flight = activities[0].request();
        drop(activities[1].request());
        let waiting = tokio::spawn({
            let slots = Arc::clone(&slots);
            async move { slots.take(Arc::new(Activity::new())).await }
        });
        let mut silent = taken.pop().flatten();
        if let Some(silent) = &mut silent {
            silent.closed().await;
        }
        drop(silent);
        assert!(waiting.await.is_ok_and(|slot| slot.is_some()));
    }
}
