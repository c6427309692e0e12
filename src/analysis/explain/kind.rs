//! Which rules somebody means who names a kind as kubectl does, or a rule.

use std::collections::BTreeSet;

use crate::analysis::kinds::Kind;
use crate::analysis::lint::schema::catalogue::{Catalogue, MatchedKind};
use crate::analysis::resources::{combinations, resource_name};
use crate::engine::{ResourceRule, Rule, RuleSet, escape_control};

/// The rules meant, and the resources that all of them cover.
pub(crate) struct Meant<'r, 'c> {
    pub(crate) rules: Vec<&'r Rule>,
    pub(crate) resources: Vec<String>,
    /// The known schemas of the resources.
    pub(crate) targets: Vec<MatchedKind<'c>>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotMeant {
    #[error("no rule covers `{name}`, and none has that name; rules cover: {known}")]
    Unknown { name: String, known: String },
    #[error("expected one kind, found several called `{name}`; name one of: {all}")]
    Several { name: String, all: String },
}

/// All rules that cover the kind: `job`, `jobs`, `Job`, `jobs.batch`, `job.v1.batch`,
/// `jobs/scale`, or a short name if the catalogue has the kind; if there is no such kind, the rule
/// of that name alone. If several kinds have the name, a rule of that name decides.
pub(crate) fn find<'r, 'c>(
    rules: &'r RuleSet,
    catalogue: &'c Catalogue,
    text: &str,
) -> Result<Meant<'r, 'c>, NotMeant> {
    let name = Name::parse(text, &catalogue.kinds);
    let mut covering: Vec<(&Rule, BTreeSet<String>)> = rules
        .rules()
        .map(|rule| (rule, resources(rule, |resource| name.means(resource))))
        .filter(|(_, named)| !named.is_empty())
        .collect();
    if let Some(rule) = rules.get(text) {
        // A wildcard means everything, so also what is no kind.
        if covering.iter().flat_map(|(_, named)| named).all(|resource| resource.starts_with('*')) {
            return Ok(Meant {
                rules: vec![rule],
                resources: resources(rule, |_| true).into_iter().collect(),
                targets: catalogue.targets(rule),
            });
        }
        let own = resources(rule, |resource| name.means(resource));
        if !own.is_empty() {
            for (_, named) in &mut covering {
                named.retain(|resource| own.contains(resource));
            }
            covering.retain(|(_, named)| !named.is_empty());
        }
    }
    let all: BTreeSet<&String> = covering.iter().flat_map(|(_, named)| named).collect();
    let common: Vec<String> = all
        .iter()
        .filter(|resource| covering.iter().all(|(_, named)| named.contains(**resource)))
        .map(|resource| (*resource).clone())
        .collect();
    let groups: BTreeSet<&str> =
        all.iter().map(|resource| resource.splitn(3, '.').nth(2).unwrap_or_default()).collect();
    if all.is_empty() {
        let known: BTreeSet<String> =
            rules.rules().flat_map(|rule| resources(rule, |_| true)).collect();
        let known = if known.is_empty() {
            "none".to_owned()
        } else {
            known.into_iter().collect::<Vec<_>>().join(", ")
        };
        return Err(NotMeant::Unknown { name: escape_control(text), known });
    }
    if common.is_empty() || groups.len() > 1 {
        let all = all.into_iter().cloned().collect::<Vec<_>>().join(", ");
        return Err(NotMeant::Several { name: escape_control(text), all });
    }
    let rules: Vec<&Rule> = covering.into_iter().map(|(rule, _)| rule).collect();
    let mut targets: Vec<MatchedKind<'c>> =
        rules.iter().flat_map(|rule| catalogue.targets(rule)).collect();
    targets.retain(|target| name.means_target(target));
    Ok(Meant { rules, resources: common, targets })
}

/// One resource of a rule, and the kinds that the rule lists for it.
struct ListedResource<'r> {
    group: &'r str,
    version: &'r str,
    plural: &'r str,
    kinds: &'r [String],
}

fn resources<'r>(rule: &'r Rule, wanted: impl Fn(&ListedResource<'r>) -> bool) -> BTreeSet<String> {
    let of_listed = |listed: &'r ResourceRule| {
        let wanted = combinations(listed).filter(|[group, version, plural]| {
            wanted(&ListedResource { group, version, plural, kinds: &listed.kinds })
        });
        wanted.map(resource_name).collect::<Vec<_>>()
    };
    rule.resources().iter().flat_map(of_listed).collect()
}

/// What was written, in lower case.
struct Name<'c> {
    head: String,
    subresource: String,
    rest: String,
    /// The known kinds of that name, or of that short name.
    kinds: Vec<&'c Kind>,
}

impl<'c> Name<'c> {
    fn parse(text: &str, known: &'c [Kind]) -> Self {
        let text = text.to_lowercase();
        let (head, rest) = text.split_once('.').unwrap_or((&text, ""));
        let (head, subresource) = head.split_once('/').unwrap_or((head, ""));
        let is_called = |kind: &&Kind| {
            let names = [&kind.plural, &kind.singular, &kind.name.to_lowercase()];
            names.into_iter().chain(&kind.short_names).any(|name| *name == head)
        };
        Self {
            head: head.to_owned(),
            subresource: subresource.to_owned(),
            rest: rest.to_owned(),
            kinds: known.iter().filter(is_called).collect(),
        }
    }

    fn means_target(&self, target: &MatchedKind<'_>) -> bool {
        let subresource = target.subresource.map(|subresource| format!("/{}", subresource.name));
        let plural = format!("{}{}", target.kind.plural, subresource.unwrap_or_default());
        let kinds = std::slice::from_ref(&target.kind.name);
        let (group, version) = (&target.kind.group, &target.version.name);
        self.means(&ListedResource { group, version, plural: &plural, kinds })
    }

    fn means(&self, resource: &ListedResource<'_>) -> bool {
        let (plural, subresource) =
            resource.plural.split_once('/').unwrap_or((resource.plural, ""));
        let is = |pattern: &str, text: &str| pattern == "*" || pattern == text;
        let is_kind = resource.kinds.iter().any(|kind| kind.to_lowercase() == self.head);
        let is_singular = resource.kinds.is_empty() && singulars(plural).contains(&self.head);
        let is_known = |kind: &&Kind| is(resource.group, &kind.group) && is(plural, &kind.plural);
        let named =
            is(plural, &self.head) || is_kind || is_singular || self.kinds.iter().any(is_known);
        let group = |text: &str| is(resource.group, text);
        let versioned = match self.rest.split_once('.') {
            Some((version, text)) => is(resource.version, version) && group(text),
            None => resource.group.is_empty() && is(resource.version, &self.rest),
        };
        named
            && is(subresource, &self.subresource)
            && (self.rest.is_empty() || group(&self.rest) || versioned)
    }
}

/// How a resource may be called in the singular, by the plurals that English has.
fn singulars(plural: &str) -> Vec<String> {
    let ending = |ending: &str, instead: &str| {
        plural.strip_suffix(ending).map(|stem| format!("{stem}{instead}"))
    };
    [ending("ies", "y"), ending("es", ""), ending("s", "")].into_iter().flatten().collect()
}
