//! Which client certificates are accepted.
//!
//! A certificate must chain to one of the CAs, and every certificate of the chain, the CA's
//! included, must be valid at that time. The client's own must have the extended key usage
//! clientAuth and, if names are listed, one of these names.

use std::ops::RangeInclusive;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::error::TlsError;
use super::pair::Blob;
use crate::engine::escape_control;

/// Accepts client certificates of the given CAs; if names are given, a certificate must have one.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    authorities: Vec<ClientCa>,
    names: Vec<String>,
    provider: Arc<CryptoProvider>,
    /// Accepts the certificates of all the CAs, expired CAs included.
    all: Arc<dyn ClientCertVerifier>,
}

/// A CA that client certificates may come from.
#[derive(Debug)]
struct ClientCa {
    anchor: TrustAnchor<'static>,
    /// In seconds since 1970.
    valid: RangeInclusive<i64>,
}

impl ClientVerifier {
    /// Reads the CAs of a file.
    pub(super) fn new(
        ca: &Blob,
        names: Vec<String>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let authority = |certificate: CertificateDer<'static>| {
            let anchor = webpki::anchor_from_trusted_cert(&certificate)
                .map_err(|error| TlsError::bad_certificate(&ca.name, error))?
                .to_owned();
            let validity = parsed(&certificate)
                .map_err(|error| TlsError::bad_certificate(&ca.name, error))?
                .validity()
                .clone();
            let valid = validity.not_before.timestamp()..=validity.not_after.timestamp();
            Ok(ClientCa { anchor, valid })
        };
        let authorities =
            ca.certificates()?.into_iter().map(authority).collect::<Result<Vec<_>, TlsError>>()?;
        let all = of_authorities(&authorities, &provider)
            .map_err(|error| TlsError::bad_certificate(&ca.name, error))?;
        Ok(Self { authorities, names, provider, all })
    }

    /// The verifier for the CAs that are valid now. [`WebPkiClientVerifier`] does not check the
    /// validity of CAs.
    fn of_valid_authorities(&self, now: UnixTime) -> Result<Arc<dyn ClientCertVerifier>, Error> {
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let is_valid = |authority: &&ClientCa| authority.valid.contains(&now);
        if self.authorities.iter().all(|authority| is_valid(&authority)) {
            return Ok(Arc::clone(&self.all));
        }
        of_authorities(self.authorities.iter().filter(is_valid), &self.provider)
            .map_err(|_| CertificateError::UnknownIssuer.into())
    }
}

fn of_authorities<'a>(
    authorities: impl IntoIterator<Item = &'a ClientCa>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, VerifierBuilderError> {
    let roots = authorities.into_iter().map(|authority| authority.anchor.clone()).collect();
    let roots = Arc::new(RootCertStore { roots });
    WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider)).build()
}

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.all.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified =
            self.of_valid_authorities(now)?.verify_client_cert(end_entity, intermediates, now)?;
        let certificate = parsed(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        // A certificate without the extension passes the verifier: it is for any purpose.
        let usage = certificate.extended_key_usage();
        if !usage.is_ok_and(|usage| usage.is_some_and(|usage| usage.value.client_auth)) {
            return Err(CertificateError::InvalidPurpose.into());
        }
        if self.names.is_empty() {
            return Ok(verified);
        }
        let names = identities(&certificate);
        if names.iter().any(|name| self.names.iter().any(|listed| listed == name)) {
            return Ok(verified);
        }
        let names = escape_control(&names.join(", "));
        tracing::debug!(names, "client certificate has none of the names of --tls-client-name");
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.all.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.all.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.all.supported_verify_schemes()
    }
}

fn parsed<'c>(
    certificate: &'c CertificateDer<'_>,
) -> Result<X509Certificate<'c>, x509_parser::nom::Err<x509_parser::error::X509Error>> {
    X509Certificate::from_der(certificate).map(|(_, certificate)| certificate)
}

/// The common names of the subject, and the DNS names, URIs and e-mail addresses under
/// subjectAltName.
fn identities<'c>(certificate: &'c X509Certificate<'_>) -> Vec<&'c str> {
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let alternative = alternative.into_iter().flat_map(|names| &names.value.general_names);
    let alternative = alternative.filter_map(|name| match name {
        GeneralName::DNSName(name) | GeneralName::URI(name) | GeneralName::RFC822Name(name) => {
            Some(*name)
        }
        _ => None,
    });
    common.chain(alternative).collect()
}
