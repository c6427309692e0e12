//! Conditions that a requester could bring about, change by change.

use super::finding::{Finding, finding, shown};
use crate::engine::{
    Condition, Entry, MatchCondition, Read, Requesters, Rule, Step, escape_control,
};

/// Groups that are no narrower than everybody who may update the object.
const EVERYBODY: [&str; 3] =
    ["system:authenticated", "system:unauthenticated", "system:serviceaccounts"];

/// What is doubtful in the conditions of a rule.
pub(crate) fn of(rule: &Rule, entries: &[&Entry]) -> Vec<Finding> {
    let mut found = Vec::new();
    for entry in entries {
        let Some(condition) = &entry.when else { continue };
        found.extend(opened(
            rule,
            condition.reads(),
            entries,
            &format!("the condition of `{}`", shown(&entry.path)),
            Some(entry),
        ));
        found.extend(never_holds(entry, condition));
        found.extend(state_of_the_new(entry, condition));
    }
    for condition in rule.conditions() {
        found.extend(of_registration(rule, condition, entries));
    }
    found
}

fn of_registration(rule: &Rule, condition: &MatchCondition, entries: &[&Entry]) -> Vec<Finding> {
    let what = format!("the match condition `{}`", escape_control(&condition.name));
    let reads = match Condition::reads_of(&condition.expression) {
        Ok(reads) => reads,
        Err(unread) => {
            let fix = "see that the API server takes it and that it reads nothing that the rule \
                       lets anybody change, or write it more simply";
            return vec![finding(
                format!("{what} is {}", escape_control(&unread.to_string())),
                fix,
            )];
        }
    };
    let mut found = opened(rule, &reads, entries, &what, None);
    if Condition::reads_namespace(&condition.expression) {
        found.push(finding(
            format!("{what} reads `namespaceObject`, which is null in the conditions of a webhook"),
            "select namespaces by `namespaceSelector`",
        ));
    }
    found
}

/// State that a condition reads and that the same rule lets anyone change: first the state is
/// changed, then the rest.
fn opened(
    rule: &Rule,
    reads: &[Read],
    entries: &[&Entry],
    what: &str,
    own: Option<&Entry>,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for read in reads {
        let Some(place) = place(read, own).filter(|place| !is_protected(rule, place)) else {
            continue;
        };
        // A condition on what the entry itself is about says which changes of it may be made.
        let is_own = |entry: &Entry| {
            let is_about_it =
                own.filter(|_| matches!(read.variable.as_str(), "oldValue" | "value"));
            // Another entry for the same location says which other changes; but what it lets
            // anybody write without more is state by then.
            let says_more = read.variable == "value" || entry.when.is_some();
            let is_beside = |own: &Entry| {
                own.path.steps() == entry.path.steps() && read.members.is_empty() && says_more
            };
            is_about_it.is_some_and(|own| std::ptr::eq(own, entry) || is_beside(own))
        };
        let opens = |entry: &&Entry| {
            is_for_all(entry.by.as_ref()) && meets(entry.path.steps(), &place) && !is_own(entry)
        };
        let opening = || entries.iter().copied().filter(opens);
        let Some(entry) = opening().find(|entry| entry.when.is_none()).or_else(|| opening().next())
        else {
            continue;
        };
        let path = escape_control(
            &[std::slice::from_ref(&read.variable), read.members.as_slice()].concat().join("."),
        );
        // Another condition does not help: who may bring that about as well may change the state.
        let where_it_may =
            if entry.when.is_some() { ", where its own condition holds" } else { "" };
        found.push(finding(
            format!(
                "{what} reads `{path}`, which `{}` lets anybody change{where_it_may}: first \
                     that, then the rest",
                shown(&entry.path)
            ),
            format!(
                "narrow `{}` by `by`, or read a field that the rule protects",
                shown(&entry.path)
            ),
        ));
    }
    found
}

