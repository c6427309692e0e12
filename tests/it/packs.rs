//! The rules in deploy/rules are fit to be applied: clean, documented, fitting together, and shown
//! by cases.

use std::path::{Path, PathBuf};

use fieldward::engine::{Builtin, RuleFile, RuleSet, admit};
use libtest_mimic::Trial;
use serde_json::Value;

use crate::corpus::{Case, cases, files, packed_cases, packed_rules, packs, root};
use crate::support::server::fieldward;

pub(crate) fn trials() -> Vec<Trial> {
    let folders = packs().into_iter().chain([root().join("deploy/rules")]);
    let fit = folders.map(|folder| {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        Trial::test(format!("packs::{name}"), move || {
            loads_clean_and_documented(&folder);
            Ok(())
        })
    });
    let others: [(&str, fn()); 4] = [
        ("every_rule_is_shown_by_cases", every_rule_is_shown_by_cases),
        ("every_entry_decides_a_case", every_entry_decides_a_case),
        ("every_suite_passes", every_suite_passes),
        ("no_case_is_left_out", no_case_is_left_out),
    ];
    let others = others.into_iter().map(|(name, test)| {
        Trial::test(format!("packs::{name}"), move || {
            test();
            Ok(())
        })
    });
    fit.chain(others).collect()
}

/// All rules of a folder together, as `serve --rules FOLDER` loads them.
fn loads_clean_and_documented(folder: &Path) {
    let read = |path: &PathBuf| RuleFile {
        origin: path.display().to_string(),
        text: std::fs::read_to_string(path).unwrap(),
    };
    let documents: Vec<RuleFile> = files(folder, &["yaml"])
        .iter()
        .filter(|path| path.parent() == Some(folder))
        .map(read)
        .collect();
    let rules = RuleSet::load(Builtin::Included, &documents).unwrap();
    for rule in rules.rules() {
        assert!(
            rule.source().is_some_and(|source| source.starts_with("https://")),
            "{} has no source",
            rule.name().as_str()
        );
    }
    // Those of Kubernetes say what the API server does, doubtful or not;
    // tests/golden/rules-lint-kubernetes.txt has what lint says of them.
    if folder.ends_with("kubernetes") {
        return;
    }
    let output = fieldward().arg("lint").arg(folder).output().unwrap();
    let plural = if documents.len() == 1 { "" } else { "s" };
    let clean = format!("ok: {} rule{plural}, nothing found\n", documents.len());
    assert_eq!((String::from_utf8(output.stdout).unwrap(), output.status.code()), (clean, Some(0)));
}

fn every_rule_is_shown_by_cases() {
    let suite = |name: &str| {
        cases().into_iter().filter(|case| case.name.starts_with(&format!("{name}/"))).collect()
    };
    let mut suites: Vec<(String, Vec<Case>)> =
        ["volcano-job", "mxjob"].map(|name| (name.to_owned(), suite(name))).into();
    suites.extend(packed_rules().into_iter().map(|rule| (rule.name.clone(), rule.cases())));
    for (name, cases) in suites {
        assert!(cases.len() >= 3, "{name} has hardly a case");
        for allowed in [true, false] {
            assert!(
                cases.iter().any(|case| case.allowed == allowed),
                "{name} has no case with allowed: {allowed}"
            );
        }
    }
}

/// Without one of its entries a rule does not load, or judges a case otherwise. The rules of
/// Kubernetes are held against the API server instead.
fn every_entry_decides_a_case() {
    for packed in packed_rules().iter().filter(|packed| !packed.name.starts_with("kubernetes/")) {
        every_entry_of(&packed.name, &packed.file, &packed.cases());
    }
    let builtin: [(&str, &[&str]); 2] =
        [("volcano-job", &["volcano-job/", "volcano-controller/"]), ("mxjob", &["mxjob/"])];
    for (name, suites) in builtin {
        let is_own = |case: &Case| suites.iter().any(|suite| case.name.starts_with(suite));
        let cases: Vec<Case> = cases().into_iter().filter(is_own).collect();
        every_entry_of(name, &root().join(format!("deploy/rules/{name}.yaml")), &cases);
    }
}

fn every_entry_of(name: &str, file: &Path, cases: &[Case]) {
    let rule: Value = serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    // The kind has no such fields.
    let absent: Vec<&str> = rule["metadata"]["annotations"]["fieldward.io/absent"]
        .as_str()
        .into_iter()
        .flat_map(|paths| paths.split(", "))
        .collect();
    for part in ["mutable", "equality"] {
        for index in 0..rule["spec"][part].as_array().map_or(0, Vec::len) {
            let mut less = rule.clone();
            let entry = less["spec"][part].as_array_mut().unwrap().remove(index);
            if entry.as_str().is_some_and(|path| absent.contains(&path)) {
                continue;
            }
            let document = RuleFile { origin: name.to_owned(), text: less.to_string() };
            let Ok(rules) = RuleSet::load(Builtin::Included, &[document]) else { continue };
            let as_before = |case: &Case| {
                let reply = admit(&rules, &case.body());
                reply.allowed().unwrap_or(false) == case.allowed && reply.fields() == case.fields
            };
            assert!(!cases.iter().all(as_before), "{name}: no case needs {entry}");
        }
    }
}

/// Run as docs/packs.md says.
fn every_suite_passes() {
    let mut passed = 0;
    for rule in packed_rules() {
        let output = fieldward()
            .arg("test")
            .arg("--rules")
            .arg(&rule.file)
            .arg(&rule.suite)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}");
        passed += text.lines().filter(|line| line.starts_with("ok ")).count();
    }
    assert_eq!(passed, packed_cases().len());
}

/// A case in a folder that is called like no rule would never be run.
fn no_case_is_left_out() {
    let files = ["tests/kubernetes", "tests/packs"]
        .map(|folder| files(&root().join(folder), &["yaml", "yml", "json"]))
        .concat();
    assert_eq!(files.len(), packed_cases().len());
}
