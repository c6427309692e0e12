//! The address of the webhook in `clientConfig`.

use std::net::IpAddr;

use super::certificates::Subject;

/// Where the API server reaches the webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A Service in the same cluster.
    Service {
        /// `metadata.name` of the Service.
        name: String,
        /// Its namespace, in which nothing is asked about.
        namespace: String,
        /// A port of the Service, not of its pods.
        port: u16,
    },
    /// Anywhere.
    Url(BaseUrl),
}

impl Endpoint {
    /// The namespace that it is in, if it is in the cluster.
    pub(super) fn namespace(&self) -> Option<&str> {
        match self {
            Self::Service { namespace, .. } => Some(namespace),
            Self::Url(_) => None,
        }
    }

    /// The names that the API server knows the webhook by.
    pub(crate) fn subjects(&self) -> Vec<Subject> {
        match self {
            Self::Service { name, namespace, .. } => ["svc", "svc.cluster.local"]
                .map(|end| Subject::Dns(format!("{name}.{namespace}.{end}")))
                .to_vec(),
            Self::Url(url) => vec![match url.host().parse::<IpAddr>() {
                Ok(address) => Subject::Ip(address),
                Err(_) => Subject::Dns(url.host().to_owned()),
            }],
        }
    }
}

/// Why a text is no URL of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an address as `https://host:port/path`, found `{0}`; the API server takes https \
     without user, query and fragment"
)]
pub struct NotAnAddress(String);

/// An https address to which `/validate/NAME` can be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// Takes what a registration takes: https, a host, no user, no query, no fragment.
    ///
    /// # Errors
    /// What was expected and found.
    pub fn parse(text: &str) -> Result<Self, NotAnAddress> {
        let unfit = || NotAnAddress(text.escape_debug().to_string());
        let rest = text.strip_prefix("https://").ok_or_else(unfit)?;
        let host = rest.split('/').next().unwrap_or_default();
        let plain = text.chars().all(|letter| {
            letter.is_ascii_graphic() && !matches!(letter, '?' | '#' | '@' | '"' | '\\' | '<' | '>')
        });
        if host.is_empty() || host.starts_with(':') || !plain {
            return Err(unfit());
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }

    /// The address of a path below it.
    pub(super) fn with(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// The name or address in it, without brackets and port.
    pub(crate) fn host(&self) -> &str {
        let host = self
            .0
            .strip_prefix("https://")
            .unwrap_or_default()
            .split('/')
            .next()
            .unwrap_or_default();
        match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
            Some((address, _)) => address,
            None => host.split(':').next().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::BaseUrl;

    #[test]
    fn an_address_is_what_the_api_server_takes() {
        for fit in
            ["https://example.com", "https://127.0.0.1:8443/", "https://[::1]:8443/base/path"]
        {
            assert!(BaseUrl::parse(fit).is_ok(), "{fit}");
        }
        for unfit in [
            "http://example.com",
            "https://",
            "https://:8443",
            "https://u@h",
            "https://h?q",
            "https://h#f",
            "https://h h",
            "example.com",
            "https:///x",
        ] {
            assert!(BaseUrl::parse(unfit).is_err(), "{unfit}");
        }
        assert_eq!(BaseUrl::parse("https://h/").map(|url| url.0), Ok("https://h".to_owned()));
    }
}
