//! Limits the connections that are accepted and not served yet, in all and for each peer address.
//! At the limit, a new connection replaces one that makes no progress.
//!
//! A client sends the first bytes of its handshake at once, and needs milliseconds for the rest. So
//! the oldest connection that has sent nothing for [`FIRST_BYTE_TIMEOUT`] is closed, or else the
//! oldest that is not served after [`SERVE_TIMEOUT`]. If there is none, the new one waits. All API
//! servers of a cluster may share one address, so the limit of an address is at least
//! [`MIN_PER_PEER`].

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// The lowest limit that an address may have.
pub(super) const MIN_PER_PEER: usize = 64;

/// How long a client may send nothing once the limit is reached. Even a busy or distant client
/// needs less for its first bytes.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_millis(75);

/// The same once as many silent connections were closed as there may be in all. In such a flood a
/// connection waits to be accepted, and the first bytes of a client arrive while it waits.
const FLOOD_TIMEOUT: Duration = Duration::from_millis(20);

/// How long a connection may take to be served once the limit is reached.
const SERVE_TIMEOUT: Duration = Duration::from_secs(1);

/// How often a waiting connection tries again.
const RETRY_EVERY: Duration = Duration::from_millis(2);

#[derive(Debug)]
pub(super) struct Handshakes {
    most: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// The number of the next connection. The lowest number of an address is its oldest one.
    next: u64,
    by_peer: BTreeMap<IpAddr, BTreeMap<u64, Pending>>,
    /// How many silent connections were closed since there was room without that.
    silent_closed: usize,
}

#[derive(Debug)]
struct Pending {
    since: Instant,
    has_sent: bool,
    close: Arc<Notify>,
}

impl Counts {
    fn count(&self) -> usize {
        self.by_peer.values().map(BTreeMap::len).sum()
    }

    /// Closes a connection of the peer that makes no progress. False if there is none.
    fn make_room(&mut self, peer: IpAddr, most: usize) -> bool {
        let silent = if self.silent_closed < most { FIRST_BYTE_TIMEOUT } else { FLOOD_TIMEOUT };
        let Some(of_peer) = self.by_peer.get_mut(&peer) else { return false };
        let oldest = |has_sent: bool, limit: Duration| {
            let (number, pending) =
                of_peer.iter().find(|(_, pending)| pending.has_sent == has_sent)?;
            (pending.since.elapsed() >= limit).then_some(*number)
        };
        let Some(number) = oldest(false, silent).or_else(|| oldest(true, SERVE_TIMEOUT)) else {
            return false;
        };
        if let Some(pending) = of_peer.remove(&number) {
            self.silent_closed += usize::from(!pending.has_sent);
            pending.close.notify_one();
        }
        true
    }
}

impl Handshakes {
    pub(super) fn new(most: u32) -> Arc<Self> {
        Arc::new(Self { most: most as usize, counts: Mutex::default() })
    }

    /// Counts a connection that was just accepted, and waits while the limit is reached.
    pub(super) async fn start(self: &Arc<Self>, peer: IpAddr) -> Handshake {
        loop {
            if let Some(handshake) = self.try_start(peer) {
                return handshake;
            }
            tokio::time::sleep(RETRY_EVERY).await;
        }
    }

