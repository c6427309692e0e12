//! What Kubernetes must be told: registration, certificates, policies; and what it says: the kinds that it serves.

pub mod certificates;
pub mod client;
pub mod kinds;
pub mod policy;
pub mod registration;
pub mod workload;
