//! Conditions that a requester could bring about, change by change.

use super::findings::{Finding, finding, shown};
use crate::engine::{Condition, Entry, MatchCondition, Read, Rule, Step, harmless};

/// What is doubtful in the conditions of a rule.
pub(super) fn of(rule: &Rule, entries: &[&Entry]) -> Vec<Finding> {
    let mut found = Vec::new();
    for entry in entries {
        let Some(condition) = &entry.when else { continue };
        found.extend(opened(condition.reads(), entries, &format!("the condition of `{}`", shown(&entry.path)), Some(condition)));
        found.extend(state_of_the_new(entry, condition));
    }
    for condition in rule.conditions() {
        found.extend(of_registration(condition, entries));
    }
    found
}

fn of_registration(condition: &MatchCondition, entries: &[&Entry]) -> Vec<Finding> {
    // What the API server alone understands says nothing here.
    let Some(reads) = Condition::reads_of(&condition.expression) else { return Vec::new() };
    opened(&reads, entries, &format!("the match condition `{}`", harmless(&condition.name)), None)
}

/// State that a condition reads and that the same rule lets anyone change: first the state is changed, then the rest.
fn opened(reads: &[Read], entries: &[&Entry], what: &str, own: Option<&Condition>) -> Vec<Finding> {
    let mut found = Vec::new();
    for read in reads.iter().filter(|read| matches!(read.variable.as_str(), "oldObject" | "object")) {
        // An entry under the same condition may be what the state is left by; one that anybody may use is what it is entered by.
        let opens = |entry: &&&Entry| {
            let is_for_all = entry.by.is_none() && (entry.when.is_none() || entry.when.as_ref() == own);
            is_for_all && meets(entry.path.steps(), &read.members)
        };
        let Some(entry) = entries.iter().find(opens) else { continue };
        let path = harmless(&[std::slice::from_ref(&read.variable), read.members.as_slice()].concat().join("."));
        found.push(finding(
            format!("{what} reads `{path}`, which `{}` lets anybody change: first that, then the rest", shown(&entry.path)),
            format!("narrow `{}` by `by` or by another `when`, or read a field that the rule protects", shown(&entry.path)),
        ));
    }
    found
}

/// Whether a path leads to, above or below these members.
fn meets(path: &[Step], members: &[String]) -> bool {
    path.iter().zip(members).all(|(step, member)| match step {
        Step::Name(name) => name == member,
        Step::Prefix(prefix) => member.starts_with(prefix.as_str()),
        Step::AnyMember => true,
        // Members of a list are no names.
        Step::AnyElement | Step::Keyed { .. } => false,
    })
}

/// A condition on nothing but what the requester wrote.
fn state_of_the_new(entry: &Entry, condition: &Condition) -> Option<Finding> {
    let reads = |names: &[&str]| condition.reads().iter().any(|read| names.contains(&read.variable.as_str()));
    (reads(&["object"]) && !reads(&["oldObject", "oldValue", "request"])).then(|| {
        finding(
            format!(
                "the condition of `{}` reads `object` alone, which is what the requester wrote: state belongs to oldObject",
                shown(&entry.path)
            ),
            "read `oldObject` instead, or as well",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::meets;
    use crate::engine::Path;

    #[test]
    fn a_path_meets_what_is_at_above_and_below_it() {
        let meets = |path: &str, members: &[&str]| {
            let members: Vec<String> = members.iter().map(|member| (*member).to_owned()).collect();
            meets(Path::parse(path).unwrap().steps(), &members)
        };
        assert!(meets("spec.suspend", &["spec", "suspend"]));
        assert!(meets("spec", &["spec", "suspend"]));
        assert!(meets("spec.suspend.by", &["spec", "suspend"]));
        assert!(meets("spec.*", &["spec", "suspend"]));
        assert!(meets("spec['sus*']", &["spec", "suspend"]));
        assert!(meets("spec.a", &["spec"]));
        assert!(!meets("spec.a", &["spec", "suspend"]));
        assert!(!meets("spec[*].a", &["spec", "suspend"]));
    }
}
