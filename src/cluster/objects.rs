//! Rules as objects of the cluster: which of them are in force beside those from files, and why the others are not. Pure values.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::engine::{Builtin, Document, Rule, RuleErrors, RuleSet, SelectionKey};

/// What the annotations begin with that say something of a rule.
const OWN_ANNOTATIONS: &str = "fieldward.io/";

/// What the origin of an object's rule begins with.
const OBJECT: &str = "updaterules/";

/// A rule as the API server has it.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleObject {
    /// Its name.
    pub name: String,
    /// Tells it from an earlier one of that name.
    pub uid: String,
    /// Counts the changes of its spec.
    pub generation: i64,
    /// When it was created, RFC 3339: of two that contend the older holds.
    pub created: String,
    /// What the rule says, as a file would: pretty JSON.
    pub text: String,
    /// Its status, as it is.
    pub status: Value,
}

impl RuleObject {
    /// Of what the API server sent.
    pub fn of(object: &DynamicObject) -> Self {
        let metadata = &object.metadata;
        let name = metadata.name.clone().unwrap_or_default();
        let annotations: BTreeMap<&str, &str> = metadata
            .annotations
            .iter()
            .flatten()
            .filter(|(key, _)| key.starts_with(OWN_ANNOTATIONS))
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        let document = json!({
            "apiVersion": "fieldward.io/v1alpha1",
            "kind": "UpdateRule",
            "metadata": {"name": name, "annotations": annotations},
            "spec": object.data.get("spec").cloned().unwrap_or_default(),
        });
        Self {
            uid: metadata.uid.clone().unwrap_or_default(),
            generation: metadata.generation.unwrap_or_default(),
            created: metadata.creation_timestamp.as_ref().map(|time| time.0.to_string()).unwrap_or_default(),
            // A value that was read as JSON can be written as JSON.
            text: serde_json::to_string_pretty(&document).unwrap_or_default(),
            status: object.data.get("status").cloned().unwrap_or_default(),
            name,
        }
    }

    /// Whether both say the same, whatever is said of them.
    pub fn says_the_same(&self, other: &Self) -> bool {
        (&self.name, &self.uid, self.generation, &self.text) == (&other.name, &other.uid, other.generation, &other.text)
    }

    fn document(&self) -> Document {
        Document { origin: format!("{OBJECT}{}", self.name), text: self.text.clone() }
    }
}

/// What became of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is in force.
    InForce,
    /// It is no rule; `stays` is the generation before it that goes on, if there is one.
    Refused {
        /// Why, with place.
        reason: String,
        /// The last good generation.
        stays: Option<i64>,
    },
    /// Another rule holds for the same updates, or has its name.
    Contended {
        /// Which one, and what to do.
        reason: String,
    },
}

/// What is said of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Of which generation.
    pub generation: i64,
    /// What became of it.
    pub outcome: Outcome,
    /// The kinds that it speaks of, or resources where it names none.
    pub kinds: String,
    /// How many entries of mutable fields it has; none if it is no rule.
    pub mutable: Option<i64>,
}

/// The objects that are in force, and what is said of all.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    /// Their documents, to be loaded after those of the files.
    pub documents: Vec<Document>,
    /// By name.
    pub verdicts: BTreeMap<String, Verdict>,
    /// What each object was found to say, by name.
    known: BTreeMap<String, Arc<Known>>,
    /// Where the document of an object stands, by name.
    places: BTreeMap<String, usize>,
}

/// What an object says.
#[derive(Debug)]
struct Known {
    object: Arc<RuleObject>,
    /// The last generation that is a rule.
    good: Option<(i64, RuleSet)>,
    /// Why the newest is none, if it is none.
    reason: Option<String>,
}

impl Resolved {
    /// Decides for all objects, beside the rules of files and those compiled in. `before` knows the last good text of each.
    ///
    /// # Errors
    /// The files' own, as [`RuleSet::load`] has them.
    pub fn new(builtin: Builtin, files: &[Document], objects: &[Arc<RuleObject>], before: &Self) -> Result<Self, RuleErrors> {
        let from_files = RuleSet::load(Builtin::Left, files)?;
        let compiled_in = RuleSet::load(builtin, &[])?;
        // What replaces a rule compiled in takes its place, which is that of the oldest.
        let mut by_age: Vec<&Arc<RuleObject>> = objects.iter().collect();
        by_age.sort_by_key(|object| (compiled_in.get(&object.name).is_none(), &object.created, &object.name));
        let known: Vec<Arc<Known>> = by_age.into_iter().map(|object| Known::of(object, before)).collect();
        let names: BTreeSet<&str> = known.iter().filter(|known| known.good.is_some()).map(|known| known.object.name.as_str()).collect();
        let is_replaced = |name: &str| from_files.get(name).is_some() || names.contains(name);
        let kept = compiled_in.rules().filter(|rule| !is_replaced(rule.name().as_str()));
        let mut holding = Holding::default();
        for rule in from_files.rules().chain(kept) {
            holding.add(rule);
        }
        let mut resolved = Self::default();
        for known in &known {
            let name = &known.object.name;
            let mut verdict = known.verdict();
            if let Some(rule) = known.good.as_ref().and_then(|(_, rules)| rules.rules().next()) {
                if let Some(reason) = holding.against(rule) {
                    verdict.outcome = Outcome::Contended { reason };
                } else {
                    holding.add(rule);
                    resolved.places.insert(name.clone(), resolved.documents.len());
                    resolved.documents.push(Document { origin: rule.origin().to_owned(), text: rule.text().to_owned() });
                }
            }
            resolved.verdicts.insert(name.clone(), verdict);
        }
        resolved.known = known.iter().map(|known| (known.object.name.clone(), Arc::clone(known))).collect();
        Ok(resolved)
    }

