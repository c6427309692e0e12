//! Errors of the API server as one short sentence and a class. No log line and no status holds the
//! debug output of an error type.

use std::error::Error;
use std::fmt;
use std::io;

use kube::core::Status;
use kube::runtime::watcher;
use rustls::{CertificateError, OtherError};

use crate::engine::{cut_bytes, escape_control};

/// Bytes of the API server's message that a sentence holds at most: it may quote whole objects.
const MAX_MESSAGE_CHARS: usize = 300;

/// What kind of error it is; the values of a metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ErrorClass {
    /// The account lacks a permission, or its token is not valid.
    Forbidden,
    /// The API server refuses the content of the request.
    Invalid,
    /// Somebody else changed the object first.
    Conflict,
    /// The object does not exist.
    NotFound,
    /// The API server did not answer in time.
    Timeout,
    /// The API server cannot be reached, or its certificate is not trusted.
    Unreachable,
    /// Everything else.
    Other,
}

impl ErrorClass {
    pub(crate) const ALL: [Self; 7] = [
        Self::Forbidden,
        Self::Invalid,
        Self::Conflict,
        Self::NotFound,
        Self::Timeout,
        Self::Unreachable,
        Self::Other,
    ];

    /// The class as the value of a label.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden",
            Self::Invalid => "invalid",
            Self::Conflict => "conflict",
            Self::NotFound => "not_found",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Other => "other",
        }
    }
}

/// An error of a request to the API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) class: ErrorClass,
    sentence: String,
}

impl ApiError {
    /// An error that does not come from the API server.
    pub(crate) fn other(error: &impl fmt::Display) -> Self {
        Self { class: ErrorClass::Other, sentence: short(&error.to_string()) }
    }

    fn of_status(status: &Status) -> Self {
        let (class, words) = match status.code {
            401 => (ErrorClass::Forbidden, "the API server does not accept the credentials"),
            403 => (ErrorClass::Forbidden, "forbidden"),
            400 | 413 | 422 => (ErrorClass::Invalid, "the API server refuses the request"),
            409 => (ErrorClass::Conflict, "conflict"),
            404 => (ErrorClass::NotFound, "not found"),
            408 | 504 => (ErrorClass::Timeout, "the API server did not answer in time"),
            code => (ErrorClass::Other, &*format!("the API server failed with code {code}")),
        };
        let sentence = format!("{words}: {}", short(&status.message));
        Self { class, sentence: sentence.trim_end_matches(": ").to_owned() }
    }

    /// An error of the connection, or of what came over it.
    fn of_transport(error: &(dyn Error + 'static)) -> Self {
        let unreachable = |reason: &str| Self {
            class: ErrorClass::Unreachable,
            sentence: short(&format!("cannot reach the API server: {reason}")),
        };
        if let Some(words) = certificate_fault(error) {
            return unreachable(words);
        }
        let timed_out =
            find::<io::Error>(error).is_some_and(|error| error.kind() == io::ErrorKind::TimedOut);
        if timed_out {
            return Self {
                class: ErrorClass::Timeout,
                sentence: "the API server did not answer in time".to_owned(),
            };
        }
        match find::<io::Error>(error) {
            Some(io) => unreachable(&io.to_string()),
            None => unreachable(&chain(error)),
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.sentence)
    }
}

impl Error for ApiError {}

impl From<&kube::Error> for ApiError {
    fn from(error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::of_status(status),
            kube::Error::HyperError(_)
            | kube::Error::Service(_)
            | kube::Error::ReadEvents(_)
            | kube::Error::RustlsTls(_) => Self::of_transport(error),
            _ => Self { class: ErrorClass::Other, sentence: short(&chain(error)) },
        }
    }
}

impl From<kube::Error> for ApiError {
    fn from(error: kube::Error) -> Self {
        Self::from(&error)
    }
}

impl From<&watcher::Error> for ApiError {
    fn from(error: &watcher::Error) -> Self {
        match error {
            watcher::Error::WatchError(status) => Self::of_status(status),
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => error.into(),
            watcher::Error::NoResourceVersion => Self::other(error),
        }
    }
}

/// One line without control characters, and not longer than a status or a log line should be.
pub(super) fn short(text: &str) -> String {
    cut_bytes(&escape_control(text.trim()), MAX_MESSAGE_CHARS)
}

/// An error and its causes, each once, on one line.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text += &format!(": {cause_text}");
        }
        next = cause.source();
    }
    text
}

/// The innermost error of a type among an error and its causes.
pub(super) fn find<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    causes(error).filter_map(|cause| cause.downcast_ref()).last()
}

fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause| {
        let cause: &'e (dyn Error + 'static) = *cause;
        // An I/O error does not count what it wraps among its causes.
        let wrapped = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map(|error| error as &(dyn Error + 'static)).or_else(|| cause.source())
    })
}

