//! Names of objects in a cluster.

use crate::engine::is_dns_subdomain;

/// A name of a service or a namespace: an RFC 1123 label.
pub(super) fn dns_label(text: &str) -> Result<String, String> {
    if is_dns_label(text) {
        Ok(text.to_owned())
    } else {
        Err("expected a lower-case DNS label, as Kubernetes names services and namespaces"
            .to_owned())
    }
}

fn is_dns_label(text: &str) -> bool {
    text.len() <= 63 && !text.contains('.') && is_dns_subdomain(text)
}

/// Whether `text` is `namespace/name`, the name an RFC 1123 subdomain.
pub(super) fn is_namespaced_name(text: &str) -> bool {
    text.split_once('/').is_some_and(|(namespace, name)| {
        is_dns_label(namespace) && name.len() <= 253 && name.split('.').all(is_dns_label)
    })
}
