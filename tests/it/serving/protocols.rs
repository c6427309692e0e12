//! HTTP/1.1 and HTTP/2 over TLS 1.2 and 1.3, keys of all kinds, client certificates, a certificate
//! that changes.

use libtest_mimic::Trial;
use reqwest::{Identity, Version};
use rustls::NamedGroup;
use rustls::version::{TLS12, TLS13};

use crate::support::certificates::{Authority, ecdsa, rsa, traditional_pem, write};
use crate::support::mount::Mount;
use crate::support::raw::Raw;
use crate::support::server::{Server, post, trusting};
use crate::support::{trial, until};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("serving::http1_and_http2", http_versions),
        trial("serving::tls_1_2_and_1_3_and_post_quantum", tls_versions),
        trial("serving::plain_http_gets_no_answer", plain_http),
        trial("serving::keys_pkcs8_pkcs1_sec1", key_formats),
        trial("serving::client_certificate_is_demanded", client_certificate),
        trial("serving::certificate_changes_by_symlink", certificate_changes),
    ]
}

async fn http_versions() {
    let server = Server::start(&[]);
    for (builder, expected) in [
        (server.client_builder(), Version::HTTP_2),
        (server.client_builder().http1_only(), Version::HTTP_11),
    ] {
        let request = builder
            .build()
            .unwrap()
            .post(server.url("/validate"))
            .header("content-type", "application/json");
        let response = request.body("{}").send().await.unwrap();
        assert_eq!((response.version(), response.status().as_u16()), (expected, 400));
    }
}

async fn tls_versions() {
    let server = Server::start(&[]);
    let ca = std::fs::read_to_string(server.ca.as_ref().unwrap()).unwrap();
    for version in [&TLS12, &TLS13] {
        let mut raw = Raw::try_connect(server.address, &ca, &[version]).await.unwrap();
        assert_eq!(raw.tls().protocol_version(), Some(version.version));
        assert!(raw.exchange().await.starts_with("HTTP/1.1 400 "));
    }
    let raw = Raw::connect(server.address, &ca).await;
    let group = raw.tls().negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, NamedGroup::X25519MLKEM768);
}

async fn plain_http() {
    let server = Server::start(&[]);
    let url = server.url("/validate").replace("https", "http");
    assert!(reqwest::Client::builder().no_proxy().build().unwrap().post(url).send().await.is_err());
    server.assert_serving().await;
}

async fn key_formats() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let (ec, rsa) = (ecdsa(), rsa());
    for (key, text) in [
        (&ec, ec.serialize_pem()),
        (&ec, traditional_pem("EC PRIVATE KEY", &ec)),
        (&rsa, rsa.serialize_pem()),
        (&rsa, traditional_pem("RSA PRIVATE KEY", &rsa)),
    ] {
        let certificate = write(folder.path(), "tls.crt", &authority.server(key));
        let key = write(folder.path(), "tls.key", &text);
        let server = Server::start(&["--tls-cert", &certificate, "--tls-key", &key]);
        assert_eq!(server.ca, None);
        let client = trusting(&authority.pem).build().unwrap();
        assert_eq!(post(&client, &server.url("/validate"), "{}").await.0, 400, "{text}");
    }
}

async fn client_certificate() {
    let (authority, stranger, folder) =
        (Authority::new(), Authority::new(), tempfile::tempdir().unwrap());
    let ca = write(folder.path(), "client-ca.pem", &authority.pem);
    let server = Server::start(&["--tls-client-ca", &ca, "--tls-reload-interval", "20ms"]);
    let with = |pem: String| {
        server
            .client_builder()
            .identity(Identity::from_pem(pem.as_bytes()).unwrap())
            .build()
            .unwrap()
    };
    assert_eq!(post(&with(authority.client()), &server.url("/validate"), "{}").await.0, 400);
    for refused in [server.client(), with(stranger.client())] {
        let answer = refused.post(server.url("/validate")).body("{}").send().await;
        assert!(answer.is_err(), "{answer:?}");
    }
    // The CA changes: the stranger is let in, and who was known is not.
    write(folder.path(), "client-ca.pem", &stranger.pem);
    until("the other CA", async || {
        with(stranger.client()).post(server.url("/validate")).body("{}").send().await.is_ok()
    })
    .await;
    assert!(
        with(authority.client()).post(server.url("/validate")).body("{}").send().await.is_err()
    );
}

async fn certificate_changes() {
    let authority = Authority::new();
    let (first, second, third) = (ecdsa(), ecdsa(), ecdsa());
    let mount = Mount::of_certificate(&authority.server(&first), &first.serialize_pem());
    let (certificate, key) = (mount.path("tls.crt"), mount.path("tls.key"));
    let server = Server::start(&[
        "--tls-cert",
        &certificate,
        "--tls-key",
        &key,
        "--tls-reload-interval",
        "20ms",
    ]);
    let shown = async || Raw::connect(server.address, &authority.pem).await.shown();
    let mut kept = Raw::connect(server.address, &authority.pem).await;
    let before = kept.shown();

    mount.publish_certificate(&authority.server(&second), &second.serialize_pem());
    until("the second certificate", async || shown().await != before).await;
    assert!(kept.exchange().await.starts_with("HTTP/1.1 400 "), "connections live on");

    let good = shown().await;
    mount.publish_certificate(&authority.server(&third), &first.serialize_pem());
    until("the complaint", async || server.log().contains("does not fit the certificate")).await;
    assert_eq!(shown().await, good, "the last good pair stays");
    assert_eq!(server.log().matches("does not fit the certificate").count(), 1, "said once");

    mount.publish_certificate(&authority.server(&third), &third.serialize_pem());
    until("the third certificate", async || shown().await != good).await;
}