/// Why the certificate of the API server is not trusted, if that is the cause.
pub(super) fn certificate_fault(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let invalid = causes(error).find_map(|cause| match cause.downcast_ref() {
        Some(rustls::Error::InvalidCertificate(fault)) => Some(fault),
        _ => None,
    })?;
    Some(match invalid {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate comes from none of the CAs that the kubeconfig names \
             (certificate-authority-data)"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet: compare the clocks"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name; write that as the server, or as tls-server-name \
             in the kubeconfig"
        }
        CertificateError::Other(OtherError(other)) if other.to_string() == "CaUsedAsEndEntity" => {
            "it shows the certificate of a CA as its own; give it one that the CA has signed"
        }
        _ => return None,
    })
}

/// Reports an error that comes again and again once, until `recovered`.
#[derive(Debug, Default)]
pub(super) struct Deduplicator {
    reported: Option<ApiError>,
}

impl Deduplicator {
    /// Whether this error is to be reported.
    pub(super) fn is_new(&mut self, error: &ApiError) -> bool {
        let is_new = self.reported.as_ref() != Some(error);
        self.reported = Some(error.clone());
        is_new
    }

    /// Whether an error was reported since the last success.
    pub(super) fn recovered(&mut self) -> bool {
        self.reported.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn api(code: u16, message: &str) -> kube::Error {
        kube::Error::Api(Status { code, message: message.to_owned(), ..Status::default() }.boxed())
    }

    fn service(error: impl Error + Send + Sync + 'static) -> kube::Error {
        kube::Error::Service(Box::new(error))
    }

    #[test]
    fn every_error_is_a_sentence_and_a_class() {
        let table = [
            (api(403, "pods is forbidden"), ErrorClass::Forbidden, "forbidden: pods is forbidden"),
            (
                api(401, "Unauthorized"),
                ErrorClass::Forbidden,
                "the API server does not accept the credentials: Unauthorized",
            ),
            (
                api(422, "x is invalid"),
                ErrorClass::Invalid,
                "the API server refuses the request: x is invalid",
            ),
            (api(409, "modified"), ErrorClass::Conflict, "conflict: modified"),
            (api(404, "gone"), ErrorClass::NotFound, "not found: gone"),
            (api(504, ""), ErrorClass::Timeout, "the API server did not answer in time"),
            (
                api(500, "etcd\n is away"),
                ErrorClass::Other,
                "the API server failed with code 500: etcd\\u000a is away",
            ),
            (
                service(io::Error::from(io::ErrorKind::TimedOut)),
                ErrorClass::Timeout,
                "the API server did not answer in time",
            ),
            (
                service(io::Error::other(io::Error::new(
                    io::ErrorKind::ConnectionRefused,
                    "connection refused",
                ))),
                ErrorClass::Unreachable,
                "cannot reach the API server: connection refused",
            ),
        ];
        for (error, class, sentence) in table {
            let found = ApiError::from(&error);
            assert_eq!((found.class, found.to_string().as_str()), (class, sentence));
        }
        assert!(ApiError::from(&api(422, &"é".repeat(5_000))).to_string().len() < 400);
    }

    #[test]
    fn an_untrusted_certificate_is_explained() {
        let table = [
            (CertificateError::UnknownIssuer, Some("none of the CAs")),
            (CertificateError::Expired, Some("expired")),
            (CertificateError::NotValidYet, Some("the clocks")),
            (CertificateError::NotValidForName, Some("another name")),
            (
                CertificateError::Other(OtherError(Arc::new(io::Error::other(
                    "CaUsedAsEndEntity",
                )))),
                Some("of a CA"),
            ),
            (CertificateError::Revoked, None),
        ];
        for (fault, expected) in table {
            // As the layers of a client wrap it.
            let error =
                io::Error::other(io::Error::other(rustls::Error::InvalidCertificate(fault)));
            let words = certificate_fault(&error);
            assert_eq!(words.is_some(), expected.is_some(), "{words:?}");
            assert!(words.unwrap_or_default().contains(expected.unwrap_or_default()), "{words:?}");
        }
        assert_eq!(certificate_fault(&io::Error::other("reset")), None);
    }

    #[test]
    fn an_error_is_reported_once_until_recovery() {
        let (mut reported, first, second) =
            (Deduplicator::default(), ApiError::other(&"one"), ApiError::other(&"other"));
        assert_eq!(
            [reported.is_new(&first), reported.is_new(&first), reported.is_new(&second)],
            [true, false, true]
        );
        assert_eq!(
            [reported.recovered(), reported.recovered(), reported.is_new(&second)],
            [true, false, true]
        );
    }
}
