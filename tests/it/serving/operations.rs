//! Probes and metrics.

use libtest_mimic::Trial;

use crate::support::certificates::{Authority, ecdsa, write};
use crate::support::server::{Server, post};
use crate::support::{trial, until};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("serving::probes", probes),
        trial("serving::an_expired_certificate_is_not_ready", expired),
        trial("serving::metrics", metrics),
        trial("serving::conditions_that_cannot_be_decided_are_counted", condition_errors),
    ]
}

async fn probes() {
    let server = Server::start(&[]);
    for (path, status, text) in [
        ("/livez", 200, "ok"),
        ("/livez?verbose", 200, "[+]ping ok\nlivez check passed\n"),
        ("/readyz", 200, "ok"),
        (
            "/validate",
            404,
            "nothing is served at this path; there are /livez, /readyz and /metrics\n",
        ),
    ] {
        assert_eq!(server.ops(path).await, Some((status, text.to_owned())), "{path}");
    }
    let (status, text) = server.ops("/readyz?verbose").await.unwrap();
    let digest = text.strip_prefix("[+]rules ok: 2 in force, digest ").unwrap().get(..64).unwrap();
    assert!(digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{digest}");
    assert_eq!(
        (status, text.lines().skip(1).collect::<Vec<_>>().join("|").as_str()),
        (200, "[+]certificate ok|[+]shutdown ok|readyz check passed")
    );
}

async fn expired() {
    let (authority, folder, key) = (Authority::new(), tempfile::tempdir().unwrap(), ecdsa());
    let now = std::time::SystemTime::now();
    let soon = now + std::time::Duration::from_secs(3);
    let certificate = write(
        folder.path(),
        "tls.crt",
        &authority.server_valid(&key, now - std::time::Duration::from_secs(60), soon),
    );
    let key = write(folder.path(), "tls.key", &key.serialize_pem());
    let server = Server::start(&["--tls-cert", &certificate, "--tls-key", &key]);
    assert_eq!(server.ops("/livez").await.unwrap().0, 200);
    until("not ready", async || server.ops("/readyz").await.unwrap().0 == 503).await;
    let text = server.ops("/readyz").await.unwrap().1;
    assert!(
        text.ends_with(
            "\n[-]certificate failed: the certificate has expired\n[+]shutdown \
                            ok\nreadyz check failed\n"
        ),
        "{text}"
    );
    assert_eq!(server.ops("/livez").await.unwrap().0, 200, "a restart would not help");
}

async fn metrics() {
    let server = Server::start(&[]);
    let client = server.client();
    for path in ["/validate", "/validate", "/none", "/validate/a-name-of-the-clients"] {
        post(&client, &server.url(path), "{}").await;
    }
    let text = server.ops("/metrics").await.unwrap().1;
    for line in [
        "fieldward_review_errors_total{code=\"400\"} 2\n",
        "fieldward_review_errors_total{code=\"404\"} 2\n",
        "fieldward_review_duration_seconds_bucket{le=\"0.000025\"} ",
        "fieldward_review_duration_seconds_count 2\n",
        concat!("fieldward_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1\n"),
        "fieldward_rules ",
        "fieldward_rules_digest ",
        // No review has been judged, and its first error is to be seen as an increase.
        "fieldward_condition_errors_total{rule=\"volcano-job\"} 0\n",
        "fieldward_rules_last_reload_success_timestamp_seconds ",
        "fieldward_tls_certificate_expiry_timestamp_seconds ",
        "process_resident_memory_bytes ",
        "process_open_fds ",
    ] {
        assert!(text.contains(&format!("\n{line}")), "{line}\n{text}");
    }
    assert!(!text.contains("a-name-of-the-clients"), "{text}");
    until("processor time has fractions", async || {
        let text = server.ops("/metrics").await.unwrap().1;
        let line =
            text.lines().find(|line| line.starts_with("process_cpu_seconds_total ")).unwrap();
        line.split(' ').nth(1).unwrap().parse::<f64>().unwrap().fract() > 0.0
    })
    .await;
    let known = [
        "fieldward_reviews_total",
        "fieldward_review_duration_seconds",
        "fieldward_violations_total",
        "fieldward_review_errors_total",
        "fieldward_condition_errors_total",
        "fieldward_recordings_total",
        "fieldward_rules",
        "fieldward_rules_digest",
        "fieldward_rules_last_reload_success_timestamp_seconds",
        "fieldward_rules_last_reload_successful",
        "fieldward_tls_certificate_expiry_timestamp_seconds",
        "fieldward_build_info",
    ];
    for name in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()) {
        assert!(known.contains(&name) || name.starts_with("process_"), "{name}");
    }
}

async fn condition_errors() {
    let server = Server::start(&["--rules", "tests/cases/conditions/rules.yaml"]);
    let client = server.client();
    for (name, count) in [
        ("state-holds", 0),
        ("error-grants-nothing", 1),
        ("no-bool-grants-nothing", 2),
        ("value-shrinks", 2),
    ] {
        let case = crate::corpus::cases()
            .into_iter()
            .find(|case| case.name == format!("conditions/{name}"))
            .unwrap();
        post(&client, &server.url("/validate"), case.review.to_string()).await;
        let text = server.ops("/metrics").await.unwrap().1;
        assert!(
            text.contains(&format!(
                "\nfieldward_condition_errors_total{{rule=\"widget\"}} {count}\n"
            )),
            "{name}\n{text}"
        );
    }
    until("the line", async || {
        server.log().matches("a condition could not be decided").count() == 2
    })
    .await;
    let log = server.log();
    let line = log.lines().find(|line| line.contains("a condition could not be decided")).unwrap();
    assert!(line.contains("no such key") && line.contains("spec.mode"), "{line}");
}
