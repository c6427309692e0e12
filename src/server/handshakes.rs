//! Connections that are accepted and not served yet: how many there may be, in all and for one peer
//! address.
//!
//! A new connection never waits for silent ones. Where there is no place, the oldest of the peer
//! that holds the most is closed: a client that takes part in its handshake needs milliseconds, so
//! the oldest is the one least likely to. All API servers of a cluster may sit behind one address,
//! so an address may always have [`LEAST_SHARE`] of them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// How many handshakes an address may always have.
pub(super) const LEAST_SHARE: usize = 64;

#[derive(Debug)]
pub(super) struct Handshakes {
    most: usize,
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    /// Numbers grow, so the first of an address is its oldest.
    next: u64,
    by_peer: BTreeMap<IpAddr, BTreeMap<u64, oneshot::Sender<()>>>,
}

impl Running {
    fn count(&self) -> usize {
        self.by_peer.values().map(BTreeMap::len).sum()
    }

    fn close_oldest(&mut self, peer: IpAddr) {
        if let Some((_, close)) = self.by_peer.get_mut(&peer).and_then(BTreeMap::pop_first) {
            // Its task may have ended just now.
            let _ = close.send(());
        }
    }
}

impl Handshakes {
    pub(super) fn new(most: u32) -> Arc<Self> {
        Arc::new(Self { most: most as usize, running: Mutex::default() })
    }

    /// Takes a place for a connection that was just accepted.
    pub(super) fn start(self: &Arc<Self>, peer: IpAddr) -> Handshake {
        let peer = peer.to_canonical();
        let mut running = self.running();
        let peers = running.by_peer.len().max(1);
        let share = (self.most / peers).max(LEAST_SHARE).min(self.most);
        if running.by_peer.get(&peer).is_some_and(|of_peer| of_peer.len() >= share) {
            running.close_oldest(peer);
        } else if running.count() >= self.most {
            let busiest = running.by_peer.iter().max_by_key(|(_, of_peer)| of_peer.len());
            if let Some(busiest) = busiest.map(|(peer, _)| *peer) {
                running.close_oldest(busiest);
            }
        }
        let (close, closed) = oneshot::channel();
        let number = running.next;
        running.next += 1;
        running.by_peer.entry(peer).or_default().insert(number, close);
        Handshake { number, peer, closed, all: Arc::clone(self) }
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
    closed: oneshot::Receiver<()>,
    all: Arc<Handshakes>,
}

impl Handshake {
    /// Resolves when the connection must give way to a newer one.
    pub(super) async fn closed(&mut self) {
        let _ = (&mut self.closed).await;
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
    use super::*;

    fn is_closed(handshake: &mut Handshake) -> bool {
        handshake.closed.try_recv().is_ok()
    }

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn the_oldest_gives_way() {
        let handshakes = Handshakes::new(100);
        let mut running: Vec<_> = (0..100).map(|_| handshakes.start(peer(1))).collect();
        assert!(!running.iter_mut().any(is_closed));
        let _another = handshakes.start(peer(1));
        let closed: Vec<_> = running.iter_mut().map(is_closed).collect();
        assert_eq!(closed.iter().position(|closed| *closed), Some(0));
        assert_eq!(closed.iter().filter(|closed| **closed).count(), 1);
        drop(running);
        assert_eq!(handshakes.running().count(), 1);
    }

    #[test]
    fn another_peer_takes_the_place_of_the_busiest() {
        let handshakes = Handshakes::new(200);
        let mut flood: Vec<_> = (0..200).map(|_| handshakes.start(peer(1))).collect();
        let mut others: Vec<_> = (2..102).map(|last| handshakes.start(peer(last))).collect();
        assert!(!others.iter_mut().any(is_closed));
        assert_eq!(flood.iter_mut().map(is_closed).filter(|closed| *closed).count(), 100);
    }

    #[test]
    fn a_share_is_never_below_the_least() {
        let handshakes = Handshakes::new(1000);
        let _others: Vec<_> = (2..102).map(|last| handshakes.start(peer(last))).collect();
        let mut mine: Vec<_> = (0..LEAST_SHARE).map(|_| handshakes.start(peer(1))).collect();
        assert!(!mine.iter_mut().any(is_closed));
        let _one_more = handshakes.start(peer(1));
        assert!(is_closed(&mut mine[0]));
    }
}
