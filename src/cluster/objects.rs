//! Rules as objects of the cluster: which of them are in force beside those from files, and why the
//! others are not. Pure values.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::api::DynamicObject;
use serde::Deserialize;
use serde_json::{Value, json};

use super::update_rule::{LastGood, REGISTERED, REJECTED, UpdateRuleStatus};
use crate::engine::{
    Builtin, Rule, RuleErrors, RuleFile, RuleSet, SelectionKey, annotations, cut_bytes,
};

/// What the origin of an object's rule begins with.
const OBJECT: &str = "updaterules/";

/// Whether a rule of this origin is an object of the cluster.
pub(crate) fn is_of_object(origin: &str) -> bool {
    origin.starts_with(OBJECT)
}

/// A rule as the API server has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RuleObject {
    pub(crate) name: String,
    /// Tells it from an earlier one of that name.
    pub(crate) uid: String,
    /// Counts the changes of its spec.
    pub(crate) generation: i64,
    /// When it was created, RFC 3339: of two that contend the older holds.
    pub(crate) created: String,
    /// What the rule says, as a file would: pretty JSON.
    pub(crate) text: String,
    /// Annotations with the prefix of fieldward that it does not read.
    pub(crate) unknown_annotations: Vec<String>,
    pub(crate) status: UpdateRuleStatus,
}

impl RuleObject {
    /// Of what the API server sent.
    pub(crate) fn from_object(object: &DynamicObject) -> Self {
        let metadata = &object.metadata;
        let name = metadata.name.clone().unwrap_or_default();
        let own: BTreeMap<&str, &str> = metadata
            .annotations
            .iter()
            .flatten()
            .filter(|(key, _)| key.starts_with(annotations::ANNOTATION_PREFIX))
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        let document = json!({
            "apiVersion": "fieldward.io/v1alpha1",
            "kind": "UpdateRule",
            "metadata": {"name": name, "annotations": own},
            "spec": object.data.get("spec").cloned().unwrap_or_default(),
        });
        Self {
            unknown_annotations: own
                .keys()
                .filter(|key| annotations::is_unknown(key))
                .map(|key| (*key).to_owned())
                .collect(),
            uid: metadata.uid.clone().unwrap_or_default(),
            generation: metadata.generation.unwrap_or_default(),
            created: metadata
                .creation_timestamp
                .as_ref()
                .map(|time| time.0.to_string())
                .unwrap_or_default(),
            // A value that was read as JSON can be written as JSON.
            text: serde_json::to_string_pretty(&document).unwrap_or_default(),
            status: object
                .data
                .get("status")
                .and_then(|status| UpdateRuleStatus::deserialize(status).ok())
                .unwrap_or_default(),
            name,
        }
    }

    /// Whether the content of both is the same: their generation, and what stands in for it. Their
    /// statuses may differ.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        let all = |object: &Self| (object.is_rejected(), object.last_good().cloned());
        self.is_same_generation(other) && self.name == other.name && all(self) == all(other)
    }

    fn is_same_generation(&self, other: &Self) -> bool {
        (&self.uid, self.generation, &self.text) == (&other.uid, other.generation, &other.text)
    }

    /// Whether the API server rejects the webhook of this generation, as its status says.
    fn is_rejected(&self) -> bool {
        self.status.conditions.iter().any(|condition| {
            condition.type_ == REGISTERED
                && condition.reason == REJECTED
                && condition.observed_generation == Some(self.generation)
        })
    }

    /// What the status keeps, if it is not what the object says. A change of an annotation does not
    /// raise the generation.
    fn last_good(&self) -> Option<&LastGood> {
        let says = |last: &LastGood| {
            let [kept, own] =
                [&last.rule, &self.text].map(|text| serde_json::from_str::<Value>(text).ok());
            kept == own
        };
        self.status
            .last_good
            .as_ref()
            .filter(|last| last.generation != self.generation || !says(last))
    }

    fn document(&self, text: String) -> RuleFile {
        RuleFile { origin: format!("{OBJECT}{}", self.name), text }
    }

    /// The generation that the status keeps, as a rule, if it is one still.
    fn kept(&self) -> Option<(i64, RuleSet)> {
        let last = self.last_good()?;
        // In the form that a text has which comes from the API server.
        let value: Value = serde_json::from_str(&last.rule).ok()?;
        let document = self.document(serde_json::to_string_pretty(&value).ok()?);
        let rules = RuleSet::load(Builtin::Excluded, &[document]).ok()?;
        rules.get(&self.name)?;
        Some((last.generation, rules))
    }
}

