//! What the conditions of a rule read.

use crate::analysis::lint::definition::{Context, LintFinding};
use crate::analysis::words::shown;
use crate::engine::{Condition, Entry, Read, Step, Unread, escape_control};

/// A condition of an entry or of the registration.
pub(crate) struct RuleCondition<'a> {
    pub(crate) at: String,
    /// How messages call it.
    pub(crate) name: String,
    pub(crate) entry: Option<&'a Entry>,
    /// What it reads, or why that is not known.
    pub(crate) reads: Result<Vec<Read>, Unread>,
}

/// The conditions of all entries, then those of the registration.
pub(crate) fn conditions<'a>(context: &Context<'a>) -> Vec<RuleCondition<'a>> {
    let of_entries = context.rule.entries().enumerate().filter_map(|(index, entry)| {
        let condition = entry.when.as_ref()?;
        Some(RuleCondition {
            at: format!("/spec/mutable/{index}/when"),
            name: format!("the condition of `{}`", shown(&entry.path)),
            entry: Some(entry),
            reads: Ok(condition.program.chains.clone()),
        })
    });
    let of_registration = context.rule.match_conditions().iter().enumerate();
    let of_registration = of_registration.map(|(index, condition)| RuleCondition {
        at: format!("/spec/matchConditions/{index}/expression"),
        name: format!("the match condition `{}`", escape_control(&condition.name)),
        entry: None,
        reads: Condition::reads_of(&condition.expression),
    });
    of_entries.chain(of_registration).collect()
}

/// The findings of `check` for each path that a condition reads.
pub(crate) fn of_each_read(
    context: &Context<'_>,
    check: fn(&Context<'_>, &RuleCondition<'_>, &Read) -> Option<LintFinding>,
) -> Vec<LintFinding> {
    let found = conditions(context).into_iter().flat_map(|condition| {
        let reads = condition.reads.iter().flatten();
        reads.filter_map(|read| check(context, &condition, read)).collect::<Vec<_>>()
    });
    found.collect()
}

/// Where in the objects a condition reads; none if it reads the request.
pub(crate) fn location(read: &Read, entry: Option<&Entry>) -> Option<Vec<Step>> {
    let mut steps = match read.variable.as_str() {
        "oldObject" | "object" => Vec::new(),
        "oldValue" | "value" => entry?.path.steps().to_vec(),
        _ => return None,
    };
    steps.extend(read.members.iter().cloned().map(Step::Name));
    Some(steps)
}

/// A read as the condition has it: `oldObject.spec.suspend`.
pub(crate) fn shown_read(read: &Read) -> String {
    escape_control(
        &[std::slice::from_ref(&read.variable), read.members.as_slice()].concat().join("."),
    )
}
