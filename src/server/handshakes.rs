//! Limits the connections that are accepted and not served yet, in all and for each peer address.
//! At the limit a new connection replaces another one, so the accept loop never waits for a client.
//!
//! A client sends the first bytes of its handshake at once, and needs milliseconds for the rest. So
//! the connection that is closed is one that has sent nothing for [`FIRST_BYTE_TIMEOUT`], or else
//! one that is not served after [`SERVE_TIMEOUT`], or else one that has sent nothing yet. All API
//! servers of a cluster may share one address, so the limit of an address is at least
//! [`MIN_PER_PEER`].

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::net::{RecvFlags, recv};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// The lowest limit that an address may have.
pub(super) const MIN_PER_PEER: usize = 64;

/// How long a client may send nothing once the limit is reached.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_millis(75);

/// How long a connection may take to be served once the limit is reached.
const SERVE_TIMEOUT: Duration = Duration::from_secs(1);

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
}

#[derive(Debug)]
struct Pending {
    since: Instant,
    /// The socket, until the client has sent a byte.
    silent: Option<Arc<TcpStream>>,
    close: Arc<Notify>,
}

impl Pending {
    fn is_silent(&mut self) -> bool {
        // A byte may have arrived that the task of the connection has not seen yet.
        self.silent.take_if(|stream| {
            recv(&**stream, &mut [0; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT).is_ok()
        });
        self.silent.is_some()
    }
}

impl Counts {
    fn count(&self) -> usize {
        self.by_peer.values().map(BTreeMap::len).sum()
    }

    /// Closes a connection of the peer.
    fn make_room(&mut self, peer: IpAddr) {
        let Some(of_peer) = self.by_peer.get_mut(&peer) else { return };
        let mut oldest = |only_silent: bool, age: Duration| {
            let (number, since) = of_peer.iter_mut().find_map(|(number, pending)| {
                (!only_silent || pending.is_silent()).then_some((*number, pending.since))
            })?;
            (since.elapsed() >= age).then_some(number)
        };
        let closed = oldest(true, FIRST_BYTE_TIMEOUT)
            .or_else(|| oldest(false, SERVE_TIMEOUT))
            .or_else(|| oldest(true, Duration::ZERO))
            .or_else(|| oldest(false, Duration::ZERO));
        if let Some(pending) = closed.and_then(|number| of_peer.remove(&number)) {
            pending.close.notify_one();
        }
    }
}

impl Handshakes {
    pub(super) fn new(most: u32) -> Arc<Self> {
        Arc::new(Self { most: most as usize, counts: Mutex::default() })
    }

