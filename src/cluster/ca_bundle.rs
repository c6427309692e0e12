//! The CAs that a registration trusts.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};

/// PEM certificates by which the API server checks the webhook's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaBundle(Vec<u8>);

impl CaBundle {
    /// Takes PEM that holds certificates, one at least.
    ///
    /// # Errors
    /// What is no certificate, or what must not be handed out.
    pub fn parse(pem: Vec<u8>) -> Result<Self, NotABundle> {
        if pem.windows(b"PRIVATE KEY-----".len()).any(|window| window == b"PRIVATE KEY-----") {
            return Err(NotABundle("a private key, which no registration may hold".to_owned()));
        }
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate =
                certificate.map_err(|error| NotABundle(broken_pem(&error).to_owned()))?;
            x509_parser::parse_x509_certificate(&certificate).map_err(|error| {
                NotABundle(format!("no X.509 certificate in a block ({error})"))
            })?;
            count += 1;
        }
        if count == 0 {
            return Err(NotABundle("none".to_owned()));
        }
        Ok(Self(pem))
    }

    /// The PEM bytes, unchanged.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As text; PEM is ASCII.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

/// The parser's own words quote the file.
fn broken_pem(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "broken PEM (a section without its end)",
        pem::Error::IllegalSectionStart { .. } => "broken PEM (a section with a broken start)",
        pem::Error::Base64Decode(_) => "broken PEM (a section that is not base64)",
        _ => "broken PEM",
    }
}

/// Why a text is no bundle of certificates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected PEM certificates, found {0}")]
pub struct NotABundle(String);

#[cfg(test)]
mod tests {
    use super::CaBundle;

    #[test]
    fn a_bundle_holds_certificates_and_no_key() {
        let pem = |kind: &str| {
            format!("-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n").into_bytes()
        };
        for (bytes, found) in [
            (Vec::new(), "found none"),
            (b"hello".to_vec(), "found none"),
            (pem("PRIVATE KEY"), "a private key"),
            (pem("EC PRIVATE KEY"), "a private key"),
            (pem("CERTIFICATE"), "no X.509 certificate"),
            (b"-----BEGIN CERTIFICATE-----\nAAAA\n".to_vec(), "broken PEM"),
        ] {
            let error =
                CaBundle::parse(bytes).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(found), "{error}");
        }
    }
}
