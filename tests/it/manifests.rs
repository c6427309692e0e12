//! What `fieldward manifests` prints is what the API's own types say, and what deploy/ holds.

use std::collections::BTreeSet;

use fieldward::cluster::ca_bundle::CaBundle;
use fieldward::cluster::endpoint::{BaseUrl, Endpoint};
use fieldward::cluster::placement::{Registrations, place};
use fieldward::cluster::registration::{SideEffects, Trust, built_in, webhook};
use fieldward::engine::{Builtin, RuleFile, RuleSet};
use k8s_openapi::Resource;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ResourceQuota, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use libtest_mimic::Trial;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::corpus::root;
use crate::golden;
use crate::support::certificates;
use crate::support::server::fieldward;

/// With rules in files and a certificate of cert-manager's, as things were before the process could
/// register itself.
const BASE: [&str; 3] = ["manifests", "--inject-ca-from", "fieldward/fieldward-tls"];

pub(crate) fn trials() -> Vec<Trial> {
    let trials: [(&str, fn()); 7] = [
        ("every_document_is_of_a_known_kind", every_document_is_of_a_known_kind),
        ("the_registration_comes_back_equal", the_registration_comes_back_equal),
        ("a_bundle_comes_back_equal", a_bundle_comes_back_equal),
        ("the_longest_name_fits", the_longest_name_fits),
        ("all_that_is_printed_is_as_it_was", all_that_is_printed_is_as_it_was),
        ("the_definition_is_what_the_command_prints", the_definition_is_what_the_command_prints),
        ("the_base_names_what_kustomize_takes", the_base_names_what_kustomize_takes),
    ];
    let trial = |(name, test): (&str, fn())| {
        Trial::test(format!("manifests::{name}"), move || {
            test();
            Ok(())
        })
    };
    trials.into_iter().map(trial).collect()
}

fn print(args: &[&str]) -> String {
    let output = fieldward().current_dir(root()).args(args).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    String::from_utf8(output.stdout).unwrap()
}

fn documents(yaml: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(yaml).unwrap()
}

/// A document as the type that it says it is, and back: nothing may be lost, so no field is
/// misspelt.
fn typed<T: Resource + DeserializeOwned + Serialize>(document: &Value) -> bool {
    if document["kind"] != T::KIND || document["apiVersion"] != T::API_VERSION {
        return false;
    }
    let object: T = serde_json::from_value(document.clone()).unwrap();
    assert_eq!(&serde_json::to_value(&object).unwrap(), document);
    true
}

fn every_document_is_of_a_known_kind() {
    let text = print(&["manifests", "--rules", "tests/golden/files/clean.yaml"]);
    let documents = documents(&text);
    for document in &documents {
        let known = typed::<Namespace>(document)
            || typed::<ServiceAccount>(document)
            || typed::<ConfigMap>(document)
            || typed::<ResourceQuota>(document)
            || typed::<NetworkPolicy>(document)
            || typed::<Service>(document)
            || typed::<Deployment>(document)
            || typed::<PodDisruptionBudget>(document)
            || typed::<ValidatingWebhookConfiguration>(document);
        assert!(known, "{document}");
    }
    assert_eq!(documents.len(), 9);

    let deployment = documents.iter().find(|document| document["kind"] == "Deployment").unwrap();
    let pod = &deployment["spec"]["template"]["spec"];
    let arguments: Vec<&str> = pod["containers"][0]["args"]
        .as_array()
        .unwrap()
        .iter()
        .map(|arg| arg.as_str().unwrap())
        .collect();
    // The options are those of `serve`: it gets as far as the certificate, which is not there.
    let output = fieldward()
        .args(arguments.iter().filter(|arg| !arg.starts_with("--rules=")))
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("/etc/fieldward/tls/tls."), "{error}");
    let seconds = |option: &str| {
        let value = arguments.iter().find_map(|arg| arg.strip_prefix(option)).unwrap();
        value.strip_suffix('s').unwrap().parse::<i64>().unwrap()
    };
    let grace = pod["terminationGracePeriodSeconds"].as_i64().unwrap();
    assert!(
        grace
            > pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"].as_i64().unwrap()
                + seconds("--shutdown-delay=")
                + seconds("--shutdown-timeout="),
        "it would be killed while it leaves"
    );
}

/// A rule with everything in its registration that YAML could get wrong.
const AWKWARD: &str = r#"
apiVersion: fieldward.io/v1alpha1
kind: UpdateRule
metadata: {name: awkward.rule-1}
spec:
  matchConstraints:
    resourceRules:
      - {apiGroups: ["", "yes"], apiVersions: ["1e3", v1], resources: ["no", "*/scale",
          widgets/status]}
      - {apiGroups: ["*"], apiVersions: ["*"], resources: ["*/*"]}
    namespaceSelector:
      matchLabels: {"on": "true", "a": "", "b": "null", "c": "0x10", "d": "no"}
      matchExpressions: [{key: "y", operator: NotIn, values: ["1_000", "2026-01-01"]}, {key: n,
          operator: Exists}]
    objectSelector: {matchLabels: {"e": "1.0"}}
  matchConditions:
    - {name: long, expression: "request.userInfo.username != 'system:node' && (object.spec.replicas > 100 || object.metadata.labels['a: b'] == '# no comment') && true"}
    - {name: lines, expression: "true &&\n  'trailing: ' != \"\" \n"}
    - {name: odd, expression: "-1 < 0 || '- not a list: {[|>&*!%@`' == \"\""}
  mutable: [metadata.annotations]
"#;

fn awkward() -> RuleSet {
    RuleSet::load(
        Builtin::Included,
        &[RuleFile { origin: "awkward.yaml".to_owned(), text: AWKWARD.to_owned() }],
    )
    .unwrap()
}

