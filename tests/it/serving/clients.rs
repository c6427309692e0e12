//! Which client certificates are accepted: a table.

use std::time::SystemTime;

use libtest_mimic::Trial;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, SanType};
use reqwest::Identity;

use crate::support::certificates::{Authority, DAY, write};
use crate::support::server::{Server, fieldward};
use crate::support::trial;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("serving::client_certificates_accepted", accepted),
        trial("serving::client_certificates_accepted_by_name", accepted_by_name),
        trial("serving::a_client_name_needs_a_client_ca", name_without_ca),
    ]
}

fn start(ca: &str, names: &[&str]) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let ca = write(folder.path(), "client-ca.pem", ca);
    let mut args = vec!["--tls-client-ca", &ca];
    args.extend(names.iter().flat_map(|name| ["--tls-client-name", name]));
    (Server::start(&args), folder)
}

async fn accepts(server: &Server, pem: &str) -> bool {
    let identity = Identity::from_pem(pem.as_bytes()).unwrap();
    let client = server.client_builder().identity(identity).build().unwrap();
    let answer = client.post(server.url("/validate")).body("{}").send().await;
    if let Ok(answer) = &answer {
        assert_eq!(answer.status().as_u16(), 415);
    }
    answer.is_ok()
}

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
        ("a certificate of the CA", authority.client(), true),
        (
            "an expired certificate",
            authority.client_with(|params| params.not_after = (now - DAY / 2).into()),
            false,
        ),
        (
            "a certificate that is not valid yet",
            authority.client_with(|params| params.not_before = (now + DAY / 2).into()),
            false,
        ),
        ("a certificate of an expired CA", expired.client(), false),
        ("a certificate of a CA that is not valid yet", future.client(), false),
        ("a certificate for servers", authority.client_with(usage(vec![ServerAuth])), false),
        ("a certificate for any purpose", authority.client_with(usage(vec![Any])), false),
        ("a certificate that names no purpose", authority.client_with(usage(vec![])), false),
        (
            "a certificate for servers and clients",
            authority.client_with(usage(vec![ServerAuth, ClientAuth])),
            true,
        ),
        ("a certificate of a foreign CA of the same name", stranger.client(), false),
        ("an intermediate CA that is sent along", intermediate.client() + &intermediate.pem, true),
        ("an intermediate CA that is not sent", intermediate.client(), false),
        (
            "an intermediate CA that has expired",
            expired_intermediate.client() + &expired_intermediate.pem,
            false,
        ),
    ] {
        assert_eq!(accepts(&server, &pem).await, expected, "{what}");
    }
    // A client CA that is itself an intermediate CA is trusted as it is.
    let (server, _folder) = start(&intermediate.pem, &[]);
    assert!(accepts(&server, &intermediate.client()).await);
    assert!(!accepts(&server, &authority.client()).await);
    // Where all have expired, nobody is accepted, and the server runs.
    let (server, _folder) = start(&expired.pem, &[]);
    assert!(!accepts(&server, &expired.client()).await);
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
        ("listed as common name", client("apiserver", &[]), true),
        ("listed as DNS name", client("other", &[dns("x"), dns("api.example.com")]), true),
        ("listed as URI", client("other", &[uri("spiffe://example.com/apiserver")]), true),
        ("listed as e-mail address", client("other", &[mail("api@example.com")]), true),
        ("not listed", client("kubelet", &[dns("kubelet"), uri("spiffe://example.com/x")]), false),
        (
            "longer than what is listed",
            client("apiserver-2", &[dns("api.example.com.evil")]),
            false,
        ),
        ("another case", client("APISERVER", &[]), false),
        ("no name at all", client("", &[]), false),
        (
            "listed, but for servers",
            authority.client_with(usage(vec![ExtendedKeyUsagePurpose::ServerAuth])),
            false,
        ),
        ("listed, but of a foreign CA", Authority::new().client(), false),
    ] {
        assert_eq!(accepts(&server, &pem).await, expected, "{what}");
    }
    let nobody = server.client_builder().build().unwrap();
    assert!(nobody.post(server.url("/validate")).body("{}").send().await.is_err());
}

async fn name_without_ca() {
    for args in [
        &["serve", "--tls-client-name", "apiserver"][..],
        &["serve", "--tls-client-ca", "ca.pem", "--tls-client-name", ""],
    ] {
        let output = fieldward().args(args).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("--tls-client-"), "{stderr}");
    }
}
