//! Which client certificates are accepted: a table.

use std::sync::Arc;
use std::time::SystemTime;

use libtest_mimic::Trial;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, SanType};
use reqwest::Identity;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, HandshakeKind, RootCertStore};

use crate::support::certificates::{Authority, DAY, write};
use crate::support::raw::Raw;
use crate::support::server::{Server, fieldward};
use crate::support::{trial, until};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("serving::client_certificates_accepted", accepted),
        trial("serving::client_certificates_accepted_by_name", accepted_by_name),
        trial("serving::a_session_with_a_client_certificate_is_not_resumed", no_resumption),
        Trial::test("serving::a_client_name_needs_a_client_ca", || {
            name_without_ca();
            Ok(())
        }),
    ]
}

fn start(ca: &str, names: &[&str]) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let ca = write(folder.path(), "client-ca.pem", ca);
    let mut args = vec!["--tls-client-ca", &ca, "--log-level", "debug"];
    args.extend(names.iter().flat_map(|name| ["--tls-client-name", name]));
    (Server::start(&args), folder)
}

/// None if the certificate is accepted, else what the log says of it.
async fn refusal(server: &Server, pem: &str) -> Option<String> {
    let before = server.log().len();
    let said = || server.log().split_off(before);
    let identity = Identity::from_pem(pem.as_bytes()).unwrap();
    let client = server.client_builder().identity(identity).build().unwrap();
    let answer = client.post(server.url("/validate")).body("{}").send().await;
    if let Ok(answer) = &answer {
        assert_eq!(answer.status().as_u16(), 415);
        return None;
    }
    until("the reason", async || said().contains("TLS handshake failed")).await;
    Some(said())
}

/// Asserts that the certificate is accepted, or refused for this reason.
async fn expect(server: &Server, what: &str, pem: &str, reason: Option<&str>) {
    let refusal = refusal(server, pem).await;
    match (&refusal, reason) {
        (None, None) => {}
        (Some(found), Some(reason)) if found.contains(reason) => {}
        _ => panic!("{what}: expected {reason:?}, found {refusal:?}"),
    }
}

/// What the log says of a refused certificate.
const EXPIRED: &str = "certificate expired";
const TOO_EARLY: &str = "certificate not valid yet";
const USAGE: &str = "does not allow extended key usage for client authentication";
const NO_USAGE: &str = "InvalidPurpose";
/// The CAs of these cases have one name, so the key of another one is tried.
const OTHER_KEY: &str = "BadSignature";
const STRANGER: &str = "UnknownIssuer";
const NAME: &str = "client certificate has none of the names of --tls-client-name";

fn usage(usages: Vec<ExtendedKeyUsagePurpose>) -> impl FnOnce(&mut CertificateParams) {
    move |params| params.extended_key_usages = usages
}

async fn accepted() {
    use ExtendedKeyUsagePurpose::{Any, ClientAuth, ServerAuth};

    let now = SystemTime::now();
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (intermediate, expired_intermediate) =
        (authority.intermediate(now + DAY), authority.intermediate(now - DAY));
    let (expired, future) = (Authority::until(now - DAY), Authority::until(now + 3 * DAY));
    let bundle = format!("{}{}{}", authority.pem, expired.pem, future.pem);
    let (server, _folder) = start(&bundle, &[]);
    for (what, pem, expected) in [
        ("a certificate of the CA", authority.client(), None),
        (
            "an expired certificate",
            authority.client_with(|params| params.not_after = (now - DAY / 2).into()),
            Some(EXPIRED),
        ),
        (
            "a certificate that is not valid yet",
            authority.client_with(|params| params.not_before = (now + DAY / 2).into()),
            Some(TOO_EARLY),
        ),
        ("a certificate of an expired CA", expired.client(), Some(OTHER_KEY)),
        ("a certificate of a CA that is not valid yet", future.client(), Some(OTHER_KEY)),
        ("a certificate for servers", authority.client_with(usage(vec![ServerAuth])), Some(USAGE)),
        ("a certificate for any purpose", authority.client_with(usage(vec![Any])), Some(USAGE)),
        (
            "a certificate that names no purpose",
            authority.client_with(usage(vec![])),
            Some(NO_USAGE),
        ),
        (
            "a certificate for servers and clients",
            authority.client_with(usage(vec![ServerAuth, ClientAuth])),
            None,
        ),
        ("a certificate of a foreign CA of the same name", stranger.client(), Some(OTHER_KEY)),
        ("an intermediate CA that is sent along", intermediate.client() + &intermediate.pem, None),
        ("an intermediate CA that is not sent", intermediate.client(), Some(STRANGER)),
        (
            "an intermediate CA that has expired",
            expired_intermediate.client() + &expired_intermediate.pem,
            Some(EXPIRED),
        ),
    ] {
        expect(&server, what, &pem, expected).await;
    }
    // A client CA that is itself an intermediate CA is trusted as it is.
    let (server, _folder) = start(&intermediate.pem, &[]);
    expect(&server, "of the intermediate CA", &intermediate.client(), None).await;
    expect(&server, "of the CA above it", &authority.client(), Some(STRANGER)).await;
    // Where all have expired, nobody is accepted, and the server runs.
    let (server, _folder) = start(&expired.pem, &[]);
    expect(&server, "the only CA has expired", &expired.client(), Some(STRANGER)).await;
}

