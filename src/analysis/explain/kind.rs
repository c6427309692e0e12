//! Which rules somebody means who names a kind as kubectl does, or a rule.

use std::collections::BTreeSet;

use crate::engine::{Rule, RuleSet, escape_control};

/// The rules meant, and the resources that all of them speak of.
pub(crate) struct Meant<'r> {
    pub(crate) rules: Vec<&'r Rule>,
    pub(crate) resources: Vec<String>,
}

/// Why no rule matches the kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotMeant {
    #[error("no rule speaks of `{name}`, and none has that name; rules speak of: {known}")]
    Unknown { name: String, known: String },
    #[error("expected one kind, found several called `{name}`; name one of: {all}")]
    Several { name: String, all: String },
}

/// All rules that speak of the kind: `job`, `jobs`, `Job`, `jobs.batch`, `job.v1.batch`,
/// `jobs/scale`; if there is no such kind, the rule of that name alone. Of several kinds so called
/// it is the one of the rule of that name.
pub(crate) fn find<'r>(rules: &'r RuleSet, text: &str) -> Result<Meant<'r>, NotMeant> {
    let name = Name::of(text);
    let mut speaking: Vec<(&Rule, BTreeSet<String>)> = rules
        .rules()
        .map(|rule| (rule, resources(rule, |resource| name.means(resource))))
        .filter(|(_, named)| !named.is_empty())
        .collect();
    if let Some(rule) = rules.get(text) {
        // A wildcard means everything, so also what is no kind.
        if speaking.iter().flat_map(|(_, named)| named).all(|resource| resource.starts_with('*')) {
            return Ok(Meant {
                rules: vec![rule],
                resources: resources(rule, |_| true).into_iter().collect(),
            });
        }
        let own = resources(rule, |resource| name.means(resource));
        if !own.is_empty() {
            for (_, named) in &mut speaking {
                named.retain(|resource| own.contains(resource));
            }
            speaking.retain(|(_, named)| !named.is_empty());
        }
    }
    let all: BTreeSet<&String> = speaking.iter().flat_map(|(_, named)| named).collect();
    let common: Vec<String> = all
        .iter()
        .filter(|resource| speaking.iter().all(|(_, named)| named.contains(**resource)))
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
    Ok(Meant { rules: speaking.into_iter().map(|(rule, _)| rule).collect(), resources: common })
}

/// One resource of a rule, and the kinds that the rule lists for it.
struct Resource<'r> {
    group: &'r str,
    version: &'r str,
    plural: &'r str,
    kinds: &'r [String],
}

/// `jobs.v1alpha1.batch.volcano.sh`, as kubectl writes resources.
fn resources<'r>(rule: &'r Rule, wanted: impl Fn(&Resource<'r>) -> bool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for listed in rule.resources() {
        for (group, version) in listed
            .api_groups
            .iter()
            .flat_map(|group| listed.api_versions.iter().map(move |version| (group, version)))
        {
            for plural in &listed.resources {
                let resource = Resource { group, version, plural, kinds: &listed.kinds };
                if wanted(&resource) {
                    let group = if group.is_empty() { String::new() } else { format!(".{group}") };
                    found.insert(format!("{plural}.{version}{group}"));
                }
            }
        }
    }
    found
}

/// What was written, in lower case.
struct Name {
    head: String,
    subresource: String,
    rest: String,
}

impl Name {
    fn of(text: &str) -> Self {
        let text = text.to_lowercase();
        let (head, rest) = text.split_once('.').unwrap_or((&text, ""));
        let (head, subresource) = head.split_once('/').unwrap_or((head, ""));
        Self { head: head.to_owned(), subresource: subresource.to_owned(), rest: rest.to_owned() }
    }

    fn means(&self, resource: &Resource<'_>) -> bool {
        let (plural, subresource) =
            resource.plural.split_once('/').unwrap_or((resource.plural, ""));
        let is = |pattern: &str, text: &str| pattern == "*" || pattern == text;
        let is_kind = resource.kinds.iter().any(|kind| kind.to_lowercase() == self.head);
        let is_singular = resource.kinds.is_empty() && singulars(plural).contains(&self.head);
        let named = is(plural, &self.head) || is_kind || is_singular;
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
