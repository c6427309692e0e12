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
        rules: &[
            "mxjob",
            "kubeflow/mxjob",
            "kubeflow/pytorchjob",
            "kubeflow/pytorchjob-scale",
            "kubeflow/tfjob",
            "cci/pytorchjob",
            "cci/tfjob",
        ],
    },
    Published { module: "github.com/kubeflow/trainer/v2", crds: "manifests/base/crds", rules: &["kubeflow/trainjob"] },
    Published { module: "github.com/ray-project/kuberay/ray-operator", crds: "config/crd/bases", rules: &["ray/rayjob"] },
    Published { module: "sigs.k8s.io/jobset", crds: "config/components/crd/bases", rules: &["jobset/jobset"] },
];

/// What lint finds and is right about: of which rule, how the finding begins, and why the rule is as it is.
const EXPECTED: &[(&str, &str, &str)] = &[
    ("volcano-job", "`spec.template` never permits anything", BOTH_READINGS),
    ("volcano-job", "`spec.replicas` never permits anything", BOTH_READINGS),
    ("volcano/job-elastic", "`spec.template` never permits anything", BOTH_READINGS),
    ("volcano/job-elastic", "`spec.replicas` never permits anything", BOTH_READINGS),
    ("mxjob", "`spec.activeDeadlineSeconds` never permits anything", OLDER_SHAPE),
    ("mxjob", "`spec.ttlSecondsAfterFinished` never permits anything", OLDER_SHAPE),
    ("mxjob", "`spec.cleanPodPolicy` never permits anything", OLDER_SHAPE),
    ("mxjob", "`status` never permits anything", OLDER_SHAPE),
    ("mxjob", "`spec.mxReplicaSpecs.*.template.metadata.creationTimestamp` in `equality` says nothing", OLDER_SHAPE),
    ("mxjob", "quantities at `spec.mxReplicaSpecs.*.template.spec.*[*].env[*].valueFrom", COMMON_ONLY),
    ("mxjob", "quantities at `spec.mxReplicaSpecs.*.template.spec.ephemeralContainers[*].resources", COMMON_ONLY),
    ("mxjob", "quantities at `spec.mxReplicaSpecs.*.template.spec.overhead", COMMON_ONLY),
    ("mxjob", "quantities at `spec.mxReplicaSpecs.*.template.spec.volumes[*].downwardAPI", COMMON_ONLY),
    ("mxjob", "quantities at `spec.mxReplicaSpecs.*.template.spec.volumes[*].ephemeral", COMMON_ONLY),
    ("mxjob", "quantities at `spec.mxReplicaSpecs.*.template.spec.volumes[*].projected", COMMON_ONLY),
    ("mxjob", "quantities at `spec.runPolicy.schedulingPolicy.minResources.*`", OLDER_SHAPE),
    ("cci/pytorchjob", "`spec.activeDeadlineSeconds` never permits anything", OLDER_SHAPE),
    ("cci/pytorchjob", "`spec.ttlSecondsAfterFinished` never permits anything", OLDER_SHAPE),
    ("cci/pytorchjob", "`spec.cleanPodPolicy` never permits anything", OLDER_SHAPE),
    ("cci/pytorchjob", "`status` never permits anything", OLDER_SHAPE),
    ("cci/pytorchjob", "`spec.pytorchReplicaSpecs.*.template.metadata.creationTimestamp` in `equality` says nothing", OLDER_SHAPE),
    ("cci/pytorchjob", "`spec.pytorchReplicaSpecs.Worker.replicas` of PyTorchJob can be changed through `pytorchjobs/scale`", OLDER_SHAPE),
    ("cci/pytorchjob", "quantities at `spec.elasticPolicy.metrics[*].*.target.averageValue`", OLDER_SHAPE),
    ("cci/pytorchjob", "quantities at `spec.elasticPolicy.metrics[*].*.target.value`", OLDER_SHAPE),
    ("cci/pytorchjob", "quantities at `spec.runPolicy.schedulingPolicy.minResources.*`", OLDER_SHAPE),
    ("cci/tfjob", "`spec.activeDeadlineSeconds` never permits anything", OLDER_SHAPE),
    ("cci/tfjob", "`spec.ttlSecondsAfterFinished` never permits anything", OLDER_SHAPE),
    ("cci/tfjob", "`spec.cleanPodPolicy` never permits anything", OLDER_SHAPE),
    ("cci/tfjob", "`status` never permits anything", OLDER_SHAPE),
    ("cci/tfjob", "`spec.tfReplicaSpecs.*.template.metadata.creationTimestamp` in `equality` says nothing", OLDER_SHAPE),
    ("cci/tfjob", "quantities at `spec.runPolicy.schedulingPolicy.minResources.*`", OLDER_SHAPE),
    ("jobset/jobset", "quantities at `spec.volumeClaimPolicies[*].templates[*].status.allocatedResources.*`", NO_STATUS),
    ("jobset/jobset", "quantities at `spec.volumeClaimPolicies[*].templates[*].status.capacity.*`", NO_STATUS),
    ("cci/statefulset", "quantities at `spec.volumeClaimTemplates[*].status.allocatedResources.*`", NO_STATUS),
    ("cci/statefulset", "quantities at `spec.volumeClaimTemplates[*].status.capacity.*`", NO_STATUS),
    ("kubernetes/stateful-set", "quantities at `spec.volumeClaimTemplates[*].status.allocatedResources.*`", NO_STATUS),
    ("kubernetes/stateful-set", "quantities at `spec.volumeClaimTemplates[*].status.capacity.*`", NO_STATUS),
    ("kubernetes/persistent-volume-claim", "quantities at `spec.resources.requests.*`", ONLY_STORAGE),
];

