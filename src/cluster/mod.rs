//! What Kubernetes must be told: registration, certificates, status, Events; and what it says: the
//! rules that are objects there.

pub(crate) mod api_error;
pub mod ca_bundle;
pub mod certificates;
pub(crate) mod client;
pub(crate) mod cluster_mode;
pub(crate) mod controller;
pub(crate) mod denial_queue;
mod drift;
pub mod endpoint;
mod events;
pub(crate) mod inventory;
pub(crate) mod kubeconfig;
pub(crate) mod manifests;
pub(crate) mod metrics;
pub(crate) mod objects;
pub mod placement;
mod readiness;
pub mod registration;
pub(crate) mod rejection;
pub(crate) mod removal;
pub(crate) mod rule_reader;
pub(crate) mod status;
pub(crate) mod tls_rotation;
pub(crate) mod update_rule;