    fn try_start(self: &Arc<Self>, peer: IpAddr) -> Option<Handshake> {
        let peer = peer.to_canonical();
        let mut counts = self.counts();
        let peers = counts.by_peer.len().max(1);
        let share = (self.most / peers).max(MIN_PER_PEER).min(self.most);
        if counts.by_peer.get(&peer).is_some_and(|of_peer| of_peer.len() >= share) {
            counts.make_room(peer, self.most).then_some(())?;
        } else if counts.count() >= self.most {
            let busiest = counts.by_peer.iter().max_by_key(|(_, of_peer)| of_peer.len());
            let busiest = busiest.map(|(peer, _)| *peer)?;
            counts.make_room(busiest, self.most).then_some(())?;
        } else {
            counts.silent_closed = 0;
        }
        let close = Arc::new(Notify::new());
        let number = counts.next;
        counts.next += 1;
        let pending = Pending { since: Instant::now(), has_sent: false, close: Arc::clone(&close) };
        counts.by_peer.entry(peer).or_default().insert(number, pending);
        Some(Handshake { number, peer, close, all: Arc::clone(self) })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection that is not served yet; no longer counted when dropped.
#[derive(Debug)]
pub(super) struct Handshake {
    number: u64,
    peer: IpAddr,
    close: Arc<Notify>,
    all: Arc<Handshakes>,
}

impl Handshake {
    /// Records that the client has sent a byte.
    pub(super) fn has_sent(&self) {
        let mut counts = self.all.counts();
        let of_peer = counts.by_peer.get_mut(&self.peer);
        if let Some(pending) = of_peer.and_then(|of_peer| of_peer.get_mut(&self.number)) {
            pending.has_sent = true;
        }
    }

    /// Resolves when the connection must close for a newer one.
    pub(super) async fn closed(&self) {
        self.close.notified().await;
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        let mut counts = self.all.counts();
        if let Some(of_peer) = counts.by_peer.get_mut(&self.peer) {
            of_peer.remove(&self.number);
            if of_peer.is_empty() {
                counts.by_peer.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    fn is_closed(handshake: &Handshake) -> bool {
        let closed = std::pin::pin!(handshake.closed());
        closed.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    /// Starts this many handshakes; none of them has to wait.
    fn start(handshakes: &Arc<Handshakes>, peer: IpAddr, count: usize) -> Vec<Handshake> {
        let started: Vec<_> = (0..count).filter_map(|_| handshakes.try_start(peer)).collect();
        assert_eq!(started.len(), count);
        started
    }

    fn closed(counts: &[Handshake]) -> Vec<usize> {
        let closed = counts.iter().map(is_closed).enumerate();
        closed.filter(|(_, closed)| *closed).map(|(number, _)| number).collect()
    }

    #[test]
    fn the_oldest_silent_connection_is_closed() {
        let handshakes = Handshakes::new(100);
        let counts = start(&handshakes, peer(1), 100);
        counts[0].has_sent();
        assert!(handshakes.try_start(peer(1)).is_none(), "all are new");
        std::thread::sleep(FIRST_BYTE_TIMEOUT);
        let _another = start(&handshakes, peer(1), 1);
        assert_eq!(closed(&counts), [1]);
        drop(counts);
        assert_eq!(handshakes.counts().count(), 1);
    }

    #[test]
    fn in_a_flood_silent_connections_are_closed_sooner() {
        let handshakes = Handshakes::new(2);
        let first = start(&handshakes, peer(1), 2);
        std::thread::sleep(FIRST_BYTE_TIMEOUT);
        let second = start(&handshakes, peer(1), 2);
        std::thread::sleep(FLOOD_TIMEOUT);
        let third = start(&handshakes, peer(1), 1);
        assert_eq!(
            (closed(&first), closed(&second), closed(&third)),
            (vec![0, 1], vec![0], vec![])
        );
        drop((first, second, third));
        let _calm = start(&handshakes, peer(1), 2);
        std::thread::sleep(FLOOD_TIMEOUT);
        assert!(handshakes.try_start(peer(1)).is_none(), "the flood is over");
    }

    #[test]
    fn a_slow_connection_is_closed_later() {
        let handshakes = Handshakes::new(1);
        let counts = start(&handshakes, peer(1), 1);
        counts[0].has_sent();
        std::thread::sleep(FIRST_BYTE_TIMEOUT);
        assert!(handshakes.try_start(peer(1)).is_none());
        std::thread::sleep(SERVE_TIMEOUT);
        let _another = start(&handshakes, peer(1), 1);
        assert_eq!(closed(&counts), [0]);
    }

    #[test]
    fn a_connection_of_another_peer_replaces_one_of_the_busiest() {
        let handshakes = Handshakes::new(200);
        let flood = start(&handshakes, peer(1), 200);
        std::thread::sleep(FIRST_BYTE_TIMEOUT);
        let others: Vec<_> = (2..102).flat_map(|last| start(&handshakes, peer(last), 1)).collect();
        assert_eq!(closed(&others), [0; 0]);
        assert_eq!(closed(&flood).len(), 100);
    }

    #[test]
    fn a_share_is_never_below_the_least() {
        let handshakes = Handshakes::new(1000);
        let _others: Vec<_> = (2..102).flat_map(|last| start(&handshakes, peer(last), 1)).collect();
        let mine = start(&handshakes, peer(1), MIN_PER_PEER);
        std::thread::sleep(FIRST_BYTE_TIMEOUT);
        let _one_more = start(&handshakes, peer(1), 1);
        assert_eq!(closed(&mine), [0]);
    }
}
