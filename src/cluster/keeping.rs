//! Certificates that a cluster keeps in a Secret and renews: what must be done to them, and when. Pure values.
//!
//! Every certificate of a CA that is still valid is trusted: a CA leaves the bundle only when it has expired, and no certificate outlives
//! the CA that it comes from. So whatever a replica shows is trusted, however late it hears of something new. What is new is trusted first:
//! a CA issues nothing before the API server has had time to hear of it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::certificates::{Authority, IssueError, Subject};

/// The members of the Secret, in cert-manager's names where it has one.
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
const BUNDLE: &str = "ca.crt";
const AUTHORITY_KEY: &str = "ca.key";

/// How long certificates are valid, and how long a new CA is trusted before it issues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// Of a CA; it is replaced after two thirds.
    pub authority: Duration,
    /// Of a server's certificate; it is replaced after two thirds.
    pub certificate: Duration,
    /// From when the bundle was written until the API server trusts it for certain.
    pub settling: Duration,
}

/// What the Secret holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept {
    /// The CA that issues now, first, and those before it that have not expired, PEM.
    bundle: Vec<String>,
    authority_key: String,
    certificate: String,
    key: String,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Kept").finish_non_exhaustive()
    }
}

/// Why what a Secret holds cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// A member is missing or no text.
    #[error("expected `{0}` in the Secret, found none")]
    Missing(&'static str),
    /// A member is not what it should be.
    #[error("expected {1} in `{0}` of the Secret, found something else")]
    Unreadable(&'static str, &'static str),
}

/// What there is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// Nothing before that time.
    Nothing(SystemTime),
    /// To keep this instead.
    Change(Box<Kept>, Change),
}

/// What changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// There is a new CA, trusted beside the one before, that issues nothing yet.
    Authority,
    /// There is a new certificate, from the newest CA.
    Certificate,
    /// A CA that has expired is trusted no more.
    Bundle,
}

impl Kept {
    /// A new CA and a certificate of it, `trusted` besides: CAs of which certificates may still be shown.
    ///
    /// # Errors
    /// As [`Authority::new`] and [`Authority::certificate`].
    pub fn new(subjects: &[Subject], trusted: Vec<String>, now: SystemTime, lifetimes: Lifetimes) -> Result<Self, IssueError> {
        let authority = Authority::new(now, lifetimes.authority)?;
        let (certificate, key) = authority.certificate(subjects, now, lifetimes.certificate)?;
        let (own, authority_key) = authority.into_pem();
        Ok(Self { bundle: std::iter::once(own).chain(trusted).collect(), authority_key, certificate, key })
    }

