//! The rules of the packs against the schemas of their kinds: what lint finds is listed here with
//! its reason, or is not there.
//!
//! The CRDs are small ones of our own in tests/control-plane/crds. The same holds where an API
//! server serves them, and the kinds of Kubernetes itself, which is `cluster::lint`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use libtest_mimic::Trial;
use serde_json::Value;

use crate::corpus::root;
use crate::support::server::fieldward;

/// A kind that clusters serve by a CRD.
pub(crate) struct Defined {
    pub(crate) kind: &'static str,
    pub(crate) group_version: &'static str,
    pub(crate) resource: &'static str,
    /// In tests/control-plane/crds.
    pub(crate) crd: &'static str,
    /// The rules for it.
    pub(crate) rules: &'static [&'static str],
}

pub(crate) const DEFINED: [Defined; 6] = [
    Defined {
        kind: "Job",
        group_version: "batch.volcano.sh/v1alpha1",
        resource: "jobs",
        crd: "volcano-job.yaml",
        rules: &["volcano-job", "volcano/job-elastic"],
    },
    Defined {
        kind: "PyTorchJob",
        group_version: "kubeflow.org/v1",
        resource: "pytorchjobs",
        crd: "pytorchjob.yaml",
        rules: &["kubeflow/pytorchjob", "kubeflow/pytorchjob-scale", "cci/pytorchjob"],
    },
    Defined {
        kind: "TFJob",
        group_version: "kubeflow.org/v1",
        resource: "tfjobs",
        crd: "tfjob.yaml",
        rules: &["kubeflow/tfjob", "cci/tfjob"],
    },
    Defined {
        kind: "TrainJob",
        group_version: "trainer.kubeflow.org/v1alpha1",
        resource: "trainjobs",
        crd: "trainjob.yaml",
        rules: &["kubeflow/trainjob"],
    },
    Defined {
        kind: "JobSet",
        group_version: "jobset.x-k8s.io/v1alpha2",
        resource: "jobsets",
        crd: "jobset.yaml",
        rules: &["jobset/jobset"],
    },
    Defined {
        kind: "RayJob",
        group_version: "ray.io/v1",
        resource: "rayjobs",
        crd: "rayjob.yaml",
        rules: &["ray/rayjob"],
    },
];

/// The rules for MXJobs, which the trials define in more than one shape.
pub(crate) const OF_MXJOBS: [&str; 2] = ["mxjob", "kubeflow/mxjob"];

/// What lint finds and is right about: of which rule, how the finding begins, and why the rule is
/// as it is.
const EXPECTED: &[(&str, &str, &str)] = &[
    ("mxjob", "`spec.activeDeadlineSeconds` never permits anything", OLDER_SHAPE),
    ("mxjob", "`spec.ttlSecondsAfterFinished` never permits anything", OLDER_SHAPE),
    ("mxjob", "`spec.cleanPodPolicy` never permits anything", OLDER_SHAPE),
    ("mxjob", "`status` never permits anything", OLDER_SHAPE),
    ("cci/pytorchjob", "`status` never permits anything", OLDER_SHAPE),
    (
        "cci/pytorchjob",
        "`spec.pytorchReplicaSpecs.Worker.replicas` of PyTorchJob can be changed through \
         `pytorchjobs/scale`",
        OLDER_SHAPE,
    ),
    ("cci/tfjob", "`status` never permits anything", OLDER_SHAPE),
    (
        "cci/statefulset",
        "quantities at `spec.volumeClaimTemplates[*].status.allocatedResources.*`",
        NO_STATUS,
    ),
    (
        "cci/statefulset",
        "quantities at `spec.volumeClaimTemplates[*].status.capacity.*`",
        NO_STATUS,
    ),
    ("ray/rayjob", "the schema pairs the elements of `spec.", SAME_PORTS),
    ("kubeflow/trainjob", "`spec.annotations`", SMALL),
    ("kubeflow/trainjob", "`spec.labels`", SMALL),
    ("kubeflow/trainjob", "`spec.podTemplateOverrides`", SMALL),
    ("kubeflow/trainjob", "`spec.podTemplateOverrides` never permits anything", NEWER),
];

