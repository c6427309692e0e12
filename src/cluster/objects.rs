//! Rules as objects of the cluster: which of them are in force beside those from files, and why the others are not. Pure values.

use std::collections::BTreeMap;

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
    /// The last good texts, by name and uid, with their generations.
    good: BTreeMap<(String, String), (i64, String)>,
}

impl Resolved {
    /// Decides for all objects, beside the rules of files and those compiled in. `before` knows the last good text of each.
    ///
    /// # Errors
    /// The files' own, as [`RuleSet::load`] has them.
    pub fn new(builtin: Builtin, files: &[Document], objects: &[RuleObject], before: &Self) -> Result<Self, RuleErrors> {
        let from_files = RuleSet::load(Builtin::Left, files)?;
        let compiled_in = RuleSet::load(builtin, &[])?;
        let mut resolved = Self::default();
        // What replaces a rule compiled in takes its place, which is that of the oldest.
        let mut by_age: Vec<&RuleObject> = objects.iter().collect();
        by_age.sort_by_key(|object| (compiled_in.get(&object.name).is_none(), &object.created, &object.name));
        let mut parsed: Vec<(&RuleObject, RuleSet)> = Vec::new();
        for object in by_age {
            let (rules, verdict) = resolved.parse(object, before);
            parsed.extend(rules.map(|rules| (object, rules)));
            resolved.verdicts.insert(object.name.clone(), verdict);
        }
        let is_replaced = |name: &str| from_files.get(name).is_some() || parsed.iter().any(|(object, _)| object.name == name);
        let kept = compiled_in.rules().filter(|rule| !is_replaced(rule.name().as_str()));
        let mut holding: Vec<Holding<'_>> = from_files.rules().chain(kept).map(Holding::of).collect();
        for (object, rule) in parsed.iter().flat_map(|(object, rules)| rules.rules().map(move |rule| (object, rule))) {
            let holds = Holding::of(rule);
            if let Some(reason) = holding.iter().find_map(|other| other.holds_against(&holds)) {
                if let Some(verdict) = resolved.verdicts.get_mut(&object.name) {
                    verdict.outcome = Outcome::Contended { reason };
                }
                continue;
            }
            resolved.documents.push(Document { origin: rule.origin().to_owned(), text: rule.text().to_owned() });
            holding.push(holds);
        }
        Ok(resolved)
    }

    /// Whether the rule of that object is among those in force, as it was resolved.
    pub fn is_in_force(&self, name: &str, rules: &RuleSet) -> bool {
        let origin = format!("{OBJECT}{name}");
        self.documents.iter().any(|document| document.origin == origin && Self::has_taken(document, rules))
    }

    /// Whether the rule of one of the documents is among those in force.
    pub fn has_taken(document: &Document, rules: &RuleSet) -> bool {
        let rule = document.origin.strip_prefix(OBJECT).and_then(|name| rules.get(name));
        rule.is_some_and(|rule| rule.text() == document.text)
    }

    /// The rule of an object, or the last good one, with what is said of it as far as it alone goes.
    fn parse(&mut self, object: &RuleObject, before: &Self) -> (Option<RuleSet>, Verdict) {
        let identity = (object.name.clone(), object.uid.clone());
        match RuleSet::load(Builtin::Left, &[object.document()]) {
            Ok(rules) => {
                let verdict = verdict(object, &rules, Outcome::InForce);
                self.good.insert(identity, (object.generation, object.text.clone()));
                (Some(rules), verdict)
            }
            Err(errors) => {
                let reason = in_object(&errors, &object.text);
                let last = before.good.get(&identity).and_then(|(generation, text)| {
                    let rules = RuleSet::load(Builtin::Left, &[Document { text: text.clone(), ..object.document() }]).ok()?;
                    Some((*generation, text.clone(), rules))
                });
                let Some((generation, text, rules)) = last else {
                    let none = Verdict {
                        generation: object.generation,
                        outcome: Outcome::Refused { reason, stays: None },
                        kinds: String::new(),
                        mutable: None,
                    };
                    return (None, none);
                };
                self.good.insert(identity, (generation, text));
                let verdict = verdict(object, &rules, Outcome::Refused { reason, stays: Some(generation) });
                (Some(rules), verdict)
            }
        }
    }
}

fn verdict(object: &RuleObject, rules: &RuleSet, outcome: Outcome) -> Verdict {
    let rule = rules.rules().next();
    Verdict {
        generation: object.generation,
        outcome,
        kinds: rule.map(kinds).unwrap_or_default(),
        mutable: rule.and_then(|rule| i64::try_from(rule.entries().count()).ok()),
    }
}

fn kinds(rule: &Rule) -> String {
    let named = |resource: &crate::engine::ResourceRule| {
        if resource.kinds.is_empty() { resource.resources.clone() } else { resource.kinds.clone() }
    };
    let mut names: Vec<String> = rule.resources().iter().flat_map(named).collect();
    names.dedup();
    names.join(",")
}

/// A rule that is in force whatever comes after it.
struct Holding<'r> {
    rule: &'r Rule,
    selection: SelectionKey,
}

impl<'r> Holding<'r> {
    fn of(rule: &'r Rule) -> Self {
        Self { rule, selection: rule.selection() }
    }

    /// Why another one cannot be in force beside it, if it cannot.
    fn holds_against(&self, other: &Self) -> Option<String> {
        let who = match self.rule.origin() {
            Builtin::ORIGIN => format!("the built-in rule {}", self.rule.name()),
            origin if origin.starts_with(OBJECT) => format!("the older UpdateRule {}", self.rule.name()),
            file => format!("the rule {} of {file}", self.rule.name()),
        };
        if self.rule.name() == other.rule.name() {
            return Some(format!("{who} has this name; give the object another one"));
        }
        let contends = self.selection == other.selection && self.rule.overlaps(other.rule);
        let advice = match self.rule.origin() {
            Builtin::ORIGIN => "name the object as the built-in rule to replace it, or serve with --no-builtin-rules",
            _ => "list what may change in one of the two, or give them other selectors",
        };
        contends.then(|| format!("{who} holds for the same updates with the same selectors; {advice}"))
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
