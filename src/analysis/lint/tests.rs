//! The documentation of every lint is true: it finds something in its example, and nothing in the
//! example after the fix.

use serde_json::{Value, json};

use super::definition::{Input, Lint};
use super::registry::{LINTS, Reported, run};
use super::schema::catalogue::{Catalogue, SchemaSource};
use crate::analysis::kinds::{Kind, in_document};
use crate::engine::{Builtin, Rule, RuleFile, RuleSet};

const KINDS: &str = include_str!("example-crd.yaml");

fn kinds() -> Vec<Kind> {
    let documents = KINDS.split("---\n").flat_map(|text| {
        let document: Value = serde_saphyr::from_str(text).unwrap();
        in_document(&document).unwrap()
    });
    documents.collect()
}

/// A rule in which the parts of an example replace those that every example has.
fn rule(parts: &str) -> RuleSet {
    let mut rule = json!({
        "apiVersion": "fieldward.io/v1alpha1",
        "kind": "UpdateRule",
        "metadata": {
            "name": "gadget",
            "annotations": {"fieldward.io/source": "https://example.com/docs/gadgets"},
        },
        "spec": {
            "matchConstraints": {"resourceRules": [{"apiGroups": ["example.com"],
                "apiVersions": ["v1"], "resources": ["gadgets"]}]},
            "mutable": ["metadata.annotations"],
        },
    });
    let parts: Value = serde_saphyr::from_str(parts).unwrap();
    json_patch::merge(&mut rule, &parts);
    let document = RuleFile { origin: "example.yaml".to_owned(), text: rule.to_string() };
    RuleSet::load(Builtin::Excluded, &[document])
        .unwrap_or_else(|errors| panic!("{errors}\n{rule}"))
}

/// What a lint finds and the rule does not suppress.
fn findings(lint: &Lint, rules: &RuleSet) -> Vec<String> {
    let rules: Vec<&Rule> = rules.rules().collect();
    let sources = match lint.input {
        Input::Rule => vec![SchemaSource::Nothing],
        // What other kinds there are only a cluster says.
        Input::Schema => {
            vec![SchemaSource::Files, SchemaSource::Cluster("https://127.0.0.1".to_owned())]
        }
    };
    let found = sources.into_iter().flat_map(|source| {
        let catalogue = match source {
            SchemaSource::Nothing => Catalogue::none(),
            source => Catalogue::new(kinds(), source),
        };
        let reported = run(rules[0], &rules, &catalogue).into_iter();
        let of_lint = reported.filter(|found| found.lint.name == lint.name);
        of_lint.map(|found| found.finding.message).collect::<Vec<_>>()
    });
    found.collect()
}

#[test]
fn every_lint_finds_its_example_and_not_its_fix() {
    for lint in LINTS {
        assert!(!findings(lint, &rule(lint.example)).is_empty(), "{} finds nothing", lint.name);
        let fixed = findings(lint, &rule(lint.fixed));
        assert!(fixed.is_empty(), "{}: {fixed:#?}", lint.name);
    }
}

#[test]
fn the_key_of_a_type_is_the_key_of_its_list() {
    let rules = rule(
        "spec: {mutable: ['spec.pods[*].spec.containers[*].name'], \
         equality: [{path: 'spec.pods[*]', as: PodTemplateSpec}]}",
    );
    let found = findings(&super::list_key::LINT, &rules);
    assert!(
        matches!(found.as_slice(), [one] if one.contains(
            "elements of `spec.pods[*].spec.containers` pair by `name`"
        )),
        "{found:#?}"
    );
}

#[test]
fn a_member_of_a_key_that_has_a_default_may_be_set_and_cleared() {
    let rules = rule(
        "spec: {mutable: ['spec.ports[*].protocol', 'spec.ports[*].port'], equality: [{path: \
         spec.ports, key: [port, {name: protocol, default: TCP}]}]}",
    );
    let found = findings(&super::list_key::LINT, &rules);
    assert!(matches!(found.as_slice(), [one] if one.contains("spec.ports[*].port`")), "{found:#?}");
}

#[test]
fn lints_are_named_and_documented_alike() {
    assert!(LINTS.is_sorted_by_key(|lint| lint.name), "the registry is not sorted");
    for lint in LINTS {
        let is_kebab = |letter: char| letter.is_ascii_lowercase() || letter == '-';
        assert!(lint.name.chars().all(is_kebab), "{}", lint.name);
        for text in [lint.what, lint.why, lint.fix] {
            let starts = text.chars().next().is_some_and(|letter| !letter.is_lowercase());
            assert!(starts && text.ends_with('.'), "{}: {text}", lint.name);
        }
        let lines = lint.example.lines().chain(lint.fixed.lines());
        assert!(lines.clone().all(|line| line.len() <= 90), "{}", lint.name);
        assert!(lint.example.ends_with('\n') && lint.fixed.ends_with('\n'), "{}", lint.name);
    }
}

#[test]
fn a_reason_suppresses_a_lint_and_no_other() {
    let of = |annotation: &str| {
        let rules = rule(&format!(
            "metadata: {{annotations: {{fieldward.io/lint-ignore: {annotation:?}}}}}\n\
             spec: {{failurePolicy: Ignore, reason: Invalid, mutable: []}}\n"
        ));
        let rule = rules.rules().next().unwrap();
        let reported = run(rule, &[rule], &Catalogue::none()).into_iter();
        let shown = |Reported { lint, reason, .. }: Reported<'_>| match reason {
            Some(reason) => format!("{}: {reason}", lint.name),
            None => lint.name.to_owned(),
        };
        reported.map(shown).collect::<Vec<_>>()
    };
    let (apply, open, recreation) =
        ("blocks-client-side-apply", "fails-open", "invites-recreation");
    assert_eq!(of(""), [apply, open, recreation]);
    assert_eq!(
        of("\n fails-open : it is meant: see the page\n\ninvites-recreation:so"),
        [apply, "fails-open: it is meant: see the page", "invites-recreation: so"]
    );
    assert_eq!(of("fails-open"), [apply, open, "invalid-lint-ignore", recreation]);
    assert_eq!(of("fail-open: why"), [apply, open, "invalid-lint-ignore", recreation]);
    assert_eq!(of("list-key: why"), [apply, open, recreation, "unused-lint-ignore"]);
    // A lint that did not run does not say that nothing is to be suppressed.
    assert_eq!(of("open-scale: why"), [apply, open, recreation]);
    let unused = "unused-lint-ignore: why";
    assert_eq!(of(unused), [apply, open, recreation, "unused-lint-ignore"]);
}
