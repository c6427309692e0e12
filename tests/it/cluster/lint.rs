//! `fieldward lint --live`: rules checked against what the API server says of the kinds that it
//! serves.

use std::sync::Arc;

use libtest_mimic::Trial;

use super::control_plane::ControlPlane;
use super::objects::{define, definition};
use super::shared;
use crate::corpus::{packed_rules, root};
use crate::golden;
use crate::schemas::{DEFINED, Defined, OF_MXJOBS, contradictions, differences};
use crate::support::server::fieldward;
use crate::support::until;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        shared("lint::rules_of_native_kinds_fit_their_schemas", native_kinds),
        shared("lint::rules_of_defined_kinds_fit_what_is_served", defined_kinds),
        shared("lint::what_a_cluster_serves_is_what_counts", served_kinds),
        shared("lint::a_cluster_is_found_as_kubectl_finds_it", found_as_kubectl_finds_it),
    ]
}

/// The rules of the packs about kinds that every cluster serves.
async fn native_kinds(plane: Arc<ControlPlane>) {
    let kubeconfig = plane.admin_kubeconfig();
    let defined: Vec<&str> =
        DEFINED.iter().flat_map(|defined| defined.rules).chain(&OF_MXJOBS).copied().collect();
    let native = packed_rules().into_iter().filter(|rule| !defined.contains(&rule.name.as_str()));
    let (mut checked, mut wrong) = (0, Vec::new());
    for rule in native {
        let found =
            contradictions(&rule.file, &["--live", "--kubeconfig", kubeconfig.to_str().unwrap()]);
        wrong.extend(differences(&rule.name, &found));
        checked += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked >= 16, "only {checked} rules");
}

/// The small CRDs of jobs are schemas that the API server takes, and what it publishes of them says
/// what they say.
async fn defined_kinds(plane: Arc<ControlPlane>) {
    for Defined { crd, group_version, resource, .. } in &DEFINED {
        define(&plane, &definition(crd), &format!("/apis/{group_version}/{resource}")).await;
    }
    for Defined { kind, group_version, .. } in &DEFINED {
        published(&plane, group_version, kind).await;
    }
    let kubeconfig = plane.admin_kubeconfig();
    let mut wrong = Vec::new();
    for rule in DEFINED.iter().flat_map(|defined| defined.rules) {
        let file = root().join(format!("deploy/rules/{rule}.yaml"));
        let found =
            contradictions(&file, &["--live", "--kubeconfig", kubeconfig.to_str().unwrap()]);
        // Which field a scale subresource writes is in the CRD alone.
        let counts = |message: &String| {
            message.replace(
                "the number of replicas of",
                "`spec.pytorchReplicaSpecs.Worker.replicas` of",
            )
        };
        wrong.extend(differences(rule, &found.iter().map(counts).collect()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Waits until the API server says how the objects of a kind look.
async fn published(plane: &ControlPlane, group_version: &str, kind: &str) {
    let api = plane.api();
    let is_published = async || {
        let schemas = api.get(&format!("/openapi/v3/apis/{group_version}")).await.body["components"]["schemas"].to_string();
        schemas.contains(&format!("\"kind\":\"{kind}\""))
    };
    until("the schema is published", is_published).await;
}

/// CRDs are read as the API server publishes them; what it does not serve is said.
async fn served_kinds(plane: Arc<ControlPlane>) {
    let kubeconfig = plane.admin_kubeconfig();
    for (group_version, kind) in [
        ("example.com/v1", "Widget"),
        ("example.com/v2", "Widget"),
        ("batch.volcano.sh/v1alpha1", "Job"),
        ("kubeflow.org/v1", "MXJob"),
    ] {
        published(&plane, group_version, kind).await;
    }
    let mut command = fieldward();
    command.current_dir(root()).args([
        "lint",
        "--live",
        "--kubeconfig",
        kubeconfig.to_str().unwrap(),
    ]);
    let output = command.args(["--rules", "tests/golden/files/served.yaml"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap().replace(&plane.address(), "ADDRESS");
    let err = String::from_utf8(output.stderr).unwrap();
    golden::compare(
        &root().join("tests/golden/cluster/lint-live.txt"),
        &format!("{text}-- stderr\n{err}-- exit code {}\n", output.status.code().unwrap()),
    );
}

async fn found_as_kubectl_finds_it(plane: Arc<ControlPlane>) {
    let kubeconfig = plane.admin_kubeconfig();
    let lint = |arguments: &[&str], path: &std::path::Path| {
        let mut command = fieldward();
        command.current_dir(root()).env_remove("KUBERNETES_SERVICE_HOST").env("KUBECONFIG", path);
        command.args(["lint", "--live", "deploy/rules/cci/configmap.yaml"]).args(arguments);
        let output = command.output().unwrap();
        (
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
            output.status.code().unwrap(),
        )
    };
    let clean = "ok: 1 rule checked against 1 schema, nothing found\n".to_owned();
    assert_eq!(lint(&[], &kubeconfig), (clean, String::new(), 0));
    let (out, err, code) = lint(&["--context", "elsewhere"], &kubeconfig);
    assert_eq!((out.as_str(), code), ("", 2));
    assert!(
        err.starts_with("error: no cluster to ask: ")
            && err.contains("elsewhere")
            && err.lines().count() == 1,
        "{err}"
    );
    // Somebody whom the API server does not know.
    let folder = tempfile::tempdir().unwrap();
    let stranger = folder.path().join("stranger");
    let text = std::fs::read_to_string(&kubeconfig).unwrap();
    let token = text.lines().find(|line| line.contains("token")).unwrap();
    std::fs::write(&stranger, text.replace(token, &token.replace("token: ", "token: not-")))
        .unwrap();
    let (out, err, code) = lint(&[], &stranger);
    assert_eq!((out.as_str(), code), ("", 2));
    assert_eq!(
        err,
        format!("error: cannot read /openapi/v3 from {}: Unauthorized (401)\n", plane.address())
    );
}
