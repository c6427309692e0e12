//! Which updates a rule covers, and what follows from a violation: compared part by part.

use std::collections::BTreeSet;

use super::difference::Difference;
use crate::analysis::paths::reaches;
use crate::analysis::resources::{combinations, resource_name};
use crate::analysis::words::{one_line, shown};
use crate::engine::{LabelSelector, Path, Reason, Requesters, Rule, escape_control};

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
        ("failurePolicy", |rule| one(rule.failure_policy().as_str()), "none"),
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
    // Group, version, resource, subresource and kind, each of which may be `*`.
    let mut all: Vec<([&str; 5], String)> = Vec::new();
    for listed in rule.resources() {
        for names in combinations(listed) {
            let [group, version, resource] = names.map(String::as_str);
            let (plural, subresource) = resource.split_once('/').unwrap_or((resource, ""));
            let of_kind = |kind| [group, version, plural, subresource, kind];
            let name = resource_name(names);
            let kinds = listed.kinds.iter();
            all.extend(kinds.map(|kind| (of_kind(kind), format!("{name} ({kind})"))));
            if listed.kinds.is_empty() {
                all.push((of_kind("*"), name));
            }
        }
    }
    let covers = |wide: &[&str; 5], narrow: &[&str; 5]| {
        let pairs = || wide.iter().zip(narrow);
        wide != narrow && pairs().all(|(wide, narrow)| *wide == "*" || wide == narrow)
    };
    let is_in_another = |one: &[&str; 5]| all.iter().any(|(other, _)| covers(other, one));
    let widest = all.iter().filter(|(one, _)| !is_in_another(one));
    widest.map(|(_, name)| escape_control(name)).collect()
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
    let shown =
        rule.match_conditions().iter().map(|one| format!("`{}`", one_line(&one.expression)));
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
