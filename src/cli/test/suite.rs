//! Which cases there are in files and folders, and under which rules each is judged.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::case::{self, JsonCase};
use crate::cli::args::ExemptArgs;
use crate::cli::documents;
use crate::engine::{Builtin, RuleFile, RuleSet, escape_control};
use crate::server::files::name_of;

/// The cases of all paths, and what is broken.
pub(super) struct Suite {
    pub(super) tests: Vec<Test>,
    pub(super) errors: Vec<String>,
}

pub(super) struct Test {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) case: JsonCase,
    pub(super) rules: RuleSet,
}

impl Suite {
    /// Searches the paths; rules found in a folder are in force there and below, with those given.
    pub(super) fn find(
        paths: &[PathBuf],
        builtin: Builtin,
        rules: &[RuleFile],
        exempt: &ExemptArgs,
    ) -> Self {
        let mut search =
            Search { builtin, exempt, suite: Self { tests: Vec::new(), errors: Vec::new() } };
        for path in paths {
            let before = search.suite.tests.len() + search.suite.errors.len();
            if path.is_dir() {
                search.folder(path, rules);
            } else {
                search.files(vec![path.clone()], rules);
            }
            if search.suite.tests.len() + search.suite.errors.len() == before {
                search.suite.errors.push(format!(
                    "{}: expected cases (kind UpdateCase), found none",
                    name_of(path)
                ));
            }
        }
        search.suite
    }
}

struct Search<'a> {
    builtin: Builtin,
    exempt: &'a ExemptArgs,
    suite: Suite,
}

/// What a file holds, as far as the search must know.
enum Found {
    Case(String),
    Rules(RuleFile),
}

#[derive(Deserialize)]
struct Head {
    kind: Option<String>,
}

impl Search<'_> {
    fn folder(&mut self, folder: &Path, above: &[RuleFile]) {
        let entries = match documents::entries(folder) {
            Ok(entries) => entries,
            Err(error) => return self.suite.errors.push(format!("{error:#}")),
        };
        let (folders, files): (Vec<_>, Vec<_>) = entries
            .into_iter()
            .filter(|path| !documents::is_hidden(path))
            .partition(|path| path.is_dir());
        let rules = self
            .files(files.into_iter().filter(|path| documents::is_document(path)).collect(), above);
        for folder in folders {
            self.folder(&folder, &rules);
        }
    }

    /// Takes the files of one folder; the rules in force there.
    fn files(&mut self, files: Vec<PathBuf>, above: &[RuleFile]) -> Vec<RuleFile> {
        let (mut rules, mut cases) = (above.to_vec(), Vec::new());
        for file in files {
            match read(&file) {
                Ok(Found::Rules(document)) => rules.push(document),
                Ok(Found::Case(text)) => cases.push((file, text)),
                Err(error) => self.suite.errors.push(error),
            }
        }
        if cases.is_empty() && rules.len() == above.len() {
            return rules;
        }
        let set = match RuleSet::load(self.builtin, &rules) {
            Ok(set) => self.exempt.apply(set),
            Err(errors) => {
                self.suite.errors.extend(errors.iter().map(ToString::to_string));
                return above.to_vec();
            }
        };
        for (file, text) in cases {
            let is_json = file.extension().is_some_and(|extension| extension == "json");
            let file = name_of(&file);
            match case::parse(is_json, &text) {
                Ok(case) => self.suite.tests.push(Test {
                    name: case.name.clone(),
                    file,
                    case,
                    rules: set.clone(),
                }),
                Err(error) => self.suite.errors.push(format!("{file}:{error}")),
            }
        }
        rules
    }
}

fn read(file: &Path) -> Result<Found, String> {
    let name = name_of(file);
    let bytes = documents::read(file).map_err(|error| format!("{error:#}"))?;
    let text = String::from_utf8(bytes)
        .map_err(|error| format!("{name}: expected UTF-8, found {error}"))?;
    match kind(&text).as_deref() {
        Some("UpdateRule") => Ok(Found::Rules(RuleFile { origin: name, text })),
        // A file whose kind cannot be told is reported as a case, with line and column.
        Some("UpdateCase") | None => Ok(Found::Case(text)),
        Some("AdmissionReview") => Err(format!(
            "{name}: expected kind `UpdateCase`, found an AdmissionReview without expectations; \
             put it under `review:` beside `expect:`"
        )),
        Some(other) => Err(format!(
            "{name}: expected kind `UpdateCase` or `UpdateRule`, found `{}`",
            escape_control(other)
        )),
    }
}

fn kind(text: &str) -> Option<String> {
    if let Ok(head) = serde_json::from_str::<Head>(text) {
        return head.kind;
    }
    match serde_saphyr::from_multiple::<Head>(text) {
        Ok(heads) => heads.into_iter().next()?.kind,
        // Broken YAML is reported as what it was to be.
        Err(_) => text
            .lines()
            .find_map(|line| line.strip_prefix("kind:"))
            .map(str::trim)
            .filter(|kind| kind.bytes().all(|byte| byte.is_ascii_alphanumeric()))
            .map(str::to_owned),
    }
}
