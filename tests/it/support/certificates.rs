//! Certificates and keys, good and bad.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PKCS_RSA_SHA256, SigningKey,
};
use x509_parser::der_parser::parse_der;

/// A CA that issues what a case asks for.
pub(crate) struct Authority {
    params: CertificateParams,
    key: KeyPair,
    pub(crate) pem: String,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "a test's CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = ecdsa();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { params, key, pem }
    }

    /// A certificate for a server at 127.0.0.1, valid now.
    pub(crate) fn server(&self, key: &KeyPair) -> String {
        self.server_valid(key, SystemTime::now() - DAY, SystemTime::now() + DAY)
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
        let key = ecdsa();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "apiserver");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
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
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut base64 = String::new();
    for (index, chunk) in der.chunks(3).enumerate() {
        if index > 0 && index % 16 == 0 {
            base64.push('\n');
        }
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = (bits >> (18 - 6 * place)) & 63;
            base64.push(if place > chunk.len() { '=' } else { ALPHABET[digit as usize].into() });
        }
    }
    format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
}
