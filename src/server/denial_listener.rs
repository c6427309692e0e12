//! Passes denials to a listener, which may report them outside the response.

use std::fmt;
use std::sync::Arc;

use crate::engine::Reply;

type Listener = dyn Fn(&Reply, &[u8]) + Send + Sync;

/// A listener that receives the reply and the review of each denial. It must not block: the
/// response is sent after it returns.
#[derive(Clone)]
pub(crate) struct DenialListener(Arc<Listener>);

impl DenialListener {
    /// Hands denials to `listener`.
    pub(crate) fn new(listener: impl Fn(&Reply, &[u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    /// Passes the reply to the listener if it denies the update.
    pub(super) fn offer(&self, reply: &Reply, review: &[u8]) {
        if reply.allowed() == Some(false) {
            (self.0)(reply, review);
        }
    }
}

impl fmt::Debug for DenialListener {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("DenialListener").finish_non_exhaustive()
    }
}
