//! A CA of one's own and a server certificate from it, where nobody else issues one.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use time::OffsetDateTime;

/// Clocks of two machines differ: valid a little before it is made.
const SKEW: Duration = Duration::from_secs(5 * 60);

/// A name that a server is reached by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A DNS name, as `fieldward.fieldward-system.svc`.
    Dns(String),
    /// In the certificate as an IP address, which clients compare with the URL.
    Ip(IpAddr),
}

/// A CA and a server certificate that it issued, all in PEM. The CA's key is gone: it issues
/// nothing else.
#[derive(Clone)]
pub struct Issued {
    /// What clients trust: a `caBundle`.
    pub(crate) ca: String,
    /// The server's certificate.
    pub certificate: String,
    /// The server's private key, PKCS#8.
    pub key: String,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Issued").finish_non_exhaustive()
    }
}

/// Why no certificate can be made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// A certificate needs a name.
    #[error("no name for the certificate; expected at least one DNS name or address")]
    NoName,
    /// A name that cannot be in a certificate, or the library's own failure.
    #[error("no certificate can be made: {0}")]
    Refused(#[from] rcgen::Error),
}

/// Makes a CA and a server certificate, both ECDSA P-256. Both are valid for `lifetime` after
/// `now`, and from at most five minutes before it, or a tenth of `lifetime` if that is shorter.
///
/// # Errors
/// No subject, or a DNS name that is not ASCII.
pub fn issue(
    subjects: &[Subject],
    now: SystemTime,
    lifetime: Duration,
) -> Result<Issued, IssueError> {
    let authority = Authority::new(now, lifetime)?;
    let (certificate, key) = authority.certificate(subjects, now, lifetime)?;
    Ok(Issued { ca: authority.pem, certificate, key })
}

/// A CA that can issue.
pub(crate) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes one, valid for `lifetime` after `now`, and from at most five minutes before it.
    ///
    /// # Errors
    /// The library's own failure.
    pub(crate) fn new(now: SystemTime, lifetime: Duration) -> Result<Self, IssueError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let params = ca(validity(now, lifetime));
        Ok(Self { pem: params.self_signed(&key)?.pem(), issuer: Issuer::new(params, key) })
    }

    /// One that was made before, of its certificate and key in PEM.
    ///
    /// # Errors
    /// What is no certificate of a CA, or no key.
    pub(crate) fn from_pem(certificate: &str, key: &str) -> Result<Self, IssueError> {
        let issuer = Issuer::from_ca_cert_pem(certificate, KeyPair::from_pem(key)?)?;
        Ok(Self { pem: certificate.to_owned(), issuer })
    }

    /// Issues a server's certificate: itself and its key, PEM.
    ///
    /// # Errors
    /// No subject, or a DNS name that is not ASCII.
    pub(crate) fn certificate(
        &self,
        subjects: &[Subject],
        now: SystemTime,
        lifetime: Duration,
    ) -> Result<(String, String), IssueError> {
        let first = subjects.first().ok_or(IssueError::NoName)?;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate =
            leaf(first, subjects, validity(now, lifetime))?.signed_by(&key, &self.issuer)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    /// Its certificate and its key, PEM.
    pub(crate) fn into_pem(self) -> (String, String) {
        (self.pem, self.issuer.key().serialize_pem())
    }
}

fn validity(now: SystemTime, lifetime: Duration) -> (OffsetDateTime, OffsetDateTime) {
    (OffsetDateTime::from(now - SKEW.min(lifetime / 10)), OffsetDateTime::from(now + lifetime))
}

fn ca(validity: (OffsetDateTime, OffsetDateTime)) -> CertificateParams {
    let mut params = params("fieldward CA", validity);
    // It may issue for servers, not for further CAs (RFC 5280 section 4.2.1.9).
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn leaf(
    first: &Subject,
    subjects: &[Subject],
    validity: (OffsetDateTime, OffsetDateTime),
) -> Result<CertificateParams, IssueError> {
    // Clients look at the alternative names alone; the common name is for people, and at most 64
    // characters (RFC 5280 appendix A).
    let common_name = match first {
        Subject::Dns(name) if name.len() <= 64 => name.clone(),
        Subject::Dns(_) => "fieldward".to_owned(),
        Subject::Ip(address) => address.to_string(),
    };
    let mut params = params(&common_name, validity);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    for subject in subjects {
        params.subject_alt_names.push(match subject {
            Subject::Dns(name) => SanType::DnsName(name.as_str().try_into()?),
            Subject::Ip(address) => SanType::IpAddress(*address),
        });
    }
    Ok(params)
}

fn params(
    common_name: &str,
    (not_before, not_after): (OffsetDateTime, OffsetDateTime),
) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = not_before;
    params.not_after = not_after;
    params
}

#[cfg(test)]
mod tests {
    use super::*;
    use x509_parser::prelude::{GeneralName, ParsedExtension, Pem, X509Certificate};

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn issued() -> Issued {
        let now = SystemTime::UNIX_EPOCH + 20_000 * DAY;
        let subjects =
            [Subject::Dns("localhost".to_owned()), Subject::Ip("127.0.0.1".parse().unwrap())];
        issue(&subjects, now, 365 * DAY).unwrap()
    }

    fn with<T>(pem: &str, look: impl FnOnce(&X509Certificate<'_>) -> T) -> T {
        let pem = Pem::iter_from_buffer(pem.as_bytes()).next().unwrap().unwrap();
        look(&pem.parse_x509().unwrap())
    }

    #[test]
    fn the_ca_may_issue_for_servers_only() {
        with(&issued().ca, |ca| {
            let constraints = ca.basic_constraints().unwrap().unwrap().value;
            assert!(constraints.ca);
            assert_eq!(constraints.path_len_constraint, Some(0));
            assert!(ca.key_usage().unwrap().unwrap().value.key_cert_sign());
            assert!(!ca.key_usage().unwrap().unwrap().value.digital_signature());
        });
    }

    #[test]
    fn the_certificate_is_the_servers_own() {
        with(&issued().certificate, |leaf| {
            assert!(!leaf.is_ca());
            assert!(leaf.extended_key_usage().unwrap().unwrap().value.server_auth);
            assert!(leaf.key_usage().unwrap().unwrap().value.digital_signature());
            let names = &leaf.subject_alternative_name().unwrap().unwrap().value.general_names;
            assert_eq!(
                names,
                &[GeneralName::DNSName("localhost"), GeneralName::IPAddress(&[127, 0, 0, 1])]
            );
            let tied = |extension: &ParsedExtension<'_>| {
                matches!(extension, ParsedExtension::AuthorityKeyIdentifier(_))
            };
            assert!(leaf.extensions().iter().any(|extension| tied(extension.parsed_extension())));
        });
    }

    #[test]
    fn both_are_valid_as_long_as_asked() {
        let issued = issued();
        for pem in [&issued.ca, &issued.certificate] {
            with(pem, |certificate| {
                let day = i64::try_from(DAY.as_secs()).unwrap();
                assert_eq!(certificate.validity().not_before.timestamp(), 20_000 * day - 300);
                assert_eq!(certificate.validity().not_after.timestamp(), 20_365 * day);
            });
        }
    }

    #[test]
    fn without_a_name_there_is_no_certificate() {
        let error = issue(&[], SystemTime::UNIX_EPOCH + DAY, DAY).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no name for the certificate; expected at least one DNS name or address"
        );
    }
}
