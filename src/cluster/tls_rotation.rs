//! Certificates that a cluster keeps in a Secret and renews: what must be done to them, and when.
//! Pure values.
//!
//! Every certificate of a CA that is still valid is trusted: a CA leaves the bundle only when it
//! has expired, and no certificate outlives the CA that it comes from. So whatever a replica shows
//! is trusted, however late it hears of something new. What is new is trusted first: a CA issues
//! nothing before the API server has had time to hear of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::certificates::{Authority, IssueError, Subject};
use crate::engine::{cut_bytes, escape_control};

/// The annotation on the Secret by which somebody wants a new `certificate` or `ca` now.
pub(crate) const RENEW: &str = "fieldward.io/renew";

/// What the annotations of fieldward begin with.
const ANNOTATION_PREFIX: &str = "fieldward.io/";

/// What somebody wants to be renewed before it is due.
pub(crate) fn wanted(secret: &Secret) -> Option<Renewal> {
    match secret.metadata.annotations.as_ref()?.get(RENEW)?.as_str() {
        "ca" => Some(Renewal::Authority),
        "certificate" => Some(Renewal::Certificate),
        _ => None,
    }
}

/// The annotations of fieldward that mean nothing, a sentence for each.
pub(crate) fn unknown_annotations(secret: &Secret) -> BTreeSet<String> {
    let annotations = secret.metadata.annotations.iter().flatten();
    let own = annotations.filter(|(key, _)| key.starts_with(ANNOTATION_PREFIX));
    own.filter_map(|(key, value)| match (key.as_str(), value.as_str()) {
        (RENEW, "ca" | "certificate") => None,
        (RENEW, other) => Some(format!(
            "expected `certificate` or `ca` as the value of the annotation `{RENEW}`, found `{}`; \
             nothing is renewed",
            cut_bytes(&escape_control(other), 128)
        )),
        (other, _) => Some(format!(
            "expected the annotation `{RENEW}`, found `{}`; it has no effect",
            cut_bytes(&escape_control(other), 128)
        )),
    })
    .collect()
}

/// The members of the Secret, in cert-manager's names where it has one.
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
const BUNDLE: &str = "ca.crt";
const AUTHORITY_KEY: &str = "ca.key";

/// How long certificates are valid, and how long a new CA is trusted before it issues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifetimes {
    /// Of a CA; it is replaced after two thirds.
    pub(crate) authority: Duration,
    /// Of a server's certificate; it is replaced after two thirds.
    pub(crate) certificate: Duration,
    /// From when the bundle was written until the API server trusts it for certain.
    pub(crate) settling: Duration,
}

/// What the Secret holds.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TlsBundle {
    /// The CA that issues now, first, and those before it that have not expired, PEM.
    bundle: Vec<String>,
    authority_key: String,
    certificate: String,
    key: String,
}

impl std::fmt::Debug for TlsBundle {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("TlsBundle").finish_non_exhaustive()
    }
}

/// Why what a Secret holds cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    /// A member is missing or no text.
    #[error("expected `{0}` in the Secret, found none")]
    Missing(&'static str),
    /// A member is not what it should be.
    #[error("expected {1} in `{0}` of the Secret, found something else")]
    Unreadable(&'static str, &'static str),
}

/// What there is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing before that time.
    Nothing(SystemTime),
    /// To keep this instead.
    Renew(Box<TlsBundle>, Renewal),
}

/// What changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// There is a new CA, trusted beside the one before, that issues nothing yet.
    Authority,
    /// There is a new certificate, from the newest CA.
    Certificate,
    /// A CA that has expired is trusted no more.
    Bundle,
}

impl TlsBundle {
    /// Makes a CA and a certificate of it. `trusted` are further CAs, of which certificates may
    /// still be in use.
    ///
    /// # Errors
    /// As [`Authority::new`] and [`Authority::certificate`].
    pub(crate) fn new(
        subjects: &[Subject],
        trusted: Vec<String>,
        now: SystemTime,
        lifetimes: Lifetimes,
    ) -> Result<Self, IssueError> {
        let authority = Authority::new(now, lifetimes.authority)?;
        let (certificate, key) = authority.certificate(subjects, now, lifetimes.certificate)?;
        let (own, authority_key) = authority.into_pem();
        Ok(Self {
            bundle: std::iter::once(own).chain(trusted).collect(),
            authority_key,
            certificate,
            key,
        })
    }

