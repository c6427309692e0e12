//! Any bytes as a request body, under every rule of the repository: there is an answer, it is the
//! same each time and for each spelling of the same JSON, and what is recorded of the review gets
//! it too.

#![no_main]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use fieldward::engine::{Builtin, Reply, RuleFile, RuleSet, admit, record};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

#[path = "../../tests/it/oracle/mod.rs"]
#[expect(dead_code, reason = "a target uses a part of it")]
mod oracle;
#[path = "../../tests/it/properties/mod.rs"]
#[expect(dead_code, reason = "a target uses a part of it")]
mod properties;

static RULES: LazyLock<RuleSet> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for pack in entries(&root.join("deploy/rules")).into_iter().filter(|path| path.is_dir()) {
        files.extend(entries(&pack));
    }
    files.extend(
        entries(&root.join("tests/cases"))
            .into_iter()
            .map(|suite| suite.join("rules.yaml"))
            .filter(|path| path.exists()),
    );
    let read = |(number, path): (usize, &PathBuf)| {
        let text = std::fs::read_to_string(path).expect("a rule file");
        // Each suite of cases has a `widget` of its own.
        RuleFile {
            origin: path.display().to_string(),
            text: text.replace("name: widget", &format!("name: widget-{number}")),
        }
    };
    RuleSet::load(Builtin::Included, &files.iter().enumerate().map(read).collect::<Vec<_>>())
        .expect("rules that load")
});

/// What is in a folder, sorted.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}

fuzz_target!(|data: &[u8]| {
    if let Err(error) = properties::laws::answered(&RULES, data) {
        panic!("{error}");
    }
    let verdict = essence(&admit(&RULES, data));
    assert_eq!(verdict, essence(&admit(&RULES, data)), "asked twice");
    if let Ok(review) = serde_json::from_slice::<Value>(data) {
        assert_eq!(
            verdict,
            essence(&admit(&RULES, review.to_string().as_bytes())),
            "spelled otherwise"
        );
    }
    if let Ok(recording) = record(&RULES, data, 1 << 20) {
        let case: Value = serde_json::from_str(&recording.document).expect("a case is JSON");
        let masked = admit(&RULES, case["review"].to_string().as_bytes());
        assert_eq!(masked.allowed(), verdict.1, "recorded");
        assert_eq!(masked.fields(), verdict.3, "recorded");
    }
});

/// What a reply says, but for values.
fn essence(reply: &Reply) -> (u16, Option<bool>, Option<u16>, Vec<String>) {
    (reply.status(), reply.allowed(), reply.error_code(), reply.fields().to_vec())
}
