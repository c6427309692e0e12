//! What is answered to what, row by row, over the socket; and content that is hard to judge.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::support::server::{Announced, FREE_PORTS, Server, fieldward, post, trusting};
use crate::support::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("replies::every_row_of_the_table", table),
        trial("replies::content_that_is_hard_to_judge", hard_content),
        trial("replies::a_rule_that_only_warns_or_audits_lets_the_unjudgeable_pass", lenient_rules),
        trial("replies::metrics_count_them_without_their_names", metrics),
        trial("replies::a_log_that_nobody_reads_stops_nothing", unread_log),
    ]
}

/// A review of a Volcano job that changes its queue.
fn review() -> Value {
    let job = |queue: &str| {
        json!({"apiVersion": "batch.volcano.sh/v1alpha1", "kind": "Job",
        "metadata": {"name": "demo"}, "spec": {"queue": queue}})
    };
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u-1", "operation": "UPDATE", "name": "demo", "namespace": "default",
        "userInfo": {"username": "someone"},
        "kind": {"group": "batch.volcano.sh", "version": "v1alpha1", "kind": "Job"},
        "resource": {"group": "batch.volcano.sh", "version": "v1alpha1", "resource": "jobs"},
        "oldObject": job("default"), "object": job("gold")}})
}

/// The review with one part of its request replaced; `null` takes it away.
fn with(part: &str, value: Value) -> String {
    let mut review = review();
    match value {
        Value::Null => drop(review["request"].as_object_mut().unwrap().remove(part)),
        value => review["request"][part] = value,
    }
    review.to_string()
}

