//! `--record`: what is served becomes a suite that `fieldward test` passes, and nobody reads in it
//! what they may not.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use fieldward::engine::admit;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::corpus::{Case, cases, files};
use crate::support::server::{Server, fieldward, post, refused};
use crate::support::{trial, until};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("serving::recordings_of_all_cases_pass_as_suites", suites),
        trial("serving::recordings_by_one_rule_hold_under_all", one_rule),
        trial("serving::recordings_hold_no_secret", secrets),
        trial("serving::recordings_are_bounded_in_number", number),
        trial("serving::recordings_are_bounded_in_size", size),
        trial("serving::recordings_are_of_verdicts", verdicts),
        trial("serving::recordings_that_wait_are_written_at_the_end", waiting),
        trial("serving::recordings_have_safe_names", names),
        trial("serving::a_folder_that_cannot_be_recorded_into_is_refused", unwritable),
    ]
}

async fn suites() {
    let mut suites: BTreeMap<Vec<PathBuf>, Vec<Case>> = BTreeMap::new();
    for case in cases() {
        suites.entry(case.rules.clone()).or_default().push(case);
    }
    let mut recorded = 0;
    for suite in suites.into_values() {
        let folder = tempfile::tempdir().unwrap();
        let options = suite[0].options();
        let mut server =
            recording(folder.path(), &options.iter().map(String::as_str).collect::<Vec<_>>());
        let client = server.client();
        let mut expected = BTreeMap::new();
        for (number, mut case) in suite.into_iter().enumerate() {
            if case.review["request"]["uid"].is_string() {
                case.review["request"]["uid"] = format!("uid {number}").into();
            }
            let (_, body) = post(&client, &server.url("/validate"), case.body()).await;
            assert_eq!(
                body.as_bytes(),
                admit(&case.rule_set(), &case.body()).into_body(),
                "{}",
                case.name
            );
            if serde_json::from_str::<Value>(&body).is_ok() {
                expected.insert(case.review["request"]["uid"].as_str().unwrap().to_owned(), case);
            }
        }
        // Nothing is waited for: the end must write what waits.
        server.signal("TERM");
        assert_eq!(server.ended().await.code(), Some(0));
        recorded += expected.len();
        assert_suite_passes(folder.path(), &options, expected.len());
        for document in documents(folder.path()) {
            let case = &expected[document["review"]["request"]["uid"].as_str().unwrap()];
            assert_eq!(document["expect"]["allowed"], case.allowed, "{}", case.name);
            assert_eq!(document["expect"]["fields"], json!(case.fields), "{}", case.name);
            assert_eq!(
                document["expect"].get("code").and_then(Value::as_u64),
                case.code.filter(|code| *code == 400),
                "{}",
                case.name
            );
            if !case.name.starts_with("secrecy/") {
                assert_eq!(document["review"], case.review, "{}", case.name);
            }
        }
    }
    assert!(recorded > 120, "only {recorded} cases were recorded");
}

async fn one_rule() {
    let folder = tempfile::tempdir().unwrap();
    let case =
        cases().into_iter().find(|case| case.name == "actions/two-rules/all-must-allow").unwrap();
    let options = case.options();
    let mut server =
        recording(folder.path(), &options.iter().map(String::as_str).collect::<Vec<_>>());
    let names: Vec<String> = case.rule_set().names().map(str::to_owned).collect();
    let mut verdicts = Vec::new();
    for name in &names {
        let mut review = case.review.clone();
        review["request"]["uid"] = name.as_str().into();
        let (_, body) =
            post(&server.client(), &server.url(&format!("/validate/{name}")), review.to_string())
                .await;
        verdicts.extend(
            serde_json::from_str::<Value>(&body)
                .ok()
                .map(|review| review["response"]["status"]["details"]["causes"].clone()),
        );
    }
    assert!(verdicts.len() == 2 && verdicts[0] != verdicts[1], "{verdicts:?}");
    server.signal("TERM");
    assert_eq!(server.ended().await.code(), Some(0));
    assert_suite_passes(folder.path(), &options, 2);
    for document in documents(folder.path()) {
        assert_eq!(document["expect"]["fields"], json!(case.fields));
    }
}

