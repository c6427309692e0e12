//! A file of rules, the documents in it, and the rules of a document: one, or several as
//! `kubectl get updaterules -o yaml` prints them.

use serde_json::{Value, json};

use super::raw::{RawKind, RawList};
use super::{parser, rule};
use crate::engine::rule::annotations::ANNOTATION_PREFIX;
use crate::engine::rule::condition::Compiler;
use crate::engine::rule::definition::Rule;
use crate::engine::rule::error::RuleError;

/// One file of rules: YAML, several documents separated by `---`, each a rule or a list of rules as
/// kubectl prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFile {
    /// What errors call it: a file name, usually.
    pub origin: String,
    /// YAML, of one or several documents.
    pub text: String,
}

/// The documents of a file, each with the number of its first line and padded with empty lines up
/// to it, so that places stay the file's. A line that starts with `---` separates documents
/// wherever it stands in YAML, even within a scalar; a document may begin on it.
pub(crate) fn split(text: &str) -> Vec<(u64, String)> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut first = 1;
    for (number, line) in (1u64..).zip(text.lines()) {
        let after_separator = line
            .strip_prefix("---")
            .filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t']));
        if after_separator.is_some() {
            parts.push((
                first,
                std::mem::replace(
                    &mut part,
                    "\n".repeat(usize::try_from(number - 1).unwrap_or_default()),
                ),
            ));
            let begins_here = after_separator.is_some_and(|rest| !rest.trim().is_empty());
            first = if begins_here { number } else { number + 1 };
            part.push_str("   ");
        }
        part.push_str(after_separator.unwrap_or(line));
        part.push('\n');
    }
    parts.push((first, part));
    parts.retain(|(_, part)| {
        part.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
    });
    parts
}

/// The kinds of lists, each with the apiVersion that it has.
const LISTS: [(&str, &str); 2] = [("List", "v1"), ("UpdateRuleList", "fieldward.io/v1alpha1")];

/// The rules of a document that begins at `line` of its file, each with the line where it begins.
pub(crate) fn rules(
    origin: &str,
    line: u64,
    text: &str,
    compiler: Compiler,
) -> Result<Vec<(u64, Rule)>, Vec<RuleError>> {
    match list_version(text) {
        Some(version) => items(origin, text, version, compiler),
        None => Ok(vec![(line, rule::rule(origin, text, compiler)?)]),
    }
}

/// The apiVersion that the document must have if it is a list.
fn list_version(text: &str) -> Option<&'static str> {
    // Most documents are rules, and are read once.
    let kind =
        text.contains("List").then(|| serde_saphyr::from_str::<RawKind>(text).ok()).flatten()?.kind;
    LISTS.into_iter().find(|(list, _)| *list == kind).map(|(_, version)| version)
}

fn items(
    origin: &str,
    text: &str,
    version: &str,
    compiler: Compiler,
) -> Result<Vec<(u64, Rule)>, Vec<RuleError>> {
    let raw: RawList = parser::read(origin, text)?;
    let refused = |at: serde_saphyr::Location, message: String| {
        Err(vec![RuleError::new(origin, at.line(), at.column(), message)])
    };
    if raw.api_version.value != version {
        let message = format!(
            "expected `{version}` for a {}, found `{}`",
            raw.kind.value, raw.api_version.value
        );
        return refused(raw.api_version.referenced, message);
    }
    if raw.items.value.is_empty() {
        return refused(
            raw.items.referenced,
            "expected at least one item, found an empty list".to_owned(),
        );
    }
    let objects: Value = parser::read(origin, text)?;
    let (mut rules, mut errors) = (Vec::new(), Vec::new());
    for (index, item) in raw.items.value.into_iter().enumerate() {
        match rule::raw_rule(origin, text, item.value, compiler) {
            Ok(rule) => rules
                .push((item.referenced.line(), Rule { text: document(&objects, index), ..rule })),
            Err(found) => errors.extend(found),
        }
    }
    if errors.is_empty() { Ok(rules) } else { Err(errors) }
}

/// An item as a document of its own, without what the API server has added.
fn document(list: &Value, index: usize) -> String {
    let part =
        |path: &str| list.pointer(&format!("/items/{index}/{path}")).cloned().unwrap_or_default();
    let annotations: serde_json::Map<String, Value> = match part("metadata/annotations") {
        Value::Object(annotations) => {
            annotations.into_iter().filter(|(key, _)| key.starts_with(ANNOTATION_PREFIX)).collect()
        }
        _ => serde_json::Map::new(),
    };
    let document = json!({
        "apiVersion": part("apiVersion"), "kind": part("kind"), "spec": part("spec"),
        "metadata": {"name": part("metadata/name"), "annotations": annotations},
    });
    // A value that was read as JSON can be written as JSON.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use crate::engine::{Builtin, RuleFile, RuleSet};

    const PRINTED: &str = "apiVersion: v1
items:
- apiVersion: fieldward.io/v1alpha1
  kind: UpdateRule
  metadata:
    annotations:
      fieldward.io/source: here
      kubectl.kubernetes.io/last-applied-configuration: '{}'
    creationTimestamp: \"2026-01-01T00:00:00Z\"
    generation: 2
    managedFields: [{manager: kubectl}]
    name: one
    resourceVersion: \"7\"
    uid: 0a
  spec:
    failurePolicy: Fail
    matchConstraints:
      resourceRules: [{apiGroups: [example.com], apiVersions: [v1], resources: [widgets]}]
    mutable: [spec.a]
    equality: [{path: metadata.creationTimestamp, absentAs: null}]
  status:
    conditions: [{type: Accepted, status: \"True\"}]
- apiVersion: fieldward.io/v1alpha1
  kind: UpdateRule
  metadata: {name: two}
  spec:
    matchConstraints:
      resourceRules: [{apiGroups: [example.com], apiVersions: [v1], resources: [gadgets]}]
    mutable:
    - spec.b
kind: List
metadata:
  resourceVersion: \"\"
";

    fn load(text: &str) -> RuleSet {
        RuleSet::load(
            Builtin::Excluded,
            &[RuleFile { origin: "list.yaml".to_owned(), text: text.to_owned() }],
        )
        .unwrap()
    }

    #[test]
    fn each_item_is_a_rule_as_if_it_stood_alone() {
        let rules = load(&format!("# printed\n---\n{PRINTED}"));
        assert_eq!(rules.names().collect::<Vec<_>>(), ["one", "two"]);
        let lines: Vec<_> =
            rules.rules().flat_map(|rule| rule.entries().map(|entry| entry.line)).collect();
        assert_eq!(lines, [Some(21), Some(32)]);
        for rule in rules.rules() {
            let alone = load(rule.text());
            let again = alone.get(rule.name().as_str()).unwrap();
            assert_eq!(
                (again.text(), again.source(), again.equality()),
                (rule.text(), rule.source(), rule.equality())
            );
            assert!(
                !rule.text().contains("uid")
                    && !rule.text().contains("status")
                    && !rule.text().contains("last-applied"),
                "{}",
                rule.text()
            );
        }
        let typed = PRINTED.replace("kind: List", "kind: UpdateRuleList").replacen(
            "v1\n",
            "fieldward.io/v1alpha1\n",
            1,
        );
        assert_eq!(load(&typed).digest(), rules.digest());
    }
}
