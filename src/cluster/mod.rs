//! What Kubernetes must be told: registration, certificates, policies.

pub mod certificates;
pub mod policy;
pub mod registration;
pub mod workload;
