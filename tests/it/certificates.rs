//! `certs/make-certificates` makes what a server takes and a client accepts.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;

use crate::support::server::{Server, post, trusting};
use crate::support::trial;

pub(crate) fn trials() -> Vec<Trial> {
    let has_openssl = Command::new("openssl").arg("version").output().is_ok();
    // Under CI nothing is skipped: there the case fails and says what is missing.
    let ignored = !has_openssl && std::env::var_os("CI").is_none();
    vec![
        trial("certificates::the_script_makes_a_pair_that_is_accepted", accepted)
            .with_ignored_flag(ignored),
        trial("certificates::the_script_overwrites_nothing", kept).with_ignored_flag(ignored),
    ]
}

async fn accepted() {
    let folder = tempfile::tempdir().unwrap();
    let made = make(folder.path());
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let server = Server::start(&["--tls-cert", &file("tls.crt"), "--tls-key", &file("tls.key")]);
    let host = "guard.guards.svc";
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, server.address.port()));
    let ca = std::fs::read_to_string(file("ca.crt")).unwrap();
    let client = trusting(&ca).resolve(host, address).build().unwrap();
    let (status, _) =
        post(&client, &format!("https://{host}:{}/validate", address.port()), "{}").await;
    assert_eq!(status, 400);
}

async fn kept() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tls.key"), "mine").unwrap();
    let made = make(folder.path());
    assert_eq!(made.status.code(), Some(2));
    let expected = format!(
        "error: {}/tls.key exists; choose another folder with --out\n",
        folder.path().display()
    );
    assert_eq!(String::from_utf8(made.stderr).unwrap(), expected);
    assert_eq!(std::fs::read_to_string(folder.path().join("tls.key")).unwrap(), "mine");
}

fn make(folder: &Path) -> std::process::Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs/make-certificates");
    Command::new(script)
        .args(["--service", "guard", "--namespace", "guards", "--out"])
        .arg(folder)
        .output()
        .unwrap()
}
