//! TLS: which certificate is shown, whose certificates are accepted, and both read again when the
//! files change.
//!
//! TLS 1.2 and 1.3 with aws-lc-rs; the hybrid post-quantum key exchange (X25519MLKEM768) is
//! preferred.

mod client;
mod error;
mod pair;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

pub(crate) use error::TlsError;

use super::files::TimeLimit;
use client::ClientVerifier;
use pair::{Blob, KeyPair};

/// Where the certificate and its key come from.
#[derive(Debug, Clone)]
pub enum CertificateSource {
    /// PEM files, read again and again.
    Files {
        /// The certificate chain, the server's own certificate first.
        chain: PathBuf,
        /// The private key: PKCS#8, PKCS#1 or SEC1.
        key: PathBuf,
    },
    /// PEM texts made by this process.
    Made {
        /// The certificate of the server first.
        chain: String,
        /// PKCS#8.
        key: String,
    },
    /// PEM texts that somebody else keeps, and changes while this process serves: the chain and the
    /// private key.
    Shared(Arc<ArcSwap<(String, String)>>),
}

/// Which clients may ask.
#[derive(Debug, Clone)]
pub struct Clients {
    /// PEM file of the CAs that a client's certificate must come from.
    pub ca: PathBuf,
    /// A certificate must have one of these names. If there are none, every certificate of the
    /// CAs is accepted.
    pub names: Vec<String>,
}

/// The TLS side of a server. What it shows and accepts can change while it serves.
#[derive(Debug)]
pub struct Tls {
    source: CertificateSource,
    clients: Option<Clients>,
    files: TimeLimit,
    resolver: Arc<Resolver>,
    config: ArcSwap<ServerConfig>,
    loaded: Mutex<PairDigest>,
    /// The chain in force, PEM.
    shown: watch::Sender<Vec<u8>>,
}

/// SHA-256 over everything that was read.
type PairDigest = [u8; 32];

impl Tls {
    /// Reads the certificate, its key and the client CA.
    ///
    /// # Errors
    /// A file that cannot be read or used, a key that does not fit, a certificate that is not valid
    /// at `now`.
    pub fn load(
        source: CertificateSource,
        clients: Option<Clients>,
        now: SystemTime,
    ) -> Result<Self, TlsError> {
        let files = TimeLimit::default();
        let material = Material::read(&source, clients.as_ref(), &files)?;
        let resolver = Arc::new(Resolver(ArcSwap::from_pointee(material.pair(now)?)));
        let config = material.config(&resolver)?;
        let loaded = Mutex::new(material.fingerprint());
        let shown = watch::Sender::new(material.chain.bytes);
        Ok(Self {
            source,
            clients,
            files,
            resolver,
            config: ArcSwap::from_pointee(config),
            loaded,
            shown,
        })
    }

    /// The certificate chain that is shown, PEM, from now on.
    pub(crate) fn shown(&self) -> watch::Receiver<Vec<u8>> {
        self.shown.subscribe()
    }

    /// What accepts a connection with what is in force now.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.load_full())
    }

    /// When the certificate in force expires, in seconds since 1970.
    pub(crate) fn expires_at(&self) -> i64 {
        self.resolver.0.load().not_after
    }

    /// Reads everything again, and takes it if it changed and can be used; what was in force stays
    /// otherwise.
    ///
    /// Content is compared, not modification times: a mounted Secret changes by the swap of a
    /// symlink.
    ///
    /// # Errors
    /// As [`Tls::load`].
    pub(crate) fn reload(&self, now: SystemTime) -> Result<Reload, TlsError> {
        let material = Material::read(&self.source, self.clients.as_ref(), &self.files)?;
        let fingerprint = material.fingerprint();
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if *loaded == fingerprint {
            return Ok(Reload::Unchanged);
        }
        let pair = material.pair(now)?;
        let config = material.config(&self.resolver)?;
        self.resolver.0.store(Arc::new(pair));
        self.config.store(Arc::new(config));
        *loaded = fingerprint;
        self.shown.send_replace(material.chain.bytes);
        Ok(Reload::Taken)
    }
}