const BOTH_READINGS: &str = "the documentation lists the field so; a Volcano job has it per task, and the rule lists both readings";
const OLDER_SHAPE: &str =
    "the rule is for the CRD of the older operator, which served the same version in another shape; kubeflow/ has the newer";
const COMMON_ONLY: &str = "the built-in rule declares the amounts that jobs of the older operator commonly have; kubeflow/mxjob has all";
const NO_STATUS: &str = "the template of a claim has no status, though its schema is that of claims";
const ONLY_STORAGE: &str = "a claim requests nothing but storage, which anybody may change";

pub(crate) fn trials() -> Vec<Trial> {
    let published = PUBLISHED.iter().map(|published| {
        let name = published.module.rsplit('/').find(|part| !part.starts_with('v')).unwrap();
        Trial::ignorable_test(format!("schemas::{name}"), || match folder_of(published.module) {
            Some(folder) => {
                fit(published.rules, &folder.join(published.crds));
                Ok(Completion::Completed)
            }
            None if std::env::var("CI").is_ok_and(|ci| ci == "true") => Err(LACKING.into()),
            None => Ok(Completion::ignored_with(LACKING)),
        })
    });
    let volcano = Trial::test("schemas::volcano", || {
        // Volcano publishes no module that holds its CRDs; this one is a part of them.
        fit(&["volcano-job", "volcano/job-elastic"], &root().join("tests/control-plane/crds/volcano-job.yaml"));
        Ok(())
    });
    published.chain([volcano]).collect()
}

const LACKING: &str = "no go: install Go (1.21 or newer) to have the tests fetch the CRDs that the rules are held against";

fn fit(rules: &[&str], crds: &Path) {
    let differences = rules.iter().flat_map(|rule| {
        let file = root().join(format!("deploy/rules/{rule}.yaml"));
        differences(rule, &contradictions(&file, &["--crd", crds.to_str().unwrap()]))
    });
    let differences: Vec<String> = differences.collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// The messages of what lint finds with these options and not without them in a rule that is in force with the others of its folder.
pub(crate) fn contradictions(rule: &Path, options: &[&str]) -> BTreeSet<String> {
    let findings = |options: &[&str]| {
        let folder = rule.parent().unwrap();
        let output = fieldward().args(["rules", "lint", "-o", "json"]).arg(folder).args(options).output().unwrap();
        let report: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let of_rule = |found: &&Value| found["file"].as_str().unwrap() == rule.to_str().unwrap();
        let texts = |list: &str| {
            let messages = report[list].as_array().unwrap().iter().filter(of_rule);
            messages.map(|found| found["message"].as_str().unwrap().to_owned()).collect()
        };
        let all: [Vec<String>; 2] = ["errors", "warnings"].map(texts);
        (all.concat().into_iter().collect::<BTreeSet<String>>(), report["schemas"].as_u64())
    };
    let ((found, schemas), (without, _)) = (findings(options), findings(&[]));
    assert!(schemas > Some(0), "{} was not held against a schema: {found:?}", rule.display());
    found.difference(&without).cloned().collect()
}

/// What was found and is not listed, and what is listed and was not found.
pub(crate) fn differences(rule: &str, found: &BTreeSet<String>) -> Vec<String> {
    let listed: Vec<&str> = EXPECTED.iter().filter(|(name, ..)| *name == rule).map(|(_, start, _)| *start).collect();
    let unlisted = found.iter().filter(|message| !listed.iter().any(|start| message.starts_with(start)));
    let gone = listed.iter().filter(|start| !found.iter().any(|message| message.starts_with(**start)));
    let gone = gone.map(|start| format!("{rule}: listed, and no longer found: {start}"));
    unlisted.map(|message| format!("{rule}: {message}")).chain(gone).collect()
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
