//! Configurations that cannot be used: one line that says what and where, exit code 2.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use libtest_mimic::Trial;

use crate::corpus::root;
use crate::support::certificates::{Authority, ecdsa, write};
use crate::support::server::{FREE_PORTS, Server, fieldward, refused};
use crate::support::trial;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("serving::without_options_all_is_made", all_is_made),
        trial("serving::on_a_terminal_it_prints_what_to_try", on_a_terminal),
        trial("serving::the_log_says_where_it_serves", start_is_logged),
        trial("serving::the_ca_goes_where_it_is_sent", ca_out),
        trial("serving::a_taken_port_is_refused", taken),
        trial("serving::unusable_certificates_are_refused", certificates),
        trial("serving::unreadable_rules_are_refused", unreadable_rules),
        trial("serving::a_rule_with_a_typo_is_refused", typo),
        trial("serving::unusable_options_are_refused", options),
        trial("serving::options_come_from_the_environment", environment),
    ]
}

async fn all_is_made() {
    let server = Server::start(&[]);
    let ca = server.ca.as_ref().unwrap();
    assert_eq!(std::fs::metadata(ca).unwrap().permissions().mode() & 0o777, 0o644);
    assert!(!std::fs::read_to_string(ca).unwrap().contains("PRIVATE"));
    assert!(server.to_try.as_ref().unwrap().contains(&server.url("/validate")));
    // An example that no rule covers would be answered with 404.
    let other = Server::start(&[
        "--no-builtin-rules",
        "--rules",
        root().join("deploy/rules/cci/configmap.yaml").to_str().unwrap(),
    ]);
    assert!(other.to_try.as_ref().unwrap().contains("-d @review.json "), "{:?}", other.to_try);
    assert_ne!(server.address.port(), 0);
    server.assert_serving().await;
}

/// util-linux's `script` gives a program a terminal.
async fn on_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem").display().to_string();
    let command = format!(
        "{} {} --ca-out {ca} 2>/dev/null",
        env!("CARGO_BIN_EXE_fieldward"),
        FREE_PORTS.join(" ")
    );
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &format!("exec {command}"), "/dev/null"]);
    let mut script = script.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(script.stdout.take().unwrap())
        .lines()
        .map(|line| line.unwrap().trim_end().to_owned());
    let mut printed = Vec::new();
    for line in lines.by_ref() {
        let is_last = line.starts_with("  curl ");
        printed.push(line);
        if is_last {
            break;
        }
    }
    // A hangup would not end the server where SIGHUP is ignored. An interrupt skips the delay.
    let children = format!("/proc/{0}/task/{0}/children", script.id());
    let server = std::fs::read_to_string(children).unwrap();
    assert!(Command::new("kill").args(["-INT", server.trim()]).status().unwrap().success());
    script.wait().unwrap();
    let [first, reviews, operations, ca_line, empty, what, command] = printed.as_slice() else {
        panic!("{printed:?}")
    };
    assert_eq!(
        first,
        concat!("fieldward ", env!("CARGO_PKG_VERSION"), " serves 2 rules: mxjob, volcano-job")
    );
    assert!(
        reviews.starts_with("reviews:    https://127.0.0.1:") && reviews.ends_with("/validate"),
        "{reviews}"
    );
    assert!(
        operations.starts_with("operations: http://127.0.0.1:")
            && operations.ends_with("/readyz, /livez, /metrics"),
        "{operations}"
    );
    assert_eq!(
        (ca_line, empty.as_str(), what.as_str()),
        (&format!("CA:         {ca}"), "", "try it:")
    );
    assert!(
        command.starts_with(&format!(
            "  curl --cacert {ca} -H 'Content-Type: application/json' -d '{{"
        )),
        "{command}"
    );
}

/// Without a terminal nothing is printed, and the log says the same in its format.
async fn start_is_logged() {
    for format in ["text", "json"] {
        let mut command = fieldward();
        command
            .args(FREE_PORTS)
            .args(["--log-format", format])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut server = command.spawn().unwrap();
        let mut log = BufReader::new(server.stderr.take().unwrap());
        let mut text = String::new();
        while !text.contains("try it: curl ") {
            assert_ne!(log.read_line(&mut text).unwrap(), 0, "{text}");
        }
        server.kill().unwrap();
        server.wait().unwrap();
        let mut printed = String::new();
        server.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        assert_eq!(printed, "", "{format}");
        let serving = text.lines().find(|line| line.contains("serving")).unwrap();
        for part in [
            env!("CARGO_PKG_VERSION"),
            "mxjob,volcano-job",
            "https://127.0.0.1:",
            "http://127.0.0.1:",
            "/ca.pem",
        ] {
            assert!(serving.contains(part), "{part}: {serving}");
        }
        if format == "json" {
            assert!(
                text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()),
                "{text}"
            );
        }
    }
}

async fn ca_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my ca.pem");
    let server = Server::start(&["--ca-out", path.to_str().unwrap()]);
    assert_eq!(server.ca.as_ref(), Some(&path));
    server.assert_serving().await;
    drop(server);
    let missing = folder.path().join("none/ca.pem");
    let missing = missing.to_str().unwrap();
    let expected = format!(
        "error: cannot write the CA to `{missing}`; name a file that can be written with --ca-out \
         FILE: No such file or directory (os error 2)"
    );
    assert_eq!(refused(&["--ca-out", missing]), (2, expected));
}