/// What [`Tls::reload`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reload {
    /// The files hold what was in force.
    Unchanged,
    /// What they hold is in force now.
    Taken,
}

/// Reloads for ever, and says so once for each change and each new failure.
pub(super) async fn watch(tls: Arc<Tls>, every: Duration) {
    if matches!(tls.source, CertificateSource::Made { .. }) && tls.clients.is_none() {
        return;
    }
    let mut complained = None;
    loop {
        tokio::time::sleep(every).await;
        let tls = Arc::clone(&tls);
        // Waits for the thread that reads the files.
        let reloaded = tokio::task::spawn_blocking(move || tls.reload(SystemTime::now())).await;
        match reloaded {
            Ok(Ok(Reload::Unchanged)) => complained = None,
            Ok(Ok(Reload::Taken)) => {
                complained = None;
                tracing::info!("TLS certificate reloaded");
            }
            Ok(Err(error)) => {
                let complaint = error.to_string();
                if complained.as_ref() != Some(&complaint) {
                    tracing::error!(
                        error = complaint,
                        "TLS certificate not reloaded; the last good one stays in force"
                    );
                    complained = Some(complaint);
                }
            }
            Err(error) => {
                tracing::error!(%error, "TLS certificate not reloaded; the last good one stays in \
                                         force");
            }
        }
    }
}

/// Shows the pair in force to every client, whatever name it asks for.
#[derive(Debug)]
struct Resolver(ArcSwap<KeyPair>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.load().certified))
    }
}

/// Everything that was read, before it is understood.
struct Material {
    chain: Blob,
    key: Blob,
    clients: Option<(Blob, Vec<String>)>,
}

impl Material {
    fn read(
        source: &CertificateSource,
        clients: Option<&Clients>,
        files: &TimeLimit,
    ) -> Result<Self, TlsError> {
        let (source, clients) = (source.clone(), clients.cloned());
        files.run(move |reader| {
            let (chain, key) = match &source {
                CertificateSource::Files { chain, key } => {
                    (Blob::read(chain, reader)?, Blob::read(key, reader)?)
                }
                CertificateSource::Shared(pair) => {
                    let pair = pair.load();
                    let certificate = Blob::made("the certificate kept", &pair.0);
                    (certificate, Blob::made("the key kept", &pair.1))
                }
                CertificateSource::Made { chain, key } => {
                    (Blob::made("the certificate made", chain), Blob::made("the key made", key))
                }
            };
            let clients = match clients {
                Some(Clients { ca, names }) => Some((Blob::read(&ca, reader)?, names)),
                None => None,
            };
            Ok(Self { chain, key, clients })
        })?
    }

    fn fingerprint(&self) -> PairDigest {
        let mut hasher = Sha256::new();
        let client_ca = self.clients.as_ref().map(|(ca, _)| ca);
        for blob in [Some(&self.chain), Some(&self.key), client_ca].into_iter().flatten() {
            hasher.update(blob.bytes.len().to_le_bytes());
            hasher.update(&blob.bytes);
        }
        hasher.finalize().into()
    }

    fn pair(&self, now: SystemTime) -> Result<KeyPair, TlsError> {
        KeyPair::parse(&self.chain, &self.key, now, &provider())
    }

    fn config(&self, resolver: &Arc<Resolver>) -> Result<ServerConfig, TlsError> {
        let provider = provider();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|error| TlsError::Unsupported(error.to_string()))?;
        let builder = match &self.clients {
            None => builder.with_no_client_auth(),
            Some((ca, names)) => {
                let verifier = ClientVerifier::new(ca, names.clone(), provider)?;
                builder.with_client_cert_verifier(Arc::new(verifier))
            }
        };
        let mut config =
            builder.with_cert_resolver(Arc::clone(resolver) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        if self.clients.is_some() {
            // The certificate of a resumed session would not be verified again.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(config)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
