//! The connections that are served: how many there may be.
//!
//! Where all slots are taken, a connection without a request is closed for a new one: first one that
//! never had a request, then the one that has been idle longest. A client that keeps its connections
//! open costs others nothing.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::head::Activity;

#[derive(Debug)]
pub(super) struct Slots {
    free: Arc<Semaphore>,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    connections: BTreeMap<u64, (Arc<Activity>, oneshot::Sender<()>)>,
}

impl Slots {
    pub(super) fn new(most: u32) -> Arc<Self> {
        Arc::new(Self { free: Arc::new(Semaphore::new(most as usize)), taken: Mutex::default() })
    }

    /// Takes a slot, and waits if every connection has a request. None never comes: the semaphore is
    /// never closed.
    pub(super) async fn take(self: &Arc<Self>, activity: Arc<Activity>) -> Option<Slot> {
        let permit = if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
            permit
        } else {
            self.close_idlest();
            Arc::clone(&self.free).acquire_owned().await.ok()?
        };
        let (close, closed) = oneshot::channel();
        let mut taken = self.taken();
        let number = taken.next;
        taken.next += 1;
        taken.connections.insert(number, (activity, close));
        Some(Slot { number, closed, all: Arc::clone(self), _permit: permit })
    }

    fn close_idlest(&self) {
        let mut taken = self.taken();
        let idlest = taken
            .connections
            .iter()
            .filter_map(|(number, (activity, _))| Some((*number, activity.idle()?)))
            .max_by_key(|(number, (had_request, idle))| (!had_request, *idle, Reverse(*number)));
        if let Some((_, close)) = idlest.and_then(|(number, _)| taken.connections.remove(&number)) {
            // Its task may have ended just now.
            let _ = close.send(());
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.all.taken().connections.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_idlest_connection_gives_way_and_one_with_a_request_does_not() {
        let slots = Slots::new(3);
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