async fn accepted_by_name() {
    let authority = Authority::new();
    let client = |common: &str, alternative: &[SanType]| {
        authority.client_with(|params| {
            params.distinguished_name.push(DnType::CommonName, common);
            params.subject_alt_names = alternative.to_vec();
        })
    };
    let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
    let uri = |name: &str| SanType::URI(name.try_into().unwrap());
    let mail = |name: &str| SanType::Rfc822Name(name.try_into().unwrap());
    let names = ["apiserver", "api.example.com,spiffe://example.com/apiserver", "api@example.com"];
    let (server, _folder) = start(&authority.pem, &names);
    for (what, pem, expected) in [
        ("listed as common name", client("apiserver", &[]), None),
        ("listed as DNS name", client("other", &[dns("x"), dns("api.example.com")]), None),
        ("listed as URI", client("other", &[uri("spiffe://example.com/apiserver")]), None),
        ("listed as e-mail address", client("other", &[mail("api@example.com")]), None),
        (
            "not listed",
            client("kubelet", &[dns("kubelet"), uri("spiffe://example.com/x")]),
            Some(NAME),
        ),
        (
            "longer than what is listed",
            client("apiserver-2", &[dns("api.example.com.evil")]),
            Some(NAME),
        ),
        ("another case", client("APISERVER", &[]), Some(NAME)),
        ("no name at all", client("", &[]), Some(NAME)),
        (
            "listed, but for servers",
            authority.client_with(usage(vec![ExtendedKeyUsagePurpose::ServerAuth])),
            Some(USAGE),
        ),
        ("listed, but of a foreign CA", Authority::new().client(), Some(OTHER_KEY)),
    ] {
        expect(&server, what, &pem, expected).await;
    }
    let nobody = server.client_builder().build().unwrap();
    assert!(nobody.post(server.url("/validate")).body("{}").send().await.is_err());
}

/// The certificate of a resumed session would not be looked at again.
async fn no_resumption() {
    let authority = Authority::new();
    let (server, _folder) = start(&authority.pem, &[]);
    let pem = authority.client();
    let mut roots = RootCertStore::empty();
    let ca = std::fs::read(server.ca.as_ref().unwrap()).unwrap();
    roots.add(CertificateDer::from_pem_slice(&ca).unwrap()).unwrap();
    let chain =
        CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect::<Vec<_>>();
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    for version in rustls::ALL_VERSIONS {
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_client_auth_cert(Vec::clone(&chain), key.clone_key())
            .unwrap();
        let config = Arc::new(config);
        for _ in 0..2 {
            let mut raw = Raw::with(server.address, &config).await;
            assert!(raw.exchange().await.starts_with("HTTP/1.1 400 "));
            assert_ne!(raw.tls().handshake_kind(), Some(HandshakeKind::Resumed), "{version:?}");
        }
    }
}

fn name_without_ca() {
    let said = |args: &[&str]| {
        let output = fieldward().args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let without = said(&["serve", "--tls-client-name", "apiserver", "--ca-out", "/dev/null/ca"]);
    assert!(without.contains("required") && without.contains("--tls-client-ca"), "{without}");
    let empty = said(&["serve", "--tls-client-ca", "ca.pem", "--tls-client-name", ""]);
    assert!(empty.contains("--tls-client-name") && empty.contains("a value"), "{empty}");
}