    /// Of a Secret.
    ///
    /// # Errors
    /// What is missing or cannot be read; the key of a CA or certificate that does not fit is found where it is used.
    pub fn of(secret: &Secret) -> Result<Self, Unusable> {
        let member = |name: &'static str| {
            let bytes = secret.data.as_ref().and_then(|data| data.get(name)).ok_or(Unusable::Missing(name))?;
            String::from_utf8(bytes.0.clone()).map_err(|_| Unusable::Unreadable(name, "text"))
        };
        let bundle = certificates(&member(BUNDLE)?).ok_or(Unusable::Unreadable(BUNDLE, "PEM certificates"))?;
        let kept = Self { bundle, authority_key: member(AUTHORITY_KEY)?, certificate: member(CERTIFICATE)?, key: member(KEY)? };
        for (name, text) in kept.bundle.iter().map(|text| (BUNDLE, text)).chain([(CERTIFICATE, &kept.certificate)]) {
            validity(text).ok_or(Unusable::Unreadable(name, "PEM certificates"))?;
        }
        for (name, text) in [(KEY, &kept.key), (AUTHORITY_KEY, &kept.authority_key)] {
            rcgen::KeyPair::from_pem(text).map_err(|_| Unusable::Unreadable(name, "a private key in PEM"))?;
        }
        Ok(kept)
    }

    /// The Secret that holds it.
    pub fn secret(&self, name: &str, namespace: &str, labels: BTreeMap<String, String>) -> Secret {
        let members = [
            (BUNDLE, self.bundle()),
            (AUTHORITY_KEY, self.authority_key.clone()),
            (CERTIFICATE, self.certificate.clone()),
            (KEY, self.key.clone()),
        ];
        Secret {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some(namespace.to_owned()),
                labels: Some(labels),
                ..ObjectMeta::default()
            },
            type_: Some("Opaque".to_owned()),
            data: Some(members.into_iter().map(|(name, text)| (name.to_owned(), ByteString(text.into_bytes()))).collect()),
            ..Secret::default()
        }
    }

    /// What clients must trust.
    pub fn bundle(&self) -> String {
        self.bundle.concat()
    }

    /// The server's certificate and its key, PEM.
    pub fn pair(&self) -> (&str, &str) {
        (&self.certificate, &self.key)
    }

    /// What there is to do at `now`. `trusted_since` is since when the API server has had this bundle in the registration; none: not yet.
    ///
    /// # Errors
    /// A CA key that cannot sign, or subjects that cannot be certified.
    pub fn due(
        &self,
        subjects: &[Subject],
        now: SystemTime,
        trusted_since: Option<SystemTime>,
        lifetimes: Lifetimes,
    ) -> Result<Due, IssueError> {
        let valid: Vec<String> = self.bundle.iter().filter(|ca| validity(ca).is_some_and(|(_, end)| now < end)).cloned().collect();
        let Some(newest) = valid.first() else {
            return Ok(Due::Change(Box::new(Self::new(subjects, Vec::new(), now, lifetimes)?), Change::Certificate));
        };
        let (ca_from, ca_until) = validity(newest).unwrap_or((UNIX_EPOCH, UNIX_EPOCH));
        let ca_due = two_thirds(ca_from, ca_until);
        if ca_due <= now {
            let authority = Authority::new(now, lifetimes.authority)?;
            let (own, authority_key) = authority.into_pem();
            let changed = Self { bundle: std::iter::once(own).chain(valid).collect(), authority_key, ..self.clone() };
            return Ok(Due::Change(Box::new(changed), Change::Authority));
        }
        let (from, until) = validity(&self.certificate).unwrap_or((UNIX_EPOCH, UNIX_EPOCH));
        let leaf_due = two_thirds(from, until);
        let is_of_newest = comes_from(&self.certificate, newest);
        let settled = trusted_since.map(|since| since + lifetimes.settling);
        let may_issue = is_of_newest || settled.is_some_and(|settled| settled <= now) || until <= now;
        if (leaf_due <= now || !is_of_newest) && may_issue {
            let authority = Authority::of(newest, &self.authority_key)?;
            let lifetime = lifetimes.certificate.min(ca_until.duration_since(now).unwrap_or_default());
            let (certificate, key) = authority.certificate(subjects, now, lifetime)?;
            return Ok(Due::Change(Box::new(Self { bundle: valid, certificate, key, ..self.clone() }), Change::Certificate));
        }
        if valid.len() < self.bundle.len() {
            return Ok(Due::Change(Box::new(Self { bundle: valid, ..self.clone() }), Change::Bundle));
        }
        let waiting = if is_of_newest { leaf_due } else { settled.unwrap_or(now + lifetimes.settling) };
        Ok(Due::Nothing(waiting.min(ca_due)))
    }
}

/// Whether a certificate verifies against one of a bundle's CAs, by name and key identifier.
pub fn is_trusted(certificate: &str, bundle: &str) -> bool {
    certificates(bundle).is_some_and(|bundle| bundle.iter().any(|ca| comes_from(certificate, ca)))
}

/// Each certificate of a PEM text, as PEM.
pub fn certificates(pem: &str) -> Option<Vec<String>> {
    const END: &str = "-----END CERTIFICATE-----";
    let texts: Vec<String> = pem.split_inclusive(END).filter(|text| text.contains(END)).map(|text| format!("{}\n", text.trim())).collect();
    (!texts.is_empty() && texts.iter().all(|text| validity(text).is_some())).then_some(texts)
}

fn two_thirds(from: SystemTime, until: SystemTime) -> SystemTime {
    from + until.duration_since(from).unwrap_or_default() * 2 / 3
}

/// From when to when a PEM certificate is valid.
fn validity(pem: &str) -> Option<(SystemTime, SystemTime)> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, certificate) = X509Certificate::from_der(&der).ok()?;
    let at = |timestamp: i64| Some(UNIX_EPOCH + Duration::from_secs(u64::try_from(timestamp).ok()?));
    Some((at(certificate.validity().not_before.timestamp())?, at(certificate.validity().not_after.timestamp())?))
}

/// Whether the signature of a certificate is that CA's.
fn comes_from(certificate: &str, ca: &str) -> bool {
    let parse = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).ok();
    let (Some(certificate), Some(ca)) = (parse(certificate), parse(ca)) else { return false };
    let (Ok((_, certificate)), Ok((_, ca))) = (X509Certificate::from_der(&certificate), X509Certificate::from_der(&ca)) else {
        return false;
    };
    let key_of = |certificate: &X509Certificate<'_>| {
        certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
            x509_parser::extensions::ParsedExtension::AuthorityKeyIdentifier(identifier) => {
                identifier.key_identifier.as_ref().map(|key| key.0.to_vec())
            }
            _ => None,
        })
    };
    let own_key = ca.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        x509_parser::extensions::ParsedExtension::SubjectKeyIdentifier(key) => Some(key.0.to_vec()),
        _ => None,
    });
    certificate.issuer() == ca.subject() && own_key.is_some() && key_of(&certificate) == own_key
}