    /// Of a Secret.
    ///
    /// # Errors
    /// What is missing or cannot be read; the key of a CA or certificate that does not fit is found
    /// where it is used.
    pub(crate) fn from_secret(secret: &Secret) -> Result<Self, Unusable> {
        let member = |name: &'static str| {
            let bytes = secret
                .data
                .as_ref()
                .and_then(|data| data.get(name))
                .ok_or(Unusable::Missing(name))?;
            String::from_utf8(bytes.0.clone()).map_err(|_| Unusable::Unreadable(name, "text"))
        };
        let bundle = certificates(&member(BUNDLE)?)
            .ok_or(Unusable::Unreadable(BUNDLE, "PEM certificates"))?;
        let kept = Self {
            bundle,
            authority_key: member(AUTHORITY_KEY)?,
            certificate: member(CERTIFICATE)?,
            key: member(KEY)?,
        };
        for (name, text) in
            kept.bundle.iter().map(|text| (BUNDLE, text)).chain([(CERTIFICATE, &kept.certificate)])
        {
            validity(text).ok_or(Unusable::Unreadable(name, "PEM certificates"))?;
        }
        for (name, text) in [(KEY, &kept.key), (AUTHORITY_KEY, &kept.authority_key)] {
            rcgen::KeyPair::from_pem(text)
                .map_err(|_| Unusable::Unreadable(name, "a private key in PEM"))?;
        }
        Ok(kept)
    }

    /// The Secret that holds it.
    pub(crate) fn secret(
        &self,
        name: &str,
        namespace: &str,
        labels: BTreeMap<String, String>,
    ) -> Secret {
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
            data: Some(
                members
                    .into_iter()
                    .map(|(name, text)| (name.to_owned(), ByteString(text.into_bytes())))
                    .collect(),
            ),
            ..Secret::default()
        }
    }

    /// What clients must trust.
    pub(crate) fn bundle(&self) -> String {
        self.bundle.concat()
    }

    /// The server's certificate and its key, PEM.
    pub(crate) fn pair(&self) -> (&str, &str) {
        (&self.certificate, &self.key)
    }

    /// What there is to do at `now`. `trusted_since` is when the registration received this bundle,
    /// none if it has not.
    ///
    /// # Errors
    /// A CA key that cannot sign, or subjects that cannot be certified.
    pub(crate) fn due(
        &self,
        subjects: &[Subject],
        now: SystemTime,
        trusted_since: Option<SystemTime>,
        lifetimes: Lifetimes,
    ) -> Result<Due, IssueError> {
        let renew = |kept: Self, change| Ok(Due::Renew(Box::new(kept), change));
        let is_valid = |ca: &&String| validity(ca).is_some_and(|(_, end)| now < end);
        let valid: Vec<String> = self.bundle.iter().filter(is_valid).cloned().collect();
        let Some(newest) = valid.first() else {
            let new = Self::new(subjects, Vec::new(), now, lifetimes)?;
            return renew(new, Renewal::Certificate);
        };
        let (ca_from, ca_until) = validity(newest).unwrap_or((UNIX_EPOCH, UNIX_EPOCH));
        let ca_due = two_thirds(ca_from, ca_until);
        if ca_due <= now {
            return renew(self.with_authority(valid, now, lifetimes)?, Renewal::Authority);
        }
        let (from, until) = validity(&self.certificate).unwrap_or((UNIX_EPOCH, UNIX_EPOCH));
        let leaf_due = two_thirds(from, until);
        let is_of_newest = comes_from(&self.certificate, newest);
        let settled = trusted_since.map(|since| since + lifetimes.settling);
        let may_issue =
            is_of_newest || settled.is_some_and(|settled| settled <= now) || until <= now;
        if (leaf_due <= now || !is_of_newest) && may_issue {
            let new = self.with_certificate(valid, subjects, now, lifetimes)?;
            return renew(new, Renewal::Certificate);
        }
        if valid.len() < self.bundle.len() {
            return renew(Self { bundle: valid, ..self.clone() }, Renewal::Bundle);
        }
        let waiting =
            if is_of_newest { leaf_due } else { settled.unwrap_or(now + lifetimes.settling) };
        Ok(Due::Nothing(waiting.min(ca_due)))
    }

    /// What to keep instead if somebody wants a new one before it is due; none if a new certificate
    /// is on its way already.
    ///
    /// # Errors
    /// As [`TlsBundle::due`].
    pub(crate) fn renewed(
        &self,
        what: Renewal,
        subjects: &[Subject],
        now: SystemTime,
        lifetimes: Lifetimes,
    ) -> Result<Option<Self>, IssueError> {
        let is_of_newest =
            self.bundle.first().is_some_and(|newest| comes_from(&self.certificate, newest));
        match what {
            Renewal::Authority => {
                self.with_authority(self.bundle.clone(), now, lifetimes).map(Some)
            }
            Renewal::Certificate if is_of_newest => {
                self.with_certificate(self.bundle.clone(), subjects, now, lifetimes).map(Some)
            }
            Renewal::Certificate | Renewal::Bundle => Ok(None),
        }
    }

    fn with_authority(
        &self,
        trusted: Vec<String>,
        now: SystemTime,
        lifetimes: Lifetimes,
    ) -> Result<Self, IssueError> {
        let (own, authority_key) = Authority::new(now, lifetimes.authority)?.into_pem();
        Ok(Self {
            bundle: std::iter::once(own).chain(trusted).collect(),
            authority_key,
            ..self.clone()
        })
    }

    /// A certificate of the newest CA, which it does not outlive.
    fn with_certificate(
        &self,
        bundle: Vec<String>,
        subjects: &[Subject],
        now: SystemTime,
        lifetimes: Lifetimes,
    ) -> Result<Self, IssueError> {
        let newest = bundle.first().map(String::as_str).unwrap_or_default();
        let (_, until) = validity(newest).unwrap_or((UNIX_EPOCH, UNIX_EPOCH));
        let lifetime = lifetimes.certificate.min(until.duration_since(now).unwrap_or_default());
        let (certificate, key) = Authority::from_pem(newest, &self.authority_key)?
            .certificate(subjects, now, lifetime)?;
        Ok(Self { bundle, certificate, key, ..self.clone() })
    }
}

