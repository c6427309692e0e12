//! A TLS connection on which a case says what it likes, when it likes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, IpAddr, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::PATIENCE;

/// A connection after its handshake.
pub(crate) struct Raw(TlsStream<TcpStream>);

impl Raw {
    /// Connects and trusts only this CA. Fails as the handshake does.
    pub(crate) async fn try_connect(
        address: SocketAddr,
        ca: &str,
        versions: &[&'static SupportedProtocolVersion],
    ) -> std::io::Result<Self> {
        Self::try_with(address, &Arc::new(config(ca, versions, &[]))).await
    }

    async fn try_with(address: SocketAddr, config: &Arc<ClientConfig>) -> std::io::Result<Self> {
        tls(address, config).await.map(Self)
    }

    /// Connects with a configuration, whose sessions may be resumed.
    pub(crate) async fn with(address: SocketAddr, config: &Arc<ClientConfig>) -> Self {
        Self::try_with(address, config).await.unwrap()
    }

    /// Connects and speaks HTTP/2.
    pub(crate) async fn connect_http2(address: SocketAddr, ca: &str) -> TlsStream<TcpStream> {
        let config = config(ca, rustls::DEFAULT_VERSIONS, &[b"h2"]);
        tls(address, &Arc::new(config)).await.unwrap()
    }

    /// Connects, and begins the handshake after a pause.
    pub(crate) async fn connect_slowly(address: SocketAddr, ca: &str, pause: Duration) -> Self {
        let config = config(ca, rustls::DEFAULT_VERSIONS, &[]);
        let stream = TcpStream::connect(address).await.unwrap();
        tokio::time::sleep(pause).await;
        Self(handshake(stream, address, &Arc::new(config)).await.unwrap())
    }

    /// Connects with the default versions.
    pub(crate) async fn connect(address: SocketAddr, ca: &str) -> Self {
        Self::try_connect(address, ca, rustls::DEFAULT_VERSIONS).await.unwrap()
    }

    /// What was negotiated.
    pub(crate) fn tls(&self) -> &ClientConnection {
        self.0.get_ref().1
    }

    /// The certificate that the server showed.
    pub(crate) fn shown(&self) -> Vec<u8> {
        self.tls().peer_certificates().unwrap()[0].to_vec()
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.try_send(text).await.unwrap();
    }

    pub(crate) async fn try_send(&mut self, text: &str) -> std::io::Result<()> {
        self.0.write_all(text.as_bytes()).await?;
        self.0.flush().await
    }

    /// A whole request with a body that is no review, and the response to it.
    pub(crate) async fn exchange(&mut self) -> String {
        self.send(&(head(2) + "{}")).await;
        self.response().await
    }

    /// One response whose length is declared.
    pub(crate) async fn response(&mut self) -> String {
        tokio::time::timeout(PATIENCE, read_response(&mut self.0)).await.expect("no response came")
    }

    /// The response that comes while this text is sent again and again with a pause in between, and
    /// how often it was.
    pub(crate) async fn response_while_sending(
        &mut self,
        text: &str,
        pause: Duration,
    ) -> (String, usize) {
        let (mut reader, mut writer) = tokio::io::split(&mut self.0);
        let mut times = 0;
        let sending = async {
            while writer.write_all(text.as_bytes()).await.is_ok() && writer.flush().await.is_ok() {
                times += 1;
                tokio::time::sleep(pause).await;
            }
            std::future::pending::<()>().await;
        };
        let response = tokio::select! {
            response = tokio::time::timeout(PATIENCE, read_response(&mut reader)) => response,
            () = sending => return (String::new(), 0),
        };
        (response.expect("no response came"), times)
    }

    /// Begins a request whose body is `{}`, of which one byte is missing, and returns when the
    /// server waits for that.
    pub(crate) async fn begin(&mut self) {
        self.send(&head(2).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n")).await;
        let mut interim = [0; 25];
        let read = tokio::time::timeout(PATIENCE, self.0.read_exact(&mut interim)).await;
        read.expect("nobody waits for the body").unwrap();
        assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
        self.send("{").await;
    }

    /// Whatever comes until the server closes the connection.
    pub(crate) async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        // However it ends: a reset is an end too.
        let _ = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut rest))
            .await
            .expect("it was not closed");
        String::from_utf8(rest).unwrap()
    }
}

async fn read_response(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = String::new();
    loop {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).await.unwrap(), 1, "closed after {text:?}");
        text.push(byte[0].into());
        if let Some(head) = text.strip_suffix("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()
            });
            let mut body = vec![0; length.unwrap()];
            stream.read_exact(&mut body).await.unwrap();
            return text + &String::from_utf8(body).unwrap();
        }
    }
}

fn config(
    ca: &str,
    versions: &[&'static SupportedProtocolVersion],
    protocols: &[&[u8]],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    config
}

async fn tls(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    handshake(TcpStream::connect(address).await?, address, config).await
}

async fn handshake(
    stream: TcpStream,
    address: SocketAddr,
    config: &Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::IpAddress(IpAddr::from(address.ip()));
    TlsConnector::from(Arc::clone(config)).connect(name, stream).await
}

/// The head of a review of that many bytes.
pub(crate) fn head(length: usize) -> String {
    format!(
        "POST /validate HTTP/1.1\r\nHost: webhook\r\nContent-Type: \
         application/json\r\nContent-Length: {length}\r\n\r\n"
    )
}
