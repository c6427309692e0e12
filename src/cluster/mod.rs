//! What Kubernetes must be told: registration, certificates.
