//! The server beside which the product is measured: on the same stack, it reads a body and answers
//! with a constant.

use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use fieldward::cluster::certificates::{self, Subject};
use fieldward::server::accept::{self, ConnectionLimits, Transport};
use fieldward::server::shutdown::Phase;
use fieldward::server::tls::{CertificateSource, Tls};
use tokio::net::TcpListener;
use tokio::sync::watch;

const ANSWER: &str = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"u","allowed":true}}"#;

/// Serves until it is killed.
pub(crate) fn serve() -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let issued = certificates::issue(
            &[Subject::Dns("localhost".to_owned())],
            SystemTime::now(),
            Duration::from_secs(86_400),
        )?;
        let source = CertificateSource::Made { chain: issued.certificate, key: issued.key };
        let tls = Tls::load(source, None, SystemTime::now())?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("reviews: https://{}/validate", listener.local_addr()?);
        let answer = async |_: Bytes| ([(CONTENT_TYPE, "application/json")], ANSWER);
        let router =
            Router::new().route("/validate", post(answer)).layer(DefaultBodyLimit::max(7 << 20));
        let seconds = Duration::from_secs;
        let limits = ConnectionLimits {
            handshake: seconds(10),
            head: seconds(10),
            idle: seconds(150),
            connections: 4096,
            handshakes: 1024,
        };
        let (_serving, phase) = watch::channel(Phase::Serving);
        accept::serve(listener, Transport::Tls(tls.into()), limits, router, phase).await;
        Ok(())
    })
}
