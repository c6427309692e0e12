//! Sockets around the engine: TLS, the accept loop, routes, metrics, reload. Knows HTTP, nothing of
//! fields.
//!
//! [`Config`] is bound to its addresses, [`Bound`] knows them and serves until a signal ends it.

pub mod accept;
pub(crate) mod body;
mod bound;
mod config;
mod connection;
mod deadline;
mod descriptors;
pub(crate) mod files;
mod handshakes;
mod head;
mod judge_pool;
pub(crate) mod log;
mod memory_pool;
pub(crate) mod metrics;
mod ops;
#[cfg(target_os = "linux")]
mod process;
pub(crate) mod record;
pub(crate) mod reload;
mod routes;
pub(crate) mod served_rules;
pub mod shutdown;
mod size_class;
mod slots;
pub mod tls;

pub(crate) use bound::{BindError, Bound};
pub(crate) use config::{Config, ReadyCheck};
pub(crate) use routes::{AnswerLimits, DenialListener};