async fn secrets() {
    let folder = tempfile::tempdir().unwrap();
    let mut posted = 0;
    for suite in ["secrecy/secrets/", "secrecy/sensitive/"] {
        let suite: Vec<Case> =
            cases().into_iter().filter(|case| case.name.starts_with(suite)).collect();
        let options = suite[0].options();
        let mut server =
            recording(folder.path(), &options.iter().map(String::as_str).collect::<Vec<_>>());
        for (case, operation) in
            suite.iter().flat_map(|case| ["UPDATE", "CREATE"].map(|operation| (case, operation)))
        {
            let mut review = case.review.clone();
            posted += 1;
            review["request"]["uid"] = posted.to_string().into();
            review["request"]["operation"] = operation.into();
            review["request"]["userInfo"]["extra"] =
                json!({"authentication.kubernetes.io/credential-id": ["hunter2"]});
            let object = review["request"]["object"].to_string();
            let annotation = json!({"kubectl.kubernetes.io/last-applied-configuration": object});
            for side in ["object", "oldObject"] {
                review["request"][side]["metadata"]["annotations"] = annotation.clone();
                review["request"][side]["metadata"]["managedFields"] =
                    json!([{"fieldsV1": {"f:x": {"v:\"hunter2\"": {}}}}]);
            }
            assert_eq!(
                post(&server.client(), &server.url("/validate"), review.to_string()).await.0,
                200
            );
        }
        server.signal("TERM");
        assert_eq!(server.ended().await.code(), Some(0));
    }
    let documents = documents(folder.path());
    assert!(documents.len() == posted && posted >= 8);
    for document in documents {
        let text = document.to_string();
        assert!(text.contains("masked-1") || text.contains("bWFza2Vk"), "{text}");
        for secret in ["hunter", "aHVudGVy", "cm9vdA", "\"dA==\"", "\"extra\"", "managedFields"] {
            assert!(!text.contains(secret), "{secret} {text}");
        }
    }
}

async fn number() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.yaml"), "").unwrap();
    std::fs::write(folder.path().join("mine.json"), "").unwrap();
    let server = recording(folder.path(), &["--record-max-files", "3"]);
    for uid in 0..10 {
        assert_eq!(
            post(&server.client(), &server.url("/validate"), create(&uid.to_string(), "Job", ""))
                .await
                .0,
            200
        );
    }
    until("the last one", async || recordings(&server, "full").await == 8).await;
    assert_eq!(recordings(&server, "written").await, 2);
    assert_eq!(files(folder.path(), &["json"]).len(), 3);
    let told = server
        .log()
        .matches("no more reviews are recorded: the folder is full (--record-max-files)")
        .count();
    assert_eq!(told, 1, "{}", server.log());
    server.assert_serving().await;
    let again = recording(folder.path(), &["--record-max-files", "3"]);
    post(&again.client(), &again.url("/validate"), create("11", "Job", "")).await;
    until("a full folder", async || recordings(&again, "full").await == 1).await;
    assert_eq!(files(folder.path(), &["json"]).len(), 3);
}

async fn size() {
    let folder = tempfile::tempdir().unwrap();
    let server = recording(folder.path(), &["--record-max-size", "4KiB"]);
    for (uid, length) in [("a", 5000), ("b", 1000)] {
        assert_eq!(
            post(
                &server.client(),
                &server.url("/validate"),
                create(uid, "Job", &"x".repeat(length))
            )
            .await
            .0,
            200
        );
    }
    until("both", async || {
        recordings(&server, "too_large").await == 1 && recordings(&server, "written").await == 1
    })
    .await;
    let files = files(folder.path(), &["json"]);
    assert!(files.len() == 1 && std::fs::metadata(&files[0]).unwrap().len() <= 4096);
}

async fn verdicts() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = recording(folder.path(), &["--max-body", "4KiB"]);
    let no_rule =
        create("a", "Job", "").replace("CREATE", "UPDATE").replace("\"jobs\"", "\"tasks\"");
    for (body, status) in
        [("{}".to_owned(), 400), (no_rule, 404), (create("b", "Job", &"x".repeat(5000)), 200)]
    {
        assert_eq!(post(&server.client(), &server.url("/validate"), body).await.0, status);
    }
    // The same review twice is one case.
    for _ in 0..2 {
        post(&server.client(), &server.url("/validate"), create("c", "Job", "")).await;
    }
    until("the repetition", async || recordings(&server, "repeated").await == 1).await;
    let (_, metrics) = server.ops("/metrics").await.unwrap();
    let counted: u64 = metrics
        .lines()
        .filter_map(|line| {
            line.strip_prefix("fieldward_recordings_total{")?
                .rsplit(' ')
                .next()?
                .parse::<u64>()
                .ok()
        })
        .sum();
    assert_eq!(counted, 2, "{metrics}");
    server.signal("TERM");
    assert_eq!(server.ended().await.code(), Some(0));
    assert_suite_passes(folder.path(), &[], 1);
    // The bounds mean nothing without a folder, and stop nobody.
    Server::start(&["--record-max-files", "5", "--record-max-size", "1KiB"]).assert_serving().await;
}

