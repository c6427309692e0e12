//! Connections that are accepted and not served yet: how many there may be, in all and for one peer
//! address. Where there are so many, a new one takes the place of one that makes no progress.
//!
//! A client sends the first bytes of its handshake at once, and needs milliseconds for the rest. So
//! the place is that of the oldest connection that has said nothing for [`SILENT`], or has not
//! finished its handshake within [`SLOW`]. If there is none, the new one waits. All API servers of
//! a cluster may sit behind one address, so an address may always have [`LEAST_SHARE`] places.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// How many handshakes an address may always have.
pub(super) const LEAST_SHARE: usize = 64;

/// How long a client may take to say something where places are short: more than a busy client or
/// a far one needs for its first bytes.
const SILENT: Duration = Duration::from_millis(100);

/// How long its handshake may take then.
const SLOW: Duration = Duration::from_secs(1);

/// How often a new connection looks for a place.
const LOOKING: Duration = Duration::from_millis(2);

#[derive(Debug)]
pub(super) struct Handshakes {
    most: usize,
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    /// Numbers grow, so the first of an address is its oldest.
    next: u64,
    by_peer: BTreeMap<IpAddr, BTreeMap<u64, Place>>,
}

#[derive(Debug)]
struct Place {
    since: Instant,
    has_spoken: bool,
    close: Arc<Notify>,
}

impl Running {
    fn count(&self) -> usize {
        self.by_peer.values().map(BTreeMap::len).sum()
    }

    /// Closes a connection of the peer that makes no progress. False if there is none.
    fn make_room(&mut self, peer: IpAddr) -> bool {
        let Some(of_peer) = self.by_peer.get_mut(&peer) else { return false };
        let oldest = |has_spoken: bool, limit: Duration| {
            let (number, place) =
                of_peer.iter().find(|(_, place)| place.has_spoken == has_spoken)?;
            (place.since.elapsed() >= limit).then_some(*number)
        };
        let Some(number) = oldest(false, SILENT).or_else(|| oldest(true, SLOW)) else {
            return false;
        };
        if let Some(place) = of_peer.remove(&number) {
            place.close.notify_one();
        }
        true
    }
}

impl Handshakes {
    pub(super) fn new(most: u32) -> Arc<Self> {
        Arc::new(Self { most: most as usize, running: Mutex::default() })
    }

    /// Takes a place for a connection that was just accepted.
    pub(super) async fn start(self: &Arc<Self>, peer: IpAddr) -> Handshake {
        loop {
            if let Some(handshake) = self.try_start(peer) {
                return handshake;
            }
            tokio::time::sleep(LOOKING).await;
        }
    }

    fn try_start(self: &Arc<Self>, peer: IpAddr) -> Option<Handshake> {
        let peer = peer.to_canonical();
        let mut running = self.running();
        let peers = running.by_peer.len().max(1);
        let share = (self.most / peers).max(LEAST_SHARE).min(self.most);
        if running.by_peer.get(&peer).is_some_and(|of_peer| of_peer.len() >= share) {
            running.make_room(peer).then_some(())?;
        } else if running.count() >= self.most {
            let busiest = running.by_peer.iter().max_by_key(|(_, of_peer)| of_peer.len());
            let busiest = busiest.map(|(peer, _)| *peer)?;
            running.make_room(busiest).then_some(())?;
        }
        let close = Arc::new(Notify::new());
        let number = running.next;
        running.next += 1;
        let place = Place { since: Instant::now(), has_spoken: false, close: Arc::clone(&close) };
        running.by_peer.entry(peer).or_default().insert(number, place);
        Some(Handshake { number, peer, close, all: Arc::clone(self) })
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection, free again when dropped.
#[derive(Debug)]
pub(super) struct Handshake {
    number: u64,
    peer: IpAddr,
    close: Arc<Notify>,
    all: Arc<Handshakes>,
}

impl Handshake {
    /// The client has said something.
    pub(super) fn has_spoken(&self) {
        let mut running = self.all.running();
        let of_peer = running.by_peer.get_mut(&self.peer);
        if let Some(place) = of_peer.and_then(|of_peer| of_peer.get_mut(&self.number)) {
            place.has_spoken = true;
        }
    }

    /// Resolves when the connection must give way to a newer one.
    pub(super) async fn closed(&self) {
        self.close.notified().await;
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        let mut running = self.all.running();
        if let Some(of_peer) = running.by_peer.get_mut(&self.peer) {
            of_peer.remove(&self.number);
            if of_peer.is_empty() {
                running.by_peer.remove(&self.peer);
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

    /// So many places, each taken at once.
    fn start(handshakes: &Arc<Handshakes>, peer: IpAddr, count: usize) -> Vec<Handshake> {
        let started: Vec<_> = (0..count).filter_map(|_| handshakes.try_start(peer)).collect();
        assert_eq!(started.len(), count);
        started
    }

    fn closed(running: &[Handshake]) -> Vec<usize> {
        let closed = running.iter().map(is_closed).enumerate();
        closed.filter(|(_, closed)| *closed).map(|(number, _)| number).collect()
    }

    #[test]
    fn the_oldest_silent_one_gives_way() {
        let handshakes = Handshakes::new(100);
        let running = start(&handshakes, peer(1), 100);
        running[0].has_spoken();
        assert!(handshakes.try_start(peer(1)).is_none(), "all are new");
        std::thread::sleep(SILENT);
        let _another = start(&handshakes, peer(1), 1);
        assert_eq!(closed(&running), [1]);
        drop(running);
        assert_eq!(handshakes.running().count(), 1);
    }

    #[test]
    fn a_slow_one_gives_way_later() {
        let handshakes = Handshakes::new(1);
        let running = start(&handshakes, peer(1), 1);
        running[0].has_spoken();
        std::thread::sleep(SILENT);
        assert!(handshakes.try_start(peer(1)).is_none());
        std::thread::sleep(SLOW);
        let _another = start(&handshakes, peer(1), 1);
        assert_eq!(closed(&running), [0]);
    }

    #[test]
    fn another_peer_takes_the_place_of_the_busiest() {
        let handshakes = Handshakes::new(200);
        let flood = start(&handshakes, peer(1), 200);
        std::thread::sleep(SILENT);
        let others: Vec<_> = (2..102).flat_map(|last| start(&handshakes, peer(last), 1)).collect();
        assert_eq!(closed(&others), [0; 0]);
        assert_eq!(closed(&flood).len(), 100);
    }

    #[test]
    fn a_share_is_never_below_the_least() {
        let handshakes = Handshakes::new(1000);
        let _others: Vec<_> = (2..102).flat_map(|last| start(&handshakes, peer(last), 1)).collect();
        let mine = start(&handshakes, peer(1), LEAST_SHARE);
        std::thread::sleep(SILENT);
        let _one_more = start(&handshakes, peer(1), 1);
        assert_eq!(closed(&mine), [0]);
    }
}
