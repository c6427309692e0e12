//! What is learned from: recorded updates, grouped by what they are about.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::cli::documents;
use crate::engine::harmless;

/// What a rule would speak of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    pub(super) group: String,
    pub(super) version: String,
    /// With its subresource, as in `jobs/scale`.
    pub(super) resource: String,
    pub(super) kind: String,
}

impl Target {
    /// Whether its values are secret by kind.
    pub(super) fn is_secret(&self) -> bool {
        self.group.is_empty() && self.kind == "Secret"
    }
}

/// One update that was let through.
#[derive(Debug, Clone)]
pub(super) struct Update {
    pub(super) file: String,
    /// The review as it would be sent.
    pub(super) body: Vec<u8>,
    pub(super) user: String,
    pub(super) groups: Vec<String>,
    pub(super) old: Value,
    pub(super) new: Value,
}

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) updates: BTreeMap<Target, Vec<Update>>,
    /// Reviews that say nothing of what may change: file and reason.
    pub(super) skipped: Vec<(String, &'static str)>,
}

impl Found {
    /// Reads files, and of folders every document in them and below.
    pub(super) fn read(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let mut found = Self::default();
        for path in paths {
            if path.is_dir() { found.folder(path)? } else { found.file(path, Given::ByName)? }
        }
        Ok(found)
    }

    fn folder(&mut self, folder: &Path) -> anyhow::Result<()> {
        for path in documents::entries(folder)? {
            let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if is_hidden {
                continue;
            }
            if path.is_dir() {
                self.folder(&path)?;
            } else if documents::is_document(&path) {
                self.file(&path, Given::ByFolder)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, given: Given) -> anyhow::Result<()> {
        let name = documents::name_of(path);
        for json in documents::as_json(&name, documents::read(path)?)? {
            self.document(&name, &json, given).with_context(|| name.clone())?;
        }
        Ok(())
    }

    /// Takes one document in: a review, or a case.
    pub(super) fn document(&mut self, file: &str, json: &[u8], given: Given) -> anyhow::Result<()> {
        let mut document: Value = serde_json::from_slice(json).context("expected a review of at most 128 levels")?;
        let review = match document.get("kind").and_then(Value::as_str) {
            Some("UpdateCase") => {
                if document.pointer("/expect/allowed") == Some(&Value::Bool(false)) {
                    self.skip(file, "it was denied");
                    return Ok(());
                }
                document.get_mut("review").map(Value::take).unwrap_or_default()
            }
            Some("UpdateRule") if given == Given::ByFolder => return Ok(()),
            Some("AdmissionReview") | None => document,
            Some(other) => bail!("expected kind `AdmissionReview` or `UpdateCase`, found `{}`", harmless(other)),
        };
        if review.pointer("/response/allowed") == Some(&Value::Bool(false)) {
            self.skip(file, "it was denied");
            return Ok(());
        }
        let Some(request) = review.get("request").filter(|request| request.is_object()) else {
            bail!("expected an AdmissionReview with a `request`, found none");
        };
        if request.get("operation").and_then(Value::as_str) != Some("UPDATE") {
            self.skip(file, "it is no update");
            return Ok(());
        }
        let object = |name: &str| request.get(name).filter(|object| object.is_object()).cloned();
        let (Some(old), Some(new)) = (object("oldObject"), object("object")) else {
            self.skip(file, "it lacks an object");
            return Ok(());
        };
        let text = |pointer: &str| request.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let (Some(group), Some(version), Some(plural), Some(kind)) =
            (text("/resource/group"), text("/resource/version"), text("/resource/resource"), text("/kind/kind"))
        else {
            bail!("expected `request.resource` with group, version and resource, and `request.kind`, found none");
        };
        let resource = match text("/subResource").filter(|subresource| !subresource.is_empty()) {
            Some(subresource) => format!("{plural}/{subresource}"),
            None => plural,
        };
        let user = text("/userInfo/username").unwrap_or_default();
        let groups = request.pointer("/userInfo/groups").and_then(|groups| serde_json::from_value(groups.clone()).ok()).unwrap_or_default();
        let update = Update { file: file.to_owned(), body: serde_json::to_vec(&review)?, user, groups, old, new };
        self.updates.entry(Target { group, version, resource, kind }).or_default().push(update);
        Ok(())
    }

    fn skip(&mut self, file: &str, why: &'static str) {
        self.skipped.push((file.to_owned(), why));
    }
}

/// How a file was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    /// Itself.
    ByName,
    /// By a folder that it is in: rules beside it are passed over.
    ByFolder,
}