const OLDER_SHAPE: &str = "the rule is for the CRD of the older operator, which served the same \
                           version in another shape; kubeflow/ has the newer";

const SAME_PORTS: &str = "the controllers keep all ports and their order";
const NO_STATUS: &str =
    "the template of a claim has no status, though its schema is that of claims";

/// Counts only for entries of `equality`.
const SMALL: &str =
    "the definition of the kind in the tests is small and lacks fields that the real one has";
const NEWER: &str = "Trainer 2.2 has no such field; Trainer 2.1 has";

pub(crate) fn trials() -> Vec<Trial> {
    let defined = DEFINED.iter().map(|defined| {
        Trial::test(format!("schemas::{}", defined.crd.trim_end_matches(".yaml")), || {
            fit(defined.rules, &crds().join(defined.crd));
            Ok(())
        })
    });
    let mxjob = Trial::test("schemas::mxjob", || {
        mxjob();
        Ok(())
    });
    defined.chain([mxjob]).collect()
}

/// The `MXJob` of training-operator is its `TFJob` by another name.
fn mxjob() {
    let mut crd = std::fs::read_to_string(crds().join("tfjob.yaml")).unwrap();
    for (name, other) in
        [("TFJob", "MXJob"), ("tfjob", "mxjob"), ("tfReplicaSpecs", "mxReplicaSpecs")]
    {
        assert!(crd.contains(name));
        crd = crd.replace(name, other);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mxjob.yaml");
    std::fs::write(&file, crd).unwrap();
    fit(&OF_MXJOBS, &file);
}

fn crds() -> PathBuf {
    root().join("tests/control-plane/crds")
}

fn fit(rules: &[&str], crd: &Path) {
    let differences = rules.iter().flat_map(|rule| {
        let file = root().join(format!("deploy/rules/{rule}.yaml"));
        differences(rule, &contradictions(&file, &["--crd", crd.to_str().unwrap()]))
    });
    let differences: Vec<String> = differences.collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// The messages of what lint finds with these options and not without them in a rule that is in
/// force with the others of its folder.
pub(crate) fn contradictions(rule: &Path, options: &[&str]) -> BTreeSet<String> {
    let findings = |options: &[&str]| {
        let folder = rule.parent().unwrap();
        let output =
            fieldward().args(["lint", "-o", "json"]).arg(folder).args(options).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let of_rule = |found: &&Value| found["file"].as_str().unwrap() == rule.to_str().unwrap();
        let texts = |list: &str| {
            let messages = report[list].as_array().unwrap().iter().filter(of_rule);
            messages.map(|found| found["message"].as_str().unwrap().to_owned()).collect()
        };
        let all: [Vec<String>; 2] = ["errors", "warnings"].map(texts);
        (all.concat().into_iter().collect::<BTreeSet<String>>(), report["schemas"].as_u64())
    };
    let ((found, schemas), (without, _)) = (findings(options), findings(&[]));
    assert!(schemas > Some(0), "{} was not checked against a schema: {found:?}", rule.display());
    found.difference(&without).cloned().collect()
}

/// What was found and is not listed, and what is listed and was not found.
pub(crate) fn differences(rule: &str, found: &BTreeSet<String>) -> Vec<String> {
    let is_it = |message: &str, start: &str, why: &str| {
        message.starts_with(start) && (why != SMALL || message.contains(" in `equality` say"))
    };
    let listed: Vec<(&str, &str)> = EXPECTED
        .iter()
        .filter(|(name, ..)| *name == rule)
        .map(|(_, start, why)| (*start, *why))
        .collect();
    let unlisted = found
        .iter()
        .filter(|message| !listed.iter().any(|(start, why)| is_it(message, start, why)));
    let gone = listed
        .iter()
        .filter(|(start, why)| !found.iter().any(|message| is_it(message, start, why)));
    let gone = gone.map(|(start, _)| format!("{rule}: listed, and no longer found: {start}"));
    unlisted.map(|message| format!("{rule}: {message}")).chain(gone).collect()
}
