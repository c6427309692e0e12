//! A certificate chain and the key that fits it.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::error::{TlsError, broken_pem};
use crate::server::files::{FileReader, MAX_FILE_BYTES, name_of};

/// A certificate chain with its key, valid when it was parsed.
#[derive(Debug)]
pub(super) struct KeyPair {
    pub(super) certified: Arc<CertifiedKey>,
    /// In seconds since 1970.
    pub(super) not_after: i64,
}

impl KeyPair {
    pub(super) fn parse(
        chain: &Blob,
        key: &Blob,
        now: SystemTime,
        provider: &CryptoProvider,
    ) -> Result<Self, TlsError> {
        let certificates = chain.certificates()?;
        let not_after = chain.check_validity(&certificates, now)?;
        let private =
            provider.key_provider.load_private_key(key.private_key()?).map_err(|error| {
                TlsError::BadKey { file: key.name.clone(), reason: error.to_string() }
            })?;
        let certified = CertifiedKey::new(certificates, private);
        match certified.keys_match() {
            Ok(()) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                return Err(TlsError::Mismatch {
                    chain: chain.name.clone(),
                    key: key.name.clone(),
                });
            }
            Err(error) => return Err(TlsError::bad_certificate(&chain.name, error)),
        }
        Ok(Self { certified: Arc::new(certified), not_after })
    }
}

/// Bytes, and what messages call them.
pub(super) struct Blob {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

impl Blob {
    pub(super) fn read(path: &Path, reader: &FileReader) -> Result<Self, TlsError> {
        let name = name_of(path);
        match reader.read(path, MAX_FILE_BYTES) {
            Ok(bytes) => Ok(Self { name, bytes }),
            Err(source) => Err(TlsError::Unreadable { file: name, source }),
        }
    }

    pub(super) fn made(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), bytes: text.as_bytes().to_vec() }
    }

    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&self.bytes)
            .collect::<Result<_, _>>()
            .map_err(|error| TlsError::bad_pem(&self.name, &error))?;
        if certificates.is_empty() {
            return Err(TlsError::NoCertificate { file: self.name.clone() });
        }
        Ok(certificates)
    }

    /// Only the server's own certificate: those of its CAs are the client's business.
    fn check_validity(
        &self,
        certificates: &[CertificateDer<'_>],
        now: SystemTime,
    ) -> Result<i64, TlsError> {
        let Some(own) = certificates.first() else {
            return Err(TlsError::NoCertificate { file: self.name.clone() });
        };
        let (_, own) = X509Certificate::from_der(own)
            .map_err(|error| TlsError::bad_certificate(&self.name, error))?;
        let now = OffsetDateTime::from(now).unix_timestamp();
        let (not_before, not_after) =
            (own.validity().not_before.timestamp(), own.validity().not_after.timestamp());
        if now < not_before {
            return Err(TlsError::NotYetValid { file: self.name.clone(), at: rfc3339(not_before) });
        }
        if now > not_after {
            return Err(TlsError::Expired { file: self.name.clone(), at: rfc3339(not_after) });
        }
        Ok(not_after)
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let file = self.name.clone();
        PrivateKeyDer::from_pem_slice(&self.bytes).map_err(|error| match error {
            pem::Error::NoItemsFound
                if contains(&self.bytes, b"-----BEGIN ENCRYPTED PRIVATE KEY-----") =>
            {
                TlsError::EncryptedKey { file }
            }
            pem::Error::NoItemsFound => TlsError::NoKey { file },
            error => TlsError::BadKey { file, reason: broken_pem(&error).to_owned() },
        })
    }
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

fn rfc3339(seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("{seconds} s after 1970"))
}
