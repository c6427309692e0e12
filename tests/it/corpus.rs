//! The cases under tests/cases, read independently of `fieldward test`: one corpus for all entry points.

use std::path::{Path, PathBuf};

use fieldward::engine::{Builtin, RuleFile, RuleSet};
use serde_json::Value;

/// A recorded review and what is expected of it.
#[derive(Clone)]
pub(crate) struct Case {
    /// The path below tests/cases, without what follows the dot.
    pub(crate) name: String,
    /// The rule files beside it and above.
    pub(crate) rules: Vec<PathBuf>,
    pub(crate) allowed: bool,
    pub(crate) fields: Vec<String>,
    pub(crate) message: Option<String>,
    pub(crate) code: Option<u64>,
    pub(crate) review: Value,
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All cases, by name.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    collect(&root().join("tests/cases"), "", &[], &mut cases);
    cases
}

/// A rule in a folder of deploy/rules: no built-in one.
pub(crate) struct PackedRule {
    /// Its folder and its file, without what follows the dot.
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    /// The folder of its cases: below tests/kubernetes for those of Kubernetes itself, else below
    /// tests/packs.
    pub(crate) suite: PathBuf,
}

/// The rules in the folders of deploy/rules.
pub(crate) fn packed_rules() -> Vec<PackedRule> {
    let stem = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut rules = Vec::new();
    for folder in packs() {
        for file in files(&folder, &["yaml"]) {
            let name = format!("{}/{}", stem(&folder), stem(&file));
            let suites = if name.starts_with("kubernetes/") { "tests" } else { "tests/packs" };
            rules.push(PackedRule { suite: root().join(suites).join(&name), name, file });
        }
    }
    rules
}

/// The folders of deploy/rules.
pub(crate) fn packs() -> Vec<PathBuf> {
    entries(&root().join("deploy/rules")).into_iter().filter(|path| path.is_dir()).collect()
}

/// The cases of the packed rules. In each the rule is in force alone, without those that its pack
/// has besides, as it is where its matchConditions hold.
pub(crate) fn packed_cases() -> Vec<Case> {
    packed_rules().iter().flat_map(PackedRule::cases).collect()
}

impl PackedRule {
    pub(crate) fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        collect(
            &self.suite,
            &format!("{}/", self.name),
            std::slice::from_ref(&self.file),
            &mut cases,
        );
        cases
    }
}

/// The files below a folder with one of these extensions, sorted.
pub(crate) fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in entries(folder) {
        if path.is_dir() {
            found.extend(files(&path, extensions));
        } else if path
            .extension()
            .is_some_and(|extension| extensions.iter().any(|known| extension == *known))
        {
            found.push(path);
        }
    }
    found
}

impl Case {
    /// The rules that it is judged by.
    pub(crate) fn rule_set(&self) -> RuleSet {
        let read = |path: &PathBuf| RuleFile {
            origin: path.display().to_string(),
            text: std::fs::read_to_string(path).unwrap(),
        };
        let documents: Vec<RuleFile> = self.rules.iter().map(read).collect();
        RuleSet::load(Builtin::Included, &documents).unwrap()
    }

    /// The review as the API server would send it.
    pub(crate) fn body(&self) -> Vec<u8> {
        serde_json::to_vec(&self.review).unwrap()
    }

    /// The options that put its rules in force.
    pub(crate) fn options(&self) -> Vec<String> {
        self.rules
            .iter()
            .flat_map(|path| ["--rules".to_owned(), path.display().to_string()])
            .collect()
    }
}

fn collect(folder: &Path, prefix: &str, above: &[PathBuf], cases: &mut Vec<Case>) {
    let mut rules = above.to_vec();
    rules.extend(Some(folder.join("rules.yaml")).filter(|path| path.exists()));
    for path in entries(folder) {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let name = format!("{prefix}{stem}");
        if path.is_dir() {
            collect(&path, &format!("{name}/"), &rules, cases);
        } else if stem != "rules" {
            cases.push(parse(name, &rules, &std::fs::read_to_string(&path).unwrap()));
        }
    }
}

fn parse(name: String, rules: &[PathBuf], text: &str) -> Case {
    let case: Value = serde_json::from_str(text).or_else(|_| serde_saphyr::from_str(text)).unwrap();
    assert!(
        name.ends_with(case["metadata"]["name"].as_str().unwrap()),
        "{name} is called otherwise"
    );
    let expect = &case["expect"];
    Case {
        name,
        rules: rules.to_vec(),
        allowed: expect["allowed"].as_bool().unwrap(),
        fields: expect["fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|field| field.as_str().unwrap().to_owned())
            .collect(),
        message: expect["message"].as_str().map(str::to_owned),
        code: expect["code"].as_u64(),
        review: case["review"].clone(),
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
