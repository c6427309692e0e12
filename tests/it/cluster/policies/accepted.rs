//! Every rule of the project, with the kinds that it is about, as its policy.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{BINDINGS, POLICIES, TOO_LARGE, at_last, exported, lengths, policies, take};
use crate::cluster::api::Api;
use crate::cluster::control_plane::ControlPlane;
use crate::cluster::objects::{define, definition, widget_rule};
use crate::cluster::ward::only_in;
use crate::corpus::{files, root};
use crate::support::server::fieldward;

/// Nothing lives here: the policies are of no concern to other trials.
const NOWHERE: &str = "policies-nowhere";

pub(super) async fn are_taken_without_a_warning(plane: Arc<ControlPlane>) {
    let api = plane.api();
    a_policy_that_errs_is_warned_of(&api).await;
    let folder = tempfile::tempdir().unwrap();
    let rules = files(&root().join("deploy/rules"), &["yaml"]);
    for (index, file) in rules.iter().enumerate() {
        if TOO_LARGE.iter().any(|name| file.ends_with(format!("{name}.yaml"))) {
            does_not_fit(file);
            continue;
        }
        let rule = only_in(NOWHERE, &std::fs::read_to_string(file).unwrap());
        let document: Value = serde_saphyr::from_str(&rule).unwrap();
        serve_kinds(&plane, &document).await;
        let path = folder.path().join(format!("{index}.yaml"));
        std::fs::write(&path, &rule).unwrap();
        take(&plane, &exported(&path, "yaml")).await;

        let name = document["metadata"]["name"].as_str().unwrap();
        let policy = format!("{POLICIES}/{name}");
        let checked = |policy: &Value| {
            policy["status"]["observedGeneration"] == policy["metadata"]["generation"]
        };
        at_last(async || checked(&api.get(&policy).await.object())).await;
        let found = api.get(&policy).await.object();
        let warnings = &found["status"]["typeChecking"]["expressionWarnings"];
        assert!(
            found["status"]["typeChecking"].is_object() && warnings.is_null(),
            "{name}: {warnings}"
        );
        // What is stored is what was exported: nothing was dropped or filled in but what the API
        // server defaults.
        let exported = policies(&exported(&path, "json"));
        assert_eq!(
            (exported.len(), &exported[0]["spec"]["variables"]),
            (1, &found["spec"]["variables"]),
            "{name}"
        );
        let (all, longest) = lengths(&found);
        eprintln!(
            "{}: {all} characters, {longest} in the longest expression",
            file.strip_prefix(root()).unwrap().display()
        );
        for collection in [POLICIES, BINDINGS] {
            api.delete(&format!("{collection}/{name}"), &Value::Null).await.object();
        }
    }
}

fn does_not_fit(rule: &Path) {
    let output = fieldward()
        .args(["export", "--all", "--no-builtin-rules", "--rules"])
        .arg(rule)
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{error}");
    assert!(
        error.contains(
            "does not fit into a policy: expected at most 150000 characters in all \
                            variables, found "
        ),
        "{error}"
    );
}

/// Silence means something: of a field that there is not the API server warns (in validations;
/// variables it only compiles).
async fn a_policy_that_errs_is_warned_of(api: &Api) {
    let deployments = json!([{"apiGroups": ["apps"], "apiVersions": ["v1"],
        "operations": ["UPDATE"], "resources": ["deployments"]}]);
    let policy = json!({
        "metadata": {"name": "policies-errs"},
        "spec": {
            "matchConstraints": {"resourceRules": deployments},
            "validations": [{"expression": "object.spec.nothing == 1"}],
        },
    });
    api.create(POLICIES, &policy).await.object();
    let path = format!("{POLICIES}/policies-errs");
    let checked =
        |policy: &Value| policy["status"]["observedGeneration"] == policy["metadata"]["generation"];
    at_last(async || checked(&api.get(&path).await.object())).await;
    let found = api.get(&path).await.object();
    assert!(
        found["status"]["typeChecking"]["expressionWarnings"].is_array(),
        "{}",
        found["status"]
    );
    api.delete(&path, &Value::Null).await.object();
}

/// The deepest path that exports is one that the API server takes.
pub(super) async fn are_taken_as_deep_as_they_are_printed(plane: Arc<ControlPlane>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep.yaml");
    let mut deepest = 0;
    let mut depth = 8;
    while depth > deepest {
        let rule = only_in(
            NOWHERE,
            &widget_rule("[widgets]", &format!("['spec{}.x']", "[*]".repeat(depth))),
        );
        std::fs::write(&path, rule.replace("name: widget", "name: deep")).unwrap();
        let output = fieldward()
            .args(["export", "--vap", "deep", "--no-builtin-rules", "--rules"])
            .arg(&path)
            .output()
            .unwrap();
        if !output.status.success() {
            assert!(String::from_utf8(output.stderr).unwrap().contains("levels of brackets"));
            break;
        }
        plane
            .kubectl()
            .run_with(&["apply", "-f", "-"], &String::from_utf8(output.stdout).unwrap())
            .ok();
        (deepest, depth) = (depth, depth + 1);
    }
    eprintln!("{deepest} lists in lists are taken");
    plane
        .kubectl()
        .run(&["delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", "deep"])
        .ok();
    assert!(deepest > 20, "{deepest}");
}

/// Defines the kinds that the API server does not have yet, as kinds of which nothing is known.
async fn serve_kinds(plane: &ControlPlane, document: &Value) {
    let constraint = &document["spec"]["matchConstraints"]["resourceRules"][0];
    let text = |field: &str| constraint[field][0].as_str().unwrap();
    let (group, version) = (text("apiGroups"), text("apiVersions"));
    // A subresource comes with its resource.
    let plural = text("resources").split('/').next().unwrap();
    let prefix =
        if group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{group}/{version}") };
    let collection = format!("{prefix}/{plural}");
    if plane.api().get(&collection).await.is_ok() {
        return;
    }
    let crd = definition("untyped.yaml").replace("- name: v1", &format!("- name: {version}"));
    let crd = crd.replace("GROUP", group).replace("KIND", text("kinds")).replace("PLURAL", plural);
    define(plane, &crd, &collection).await;
}