    /// Counts a connection that was just accepted. At the limit, another one is closed.
    pub(super) fn start(self: &Arc<Self>, peer: IpAddr, stream: &Arc<TcpStream>) -> Handshake {
        let peer = peer.to_canonical();
        let mut counts = self.counts();
        let peers = counts.by_peer.len().max(1);
        let share = (self.most / peers).max(MIN_PER_PEER).min(self.most);
        if counts.by_peer.get(&peer).is_some_and(|of_peer| of_peer.len() >= share) {
            counts.make_room(peer);
        } else if counts.count() >= self.most {
            let busiest = counts.by_peer.iter().max_by_key(|(_, of_peer)| of_peer.len());
            if let Some(busiest) = busiest.map(|(peer, _)| *peer) {
                counts.make_room(busiest);
            }
        }
        let close = Arc::new(Notify::new());
        let number = counts.next;
        counts.next += 1;
        let silent = Some(Arc::clone(stream));
        let pending = Pending { since: Instant::now(), silent, close: Arc::clone(&close) };
        counts.by_peer.entry(peer).or_default().insert(number, pending);
        Handshake { number, peer, close, all: Arc::clone(self) }
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
    /// Waits for the client's first byte, and returns the socket.
    pub(super) async fn first_byte(&self, stream: Arc<TcpStream>) -> io::Result<TcpStream> {
        // A socket can be reported as readable without a byte to read.
        stream.peek(&mut [0]).await?;
        let mut counts = self.all.counts();
        let of_peer = counts.by_peer.get_mut(&self.peer);
        if let Some(pending) = of_peer.and_then(|of_peer| of_peer.get_mut(&self.number)) {
            pending.silent = None;
        }
        drop(counts);
        // The other owner has just let go of it.
        Arc::into_inner(stream).ok_or_else(|| io::ErrorKind::ConnectionAborted.into())
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

    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    fn is_closed(handshake: &Handshake) -> bool {
        let closed = std::pin::pin!(handshake.closed());
        closed.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    /// Both ends of a connection.
    async fn connection() -> (Arc<TcpStream>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Arc::new(listener.accept().await.unwrap().0), client)
    }

    /// Starts this many handshakes on one silent connection.
    fn start(
        handshakes: &Arc<Handshakes>,
        peer: IpAddr,
        stream: &Arc<TcpStream>,
        count: usize,
    ) -> Vec<Handshake> {
        (0..count).map(|_| handshakes.start(peer, stream)).collect()
    }

    fn closed(handshakes: &[Handshake]) -> Vec<usize> {
        let closed = handshakes.iter().map(is_closed).enumerate();
        closed.filter(|(_, closed)| *closed).map(|(number, _)| number).collect()
    }

    #[tokio::test]
    async fn the_oldest_silent_connection_is_closed() {
        let handshakes = Handshakes::new(10);
        let (silent, _client) = connection().await;
        let (talks, mut client) = connection().await;
        client.write_all(b"x").await.unwrap();
        talks.readable().await.unwrap();
        // Nobody has read the byte yet.
        let first = handshakes.start(peer(1), &talks);
        let others = start(&handshakes, peer(1), &silent, 9);
        let _more = start(&handshakes, peer(1), &silent, 2);
        assert_eq!((is_closed(&first), closed(&others)), (false, vec![0, 1]));
        drop((first, others));
        assert_eq!(handshakes.counts().count(), 2);
    }

    #[tokio::test]
    async fn without_a_silent_connection_the_oldest_is_closed() {
        let handshakes = Handshakes::new(2);
        let mut all = Vec::new();
        let mut clients = Vec::new();
        for _ in 0..3 {
            let (stream, mut client) = connection().await;
            client.write_all(b"x").await.unwrap();
            all.push(handshakes.start(peer(1), &stream));
            all.last().unwrap().first_byte(stream).await.unwrap();
            clients.push(client);
        }
        assert_eq!(closed(&all), [0]);
    }

    #[tokio::test]
    async fn a_new_silent_connection_is_not_closed_for_a_slow_one() {
        let handshakes = Handshakes::new(2);
        let (stream, mut client) = connection().await;
        client.write_all(b"x").await.unwrap();
        let slow = handshakes.start(peer(1), &stream);
        slow.first_byte(stream).await.unwrap();
        tokio::time::sleep(SERVE_TIMEOUT).await;
        let (silent, _client) = connection().await;
        let new = start(&handshakes, peer(1), &silent, 2);
        assert_eq!((is_closed(&slow), closed(&new)), (true, vec![]));
    }

    #[tokio::test]
    async fn a_connection_of_another_peer_replaces_one_of_the_busiest() {
        let handshakes = Handshakes::new(200);
        let (stream, _client) = connection().await;
        let flood = start(&handshakes, peer(1), &stream, 200);
        let others: Vec<_> =
            (2..102).flat_map(|last| start(&handshakes, peer(last), &stream, 1)).collect();
        assert_eq!(closed(&others), [0; 0]);
        assert_eq!(closed(&flood).len(), 100);
    }

    #[tokio::test]
    async fn a_share_is_never_below_the_least() {
        let handshakes = Handshakes::new(1000);
        let (stream, _client) = connection().await;
        let _others: Vec<_> =
            (2..102).flat_map(|last| start(&handshakes, peer(last), &stream, 1)).collect();
        let mine = start(&handshakes, peer(1), &stream, MIN_PER_PEER);
        assert_eq!(closed(&mine), [0; 0]);
        let _one_more = start(&handshakes, peer(1), &stream, 1);
        assert_eq!(closed(&mine), [0]);
    }
}
