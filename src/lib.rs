//! fieldward: only these fields may change.

pub mod cli;
pub mod cluster;
pub mod engine;
pub mod server;