    /// Whether the rule of that object is among those in force, as it was resolved.
    pub fn is_in_force(&self, name: &str, rules: &RuleSet) -> bool {
        self.places.get(name).and_then(|place| self.documents.get(*place)).is_some_and(|document| Self::has_taken(document, rules))
    }

    /// Whether the rule of one of the documents is among those in force.
    pub fn has_taken(document: &Document, rules: &RuleSet) -> bool {
        let rule = document.origin.strip_prefix(OBJECT).and_then(|name| rules.get(name));
        rule.is_some_and(|rule| rule.text() == document.text)
    }
}

impl Known {
    /// What is known of an object that says what it said before is that.
    fn of(object: &Arc<RuleObject>, before: &Resolved) -> Arc<Self> {
        let last = before.known.get(&object.name).filter(|last| last.object.uid == object.uid);
        if let Some(last) = last.filter(|last| last.object.generation == object.generation && last.object.text == object.text) {
            return Arc::clone(last);
        }
        let (good, reason) = match RuleSet::load(Builtin::Left, &[object.document()]) {
            Ok(rules) => (Some((object.generation, rules)), None),
            Err(errors) => (last.and_then(|last| last.good.clone()), Some(in_object(&errors, &object.text))),
        };
        Arc::new(Self { object: Arc::clone(object), good, reason })
    }

    fn verdict(&self) -> Verdict {
        let rule = self.good.as_ref().and_then(|(_, rules)| rules.rules().next());
        let outcome = match &self.reason {
            None => Outcome::InForce,
            Some(reason) => Outcome::Refused { reason: reason.clone(), stays: self.good.as_ref().map(|(generation, _)| *generation) },
        };
        Verdict {
            generation: self.object.generation,
            outcome,
            kinds: rule.map(kinds).unwrap_or_default(),
            mutable: rule.and_then(|rule| i64::try_from(rule.entries().count()).ok()),
        }
    }
}

fn kinds(rule: &Rule) -> String {
    let of = |resource: &crate::engine::ResourceRule| {
        if resource.kinds.is_empty() { resource.resources.clone() } else { resource.kinds.clone() }
    };
    let mut names: Vec<String> = rule.resources().iter().flat_map(of).collect();
    names.dedup();
    names.join(",")
}

/// The rules that are in force whatever comes after them.
#[derive(Default)]
struct Holding<'r> {
    by_name: BTreeMap<&'r str, &'r Rule>,
    by_selection: BTreeMap<SelectionKey, Vec<&'r Rule>>,
}

impl<'r> Holding<'r> {
    fn add(&mut self, rule: &'r Rule) {
        self.by_name.insert(rule.name().as_str(), rule);
        self.by_selection.entry(rule.selection()).or_default().push(rule);
    }

    /// Why another one cannot be in force beside these, if it cannot.
    fn against(&self, other: &Rule) -> Option<String> {
        if let Some(rule) = self.by_name.get(other.name().as_str()) {
            return Some(format!("{} has this name; give the object another one", who(rule)));
        }
        let equal = self.by_selection.get(&other.selection())?;
        let rule = equal.iter().find(|rule| rule.overlaps(other))?;
        let advice = match rule.origin() {
            Builtin::ORIGIN => "name the object as the built-in rule to replace it, or serve with --no-builtin-rules",
            _ => "list what may change in one of the two, or give them other selectors",
        };
        Some(format!("{} holds for the same updates with the same selectors; {advice}", who(rule)))
    }
}

fn who(rule: &Rule) -> String {
    match rule.origin() {
        Builtin::ORIGIN => format!("the built-in rule {}", rule.name()),
        origin if origin.starts_with(OBJECT) => format!("the older UpdateRule {}", rule.name()),
        file => format!("the rule {} of {file}", rule.name()),
    }
}