/// Whether who trusts a bundle's CAs takes the certificate that a PEM chain begins with, whatever
/// server it is for.
pub(crate) fn is_trusted(chain: &str, bundle: &str, now: SystemTime) -> bool {
    let all = |pem: &str| {
        CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .unwrap_or_default()
    };
    let (chain, bundle) = (all(chain), all(bundle));
    let anchors: Vec<_> =
        bundle.iter().filter_map(|ca| webpki::anchor_from_trusted_cert(ca).ok()).collect();
    let Some((first, between)) = chain.split_first() else { return false };
    let (Ok(first), Ok(now)) = (EndEntityCert::try_from(first), now.duration_since(UNIX_EPOCH))
    else {
        return false;
    };
    let (now, algorithms) =
        (UnixTime::since_unix_epoch(now), default_provider().signature_verification_algorithms.all);
    first
        .verify_for_usage(algorithms, &anchors, between, now, KeyUsage::server_auth(), None, None)
        .is_ok()
}

/// Each certificate of a PEM text, as PEM.
pub(crate) fn certificates(pem: &str) -> Option<Vec<String>> {
    const END: &str = "-----END CERTIFICATE-----";
    let texts: Vec<String> = pem
        .split_inclusive(END)
        .filter(|text| text.contains(END))
        .map(|text| format!("{}\n", text.trim()))
        .collect();
    (!texts.is_empty() && texts.iter().all(|text| validity(text).is_some())).then_some(texts)
}

fn two_thirds(from: SystemTime, until: SystemTime) -> SystemTime {
    from + until.duration_since(from).unwrap_or_default() * 2 / 3
}

/// From when to when a PEM certificate is valid.
fn validity(pem: &str) -> Option<(SystemTime, SystemTime)> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, certificate) = X509Certificate::from_der(&der).ok()?;
    let at =
        |timestamp: i64| Some(UNIX_EPOCH + Duration::from_secs(u64::try_from(timestamp).ok()?));
    Some((
        at(certificate.validity().not_before.timestamp())?,
        at(certificate.validity().not_after.timestamp())?,
    ))
}

