//! What Kubernetes must be told: registration, certificates, policies; and what it says: the kinds that it serves.

pub mod api_error;
pub mod certificates;
pub mod client;
pub mod control;
mod events;
pub mod inventory;
pub mod keeping;
pub mod metrics;
pub mod objects;
pub mod placement;
pub mod registration;
pub mod rejection;
pub mod removal;
pub mod status;
pub mod update_rule;
pub mod workload;
