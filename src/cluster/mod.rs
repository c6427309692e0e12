//! What Kubernetes must be told: registration, certificates, status, Events; and what it says: the
//! rules that are objects there.

pub mod api_error;
pub mod ca_bundle;
pub mod certificates;
pub mod client;
pub mod control;
pub mod denial;
mod drift;
pub mod endpoint;
mod events;
pub mod inventory;
pub mod metrics;
pub mod mode;
pub mod objects;
pub mod placement;
mod readiness;
pub mod reading;
pub mod registration;
pub mod rejection;
pub mod removal;
pub mod status;
pub mod tls_rotation;
pub mod update_rule;
pub(crate) mod workload;
