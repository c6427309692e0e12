//! Of which updates a rule speaks, and what follows: compared part by part.

use std::collections::BTreeSet;

use super::difference::Difference;
use crate::analysis::paths::reaches;
use crate::analysis::resources::{combinations, resource_names};
use crate::analysis::words::{one_line, shown};
use crate::engine::{
    FailurePolicy, LabelSelector, Path, Reason, Requesters, ResourceRule, Rule, escape_control,
};

/// A part of the document: its name, what is in it, and what stands for nothing.
type Section = (&'static str, fn(&Rule) -> BTreeSet<String>, &'static str);

/// The parts that differ, in the order of the document.
pub(crate) fn compare(before: &Rule, after: &Rule) -> Vec<Difference> {
    let parts: [Section; 9] = [
        ("resources", resources, "none"),
        ("namespaceSelector", |rule| selector(rule.namespace_selector()), "every namespace"),
        ("objectSelector", |rule| selector(rule.object_selector()), "every object"),
        ("matchConditions", conditions, "none"),
        ("validationActions", |rule| rule.actions().names().map(str::to_owned).collect(), "none"),
        (
            "failurePolicy",
            |rule| {
                one(if rule.failure_policy() == FailurePolicy::Fail { "Fail" } else { "Ignore" })
            },
            "none",
        ),
        (
            "reason",
            |rule| {
                one(if rule.reason() == Reason::Forbidden {
                    "Forbidden (403)"
                } else {
                    "Invalid (422)"
                })
            },
            "none",
        ),
        ("sensitive", |rule| sensitive(rule.sensitive()), "none"),
        ("exempt", |rule| exempt(rule.exempt()), "nobody"),
    ];
    let mut found = Vec::new();
    for (what, of, none) in parts {
        let (before, after) = (of(before), of(after));
        if before != after {
            let text = |part: &BTreeSet<String>| {
                if part.is_empty() {
                    none.to_owned()
                } else {
                    part.iter().cloned().collect::<Vec<_>>().join(", ")
                }
            };
            found.push(Difference::Scope { what, before: text(&before), after: text(&after) });
        }
    }
    found
}

fn one(text: &str) -> BTreeSet<String> {
    BTreeSet::from([text.to_owned()])
}

/// Every combination, without those that a wildcard has in it.
fn resources(rule: &Rule) -> BTreeSet<String> {
    let single = |resource: &ResourceRule| -> Vec<ResourceRule> {
        let kinds: Vec<Vec<String>> = if resource.kinds.is_empty() {
            vec![Vec::new()]
        } else {
            resource.kinds.iter().map(|kind| vec![kind.clone()]).collect()
        };
        let of_kinds = |[group, version, name]: [&String; 3]| {
            let one = ResourceRule {
                api_groups: vec![group.clone()],
                api_versions: vec![version.clone()],
                resources: vec![name.clone()],
                kinds: Vec::new(),
            };
            kinds.iter().map(move |kinds| ResourceRule { kinds: kinds.clone(), ..one.clone() })
        };
        combinations(resource).flat_map(of_kinds).collect()
    };
    let all: Vec<ResourceRule> = rule.resources().iter().flat_map(single).collect();
    let is_in_another =
        |one: &ResourceRule| all.iter().any(|other| one != other && covers(other, one));
    all.iter()
        .filter(|one| !is_in_another(one))
        .flat_map(resource_names)
        .map(|text| escape_control(&text))
        .collect()
}

fn covers(wide: &ResourceRule, narrow: &ResourceRule) -> bool {
    let listed =
        |wide: &[String], narrow: &[String]| wide == narrow || wide.iter().any(|text| text == "*");
    let part = |wide: &str, narrow: &str| wide == "*" || wide == narrow;
    let named = wide.resources.iter().zip(&narrow.resources).all(|(wide, narrow)| {
        let (wide, narrow) = (
            wide.split_once('/').unwrap_or((wide, "")),
            narrow.split_once('/').unwrap_or((narrow, "")),
        );
        part(wide.0, narrow.0) && part(wide.1, narrow.1)
    });
    listed(&wide.api_groups, &narrow.api_groups)
        && listed(&wide.api_versions, &narrow.api_versions)
        && named
        && (wide.kinds.is_empty() || wide.kinds == narrow.kinds)
}

/// What a selector asks for, all of which must hold.
pub(crate) fn selector(selector: &LabelSelector) -> BTreeSet<String> {
    let labels = selector
        .match_labels
        .iter()
        .map(|(key, value)| escape_control(&format!("{key} in ({value})")));
    let expressions = selector.match_expressions.iter().map(|expression| {
        let values: BTreeSet<&String> = expression.values.iter().collect();
        let values = values.into_iter().cloned().collect::<Vec<_>>().join(", ");
        let key = &expression.key;
        escape_control(&match expression.operator.as_str() {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.clone(),
            _ => format!("!{key}"),
        })
    });
    labels.chain(expressions).collect()
}

fn conditions(rule: &Rule) -> BTreeSet<String> {
    let shown = rule.conditions().iter().map(|one| format!("`{}`", one_line(&one.expression)));
    shown.collect()
}

/// Without those that another has in it.
fn sensitive(paths: &[Path]) -> BTreeSet<String> {
    let is_in_another = |path: &Path| {
        paths.iter().any(|other| other != path && reaches(other.steps(), path.steps()))
    };
    paths.iter().filter(|path| !is_in_another(path)).map(shown).collect()
}

fn exempt(exempt: &Requesters) -> BTreeSet<String> {
    let users = exempt.user_names().map(|name| format!("user {name}"));
    users
        .chain(exempt.groups.iter().map(|name| format!("group {name}")))
        .map(|text| escape_control(&text))
        .collect()
}