/// What became of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ObjectOutcome {
    InForce,
    /// It is no rule; `stays` is the generation before it that goes on, if there is one.
    Invalid {
        /// Why, with place.
        reason: String,
        /// The last good generation.
        stays: Option<i64>,
    },
    /// The API server rejects its webhook; `stays` is the generation before it that goes on, if
    /// there is one.
    Rejected {
        /// The last good generation.
        stays: Option<i64>,
    },
    /// Another rule holds for the same updates, or has its name.
    Conflicting {
        /// Which one, and what to do.
        reason: String,
    },
}

/// What the status of an object is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acceptance {
    /// The generation that this is about.
    pub(crate) generation: i64,
    pub(crate) outcome: ObjectOutcome,
    /// The kinds that it covers, or resources where it names none.
    pub(crate) kinds: String,
    /// How many entries of mutable fields it has; none if it is no rule.
    pub(crate) mutable: Option<i64>,
}

/// The objects that are in force, and what is said of all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resolved {
    /// Their documents, to be loaded after those of the files.
    pub(crate) documents: Vec<RuleFile>,
    pub(crate) acceptances: BTreeMap<String, Acceptance>,
    /// What each object was found to say, by name.
    known: BTreeMap<String, Arc<ReadGenerations>>,
    /// Where the document of an object stands, by name.
    places: BTreeMap<String, usize>,
}

/// What an object says.
#[derive(Debug)]
struct ReadGenerations {
    object: Arc<RuleObject>,
    /// The newest generation as a rule, or why it is none.
    newest: Result<RuleSet, String>,
    /// The last good generation before it.
    before: Option<(i64, RuleSet)>,
}

impl Resolved {
    /// Decides for all objects, beside the rules of files and those compiled in. `before` knows the
    /// last good text of each.
    ///
    /// # Errors
    /// The files' own, as [`RuleSet::load`] has them.
    pub(crate) fn new(
        builtin: Builtin,
        files: &[RuleFile],
        objects: &[Arc<RuleObject>],
        before: &Self,
    ) -> Result<Self, RuleErrors> {
        let from_files = RuleSet::load(Builtin::Excluded, files)?;
        let compiled_in = RuleSet::load(builtin, &[])?;
        // An object that replaces a built-in rule counts as the oldest.
        let mut by_age: Vec<&Arc<RuleObject>> = objects.iter().collect();
        by_age.sort_by_key(|object| {
            (compiled_in.get(&object.name).is_none(), &object.created, &object.name)
        });
        let known: Vec<Arc<ReadGenerations>> = by_age
            .into_iter()
            .map(|object| ReadGenerations::after_reading(object, before))
            .collect();
        let names: BTreeSet<&str> = known
            .iter()
            .filter(|known| known.good().is_some())
            .map(|known| known.object.name.as_str())
            .collect();
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
            if let Some((_, rule)) = known.rule() {
                if let Some(reason) = holding.against(rule) {
                    verdict.outcome = ObjectOutcome::Conflicting { reason };
                } else {
                    holding.add(rule);
                    resolved.places.insert(name.clone(), resolved.documents.len());
                    resolved.documents.push(RuleFile {
                        origin: rule.origin().to_owned(),
                        text: rule.text().to_owned(),
                    });
                }
            }
            resolved.acceptances.insert(name.clone(), verdict);
        }
        resolved.known =
            known.iter().map(|known| (known.object.name.clone(), Arc::clone(known))).collect();
        Ok(resolved)
    }

    /// The newest generations that the API server rejected: they are not in force.
    pub(crate) fn rejected(&self) -> impl Iterator<Item = &Rule> {
        let rejected = self.known.values().filter(|known| known.object.is_rejected());
        rejected.filter_map(|known| known.newest.as_ref().ok()?.rules().next())
    }

    /// The last good generation of an object, and its rule.
    pub(crate) fn good(&self, name: &str) -> Option<(i64, &Rule)> {
        self.known.get(name)?.rule()
    }

    /// Whether the rule of that object is among those in force, as it was resolved.
    pub(crate) fn is_in_force(&self, name: &str, rules: &RuleSet) -> bool {
        self.places
            .get(name)
            .and_then(|place| self.documents.get(*place))
            .is_some_and(|document| Self::has_taken(document, rules))
    }

    /// Whether all of these objects are resolved, and the rules in force are what was resolved.
    pub(crate) fn is_taken(&self, objects: &[Arc<RuleObject>], rules: &RuleSet) -> bool {
        objects.iter().all(|object| self.acceptances.contains_key(&object.name))
            && self.documents.iter().all(|document| Self::has_taken(document, rules))
    }

    /// Whether the rule of one of the documents is among those in force.
    pub(crate) fn has_taken(document: &RuleFile, rules: &RuleSet) -> bool {
        let rule = document.origin.strip_prefix(OBJECT).and_then(|name| rules.get(name));
        rule.is_some_and(|rule| rule.text() == document.text)
    }
}