/// Recording a review takes longer than allowing it, so some wait when the last is answered.
async fn waiting() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = recording(folder.path(), &[]);
    let client = server.client();
    for uid in 0..4 {
        let body = create(&uid.to_string(), "Job", "")
            .replace("\"text\"", &format!("\"list\":[{}1],\"text\"", "1,".repeat(25_000)));
        assert_eq!(post(&client, &server.url("/validate"), body).await.0, 200);
    }
    drop(client);
    server.signal("TERM");
    assert_eq!(server.ended().await.code(), Some(0));
    assert_suite_passes(folder.path(), &[], 4);
}

async fn names() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("new/recordings");
    let server = recording(&folder, &[]);
    let uids = ["../../etc/x", "/etc/x", "..", "a\u{0}b", "日本", &"u".repeat(10_000)];
    for (uid, kind) in uids.iter().zip(["../../x", "Job", "/", "", "日本", &"K".repeat(10_000)]) {
        assert_eq!(
            post(&server.client(), &server.url("/validate"), create(uid, kind, "")).await.0,
            200
        );
    }
    let (status, _) = post(&server.client(), &server.url("/validate"), create("", "Job", "")).await;
    assert_eq!(status, 400, "an empty uid is none");
    until("all", async || recordings(&server, "written").await == uids.len() as u64).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let all: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!((all.len(), files(parent.path(), &["json", "new"]).len()), (uids.len(), uids.len()));
    for path in all {
        let name = path.file_name().unwrap().to_str().unwrap();
        let stem = name.strip_suffix(".json").unwrap();
        assert!(
            name.len() < 80
                && stem.chars().all(|letter| matches!(letter, 'a'..='z' | '0'..='9' | '-')),
            "{name}"
        );
        assert_eq!(mode(&path), 0o600, "{name}");
        let document: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(document["metadata"]["name"], stem);
    }
}

async fn unwritable() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    std::fs::write(&file, "").unwrap();
    let below = file.join("recordings");
    for (folder, why) in
        [(&below, "Not a directory (os error 20)"), (&file, "File exists (os error 17)")]
    {
        let folder = folder.to_str().unwrap();
        let expected = format!(
            "error: cannot record into `{folder}`: {why}; name a folder that can be written to \
             with --record DIR"
        );
        assert_eq!(refused(&["--record", folder, "--log-level", "off"]), (2, expected));
    }
    // A folder in which nobody makes files, whoever runs this.
    let (code, line) = refused(&["--record", "/proc", "--log-level", "off"]);
    assert!(code == 2 && line.starts_with("error: cannot record into `/proc`: "), "{line}");
}

fn recording(folder: &Path, args: &[&str]) -> Server {
    let common = ["--shutdown-delay", "0s", "--record", folder.to_str().unwrap()];
    Server::start(&[&common, args].concat())
}

/// A review that is allowed, of a kind that a rule covers.
fn create(uid: &str, kind: &str, text: &str) -> String {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": uid,
        "operation": "CREATE",
        "kind": {"group": "batch.volcano.sh", "version": "v1alpha1", "kind": kind},
        "resource": {"group": "batch.volcano.sh", "version": "v1alpha1", "resource": "jobs"},
        "object": {"metadata": {"annotations": {"text": text}}},
    }})
    .to_string()
}

fn documents(folder: &Path) -> Vec<Value> {
    files(folder, &["json"])
        .iter()
        .map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
        .collect()
}

fn assert_suite_passes(folder: &Path, options: &[String], cases: usize) {
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), cases, "files");
    let output = fieldward().arg("test").arg(folder).args(options).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().last(), Some(format!("{cases} passed, 0 failed").as_str()), "{text}");
    assert!(output.status.success());
}

/// The count of one outcome.
async fn recordings(server: &Server, outcome: &str) -> u64 {
    let (_, text) = server.ops("/metrics").await.unwrap();
    let name = format!("fieldward_recordings_total{{outcome=\"{outcome}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
}
