//! What Kubernetes must be told: registration, certificates.

pub mod certificates;