/// Whether the signature of a certificate is that CA's.
fn comes_from(certificate: &str, ca: &str) -> bool {
    let parse = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).ok();
    let (Some(certificate), Some(ca)) = (parse(certificate), parse(ca)) else { return false };
    let (Ok((_, certificate)), Ok((_, ca))) =
        (X509Certificate::from_der(&certificate), X509Certificate::from_der(&ca))
    else {
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

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIMES: Lifetimes = Lifetimes {
        authority: Duration::from_hours(300),
        certificate: Duration::from_hours(30),
        settling: Duration::from_mins(5),
    };

    fn subjects() -> Vec<Subject> {
        vec![Subject::Dns("fieldward.fieldward.svc".to_owned())]
    }

    fn due(kept: &TlsBundle, now: SystemTime, since: Option<SystemTime>) -> Due {
        kept.due(&subjects(), now, since, LIFETIMES).expect("keys that sign")
    }

    fn changed(
        kept: &TlsBundle,
        now: SystemTime,
        since: Option<SystemTime>,
    ) -> (TlsBundle, Renewal) {
        match due(kept, now, since) {
            Due::Renew(kept, change) => (*kept, change),
            Due::Nothing(until) => panic!("nothing before {until:?}"),
        }
    }

    fn next_check(kept: &TlsBundle, now: SystemTime, since: Option<SystemTime>) -> SystemTime {
        match due(kept, now, since) {
            Due::Nothing(until) => until,
            Due::Renew(_, change) => panic!("{change:?}"),
        }
    }

    fn whole_seconds() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    #[test]
    fn a_certificate_is_replaced_after_two_thirds_of_its_life_and_a_ca_before_it_is_needed() {
        let start = whole_seconds();
        let first = TlsBundle::new(&subjects(), Vec::new(), start, LIFETIMES).expect("a CA");
        let leaf_due = next_check(&first, start, Some(start));
        let (from, until) = validity(&first.certificate).expect("a certificate");
        assert_eq!(leaf_due, two_thirds(from, until));

        let (second, change) = changed(&first, leaf_due, Some(start));
        assert_eq!((change, &second.bundle), (Renewal::Certificate, &first.bundle));
        assert!(
            second.certificate != first.certificate
                && is_trusted(&second.certificate, &second.bundle(), leaf_due)
        );

        // A new CA issues nothing until it has been trusted for a while; what is shown stays
        // trusted throughout.
        let (ca_from, ca_until) = validity(&first.bundle[0]).expect("a CA");
        let ca_due = two_thirds(ca_from, ca_until);
        let (second, _) = changed(&second, ca_due - Duration::from_hours(1), Some(start));
        let (both, change) = changed(&second, ca_due, Some(start));
        assert_eq!(
            (change, both.bundle.len(), &both.certificate),
            (Renewal::Authority, 2, &second.certificate)
        );
        assert!(
            is_trusted(&both.certificate, &both.bundle(), ca_due)
                && both.authority_key != second.authority_key
        );
        next_check(&both, ca_due, None);
        assert_eq!(next_check(&both, ca_due, Some(ca_due)), ca_due + LIFETIMES.settling);
        let settled = ca_due + LIFETIMES.settling;
        let (third, change) = changed(&both, settled, Some(ca_due));
        assert_eq!((change, &third.bundle), (Renewal::Certificate, &both.bundle));
        assert!(
            comes_from(&third.certificate, &both.bundle[0])
                && !comes_from(&third.certificate, &both.bundle[1])
        );

        // The old CA leaves when nothing of it can be valid any more.
        let (fourth, _) = changed(&third, ca_until - Duration::from_secs(1), Some(ca_due));
        assert_eq!(fourth.bundle.len(), 2);
        let (fifth, change) = changed(&fourth, ca_until, Some(ca_due));
        assert_eq!((change, fifth.bundle), (Renewal::Bundle, vec![both.bundle[0].clone()]));
    }

    #[test]
    fn what_is_wanted_now_is_made_now_unless_it_is_on_its_way() {
        let start = whole_seconds();
        let kept = TlsBundle::new(&subjects(), Vec::new(), start, LIFETIMES).expect("a CA");
        let renewed = |kept: &TlsBundle, what: Renewal| {
            kept.renewed(what, &subjects(), start, LIFETIMES).expect("keys that sign")
        };
        let certificate = renewed(&kept, Renewal::Certificate).expect("a certificate");
        assert!(certificate.bundle == kept.bundle && certificate.certificate != kept.certificate);
        let authority = renewed(&kept, Renewal::Authority).expect("a CA");
        assert!(authority.bundle.len() == 2 && authority.certificate == kept.certificate);
        assert_eq!(
            renewed(&authority, Renewal::Certificate),
            None,
            "the new CA is not trusted yet"
        );
    }

    #[test]
    fn a_chain_is_trusted_by_the_ca_that_it_leads_to() {
        let start = whole_seconds();
        let (one, other) = [(); 2]
            .map(|()| TlsBundle::new(&subjects(), Vec::new(), start, LIFETIMES).expect("a CA"))
            .into();
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, "root");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).expect("a root").pem();
        let issuer = rcgen::Issuer::new(params.clone(), key);
        params.distinguished_name.push(rcgen::DnType::CommonName, "between");
        let between_key = rcgen::KeyPair::generate().expect("a key");
        let between = params.signed_by(&between_key, &issuer).expect("a CA").pem();
        let leaf_key = rcgen::KeyPair::generate().expect("a key");
        let mut leaf = rcgen::CertificateParams::new(["s".to_owned()]).expect("a name");
        leaf.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        let leaf = leaf
            .signed_by(&leaf_key, &rcgen::Issuer::new(params, between_key))
            .expect("a certificate")
            .pem();
        assert!(is_trusted(&format!("{leaf}{between}"), &root, start));
        assert!(is_trusted(&leaf, &between, start));
        assert!(!is_trusted(&leaf, &root, start), "who shows it leaves out what is between");
        assert!(is_trusted(
            &one.certificate,
            &format!("{}{}", other.bundle(), one.bundle()),
            start
        ));
        assert!(!is_trusted(&one.certificate, &other.bundle(), start));
        assert!(!is_trusted("", &root, start) && !is_trusted(&leaf, "", start));
    }

    #[test]
    fn no_certificate_outlives_its_ca() {
        let start = whole_seconds();
        let long = Lifetimes { certificate: LIFETIMES.authority * 2, ..LIFETIMES };
        let kept = TlsBundle::new(&subjects(), Vec::new(), start, LIFETIMES).expect("a CA");
        let (_, ca_until) = validity(&kept.bundle[0]).expect("a CA");
        let later = next_check(&kept, start, Some(start));
        let Ok(Due::Renew(renewed, Renewal::Certificate)) =
            kept.due(&subjects(), later, Some(start), long)
        else {
            panic!("due")
        };
        assert!(validity(&renewed.certificate).expect("a certificate").1 <= ca_until);
    }

    #[test]
    fn when_all_has_expired_all_is_made_anew() {
        let start = whole_seconds();
        let kept = TlsBundle::new(&subjects(), Vec::new(), start, LIFETIMES).expect("a CA");
        let late = start + LIFETIMES.authority * 2;
        let (anew, change) = changed(&kept, late, Some(start));
        assert_eq!((change, anew.bundle.len()), (Renewal::Certificate, 1));
        assert!(anew.bundle != kept.bundle && is_trusted(&anew.certificate, &anew.bundle(), late));
        next_check(&anew, late, None);
    }

    #[test]
    fn a_secret_says_what_was_kept_or_what_is_wrong_with_it() {
        let kept =
            TlsBundle::new(&subjects(), Vec::new(), whole_seconds(), LIFETIMES).expect("a CA");
        let secret = kept.secret("s", "n", BTreeMap::new());
        assert_eq!(TlsBundle::from_secret(&secret), Ok(kept));
        for name in [CERTIFICATE, KEY, BUNDLE, AUTHORITY_KEY] {
            let mut lacking = secret.clone();
            lacking.data.as_mut().map(|data| data.remove(name));
            assert_eq!(TlsBundle::from_secret(&lacking), Err(Unusable::Missing(name)));
            let mut broken = secret.clone();
            broken
                .data
                .as_mut()
                .map(|data| data.insert(name.to_owned(), ByteString(b"broken".to_vec())));
            assert!(
                matches!(TlsBundle::from_secret(&broken), Err(Unusable::Unreadable(found, _))
                    if found == name),
                "{name}"
            );
        }
        assert_eq!(
            format!("{:?}", TlsBundle::from_secret(&secret)),
            "Ok(TlsBundle { .. })",
            "keys are not shown"
        );
    }
}
