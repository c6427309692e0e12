//! What Kubernetes must be told: registration, certificates.

pub mod certificates;
pub mod registration;
pub mod workload;
