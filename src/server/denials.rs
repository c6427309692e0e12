//! Denials handed on to whoever tells of them elsewhere.

use std::fmt;
use std::sync::Arc;

use crate::engine::Reply;

type Listener = dyn Fn(&Reply, &[u8]) + Send + Sync;

/// Is told of each denial, by the reply and the review, besides the requester. It must not wait: the answer goes out afterwards.
#[derive(Clone)]
pub struct Denials(Arc<Listener>);

impl Denials {
    /// Hands denials to `listener`.
    pub fn new(listener: impl Fn(&Reply, &[u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    /// Hands on what the reply denies.
    pub(super) fn offer(&self, reply: &Reply, review: &[u8]) {
        if reply.allowed() == Some(false) {
            (self.0)(reply, review);
        }
    }
}

impl fmt::Debug for Denials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Denials").finish_non_exhaustive()
    }
}
