//! Certificates and keys, good and bad.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SigningKey,
};
use x509_parser::der_parser::parse_der;

use super::base64;

/// A CA that issues what a case asks for.
pub(crate) struct Authority {
    params: CertificateParams,
    key: KeyPair,
    pub(crate) pem: String,
}

pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

impl Authority {
    pub(crate) fn new() -> Self {
        Self::until(SystemTime::now() + DAY)
    }

    /// A CA that is valid until then.
    pub(crate) fn until(end: SystemTime) -> Self {
        let (params, key) = (Self::params("a test's CA", end), ecdsa());
        let pem = params.self_signed(&key).unwrap().pem();
        Self { params, key, pem }
    }

    /// A CA that this one certifies.
    pub(crate) fn intermediate(&self, end: SystemTime) -> Self {
        let (params, key) = (Self::params("a test's intermediate CA", end), ecdsa());
        let pem = self.issue(&params, &key);
        Self { params, key, pem }
    }

    fn params(name: &str, end: SystemTime) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.not_before = (end - 2 * DAY).into();
        params.not_after = end.into();
        params
    }

    /// A certificate for a server at 127.0.0.1, valid now.
    pub(crate) fn server(&self, key: &KeyPair) -> String {
        self.server_valid(key, SystemTime::now() - DAY, SystemTime::now() + DAY)
    }

    /// A certificate for a server at these names or addresses, valid now.
    pub(crate) fn server_at(&self, names: &[&str], key: &KeyPair) -> String {
        let mut params =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
                .unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(&params, key)
    }

    /// A certificate for a server at 127.0.0.1.
    pub(crate) fn server_valid(&self, key: &KeyPair, from: SystemTime, to: SystemTime) -> String {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.not_before = from.into();
        params.not_after = to.into();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(&params, key)
    }

    /// A certificate for a client, with its key.
    pub(crate) fn client(&self) -> String {
        self.client_with(|_| {})
    }

    /// A certificate for a client, with its key, in which something is different.
    pub(crate) fn client_with(&self, change: impl FnOnce(&mut CertificateParams)) -> String {
        let key = ecdsa();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "apiserver");
        params.not_before = (SystemTime::now() - DAY).into();
        params.not_after = (SystemTime::now() + DAY).into();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        self.issue(&params, &key) + &key.serialize_pem()
    }

    pub(crate) fn issue(&self, params: &CertificateParams, key: &impl SigningKey) -> String {
        params.signed_by(key, &Issuer::from_params(&self.params, &self.key)).unwrap().pem()
    }
}

pub(crate) fn ecdsa() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

pub(crate) fn rsa() -> KeyPair {
    KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap()
}

/// As `openssl rsa -traditional` and `openssl ec` write it: what PKCS#8 wraps (RFC 5208 section 5).
pub(crate) fn traditional_pem(label: &str, key: &KeyPair) -> String {
    let pkcs8 = key.serialize_der();
    let (_, info) = parse_der(&pkcs8).unwrap();
    pem(label, info.as_sequence().unwrap()[2].as_slice().unwrap())
}

pub(crate) fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn pem(label: &str, der: &[u8]) -> String {
    let lines: Vec<String> = der.chunks(48).map(base64::encode).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