/// The first errors, each with the line that it stands in: nobody has the object's text with these numbers.
fn in_object(errors: &RuleErrors, text: &str) -> String {
    const SHOWN: usize = 4;
    let shown = errors.iter().take(SHOWN).map(|error| {
        let (line, _) = error.place();
        let found = usize::try_from(line).ok().and_then(|line| text.lines().nth(line.saturating_sub(1))).unwrap_or_default().trim();
        format!("line {line} of the rule as JSON, {}: {}", found.trim_end_matches(','), error.message())
    });
    let mut lines: Vec<String> = shown.collect();
    match errors.iter().count().saturating_sub(SHOWN) {
        0 => {}
        more => lines.push(format!("and {more} more")),
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str, created: &str, generation: i64, mutable: &Value) -> Arc<RuleObject> {
        let object = json!({
            "apiVersion": "fieldward.io/v1alpha1", "kind": "UpdateRule",
            "metadata": {"name": name, "uid": format!("uid-of-{name}"), "generation": generation, "creationTimestamp": created,
                         "annotations": {"fieldward.io/source": "here", "other": "thing"}},
            "spec": {
                "matchConstraints": {"resourceRules": [{"apiGroups": ["example.com"], "apiVersions": ["v1"], "resources": ["widgets"]}]},
                "mutable": mutable,
            },
        });
        let object: DynamicObject = serde_json::from_value(object).expect("an object");
        Arc::new(RuleObject::of(&object))
    }

    fn resolved(objects: &[Arc<RuleObject>], before: &Resolved) -> Resolved {
        Resolved::new(Builtin::Left, &[], objects, before).expect("no files")
    }

    fn held_by(resolved: &Resolved) -> Vec<&str> {
        resolved.documents.iter().map(|document| document.origin.as_str()).collect()
    }

    const OLD: &str = "2026-01-01T00:00:00Z";
    const NEW: &str = "2026-01-02T00:00:00Z";

    #[test]
    fn the_older_of_two_holds_and_then_the_other() {
        let (old, new) = (object("b", OLD, 1, &json!(["spec.a"])), object("a", NEW, 1, &json!(["spec.b"])));
        let both = resolved(&[Arc::clone(&new), Arc::clone(&old)], &Resolved::default());
        assert_eq!(held_by(&both), ["updaterules/b"]);
        assert!(matches!(&both.verdicts["a"].outcome, Outcome::Contended { reason } if reason.starts_with("the older UpdateRule b holds")));
        assert_eq!(
            (&both.verdicts["b"].outcome, both.verdicts["b"].kinds.as_str(), both.verdicts["b"].mutable),
            (&Outcome::InForce, "widgets", Some(1))
        );
        assert_eq!(held_by(&resolved(&[new], &both)), ["updaterules/a"]);
    }

    #[test]
    fn what_a_file_says_holds_before_any_object() {
        let text = object("file", OLD, 1, &json!(["spec.a"])).text.clone();
        let file = Document { origin: "file.yaml".to_owned(), text };
        let found = Resolved::new(Builtin::Left, &[file], &[object("a", OLD, 1, &json!([]))], &Resolved::default()).expect("a rule");
        assert!(
            matches!(&found.verdicts["a"].outcome, Outcome::Contended { reason } if reason.starts_with("the rule file of file.yaml holds"))
        );
        assert!(found.documents.is_empty());
    }

    #[test]
    fn the_last_good_generation_stays_until_there_is_a_better_one() {
        let good = resolved(&[object("a", OLD, 1, &json!(["spec.a"]))], &Resolved::default());
        let broken = resolved(&[object("a", OLD, 2, &json!(["spec..a"]))], &good);
        assert_eq!(broken.documents, good.documents);
        let Outcome::Refused { reason, stays: Some(1) } = &broken.verdicts["a"].outcome else { panic!("{broken:?}") };
        assert!(reason.contains("\"spec..a\": in path `spec..a`"), "{reason}");
        let still = resolved(&[object("a", OLD, 3, &json!([3]))], &broken);
        assert_eq!(still.documents, good.documents);
        let better = resolved(&[object("a", OLD, 4, &json!(["spec.b"]))], &still);
        assert!(better.documents != good.documents && better.verdicts["a"].outcome == Outcome::InForce);
        // An object that only has its name is another one.
        let mut other = RuleObject::clone(&object("a", NEW, 1, &json!([3])));
        other.uid = "other".to_owned();
        assert!(resolved(&[Arc::new(other)], &good).documents.is_empty());
    }

    #[test]
    fn an_object_named_as_a_built_in_rule_replaces_it() {
        let own = object("mxjob", NEW, 1, &json!(["spec.a"]));
        let found = Resolved::new(Builtin::Included, &[], &[own], &Resolved::default()).expect("no files");
        assert_eq!((held_by(&found), &found.verdicts["mxjob"].outcome), (vec!["updaterules/mxjob"], &Outcome::InForce));
    }

    #[test]
    fn of_the_annotations_only_its_own_are_part_of_the_rule() {
        let text = &object("a", OLD, 1, &json!([])).text;
        assert!(text.contains("\"fieldward.io/source\": \"here\"") && !text.contains("other"), "{text}");
    }
}
