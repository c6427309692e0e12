//! Names of objects in a cluster.

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
    let ends = |byte: Option<u8>| {
        byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.len() <= 63
        && ends(text.bytes().next())
        && ends(text.bytes().last())
        && text.bytes().all(|byte| byte == b'-' || ends(Some(byte)))
}

fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_dns_label)
}

/// Whether `text` is `namespace/name`, the name an RFC 1123 subdomain.
pub(super) fn is_namespaced_name(text: &str) -> bool {
    text.split_once('/')
        .is_some_and(|(namespace, name)| is_dns_label(namespace) && is_dns_subdomain(name))
}