impl ReadGenerations {
    /// The result of an object whose content is unchanged is used again.
    fn after_reading(object: &Arc<RuleObject>, resolved: &Resolved) -> Arc<Self> {
        let last = resolved.known.get(&object.name).filter(|last| last.object.uid == object.uid);
        if let Some(last) = last.filter(|last| last.object.says_the_same(object)) {
            return Arc::clone(last);
        }
        let same = last.filter(|last| last.object.is_same_generation(object));
        let newest = same.map_or_else(
            || {
                let loaded =
                    RuleSet::load(Builtin::Excluded, &[object.document(object.text.clone())]);
                loaded.map_err(|errors| in_object(&errors, &object.text))
            },
            |same| same.newest.clone(),
        );
        let remembered = || match (last, same) {
            (_, Some(same)) => same.before.clone(),
            (Some(last), None) => {
                last.good().map(|(generation, rules)| (generation, rules.clone()))
            }
            (None, None) => None,
        };
        // All replicas read the same status, whatever each of them has seen. It may lag behind by a
        // generation that was good, unless it says that the API server rejects what is in force.
        let (kept, remembered) = (object.kept(), remembered());
        let is_newer = |remembered: &(i64, RuleSet)| {
            kept.as_ref().is_none_or(|kept| !object.is_rejected() && remembered.0 > kept.0)
        };
        let before = if remembered.as_ref().is_some_and(is_newer) { remembered } else { kept };
        Arc::new(Self { object: Arc::clone(object), newest, before })
    }

    /// The generation that is to be in force.
    fn good(&self) -> Option<(i64, &RuleSet)> {
        match &self.newest {
            Ok(rules) if !self.object.is_rejected() => Some((self.object.generation, rules)),
            Ok(_) | Err(_) => self.before.as_ref().map(|(generation, rules)| (*generation, rules)),
        }
    }

    fn rule(&self) -> Option<(i64, &Rule)> {
        let (generation, rules) = self.good()?;
        Some((generation, rules.rules().next()?))
    }

    fn verdict(&self) -> Acceptance {
        let stays = self.before.as_ref().map(|(generation, _)| *generation);
        let outcome = match &self.newest {
            Ok(_) if self.object.is_rejected() => ObjectOutcome::Rejected { stays },
            Ok(_) => ObjectOutcome::InForce,
            Err(reason) => ObjectOutcome::Invalid { reason: reason.clone(), stays },
        };
        let rule = self
            .good()
            .map(|(_, rules)| rules)
            .or(self.newest.as_ref().ok())
            .and_then(|rules| rules.rules().next());
        Acceptance {
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
            Builtin::ORIGIN => {
                "name the object as the built-in rule to replace it, or serve with \
                 --no-builtin-rules"
            }
            _ => "list what may change in one of the two, or give them other selectors",
        };
        Some(format!("{} holds for the same updates with the same selectors; {advice}", who(rule)))
    }
}

fn who(rule: &Rule) -> String {
    match rule.origin() {
        Builtin::ORIGIN => format!("the built-in rule {}", rule.name()),
        origin if is_of_object(origin) => format!("the older UpdateRule {}", rule.name()),
        file => format!("the rule {} of {file}", rule.name()),
    }
}

/// The first errors, each with the text of its line: users do not have the text to which line
/// numbers refer. Lines and messages may hold whole expressions.
fn in_object(errors: &RuleErrors, text: &str) -> String {
    const SHOWN: usize = 4;
    const LINE: usize = 80;
    const MESSAGE: usize = 240;
    let shown = errors.iter().take(SHOWN).map(|error| {
        let (line, _) = error.place();
        let found = usize::try_from(line)
            .ok()
            .and_then(|line| text.lines().nth(line.saturating_sub(1)))
            .unwrap_or_default()
            .trim();
        format!(
            "line {line} of the rule as JSON, {}: {}",
            cut_bytes(found.trim_end_matches(','), LINE),
            cut_bytes(error.message(), MESSAGE)
        )
    });
    let mut lines: Vec<String> = shown.collect();
    match errors.iter().count().saturating_sub(SHOWN) {
        0 => {}
        more => lines.push(format!("and {more} more")),
    }
    lines.join("\n")
}
