//! A set of rules, taken whole or not at all.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::builtin::{self, Builtin};
use super::condition::Compiler;
use super::definition::{Rule, RuleName};
use super::error::{RuleError, RuleErrors};
use super::parse::rule_file::{self, RuleFile, split};
use super::requesters::Exemptions;
use super::resources::{self, Target};

/// The rules in force. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    rules: Arc<RulesByResource>,
    /// All rules, also of a set that holds only one of them.
    whole: Arc<RulesByResource>,
    digest: Arc<str>,
    exemptions: Arc<Exemptions>,
}

/// Rules by name, and by the resources that they name, so that a review asks few of many.
#[derive(Debug, Clone, Default)]
struct RulesByResource {
    by_name: BTreeMap<RuleName, Arc<Rule>>,
    /// Those that name the resource, in the order of their names.
    by_resource: HashMap<String, Vec<Arc<Rule>>>,
    /// Those that match resources by a wildcard, too.
    wild: Vec<Arc<Rule>>,
}

impl From<BTreeMap<RuleName, Arc<Rule>>> for RulesByResource {
    fn from(by_name: BTreeMap<RuleName, Arc<Rule>>) -> Self {
        let mut by_resource: HashMap<String, Vec<Arc<Rule>>> = HashMap::new();
        let mut wild = Vec::new();
        for rule in by_name.values() {
            let patterns = rule.resources.iter().flat_map(|resource| &resource.resources);
            let names: BTreeSet<&str> = patterns.map(|pattern| resources::named(pattern)).collect();
            if names.contains(resources::ANY) {
                wild.push(Arc::clone(rule));
            } else {
                for name in names {
                    by_resource.entry(name.to_owned()).or_default().push(Arc::clone(rule));
                }
            }
        }
        Self { by_name, by_resource, wild }
    }
}

impl RulesByResource {
    /// The rules that cover a target, by name.
    fn matching(&self, target: &Target<'_>) -> impl Iterator<Item = &Rule> {
        let named = self.by_resource.get(target.resource).into_iter().flatten();
        let mut found: Vec<&Rule> =
            named.chain(&self.wild).map(AsRef::as_ref).filter(|rule| rule.covers(target)).collect();
        found.sort_by(|one, two| one.name.cmp(&two.name));
        found.into_iter()
    }
}

impl RuleSet {
    /// Parses the documents; with [`Builtin::Included`] the rules compiled in are there too, unless
    /// a document has the same name.
    ///
    /// # Errors
    /// Everything that is wrong with any document, with file, line and column.
    pub(crate) fn parse(
        builtin: Builtin,
        documents: &[RuleFile],
        compiler: Compiler,
    ) -> Result<Self, RuleErrors> {
        let mut errors = Vec::new();
        let mut rules = parse_all(documents, compiler, &mut errors);
        if builtin == Builtin::Included {
            for (name, rule) in parse_all(&builtin::documents(), compiler, &mut errors) {
                rules.entry(name).or_insert(rule);
            }
        }
        if !errors.is_empty() {
            return Err(RuleErrors(errors));
        }
        let exemptions = Arc::default();
        let (digest, rules) = (digest(&rules, &exemptions), Arc::new(RulesByResource::from(rules)));
        Ok(Self { digest, whole: Arc::clone(&rules), rules, exemptions })
    }

    /// The same rules with exemptions that hold for all of them, which the digest then covers.
    #[must_use]
    pub(crate) fn exempting(self, exemptions: Arc<Exemptions>) -> Self {
        let digest = digest(&self.whole.by_name, &exemptions);
        Self { digest, exemptions, ..self }
    }

    /// The exemptions that hold for all rules.
    pub(crate) fn exemptions(&self) -> &Exemptions {
        &self.exemptions
    }

    /// The set that holds only the rule of that name, under the digest of the whole; none if there
    /// is no such rule.
    pub(crate) fn only(&self, name: &str) -> Option<Self> {
        let (name, rule) = self.rules.by_name.get_key_value(name)?;
        Some(self.part(BTreeMap::from([(name.clone(), Arc::clone(rule))])))
    }

    /// The rules that `others` lacks or has in other words, under the digest of the whole.
    #[must_use]
    pub(crate) fn without(&self, others: &Self) -> Self {
        let is_there = |rule: &Rule| {
            others.rules.by_name.get(&rule.name).is_some_and(|other| other.text == rule.text)
        };
        self.part(
            self.rules
                .by_name
                .iter()
                .filter(|(_, rule)| !is_there(rule))
                .map(|(name, rule)| (name.clone(), Arc::clone(rule)))
                .collect(),
        )
    }

    fn part(&self, rules: BTreeMap<RuleName, Arc<Rule>>) -> Self {
        Self { rules: Arc::new(RulesByResource::from(rules)), ..self.clone() }
    }

    /// All rules, of a set that holds only one of them too.
    pub(crate) fn whole(&self) -> Self {
        Self { rules: Arc::clone(&self.whole), ..self.clone() }
    }

    /// The rules that cover a target, by name.
    pub(crate) fn matching(&self, target: &Target<'_>) -> impl Iterator<Item = &Rule> {
        self.rules.matching(target)
    }

    /// The rules of the whole set that match a target. A value that one of them hides is shown by
    /// none.
    pub(crate) fn matching_in_whole(&self, target: &Target<'_>) -> impl Iterator<Item = &Rule> {
        self.whole.matching(target)
    }

    /// In the order of their names.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.by_name.values().map(AsRef::as_ref)
    }

    /// The rule of that name.
    pub fn get(&self, name: &str) -> Option<&Rule> {
        self.rules.by_name.get(name).map(AsRef::as_ref)
    }

    /// The names of the rules, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rules.by_name.keys().map(RuleName::as_str)
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.by_name.len()
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.by_name.is_empty()
    }

    /// SHA-256 over the texts of the rules in force and the exemptions from all of them, in
    /// hexadecimal digits.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }
}

fn parse_all(
    documents: &[RuleFile],
    compiler: Compiler,
    errors: &mut Vec<RuleError>,
) -> BTreeMap<RuleName, Arc<Rule>> {
    let mut rules: BTreeMap<RuleName, Arc<Rule>> = BTreeMap::new();
    for document in documents {
        let parts = split(&document.text);
        if parts.is_empty() {
            errors.push(RuleError::new(
                &document.origin,
                1,
                1,
                "expected a rule document, found an empty file",
            ));
        }
        for (line, text) in parts {
            match rule_file::rules(&document.origin, line, &text, compiler) {
                Err(found) => errors.extend(found),
                Ok(found) => {
                    for (line, rule) in found {
                        if let Some(first) = rules.get(&rule.name) {
                            let message = format!(
                                "expected each rule name once, found `{}` again (first in {})",
                                rule.name, first.origin
                            );
                            errors.push(RuleError::new(&document.origin, line, 1, message));
                        }
                        rules.entry(rule.name.clone()).or_insert_with(|| Arc::new(rule));
                    }
                }
            }
        }
    }
    rules
}

fn digest(rules: &BTreeMap<RuleName, Arc<Rule>>, exemptions: &Exemptions) -> Arc<str> {
    let mut hash = Sha256::new();
    // Lengths keep one text's end from being read as the next one's start.
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    for rule in rules.values() {
        add(&rule.text);
    }
    for (what, names) in exemptions.lists() {
        for name in names.iter().collect::<BTreeSet<_>>() {
            add(what);
            add(name);
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}
