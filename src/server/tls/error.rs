//! Why a certificate, a key or a client CA cannot be used.

use std::fmt::Display;

use rustls::pki_types::pem;

use crate::server::files::{NothingRead, ReadError};

/// One line that says which file cannot be used and what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read.
    #[error("cannot read `{file}`: {source}; name a PEM file that this process may read")]
    Unreadable {
        file: String,
        /// Why not.
        source: ReadError,
    },
    /// None of the files was read.
    #[error(transparent)]
    NothingRead(#[from] NothingRead),
    /// There is no certificate in the file.
    #[error(
        "no certificate in `{file}`; expected PEM, `-----BEGIN CERTIFICATE-----`, the server's own \
         certificate first"
    )]
    NoCertificate { file: String },
    /// A certificate in the file is broken.
    #[error("broken certificate in `{file}`: {reason}; write the file anew")]
    BadCertificate {
        file: String,
        /// What the parser says.
        reason: String,
    },
    /// There is no private key in the file.
    #[error("no private key in `{file}`; expected PEM with a PKCS#8, PKCS#1 or SEC1 key")]
    NoKey { file: String },
    #[error("the private key in `{file}` is encrypted; decrypt it first, as with `openssl pkey`")]
    EncryptedKey { file: String },
    /// The private key is broken or of an unknown kind.
    #[error(
        "unusable private key in `{file}`: {reason}; expected RSA of 2048 bits or more, ECDSA \
         P-256, P-384 or P-521, or Ed25519"
    )]
    BadKey {
        file: String,
        /// What the parser says.
        reason: String,
    },
    /// The private key belongs to another certificate.
    #[error(
        "the private key in `{key}` does not fit the certificate in `{chain}`; name the key that \
         the certificate was issued for"
    )]
    Mismatch {
        /// The file of the certificate.
        chain: String,
        key: String,
    },
    /// The certificate is no longer valid.
    #[error("the certificate in `{file}` expired at {at}; renew it")]
    Expired {
        file: String,
        /// When, RFC 3339.
        at: String,
    },
    /// The certificate is not valid yet.
    #[error(
        "the certificate in `{file}` is not valid before {at}; check this machine's clock or wait"
    )]
    NotYetValid {
        file: String,
        /// When it will be, RFC 3339.
        at: String,
    },
    /// The TLS library refuses its own settings.
    #[error("TLS is not available: {0}")]
    Unsupported(String),
}

impl TlsError {
    pub(super) fn bad_certificate(file: &str, reason: impl Display) -> Self {
        Self::BadCertificate { file: file.to_owned(), reason: reason.to_string() }
    }

    pub(super) fn bad_pem(file: &str, error: &pem::Error) -> Self {
        Self::bad_certificate(file, broken_pem(error))
    }
}

/// What is broken in PEM. The parser's own words quote the file.
pub(super) fn broken_pem(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a section without its end",
        pem::Error::IllegalSectionStart { .. } => "a section with a broken start",
        pem::Error::Base64Decode(_) => "a section that is not base64",
        _ => "a section that cannot be read",
    }
}
