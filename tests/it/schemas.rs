//! The rules of the packs against the schemas of their kinds: what lint finds is listed here with its reason, or is not there.
//!
//! The CRDs are those that the projects publish in their Go modules, pinned in tests/schemas. Without Go these trials are ignored with the
//! reason, and fail under `CI=true`. The kinds of Kubernetes itself are in `cluster::lint`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Completion, Trial};
use serde_json::Value;

use crate::corpus::root;
use crate::support::server::fieldward;

/// Where a module keeps its CRDs, and the rules of whose kinds they are.
struct Published {
    module: &'static str,
    crds: &'static str,
    rules: &'static [&'static str],
}

const PUBLISHED: [Published; 4] = [
    Published {
        module: "github.com/kubeflow/training-operator",
        crds: "manifests/base/crds",
        rules: &["mxjob", "kubeflow/mxjob", "kubeflow/pytorchjob", "kubeflow/tfjob", "cci/pytorchjob", "cci/tfjob"],
    },
    Published { module: "github.com/kubeflow/trainer/v2", crds: "manifests/base/crds", rules: &["kubeflow/trainjob"] },
    Published { module: "github.com/ray-project/kuberay/ray-operator", crds: "config/crd/bases", rules: &["ray/rayjob"] },
    Published { module: "sigs.k8s.io/jobset", crds: "config/components/crd/bases", rules: &["jobset/jobset"] },
];

/// What lint finds and is right about: of which rule, how the finding begins, and why the rule is as it is.
const EXPECTED: &[(&str, &str, &str)] = &[];

pub(crate) fn trials() -> Vec<Trial> {
    let published = PUBLISHED.iter().map(|published| {
        let name = published.module.rsplit('/').find(|part| !part.starts_with('v')).unwrap();
        Trial::ignorable_test(format!("schemas::{name}"), || match folder_of(published.module) {
            Some(folder) => {
                for rule in published.rules {
                    fits(rule, &folder.join(published.crds));
                }
                Ok(Completion::Completed)
            }
            None if std::env::var("CI").is_ok_and(|ci| ci == "true") => Err(LACKING.into()),
            None => Ok(Completion::ignored_with(LACKING)),
        })
    });
    let volcano = Trial::test("schemas::volcano", || {
        // Volcano publishes no module that holds its CRDs; this one is a part of them.
        for rule in ["volcano-job", "volcano/job-elastic"] {
            fits(rule, &root().join("tests/control-plane/crds/volcano-job.yaml"));
        }
        Ok(())
    });
    published.chain([volcano]).collect()
}

const LACKING: &str = "no go: install Go (1.21 or newer) to have the tests fetch the CRDs that the rules are held against";

fn fits(rule: &str, crds: &Path) {
    let file = root().join(format!("deploy/rules/{rule}.yaml"));
    expected_and_nothing_else(rule, &contradictions(&file, &["--crd", crds.to_str().unwrap()]));
}

/// The messages of what lint finds with these options and not without them.
pub(crate) fn contradictions(rule: &Path, options: &[&str]) -> BTreeSet<String> {
    let findings = |options: &[&str]| {
        let output = fieldward().args(["rules", "lint", "-o", "json"]).arg(rule).args(options).output().unwrap();
        let report: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        assert_eq!(report["rules"], 1, "{report}");
        let texts =
            |list: &str| report[list].as_array().unwrap().iter().map(|found| found["message"].as_str().unwrap().to_owned()).collect();
        let all: [Vec<String>; 2] = ["errors", "warnings"].map(texts);
        (all.concat().into_iter().collect::<BTreeSet<String>>(), report["schemas"].as_u64())
    };
    let ((found, schemas), (without, _)) = (findings(options), findings(&[]));
    assert_eq!(schemas, Some(1), "{} was not held against a schema: {found:?}", rule.display());
    found.difference(&without).cloned().collect()
}

/// Nothing was found but what is listed, and all of that.
pub(crate) fn expected_and_nothing_else(rule: &str, found: &BTreeSet<String>) {
    let expected: Vec<&str> = EXPECTED.iter().filter(|(name, ..)| *name == rule).map(|(_, start, _)| *start).collect();
    let unexpected: Vec<&String> = found.iter().filter(|message| !expected.iter().any(|start| message.starts_with(start))).collect();
    assert!(unexpected.is_empty(), "{rule}: {unexpected:#?}");
    let gone: Vec<&&str> = expected.iter().filter(|start| !found.iter().any(|message| message.starts_with(**start))).collect();
    assert!(gone.is_empty(), "{rule}: no longer found, so no longer to be listed: {gone:#?}");
}

/// Where Go keeps a module in the version that tests/schemas pins; none without Go.
fn folder_of(module: &str) -> Option<PathBuf> {
    let pins = root().join("tests/schemas");
    let text = std::fs::read_to_string(pins.join("go.mod")).unwrap();
    let version = text.lines().find_map(|line| line.trim().strip_prefix(module)?.strip_prefix(' ')).unwrap();
    let mut go = Command::new("go");
    go.current_dir(&pins).env("GOWORK", "off").stdin(Stdio::null());
    let output = go.args(["mod", "download", "-json", &format!("{module}@{version}")]).output().ok()?;
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{module}@{version}: {}", told["Error"]);
    let pinned = std::fs::read_to_string(pins.join("go.sum")).unwrap();
    assert!(
        pinned.contains(&format!("{module} {version} {}\n", told["Sum"].as_str().unwrap())),
        "{module} {version} is not what was pinned"
    );
    Some(PathBuf::from(told["Dir"].as_str().unwrap()))
}
