//! What is no regular file in place of rules and certificates: at the start and while serving.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;

use crate::support::certificates::{Authority, ecdsa, write};
use crate::support::raw::Raw;
use crate::support::server::{Server, refused};
use crate::support::{trial, until};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("serving::only_regular_files_are_read_at_the_start", at_the_start),
        trial("serving::rules_are_reloaded_after_what_is_no_regular_file", rules),
        trial("serving::certificates_are_reloaded_after_what_is_no_regular_file", certificates),
    ]
}

/// What else than a file may stand at a path, and what an error calls it.
const TYPES: [&str; 4] = ["a FIFO", "a device", "a socket", "a folder"];

/// Puts something else than a file at a path.
fn put(found: &str, path: &Path) {
    match found {
        "a FIFO" => assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
        "a device" => symlink("/dev/zero", path).unwrap(),
        "a socket" => drop(UnixListener::bind(path).unwrap()),
        _ => fs::create_dir(path).unwrap(),
    }
}

fn remove(path: &Path) {
    if path.is_dir() { fs::remove_dir(path).unwrap() } else { fs::remove_file(path).unwrap() }
}

async fn at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, key) = (Authority::new(), ecdsa());
    let good = write(folder.path(), "tls.crt", &authority.server(&key));
    let good_key = write(folder.path(), "tls.key", &key.serialize_pem());
    for found in TYPES {
        let path = folder.path().join("rule.yaml");
        put(found, &path);
        let file = path.to_str().unwrap();
        let wrong = |args: &[&str], end: &str| {
            let (code, line) = refused(args);
            let expected = format!("`{file}`: expected a regular file, found {found}{end}");
            assert!(code == 2 && line.ends_with(&expected), "{line}\n{expected}");
        };
        let end = "; name a PEM file that this process may read";
        wrong(&["--tls-cert", file, "--tls-key", &good_key], end);
        wrong(&["--tls-cert", &good, "--tls-key", file], end);
        wrong(&["--tls-client-ca", file], end);
        let given = ["--tls-cert", &good, "--tls-key", &good_key, "--ca-bundle", &good];
        wrong(&[&["--cluster", "--kubeconfig", file][..], &given].concat(), "");
        for named in ["certificate-authority", "client-certificate", "client-key", "tokenFile"] {
            let is_of_cluster = named == "certificate-authority";
            let member = |is_there: bool| {
                if is_there { format!(", {named}: {file}") } else { String::new() }
            };
            let text = format!(
                "current-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
                 clusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:1'{}}}}}]\nusers: \
                 [{{name: u, user: {{username: x{}}}}}]\n",
                member(is_of_cluster),
                member(!is_of_cluster)
            );
            let kubeconfig = write(folder.path(), "kubeconfig", &text);
            wrong(&[&["--cluster", "--kubeconfig", &kubeconfig][..], &given].concat(), "");
        }
        wrong(&["--rules", folder.path().to_str().unwrap()], "");
        if found != "a folder" {
            wrong(&["--rules", file], "");
        }
        remove(&path);
    }
    let large = folder.path().join("large.yaml");
    fs::File::create(&large).unwrap().set_len(4 * 1024 * 1024 + 1).unwrap();
    let large = large.to_str().unwrap();
    let kubeconfig =
        ["--cluster", "--kubeconfig", large, "--tls-cert", &good, "--tls-key", &good_key];
    for args in [&["--rules", large][..], &["--tls-client-ca", large], &kubeconfig] {
        let (code, line) = refused(args);
        let expected = format!("`{large}`: expected at most 4 MiB, found more");
        assert!(code == 2 && line.contains(&expected), "{line}");
    }
    let (code, line) = refused(&["--rules", "-"]);
    assert!(code == 2 && line.ends_with("expected a regular file, found standard input"), "{line}");
}

fn rule(mutable: &str) -> String {
    format!(
        "apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata: {{name: \
         widget}}\nspec:\n  matchConstraints:\n    resourceRules: [{{apiGroups: [example.com], \
         apiVersions: [v1], resources: [widgets]}}]\n  mutable: [{mutable}]\n"
    )
}

async fn rules() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rule.yaml");
    fs::write(&path, rule("spec.a")).unwrap();
    let server = Server::start(&[
        "--no-builtin-rules",
        "--rules",
        folder.path().to_str().unwrap(),
        "--rules-reload-interval",
        "20ms",
    ]);
    let state = async || server.ops("/readyz?verbose").await.unwrap().1;
    for (round, found) in TYPES.into_iter().enumerate() {
        let digest = |text: &str| text.split("digest ").nth(1).unwrap()[..12].to_owned();
        let before = digest(&state().await);
        fs::remove_file(&path).unwrap();
        put(found, &path);
        let expected = format!("rule.yaml`: expected a regular file, found {found}");
        until(found, async || state().await.contains(&expected)).await;
        until("the log", async || server.log().contains(&expected)).await;
        let metrics = server.ops("/metrics").await.unwrap().1;
        assert!(metrics.contains("fieldward_rules_last_reload_successful 0"), "{metrics}");
        assert_eq!(digest(&state().await), before, "the last good rules stay");
        remove(&path);
        fs::write(&path, rule(&format!("spec.b{round}"))).unwrap();
        until("the rules after it", async || {
            let now = state().await;
            digest(&now) != before && !now.contains("refused")
        })
        .await;
    }
}

/// The certificate, its key and the CA of clients, each replaced by something else than a file and
/// then by a new file.
async fn certificates() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, key) = (Authority::new(), ecdsa());
    let certificate = write(folder.path(), "tls.crt", &authority.server(&key));
    let key_file = write(folder.path(), "tls.key", &key.serialize_pem());
    let ca_file = write(folder.path(), "ca.crt", &authority.pem);
    let server = Server::start(&[
        "--tls-cert",
        &certificate,
        "--tls-key",
        &key_file,
        "--tls-client-ca",
        &ca_file,
        "--tls-reload-interval",
        "20ms",
    ]);
    let shown = async || Raw::connect(server.address, &authority.pem).await.shown();
    for found in TYPES {
        for file in [&certificate, &key_file, &ca_file] {
            let (before, path) = (shown().await, Path::new(file));
            fs::remove_file(path).unwrap();
            put(found, path);
            let expected = format!("cannot read `{file}`: expected a regular file, found {found}");
            until(found, async || server.log().contains(&expected)).await;
            assert_eq!(shown().await, before);
            remove(path);
            // A new certificate shows that all files are read again.
            let key = ecdsa();
            fs::write(&ca_file, &Authority::new().pem).unwrap();
            fs::write(&key_file, key.serialize_pem()).unwrap();
            fs::write(&certificate, authority.server(&key)).unwrap();
            until("the certificate after it", async || shown().await != before).await;
        }
    }
}
