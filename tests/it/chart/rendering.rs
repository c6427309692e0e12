//! What the chart renders, and what is derived of it.

use libtest_mimic::Trial;
use serde_json::Value;

use super::programs::{CHART, DEFAULT, Release, Tool, documents, own, values};
use super::trial;
use crate::corpus::root;
use crate::golden;
use crate::support::go::Lacking;
use crate::support::server::fieldward;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("the_default_is_rendered", || rendered("default", DEFAULT)),
        trial("kustomize_has_the_default", kustomize_has_the_default),
        trial("manifests_has_its_workload", manifests_has_its_workload),
        trial("the_definition_is_part_of_it", the_definition_is_part_of_it),
        trial("its_arguments_are_options", its_arguments_are_options),
        trial("helm_lints_it", helm_lints_it),
    ];
    for file in values() {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        trials.push(trial(format!("{}_is_rendered", name.replace('-', "_")), move || {
            rendered(&name, own(&file))
        }));
    }
    trials
}

/// All of it, the hooks too.
fn rendered(name: &str, release: Release<'_>) -> Result<(), Lacking> {
    // The definition is long and held elsewhere.
    let text = release.render(&Tool::helm()?, &["--set", "crds.install=false"]);
    golden::compare(&root().join(format!("tests/chart/golden/{name}.yaml")), &text);
    Ok(())
}

const MADE: &str = "# Made of deploy/chart with its default values; a test compares it.\n\
                    # FIELDWARD_BLESS=1 cargo test --test it -- chart:: makes it anew.\n";

/// All but the hooks, which are helm's.
fn kustomize_has_the_default() -> Result<(), Lacking> {
    let text = DEFAULT.render(&Tool::helm()?, &["--no-hooks"]);
    golden::compare(&root().join("deploy/kustomize/fieldward.yaml"), &format!("{MADE}{text}"));
    Ok(())
}

const PLACEHOLDERS: &str = "# Made of deploy/chart; src/cluster/workload.rs fills in what is called as a placeholder.\n\
     # FIELDWARD_BLESS=1 cargo test --test it -- chart:: makes it anew.\n";

/// Without permissions, and with a certificate from a Secret and rules from a ConfigMap.
fn manifests_has_its_workload() -> Result<(), Lacking> {
    let release =
        Release { name: "fieldward-service", namespace: "fieldward-namespace", values: None };
    let templates = [
        "service-account",
        "resource-quota",
        "rules",
        "network-policy",
        "service",
        "deployment",
        "disruption-budget",
    ];
    let options = ["--set-json", r#"rules={"rule.yaml":"rule"}"#, "--set"].map(str::to_owned);
    let set = "certificates.mode=certManager,certificates.secret=fieldward-secret,\
               image.repository=fieldward-image,image.tag=fieldward-tag";
    let shown = templates.map(|template| format!("--show-only=templates/{template}.yaml"));
    let options: Vec<String> = options.into_iter().chain([set.to_owned()]).chain(shown).collect();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let text = release.render(&Tool::helm()?, &options);
    golden::compare(&root().join("src/cluster/workload.yaml"), &format!("{PLACEHOLDERS}{text}"));
    Ok(())
}

fn the_definition_is_part_of_it() -> Result<(), Lacking> {
    let definition = std::fs::read_to_string(root().join("deploy/crd.yaml")).unwrap();
    golden::compare(&root().join(CHART).join("crd.yaml"), &definition);
    let is_definition = |document: &Value| document["kind"] == "CustomResourceDefinition";
    let helm = Tool::helm()?;
    let mut rendered: Vec<Value> =
        documents(&DEFAULT.render(&helm, &[])).into_iter().filter(is_definition).collect();
    assert_eq!(rendered.len(), 1);
    let annotations =
        rendered[0]["metadata"].as_object_mut().unwrap().remove("annotations").unwrap();
    assert_eq!(annotations, serde_json::json!({"helm.sh/resource-policy": "keep"}));
    assert_eq!(rendered, documents(&definition));
    assert!(
        !documents(&DEFAULT.render(&helm, &["--set", "crds.install=false"]))
            .iter()
            .any(is_definition)
    );
    Ok(())
}

/// The program takes them all, as far as the cluster, which is not there.
fn its_arguments_are_options() -> Result<(), Lacking> {
    let helm = Tool::helm()?;
    let files = values();
    let releases = files.iter().map(|file| own(file)).chain([DEFAULT]);
    let rendered: Vec<Value> =
        releases.flat_map(|release| documents(&release.render(&helm, &[]))).collect();
    let mut commands = 0;
    for document in rendered
        .iter()
        .filter(|document| document["kind"] == "Deployment" || document["kind"] == "Job")
    {
        let args: Vec<String> = serde_json::from_value(
            document["spec"]["template"]["spec"]["containers"][0]["args"].clone(),
        )
        .unwrap();
        // Files that are not here would be missed first.
        let args = args.iter().filter(|arg| !arg.starts_with("--rules="));
        let output =
            fieldward().args(args).args(["--kubeconfig", "/nowhere/kubeconfig"]).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains("/nowhere/kubeconfig") && !error.contains("--help"), "{error}");
        commands += 1;
    }
    assert!(commands > files.len(), "{commands}");
    Ok(())
}

fn helm_lints_it() -> Result<(), Lacking> {
    let helm = Tool::helm()?;
    for file in values() {
        let linted =
            helm.run(&["lint", "--strict", "--quiet", CHART, "--values", file.to_str().unwrap()]);
        assert!(linted.is_success, "{}{}", linted.out, linted.err);
    }
    Ok(())
}
