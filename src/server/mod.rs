//! Sockets around the engine: TLS, the accept loop, routes, metrics, reload. Knows HTTP, nothing of
//! fields.
//!
//! [`Config`] is bound to its addresses, [`Bound`] knows them and serves until a signal ends it.

pub mod accept;
pub(crate) mod body;
mod bound;
mod class;
mod config;
mod connection;
mod deadline;
pub(crate) mod denials;
mod descriptors;
pub(crate) mod files;
mod handshakes;
mod head;
mod judge;
pub(crate) mod log;
pub(crate) mod metrics;
mod ops;
mod pool;
#[cfg(target_os = "linux")]
mod process;
pub(crate) mod record;
pub(crate) mod reload;
mod routes;
pub(crate) mod rules;
pub mod shutdown;
mod slots;
pub mod tls;

pub(crate) use bound::{BindError, Bound};
pub(crate) use config::{Config, ReadyCheck};
pub(crate) use routes::AnswerLimits;
