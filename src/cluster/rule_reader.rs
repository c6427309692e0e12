//! The rules of files and of objects, read together.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::objects::{Resolved, RuleObject};
use crate::engine::{Builtin, RuleFile, RuleSet, escape_control};

/// Where the rules that are no objects come from.
pub(crate) struct RuleFiles {
    /// Whether the rules compiled in are among them.
    pub(crate) builtin: Builtin,
    pub(crate) read: Box<dyn Fn() -> Result<Vec<RuleFile>, String> + Send + Sync>,
}

/// Reads files and objects together.
pub(crate) struct RuleReader {
    files: RuleFiles,
    objects: watch::Receiver<Option<Arc<Vec<Arc<RuleObject>>>>>,
    resolved: watch::Sender<Arc<Resolved>>,
    /// What was resolved last, and of what.
    last: Mutex<Option<Last>>,
}

struct Last {
    files: Vec<RuleFile>,
    objects: Arc<Vec<Arc<RuleObject>>>,
}

impl RuleReader {
    pub(super) fn new(
        files: RuleFiles,
        objects: watch::Receiver<Option<Arc<Vec<Arc<RuleObject>>>>>,
        resolved: watch::Sender<Arc<Resolved>>,
    ) -> Self {
        Self { files, objects, resolved, last: Mutex::new(None) }
    }

    /// Reads the files, and resolves the objects with them if either has changed. Returns the
    /// documents that are to be in force, and why some of them are not those that were found, but
    /// the last good ones.
    ///
    /// # Errors
    /// Files that cannot be used while nothing is known of the objects, or together with them.
    pub(crate) fn read(&self) -> Result<(Vec<RuleFile>, Option<String>), String> {
        let found = (self.files.read)();
        // Before they were listed nothing is known of them, and nothing of them is in force.
        let Some(objects) = self.objects.borrow().clone() else {
            return found.map(|documents| (documents, None));
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // Files that cannot be used do not keep changes of objects from being taken.
        let (files, refused) =
            match (found.and_then(|files| self.usable(files, last.as_ref())), last.as_ref()) {
                (Ok(files), _) => (files, None),
                (Err(reason), Some(last)) => (last.files.clone(), Some(reason)),
                (Err(reason), None) => return Err(reason),
            };
        if last
            .as_ref()
            .is_none_or(|last| last.files != files || !say_the_same(&last.objects, &objects))
        {
            let before = self.resolved.borrow().clone();
            let resolved = Resolved::new(self.files.builtin, &files, &objects, &before)
                .map_err(|errors| escape_control(&errors.to_string()))?;
            self.resolved.send_replace(Arc::new(resolved));
            *last = Some(Last { files: files.clone(), objects });
        }
        let mut documents = files;
        documents.extend(self.resolved.borrow().documents.iter().cloned());
        Ok((documents, refused))
    }

    /// The texts of files, if they can be in force.
    fn usable(&self, files: Vec<RuleFile>, last: Option<&Last>) -> Result<Vec<RuleFile>, String> {
        if last.is_none_or(|last| last.files != files) {
            RuleSet::load(self.files.builtin, &files)
                .map_err(|errors| escape_control(&errors.to_string()))?;
        }
        Ok(files)
    }
}

/// Whether nothing but what is said of the objects differs.
fn say_the_same(one: &[Arc<RuleObject>], other: &[Arc<RuleObject>]) -> bool {
    one.len() == other.len()
        && one
            .iter()
            .zip(other)
            .all(|(one, other)| Arc::ptr_eq(one, other) || one.says_the_same(other))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::update_rule::UpdateRuleStatus;

    fn rule(name: &str, resource: &str) -> serde_json::Value {
        json!({
            "apiVersion": "fieldward.io/v1alpha1", "kind": "UpdateRule", "metadata": {"name": name},
            "spec": {
                "matchConstraints": {"resourceRules": [{"apiGroups": ["example.com"],
                    "apiVersions": ["v1"], "resources": [resource]}]},
                "mutable": ["spec.a"],
            },
        })
    }

    #[test]
    fn a_broken_file_does_not_keep_objects_from_being_resolved() {
        let objects = watch::Sender::new(None);
        let set = |names: &[&str]| {
            let object = |name: &&str| {
                let text = rule(name, name).to_string();
                let (name, created) = ((*name).to_owned(), "2026-01-01T00:00:00Z".to_owned());
                Arc::new(RuleObject {
                    uid: name.clone(),
                    name,
                    generation: 1,
                    created,
                    text,
                    unknown_annotations: Vec::new(),
                    status: UpdateRuleStatus::default(),
                })
            };
            objects.send_replace(Some(Arc::new(names.iter().map(object).collect::<Vec<_>>())));
        };
        let text = Arc::new(Mutex::new(String::new()));
        let file = Arc::clone(&text);
        let read = move || {
            Ok(vec![RuleFile {
                origin: "rule.yaml".to_owned(),
                text: file.lock().unwrap().clone(),
            }])
        };
        let files = RuleFiles { builtin: Builtin::Excluded, read: Box::new(read) };
        let reading = RuleReader::new(files, objects.subscribe(), watch::Sender::default());
        let names = |reading: Result<(Vec<RuleFile>, Option<String>), String>| {
            let (documents, refused) = reading.unwrap();
            let rules = RuleSet::load(Builtin::Excluded, &documents).unwrap();
            (rules.names().collect::<Vec<_>>().join(" "), refused.is_some())
        };
        *text.lock().unwrap() = rule("file", "files").to_string();
        set(&["one"]);
        assert_eq!(names(reading.read()), ("file one".to_owned(), false));
        for broken in ["kind: UpdateRule", "{"] {
            *text.lock().unwrap() = broken.to_owned();
            set(&["one", "two"]);
            assert_eq!(names(reading.read()), ("file one two".to_owned(), true), "{broken}");
            set(&["two"]);
            assert_eq!(names(reading.read()), ("file two".to_owned(), true), "{broken}");
        }
        *text.lock().unwrap() = rule("other", "files").to_string();
        assert_eq!(names(reading.read()), ("other two".to_owned(), false));
    }
}
