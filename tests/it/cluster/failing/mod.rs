//! What goes wrong around an update: a webhook that dies, leaves, changes its certificate, or was
//! not asked for long.

mod idle;
mod killed;
pub(crate) mod restarted;
mod swapped;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use libtest_mimic::Trial;

use super::control_plane::ControlPlane;
use super::objects::volcano_probe;
use super::ward::{VOLCANO_JOB, Ward, rule};
use crate::support::certificates::{Authority, ecdsa, write};
use crate::support::mount::Mount;
use crate::support::server::Server;

pub(crate) fn trials() -> Vec<Trial> {
    [idle::trials(), restarted::trials(), swapped::trials(), killed::trials()]
        .into_iter()
        .flatten()
        .collect()
}

/// Any address of this machine, as the API server would see another machine's: over HTTP/1.1, as it
/// asks every webhook behind a Service. With what it takes for localhost it speaks HTTP/2.
const ELSEWHERE: &str = "0.0.0.0";

/// A ward whose certificate is mounted, at a port that stays its own while it is away.
struct Mounted {
    ward: Ward,
    mount: Mount,
    options: Vec<String>,
}

impl Mounted {
    /// Guards a namespace by the rule for Volcano jobs; the API server trusts these CAs.
    async fn new(
        plane: &Arc<ControlPlane>,
        namespace: &str,
        authority: &Authority,
        trusted: &[&Authority],
    ) -> Self {
        let (certificate, key) = issue(authority);
        let mount = Mount::of_certificate(&certificate, &key);
        let mut options = Vec::new();
        let ward = Ward::unregistered(plane, namespace, &[rule(VOLCANO_JOB)], |rules| {
            let listen = format!("--listen=127.0.0.1:{}", kept_port());
            let files = [
                format!("--tls-cert={}", mount.path("tls.crt")),
                format!("--tls-key={}", mount.path("tls.key")),
            ];
            options.extend(
                ["serve", "--ops-listen=127.0.0.1:0", &listen]
                    .into_iter()
                    .chain(rules.iter().copied())
                    .map(str::to_owned),
            );
            options.extend(files);
            start(&options)
        })
        .await;
        let mounted = Self { ward, mount, options };
        mounted.register(trusted);
        mounted.ward.in_force(&volcano_probe(&mounted.ward)).await;
        mounted
    }

    /// Starts the server again, as it was started.
    fn restart(&mut self) {
        self.ward.server = start(&self.options);
    }

    /// Registers it with these CAs.
    fn register(&self, trusted: &[&Authority]) {
        self.ward.register(&self.url(), &bundle(&self.ward.rules, trusted));
    }

    fn url(&self) -> String {
        format!("https://{ELSEWHERE}:{}", self.ward.server.address.port())
    }
}

fn start(options: &[String]) -> Server {
    Server::start_as(&options.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A certificate for a server that is reached from this machine, and its key.
fn issue(authority: &Authority) -> (String, String) {
    let key = ecdsa();
    (authority.server_at(&["127.0.0.1", ELSEWHERE], &key), key.serialize_pem())
}

/// A file of these CAs, beside the rules.
fn bundle(rules: &Path, trusted: &[&Authority]) -> PathBuf {
    let pem: Vec<&str> = trusted.iter().map(|authority| authority.pem.as_str()).collect();
    write(rules, "ca.pem", &pem.concat()).into()
}

/// A free port below those that the system hands out (32768 and more), so that nobody is given it
/// while its server is away.
fn kept_port() -> u16 {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    let first = 12_000 + u16::try_from(std::process::id() % 16_384).unwrap();
    let mut ports =
        std::iter::repeat_with(|| first + TRIED.fetch_add(1, Ordering::Relaxed)).take(1000);
    ports.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).unwrap()
}

/// The ports from which clients are connected to this address (proc(5), /proc/net/tcp), those
/// included that nobody has accepted yet.
fn clients(address: SocketAddr) -> BTreeSet<u16> {
    const ESTABLISHED: &str = "01";
    let SocketAddr::V4(address) = address else { panic!("{address}") };
    let local = format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row[1] == local && row[3] == ESTABLISHED)
        .map(|row| u16::from_str_radix(row[2].split(':').nth(1).unwrap(), 16).unwrap())
        .collect()
}
