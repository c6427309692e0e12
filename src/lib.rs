//! fieldward is a validating admission webhook for Kubernetes that lets an update change the
//! documented mutable fields of a kind and nothing else.
//!
//! The modules, each of which uses only those to its right: [`cli`] → {[`server`], [`cluster`], [`export`],
//! [`analysis`]} → [`engine`].
//!
//! - [`engine`]: the decision, pure. Its entry point is [`admit`].
//! - [`analysis`]: questions about rules, pure.
//! - [`export`]: a rule as a ValidatingAdmissionPolicy, pure.
//! - [`server`]: TLS, HTTP, metrics around the engine.
//! - [`cluster`]: what Kubernetes must be told, registration and certificates.
//! - [`cli`]: text in, exit code out.

pub mod analysis;
pub mod cli;
pub mod cluster;
pub mod engine;
pub mod export;
pub mod server;

pub use engine::{Builtin, Reply, RuleFile, RuleSet, admit};