fn the_registration_comes_back_equal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("awkward.yaml");
    std::fs::write(&file, AWKWARD).unwrap();
    let file = file.to_str().unwrap();
    let url = Endpoint::Url(BaseUrl::parse("https://example.com:8443/base").unwrap());
    let service = Endpoint::Service { name: "a".to_owned(), namespace: "b".to_owned(), port: 9443 };
    let table = [
        (url, Trust::External, vec!["--url", "https://example.com:8443/base/"]),
        (
            service,
            Trust::CertManager { certificate: "b/c".to_owned(), bundle: None },
            vec![
                "--service-name",
                "a",
                "--service-namespace",
                "b",
                "--service-port",
                "9443",
                "--inject-ca-from",
                "c",
            ],
        ),
    ];
    for (endpoint, trust, options) in table {
        let args: Vec<&str> = ["manifests", "--registration", "guard", "--rules", file]
            .into_iter()
            .chain(options)
            .collect();
        let found = documents(&print(&args)).pop().unwrap();
        let found: ValidatingWebhookConfiguration = serde_json::from_value(found).unwrap();
        let webhooks = awkward()
            .rules()
            .map(|rule| webhook(rule, &endpoint, &trust, SideEffects::None).unwrap())
            .collect();
        let built_in = built_in(&awkward());
        let expected = place(webhooks, &built_in, "guard", &trust, &Registrations::default())
            .configurations
            .pop()
            .unwrap();
        assert_eq!(found, expected);
        holds(&found, &endpoint);
    }
}

/// What issue and API server demand of every webhook.
fn holds(configuration: &ValidatingWebhookConfiguration, endpoint: &Endpoint) {
    let webhooks = configuration.webhooks.as_ref().unwrap();
    let names: BTreeSet<&str> = webhooks.iter().map(|webhook| webhook.name.as_str()).collect();
    assert_eq!(
        names,
        BTreeSet::from([
            "awkward.rule-1.fieldward.io",
            "mxjob.fieldward.io",
            "volcano-job.fieldward.io"
        ])
    );
    for webhook in webhooks {
        let rule = webhook.name.strip_suffix(".fieldward.io").unwrap();
        assert_eq!(
            (webhook.side_effects.as_str(), &webhook.admission_review_versions),
            ("None", &vec!["v1".to_owned()])
        );
        assert_eq!(
            (webhook.match_policy.as_deref(), webhook.timeout_seconds),
            (Some("Equivalent"), Some(5))
        );
        let config = &webhook.client_config;
        let path = config
            .service
            .as_ref()
            .and_then(|service| service.path.as_deref())
            .or(config.url.as_deref())
            .unwrap();
        assert!(path.ends_with(&format!("/validate/{rule}")), "{path}");
        for rule in webhook.rules.as_ref().unwrap() {
            assert_eq!(rule.operations, Some(vec!["UPDATE".to_owned()]));
        }
        let spared = webhook
            .namespace_selector
            .as_ref()
            .unwrap()
            .match_expressions
            .as_ref()
            .unwrap()
            .last()
            .unwrap();
        let mut values = vec!["kube-node-lease", "kube-system"];
        if matches!(endpoint, Endpoint::Service { .. }) {
            values.insert(0, "b");
        }
        assert_eq!(
            (spared.key.as_str(), spared.operator.as_str()),
            ("kubernetes.io/metadata.name", "NotIn")
        );
        assert_eq!(spared.values.as_ref().unwrap(), &values);
    }
}

fn a_bundle_comes_back_equal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.crt");
    let pem = certificates::Authority::new().pem.into_bytes();
    std::fs::write(&file, &pem).unwrap();
    let text = print(&["manifests", "--ca-bundle", file.to_str().unwrap()]);
    let found: ValidatingWebhookConfiguration =
        serde_json::from_value(documents(&text).pop().unwrap()).unwrap();
    let bundles = found
        .webhooks
        .unwrap()
        .into_iter()
        .map(|webhook| webhook.client_config.ca_bundle.unwrap().0);
    assert!(bundles.eq([pem.clone(), pem.clone()]));
    assert!(CaBundle::parse(pem).is_ok());
}

fn the_longest_name_fits() {
    let name = [&"a".repeat(63), ".", &"b".repeat(63), ".", &"c".repeat(63), ".", &"d".repeat(48)]
        .concat();
    let document =
        RuleFile { origin: "long.yaml".to_owned(), text: AWKWARD.replace("awkward.rule-1", &name) };
    let rules = RuleSet::load(Builtin::Excluded, &[document]).unwrap();
    let endpoint = Endpoint::Url(BaseUrl::parse("https://example.com").unwrap());
    let fits =
        webhook(rules.rules().next().unwrap(), &endpoint, &Trust::External, SideEffects::None)
            .unwrap();
    assert_eq!(fits.name.len(), 253);
}

fn all_that_is_printed_is_as_it_was() {
    golden::compare(&root().join("tests/golden/manifests/base.yaml"), &print(&BASE));
}

fn the_definition_is_what_the_command_prints() {
    golden::compare(&root().join("deploy/crd.yaml"), &print(&["manifests", "--crd"]));
}

/// Files within the folder, and folders with a kustomization from anywhere.
fn the_base_names_what_kustomize_takes() {
    let folder = root().join("deploy/kustomize");
    let text = std::fs::read_to_string(folder.join("kustomization.yaml")).unwrap();
    let base: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    let resources = base["resources"].as_array().unwrap();
    assert!(!resources.is_empty());
    for resource in resources.iter().map(|resource| resource.as_str().unwrap()) {
        let path = folder.join(resource);
        let is_file_within = path.is_file() && !resource.contains('/');
        assert!(is_file_within || path.join("kustomization.yaml").is_file(), "{resource}");
    }
}
