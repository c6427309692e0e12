//! Denials handed on to whoever tells of them elsewhere, without a verdict ever waiting for that.

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::engine::{Denial, Reply};

/// How many denials may wait; more are not told.
const WAITING: usize = 256;

/// Where denials go.
#[derive(Debug, Clone)]
pub struct Denials(mpsc::Sender<Denial>);

impl Denials {
    /// A way for denials and its other end.
    pub fn channel() -> (Self, mpsc::Receiver<Denial>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Self(sender), receiver)
    }

    /// Hands on what the reply denies. Where too many wait it is dropped: an Event is a hint, no record.
    pub(super) fn offer(&self, reply: &Reply, review: &Bytes) {
        if reply.allowed() != Some(false) {
            return;
        }
        let Ok(place) = self.0.try_reserve() else { return };
        if let Some(denial) = Denial::of(reply, review) {
            place.send(denial);
        }
    }
}