/// Whether it is a label that the objectSelector names, which nobody changes.
fn is_protected(rule: &Rule, place: &[Step]) -> bool {
    let [Step::Name(metadata), Step::Name(labels), Step::Name(label), ..] = place else {
        return false;
    };
    metadata == "metadata"
        && labels == "labels"
        && rule.protected_labels().any(|protected| protected == label)
}

/// A condition that is `false` whatever the objects are.
fn never_holds(entry: &Entry, condition: &Condition) -> Option<Finding> {
    (condition.text().trim() == "false").then(|| {
        finding(
            format!("`{}` never permits anything: its condition is `false`", shown(&entry.path)),
            "remove the entry, or the condition",
        )
    })
}

/// Where in the objects a condition reads; none if it reads the request.
fn place(read: &Read, own: Option<&Entry>) -> Option<Vec<Step>> {
    let mut steps = match read.variable.as_str() {
        "oldObject" | "object" => Vec::new(),
        "oldValue" | "value" => own?.path.steps().to_vec(),
        _ => return None,
    };
    steps.extend(read.members.iter().cloned().map(Step::Name));
    Some(steps)
}

pub(crate) fn is_for_all(by: Option<&Requesters>) -> bool {
    by.is_none_or(|by| {
        by.groups.iter().any(|group| EVERYBODY.contains(&group.as_str()))
            || by.users.iter().any(|user| user == "system:anonymous")
    })
}

/// Whether a path leads to, above or below a place.
fn meets(path: &[Step], place: &[Step]) -> bool {
    path.iter().zip(place).all(|(step, other)| step.meets(other))
}

/// A condition on nothing but what the requester wrote.
fn state_of_the_new(entry: &Entry, condition: &Condition) -> Option<Finding> {
    let reads = |names: &[&str]| {
        condition.reads().iter().any(|read| names.contains(&read.variable.as_str()))
    };
    (reads(&["object"]) && !reads(&["oldObject", "oldValue", "request"])).then(|| {
        finding(
            format!(
                "the condition of `{}` reads `object` alone, which is what the requester wrote: \
                 state belongs to oldObject",
                shown(&entry.path)
            ),
            "read `oldObject` instead, or as well",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{is_for_all, meets};
    use crate::engine::{Path, Requesters};

    #[test]
    fn a_path_meets_what_is_at_above_and_below_it() {
        let meets = |path: &str, place: &str| {
            meets(Path::parse(path).unwrap().steps(), Path::parse(place).unwrap().steps())
        };
        assert!(meets("spec.suspend", "spec.suspend"));
        assert!(meets("spec", "spec.suspend"));
        assert!(meets("spec.suspend.by", "spec.suspend"));
        assert!(meets("spec.*", "spec.suspend"));
        assert!(meets("spec['sus*']", "spec.suspend"));
        assert!(meets("spec.a", "spec"));
        assert!(meets("spec[name=a].x", "spec[*].x"));
        assert!(!meets("spec.a", "spec.suspend"));
        assert!(!meets("spec[*].a", "spec.suspend"));
        assert!(!meets("spec[name=a].x", "spec[name=b].x"));
    }

    #[test]
    fn some_groups_are_everybody() {
        let group = |name: &str| {
            is_for_all(Some(&Requesters { groups: vec![name.to_owned()], ..Requesters::default() }))
        };
        assert!(is_for_all(None));
        for name in ["system:authenticated", "system:unauthenticated", "system:serviceaccounts"] {
            assert!(group(name), "{name}");
        }
        for name in ["system:masters", "system:serviceaccounts:team-a", "operators"] {
            assert!(!group(name), "{name}");
        }
        assert!(is_for_all(Some(&Requesters {
            users: vec!["system:anonymous".to_owned()],
            ..Requesters::default()
        })));
        assert!(!is_for_all(Some(&Requesters {
            users: vec!["alice".to_owned()],
            ..Requesters::default()
        })));
    }
}
