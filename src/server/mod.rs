//! Sockets around the engine: TLS, the accept loop, routes, metrics, reload. Knows HTTP, nothing of
//! fields.
//!
//! [`Config`] is bound to its addresses, [`Bound`] knows them and serves until a signal ends it.

pub mod accept;
pub mod body;
mod bound;
mod config;
mod connection;
pub mod denials;
mod head;
mod judge;
pub mod log;
pub mod metrics;
mod ops;
#[cfg(target_os = "linux")]
mod process;
pub mod record;
pub mod reload;
mod routes;
pub mod rules;
pub mod shutdown;
pub mod tls;

pub use bound::{BindError, Bound};
pub use config::{Config, ReadyCheck};