async fn taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for option in ["--listen", "--ops-listen"] {
        let other = if option == "--listen" { "--ops-listen" } else { "--listen" };
        let output =
            fieldward().args(["serve", option, &address, other, "127.0.0.1:0"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(
            String::from_utf8(output.stderr).unwrap(),
            format!(
                "error: cannot listen on {address}: Address already in use (os error 98); choose \
                 another address with {option}\n"
            )
        );
    }
}

async fn certificates() {
    let (authority, folder, key, other) =
        (Authority::new(), tempfile::tempdir().unwrap(), ecdsa(), ecdsa());
    let folder = folder.path();
    let year = Duration::from_secs(365 * 24 * 3600);
    let good = write(folder, "good.crt", &authority.server(&key));
    let past = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let old = write(folder, "old.crt", &authority.server_valid(&key, past - year, past));
    let future = SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
    let early = write(folder, "early.crt", &authority.server_valid(&key, future, future + year));
    let broken = write(
        folder,
        "broken.crt",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let empty = write(folder, "empty.pem", "");
    let fits = write(folder, "good.key", &key.serialize_pem());
    let foreign = write(folder, "other.key", &other.serialize_pem());
    let locked = write(
        folder,
        "locked.key",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let none = folder.join("none.pem").display().to_string();
    for (certificate, key, expected) in [
        (
            &none,
            &fits,
            format!(
                "cannot read `{none}`: No such file or directory (os error 2); name a PEM file \
                 that this process may read"
            ),
        ),
        (
            &good,
            &none,
            format!(
                "cannot read `{none}`: No such file or directory (os error 2); name a PEM file \
                 that this process may read"
            ),
        ),
        (
            &empty,
            &fits,
            format!(
                "no certificate in `{empty}`; expected PEM, `-----BEGIN CERTIFICATE-----`, the \
                 server's own certificate first"
            ),
        ),
        (
            &good,
            &empty,
            format!("no private key in `{empty}`; expected PEM with a PKCS#8, PKCS#1 or SEC1 key"),
        ),
        (
            &good,
            &locked,
            format!(
                "the private key in `{locked}` is encrypted; decrypt it first, as with `openssl \
                 pkey`"
            ),
        ),
        (
            &good,
            &foreign,
            format!(
                "the private key in `{foreign}` does not fit the certificate in `{good}`; name the \
                 key that the certificate was issued for"
            ),
        ),
        (
            &old,
            &fits,
            format!("the certificate in `{old}` expired at 2023-11-14T22:13:20Z; renew it"),
        ),
        (
            &early,
            &fits,
            format!(
                "the certificate in `{early}` is not valid before 2096-10-02T07:06:40Z; check this \
                 machine's clock or wait"
            ),
        ),
    ] {
        assert_eq!(
            refused(&["--tls-cert", certificate, "--tls-key", key]),
            (2, format!("error: {expected}"))
        );
    }
    let (code, line) = refused(&["--tls-cert", &broken, "--tls-key", &fits]);
    assert!(
        code == 2 && line.starts_with(&format!("error: broken certificate in `{broken}`: ")),
        "{line}"
    );
    let (code, line) = refused(&["--tls-client-ca", &empty]);
    assert!(
        code == 2 && line.starts_with(&format!("error: no certificate in `{empty}`")),
        "{line}"
    );
}

async fn unreadable_rules() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().to_str().unwrap();
    let expected =
        format!("error: no rule in the folder `{empty}`; expected *.yaml or *.yml files");
    assert_eq!(refused(&["--rules", empty]), (2, expected));
    let none = folder.path().join("none.yaml").display().to_string();
    let expected = format!(
        "error: cannot read the rule file `{none}`: No such file or directory (os error 2)"
    );
    assert_eq!(refused(&["--rules", &none]), (2, expected));
    let expected =
        "error: there is no rule to serve; add some with --rules PATH or drop --no-builtin-rules";
    assert_eq!(refused(&["--no-builtin-rules"]), (2, expected.to_owned()));
}

async fn typo() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(
        folder.path(),
        "rule.yaml",
        "apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata: {name: \
         x}\nspec:\n  mutabel: []\n",
    );
    let (code, line) = refused(&["--rules", &file]);
    assert!(
        code == 2 && line.starts_with(&format!("error: {file}:")) && line.contains("mutabel"),
        "{line}"
    );
}

async fn options() {
    for (args, expected) in [
        (["--listen", "8443"], "expected ADDRESS:PORT as in `127.0.0.1:8443`, found `8443`"),
        (["--idle-timeout", "10"], "expected a time as in `10s`, `500ms` or `5m`, found `10`"),
        (["--max-body", "7MB"], "expected a size as in `7MiB`, found `7MB`"),
        (["--tls-cert", "x"], "--tls-key <FILE>"),
        (["--log-level", "fieldward=loud"], "`fieldward=loud` is no log level"),
    ] {
        let output = fieldward().arg("serve").args(args).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && stderr.contains(expected), "{stderr}");
    }
}

async fn environment() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = fieldward();
    command.arg("serve").env("FIELDWARD_LISTEN", &address).env("FIELDWARD_NO_BUILTIN_RULES", "0");
    let output = command.output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains(&address));
    // Every option of every command has its variable, and none is one that a Service puts into a
    // pod.
    let mut command = <fieldward::cli::Cli as clap::CommandFactory>::command();
    command.build();
    let serve = command.find_subcommand("serve").unwrap();
    for option in serve
        .get_arguments()
        .filter(|option| !["help", "version"].contains(&option.get_id().as_str()))
    {
        let variable = option.get_env().unwrap_or_default().to_str().unwrap();
        let long = option.get_long().unwrap();
        if long.starts_with("service-") {
            assert_eq!(
                variable, "",
                "a Service named fieldward gives such a name to what is something else"
            );
            continue;
        }
        assert_eq!(variable, format!("FIELDWARD_{}", long.to_uppercase().replace('-', "_")));
        assert!(
            !variable.starts_with("FIELDWARD_PORT") && !variable.starts_with("FIELDWARD_SERVICE")
        );
    }
}