/// The verdict of a reply: allowed, the code of the refusal, its message. The uid must be the
/// review's.
fn verdict(body: &str) -> (bool, Option<i64>, String) {
    let reply: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
    assert_eq!(reply["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(reply["kind"], "AdmissionReview");
    assert_eq!(reply["response"]["uid"], "u-1", "{body}");
    let status = &reply["response"]["status"];
    (
        reply["response"]["allowed"].as_bool().unwrap(),
        status["code"].as_i64(),
        status["message"].as_str().unwrap_or_default().to_owned(),
    )
}

async fn table() {
    let server = Server::start(&[]);
    let client = server.client();
    let judged = [
        (review().to_string(), false, Some(403)),
        (with("object", review()["request"]["oldObject"].clone()), true, None),
        (with("operation", json!("CREATE")), true, None),
        (with("operation", json!("DELETE")), true, None),
        (with("operation", json!("CONNECT")), true, None),
        (with("operation", json!("PATCH")), false, Some(400)),
        (with("operation", json!(null)), false, Some(400)),
        (with("object", json!(null)), false, Some(400)),
        (with("oldObject", json!(null)), false, Some(400)),
        (with("object", json!([1])), false, Some(400)),
        (with("oldObject", json!("text")), false, Some(400)),
        (with("resource", json!(null)), false, Some(400)),
        (with("dryRun", json!(true)), false, Some(403)),
        (
            with("requestKind", json!({"group": "other", "version": "v9", "kind": "Other"})),
            false,
            Some(403),
        ),
    ];
    for (body, allowed, code) in judged {
        for path in ["/validate", "/validate/volcano-job"] {
            let (status, reply) = post(&client, &server.url(path), body.clone()).await;
            assert_eq!(status, 200, "{body}");
            let (is_allowed, is_code, message) = verdict(&reply);
            assert_eq!((is_allowed, is_code), (allowed, code), "{body}: {message}");
            assert_eq!(message.is_empty(), allowed, "{body}");
        }
    }
    let beta = {
        let mut review = review();
        review["apiVersion"] = json!("admission.k8s.io/v1beta1");
        review.to_string()
    };
    let other_kind = json!({"group": "batch.volcano.sh", "version": "v1alpha1", "kind": "Other"});
    let sentences = [
        (
            "/validate",
            with("subResource", json!("status")),
            404,
            "no rule covers jobs/status.v1alpha1.batch.volcano.sh (Job), so the \
             failurePolicy of the registration decides\n",
        ),
        (
            "/validate",
            with("kind", other_kind),
            404,
            "no rule covers jobs.v1alpha1.batch.volcano.sh (Other), so the \
             failurePolicy of the registration decides\n",
        ),
        (
            "/validate/mxjob",
            review().to_string(),
            404,
            "no rule covers jobs.v1alpha1.batch.volcano.sh (Job), so the \
             failurePolicy of the registration decides\n",
        ),
        (
            "/validate/none",
            review().to_string(),
            404,
            "there is no rule of that name; those in force are mxjob, volcano-job\n",
        ),
        (
            "/validate",
            String::new(),
            400,
            "expected an AdmissionReview as JSON, found something else: EOF while parsing a value \
             at line 1 column 0\n",
        ),
        ("/validate", review().to_string() + "x", 400, ""),
        ("/validate", "[]".to_owned(), 400, ""),
        (
            "/validate",
            beta,
            400,
            "expected apiVersion `admission.k8s.io/v1`, found `admission.k8s.io/v1beta1`\n",
        ),
        (
            "/validate",
            r#"{"apiVersion":"admission.k8s.io/v1"}"#.to_owned(),
            400,
            "expected an AdmissionReview with a `request`, found none\n",
        ),
        (
            "/validate",
            with("uid", json!(null)),
            400,
            "expected an AdmissionReview with a `request.uid`, found none\n",
        ),
        (
            "/validate",
            with("uid", json!("")),
            400,
            "expected an AdmissionReview with a `request.uid`, found none\n",
        ),
        (
            "/validate",
            r#"{"apiVersion":"admission.k8s.io/v1","kind":"Pod","request":{"uid":"u-1"}}"#
                .to_owned(),
            400,
            "expected kind `AdmissionReview`, found `Pod`\n",
        ),
    ];
    for (path, body, code, sentence) in sentences {
        let (status, reply) = post(&client, &server.url(path), body.clone()).await;
        assert_eq!(status, code, "{body}");
        assert!(
            reply.lines().count() == 1 && (sentence.is_empty() || reply == sentence),
            "{reply}"
        );
    }
    let padded = |review: &str| format!("{}{}", review, " ".repeat(8 << 20));
    let (status, reply) =
        post(&client, &server.url("/validate"), padded(&review().to_string())).await;
    assert_eq!((status, verdict(&reply).1), (200, Some(413)));
    let (status, reply) = post(&client, &server.url("/validate"), padded("")).await;
    assert_eq!((status, reply.lines().count()), (413, 1));
}

/// Objects as text, since not all of this is what a JSON library would write.
fn raw(old: &str, new: &str) -> String {
    let head = with("object", json!(null));
    let head = head.trim_end_matches("}}");
    format!(r#"{head},"oldObject":{old},"object":{new}}}}}"#)
}

async fn hard_content() {
    let server = Server::start(&[]);
    let client = server.client();
    let nested = |levels: usize, leaf: &str| {
        format!(r#"{{"spec":{}{leaf}{}}}"#, r#"{"a":"#.repeat(levels - 1), "}".repeat(levels - 1))
    };
    let text = |length: usize, end: &str| format!(r#"{{"spec":"{}{end}"}}"#, "x".repeat(length));
    let spec = |value: &str| format!(r#"{{"spec":{value}}}"#);
    let many = |count: usize, last: &str| spec(&format!("[{}{last}]", "0,".repeat(count)));
    let cases = [
        ("9,000 levels", raw(&nested(9_000, "1"), &nested(9_000, "2")), Some(403)),
        ("10,000 levels", raw(&nested(10_000, "1"), &nested(10_000, "1")), None),
        ("20,000 levels", raw(&nested(20_000, "1"), &nested(20_000, "1")), Some(400)),
        ("half a million brackets", raw(&spec(&"[".repeat(500_000)), "{}"), None),
        ("6 MB of one string", raw(&text(3_000_000, "a"), &text(3_000_000, "b")), Some(403)),
        ("1.2 MB of digits", raw(&many(300_000, "1"), &many(300_000, "2")), Some(403)),
        // The estimate exceeds the default of --judging-memory.
        ("6 MB of digits", raw(&many(1_400_000, "1"), &many(1_400_000, "2")), Some(413)),
        (
            "integers of 64 bits",
            raw(&spec("18446744073709551614"), &spec("18446744073709551615")),
            Some(403),
        ),
        (
            "integers beyond",
            raw(&spec("1e300"), &spec("123456789012345678901234567890")),
            Some(403),
        ),
        ("a number beyond all", raw(&spec("1"), &spec("1e999")), Some(400)),
        ("a lone surrogate", raw(&spec("1"), &spec(r#""\ud800""#)), Some(400)),
        ("a surrogate pair", raw(&spec(r#""\ud83d\ude00""#), &spec("\"\u{1f600}\"")), None),
        ("an escaped key", raw(r#"{"\u0073pec":1}"#, &spec("1")), None),
        ("a repeated key", raw(r#"{"spec":1,"spec":2}"#, &spec("2")), None),
        ("a repeated key that differs", raw(r#"{"spec":2,"spec":1}"#, &spec("2")), Some(403)),
    ];
    for (name, body, code) in cases {
        // An unoptimised build on a busy machine needs longer than the default of 10 s.
        let (status, reply) = post(&client, &server.url("/validate?timeout=30s"), body).await;
        if name == "half a million brackets" {
            assert_eq!(status, 400, "{name}: {reply}");
            continue;
        }
        assert_eq!(status, 200, "{name}: {reply}");
        let (allowed, is_code, message) = verdict(&reply);
        assert_eq!((allowed, is_code), (code.is_none(), code), "{name}: {message}");
        assert!(message.len() <= 4096, "{name}");
    }
    // The memory for bodies and for judging, and 32 MiB for the rest.
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let peak: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    assert!(peak < 256 * 1024, "{peak} KiB");
}

async fn lenient_rules() {
    let folder = tempfile::tempdir().unwrap();
    let rule = |name: &str, actions: &str, kind: &str| {
        format!(
            "apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata: {{name: \
             {name}}}\nspec:\n  matchConstraints: {{resourceRules: [{{apiGroups: \
             [batch.volcano.sh], apiVersions: [v1alpha1], resources: [jobs], kinds: \
             [{kind}]}}]}}\n  validationActions: {actions}\n  mutable: [metadata.labels]\n"
        )
    };
    let file = folder.path().join("rules.yaml");
    std::fs::write(
        &file,
        rule("warns", "[Warn, Audit]", "Warned") + "---\n" + &rule("audits", "[Audit]", "Audited"),
    )
    .unwrap();
    let server = Server::start(&["--no-builtin-rules", "--rules", file.to_str().unwrap()]);
    let client = server.client();
    for (rule, kind, warnings) in [("warns", "Warned", 1), ("audits", "Audited", 0)] {
        let mut review: Value = serde_json::from_str(&with("object", json!(null))).unwrap();
        review["request"]["kind"]["kind"] = json!(kind);
        let (status, reply) =
            post(&client, &server.url(&format!("/validate/{rule}")), review.to_string()).await;
        assert_eq!((status, verdict(&reply).0), (200, true), "{reply}");
        let reply: Value = serde_json::from_str(&reply).unwrap();
        assert_eq!(
            reply["response"]["warnings"].as_array().map_or(0, Vec::len),
            warnings,
            "{reply}"
        );
        assert_eq!(reply["response"]["auditAnnotations"]["rule"], rule);
    }
}

async fn metrics() {
    let server = Server::start(&[]);
    let client = server.client();
    for body in [
        review().to_string(),
        with("operation", json!("a-made-up-operation")),
        "{".to_owned(),
        with("subResource", json!("a-made-up-subresource")),
    ] {
        post(&client, &server.url("/validate"), body).await;
    }
    let (_, text) = server.ops("/metrics").await.unwrap();
    for line in [
        r#"fieldward_reviews_total{decision="deny",rule="volcano-job"} 2"#,
        r#"fieldward_violations_total{rule="volcano-job"} 1"#,
        r#"fieldward_review_errors_total{code="400"} 2"#,
        r#"fieldward_review_errors_total{code="404"} 1"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(
        !text.contains("made-up") && !text.contains("demo") && !text.contains("someone"),
        "{text}"
    );
}

/// Denials write far more than a pipe holds.
async fn unread_log() {
    let mut server =
        fieldward().args(FREE_PORTS).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(server.stderr.as_mut().unwrap());
    let mut log = String::new();
    let announced = Announced::read(&mut || {
        stderr.read_line(&mut log).unwrap();
        log.clone()
    });
    let ca = std::fs::read_to_string(announced.ca.unwrap()).unwrap();
    let client = trusting(&ca).build().unwrap();
    let url = format!("https://{}/validate", announced.address);
    let review = with("name", json!("n".repeat(400)));
    for _ in 0..400 {
        let (status, reply) = post(&client, &url, review.clone()).await;
        assert_eq!((status, verdict(&reply).1), (200, Some(403)));
    }
    // Its stderr has been open and unread all the time.
    assert!(server.stderr.is_some());
    server.kill().unwrap();
    server.wait().unwrap();
}
