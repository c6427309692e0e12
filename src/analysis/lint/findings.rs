//! What is doubtful in a rule: kept to what is certainly so, whatever the objects look like.

use std::collections::BTreeSet;

use super::conditions::{self, is_for_all};
use super::finding::{
    Finding, Severity, covers, finding, is_bare, is_bookkeeping, is_fixed, shown,
};
use crate::engine::{
    Effect, Entry, Equality, FailurePolicy, Reason, Rule, Step, Verbs, escape_control,
};

/// The annotation in which client-side apply keeps the whole object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Everything that is doubtful in a rule. Of a status that is known to be a subresource's affair,
/// the schema's findings speak.
pub(crate) fn of(rule: &Rule, status_is_apart: bool) -> Vec<Finding> {
    let entries: Vec<&Entry> = rule.entries().collect();
    let mut found = Vec::new();
    found.extend(no_source(rule));
    found.extend(wide_resources(rule));
    found.extend(names_of_nothing(rule));
    found.extend(fails_open(rule));
    found.extend(invites_deletion(rule));
    found.extend(no_annotations(rule, &entries));
    for (index, entry) in entries.iter().enumerate() {
        found.extend(
            whole_object(entry).or_else(|| never_changes(entry)).or_else(|| own_bookkeeping(entry)),
        );
        found.extend(status_for_everybody(rule, entry).filter(|_| !status_is_apart));
        found.extend(key_of_a_list(rule, entry));
        found.extend(guarded_label(rule, entry));
        found.extend(shadowed(index, &entries));
    }
    for index in 0..rule.equality().len() {
        found.extend(equality_shadowed(index, rule.equality()));
    }
    found.extend(exempts_everybody(rule));
    found.extend(conditions::of(rule, &entries));
    found
}

/// A declaration that an earlier one takes the place of: of several at one location the first
/// counts.
fn equality_shadowed(index: usize, equality: &[Equality]) -> Option<Finding> {
    let (before, entry) = (equality.get(..index)?, equality.get(index)?);
    let says_the_same = |other: &&Equality| {
        (entry.meaning.is_none() || other.meaning.is_some())
            && (entry.key.is_none() || other.key.is_some())
            && (entry.absent_as.is_none() || other.absent_as.is_some())
            && covers(other.path.steps(), entry.path.steps())
    };
    before.iter().find(says_the_same).map(|first| {
        finding(
            format!(
                "`{}` in `equality` says nothing: of several declarations for one location the \
                 first counts, `{}`",
                shown(&entry.path),
                shown(&first.path)
            ),
            "remove it, or move it before the other",
        )
    })
}

fn exempts_everybody(rule: &Rule) -> Option<Finding> {
    let exempt = rule.exempt();
    let names_any = !(exempt.users.is_empty()
        && exempt.groups.is_empty()
        && exempt.service_accounts.is_empty());
    (names_any && is_for_all(Some(exempt))).then(|| {
        finding(
            "`exempt` names everybody, so the rule refuses nothing",
            "name who may change anything, such as a group for emergencies",
        )
    })
}

fn no_source(rule: &Rule) -> Option<Finding> {
    rule.source().is_none().then(|| {
        finding(
            "nothing says where the list of mutable fields is documented",
            "add the annotation `fieldward.io/source` with the address of the page",
        )
    })
}

fn wide_resources(rule: &Rule) -> Vec<Finding> {
    let lists = |texts: &[String]| texts.iter().any(|text| text == "*");
    let mut found = Vec::new();
    if rule.resources().iter().any(|resource| lists(&resource.api_versions)) {
        found.push(finding(
            "apiVersions `*` matches versions whose fields nobody has listed",
            "name the versions that the list was written for",
        ));
    }
    let every_resource = |texts: &[String]| texts.iter().any(|text| text == "*" || text == "*/*");
    if rule
        .resources()
        .iter()
        .any(|resource| lists(&resource.api_groups) || every_resource(&resource.resources))
    {
        found.push(finding(
            "`*` as a group or resource puts kinds under this rule that it was not written for",
            "name groups and resources",
        ));
    }
    found
}

/// Names that the API server registers although no group, version or resource can have them.
fn names_of_nothing(rule: &Rule) -> Vec<Finding> {
    let is_name = |text: &str| {
        !text.is_empty()
            && text.chars().all(|letter| {
                letter.is_ascii_lowercase()
                    || letter.is_ascii_digit()
                    || matches!(letter, '-' | '.')
            })
    };
    let is_pattern = |text: &str| {
        let (resource, subresource) = text.split_once('/').unwrap_or((text, "*"));
        [resource, subresource].into_iter().all(|part| part == "*" || is_name(part))
            || (is_name(resource) && subresource.is_empty())
    };
    let mut found = Vec::new();
    for resource in rule.resources() {
        let groups = resource
            .api_groups
            .iter()
            .filter(|group| !group.is_empty() && *group != "*" && !is_name(group))
            .map(|name| ("group", name));
        let versions = resource
            .api_versions
            .iter()
            .filter(|version| *version != "*" && !is_name(version))
            .map(|name| ("version", name));
        let resources = resource
            .resources
            .iter()
            .filter(|pattern| !is_pattern(pattern))
            .map(|name| ("resource", name));
        found.extend(groups.chain(versions).chain(resources).map(|(what, name)| Finding {
            severity: Severity::Wrong,
            message: format!(
                "no {what} of an API can be called `{}`, so the rule never applies to it",
                escape_control(name)
            ),
            fix: "write it as `kubectl api-resources` does".to_owned(),
        }));
    }
    found
}

fn fails_open(rule: &Rule) -> Option<Finding> {
    (rule.actions().effect == Effect::Deny && rule.failure_policy() == FailurePolicy::Ignore).then(
        || {
            finding(
                "with `failurePolicy: Ignore` any update goes through while the webhook cannot be \
             reached",
                "set `failurePolicy: Fail`, or `validationActions: [Warn]` if that is meant",
            )
        },
    )
}

fn invites_deletion(rule: &Rule) -> Option<Finding> {
    (rule.actions().effect == Effect::Deny && rule.reason() == Reason::Invalid).then(|| {
        finding(
            "`reason: Invalid` (422) makes Flux with `force` and `kubectl apply --force` delete \
             and recreate the object",
            "set `reason: Forbidden` unless losing the running object is meant",
        )
    })
}

/// Client-side apply writes an annotation on every update: it sets it on what others created, and
/// modifies it from then on.
fn no_annotations(rule: &Rule, entries: &[&Entry]) -> Option<Finding> {
    let is_main = rule
        .resources()
        .iter()
        .flat_map(|resource| &resource.resources)
        .any(|resource| !resource.contains('/'));
    let target = [
        Step::Name("metadata".to_owned()),
        Step::Name("annotations".to_owned()),
        Step::Name(LAST_APPLIED.to_owned()),
    ];
    let reached = |entry: &&Entry| {
        target
            .get(..entry.path.steps().len())
            .is_some_and(|start| covers(entry.path.steps(), start))
    };
    if !is_main || rule.actions().effect != Effect::Deny {
        return None;
    }
    let reaching: Vec<&Entry> = entries.iter().copied().filter(reached).collect();
    let for_everybody =
        reaching.iter().filter(|entry| is_for_all(entry.by.as_ref()) && entry.when.is_none());
    let verbs: BTreeSet<&str> = for_everybody.flat_map(|entry| entry.verbs.names()).collect();
    let missing = match (verbs.contains("Set"), verbs.contains("Modify")) {
        (true, true) => return None,
        (false, true) => "set",
        (true, false) => "modify",
        (false, false) => "set and modify",
    };
    let fix =
        format!("list `metadata.annotations`, or `metadata.annotations['{LAST_APPLIED}']` alone");
    Some(match reaching.first() {
        None => finding(
            "no entry reaches `metadata.annotations`, so every client-side `kubectl apply` is \
             refused (it writes an annotation)",
            fix,
        ),
        Some(entry) => finding(
            format!(
                "`{}` does not let everybody {missing} the annotation that client-side `kubectl \
                 apply` writes on every update, so it is refused",
                shown(&entry.path)
            ),
            format!("{fix}, without `by`, `allow` and `when`"),
        ),
    })
}

fn whole_object(entry: &Entry) -> Option<Finding> {
    let whole =
        matches!(entry.path.steps(), [Step::AnyMember]) || is_prefix_of_all(entry.path.steps());
    (whole && entry.verbs == Verbs::ALL).then(|| {
        let who = if entry.by.is_some() { "its requesters" } else { "everybody" };
        finding(
            format!("`{}` permits {who} every change of the whole object", shown(&entry.path)),
            "name the fields that may change",
        )
    })
}

fn is_prefix_of_all(steps: &[Step]) -> bool {
    matches!(steps, [Step::Prefix(prefix)] if prefix.is_empty())
}

/// What no update can change.
fn never_changes(entry: &Entry) -> Option<Finding> {
    is_fixed(entry.path.steps()).then(|| {
        finding(
            format!(
                "`{}` never permits anything: the API server itself refuses to change it",
                shown(&entry.path)
            ),
            "remove the entry",
        )
    })
}

/// What is never taken for a change.
fn own_bookkeeping(entry: &Entry) -> Option<Finding> {
    is_bookkeeping(entry.path.steps()).then(|| {
        finding(
            format!(
                "`{}` never permits anything: the API server writes it, so it is never a change",
                shown(&entry.path)
            ),
            "remove the entry",
        )
    })
}

/// The key by which the elements of a list pair: an element with another key is another element.
fn key_of_a_list(rule: &Rule, entry: &Entry) -> Option<Finding> {
    let [list @ .., Step::AnyElement | Step::Keyed { .. }, Step::Name(name)] = entry.path.steps()
    else {
        return None;
    };
    let keys = |equality: &&Equality| {
        equality.key.as_ref() == Some(name) && covers(equality.path.steps(), list)
    };
    let declared = rule.equality().iter().find(keys)?;
    Some(finding(
        format!(
            "`{}` permits nothing: elements of `{}` pair by `{}`, so one with another `{2}` is \
             another element",
            shown(&entry.path),
            shown(&declared.path),
            escape_control(name)
        ),
        format!(
            "remove the entry, or list `{}` with `allow: [AddItem, RemoveItem]` if elements may \
             come and go",
            shown(&declared.path)
        ),
    ))
}

fn status_for_everybody(rule: &Rule, entry: &Entry) -> Option<Finding> {
    let is_status = matches!(entry.path.steps(), [Step::Name(status), ..] if status == "status");
    let is_main = rule
        .resources()
        .iter()
        .flat_map(|resource| &resource.resources)
        .any(|resource| !resource.contains('/'));
    (is_status && is_main && entry.by.is_none()).then(|| {
        finding(
            format!(
                "`{}` lets everybody who may update the object write its status",
                shown(&entry.path)
            ),
            "name the controller under `by`, or remove the entry if the kind has a status \
             subresource",
        )
    })
}

/// Labels that the object selector names stay protected below a mutable path.
fn guarded_label(rule: &Rule, entry: &Entry) -> Option<Finding> {
    let [Step::Name(metadata), Step::Name(labels), Step::Name(label), ..] = entry.path.steps()
    else {
        return None;
    };
    let selector = rule.object_selector();
    let named = selector.match_labels.iter().any(|(key, _)| key == label)
        || selector.match_expressions.iter().any(|expression| expression.key == *label);
    (metadata == "metadata" && labels == "labels" && named).then(|| {
        finding(
            format!(
                "`{}` never permits anything: the objectSelector names that label, which \
                     protects it",
                shown(&entry.path)
            ),
            "remove the entry, or select by another label",
        )
    })
}

/// An entry that a bare one at it or above it makes superfluous.
fn shadowed(index: usize, entries: &[&Entry]) -> Option<Finding> {
    let entry = entries.get(index)?;
    let wider = entries.iter().enumerate().find(|(other, wider)| {
        let steps = wider.path.steps();
        let reaches =
            entry.path.steps().get(..steps.len()).is_some_and(|start| covers(steps, start));
        // Of two that cover each other the first stays.
        let mutual = reaches
            && is_bare(entry)
            && steps.len() == entry.path.steps().len()
            && covers(entry.path.steps(), steps);
        *other != index && is_bare(wider) && reaches && (!mutual || *other < index)
    });
    wider.map(|(_, wider)| {
        finding(
            format!(
                "`{}` adds nothing: `{}` permits every change there already",
                shown(&entry.path),
                shown(&wider.path)
            ),
            "remove one of the two",
        )
    })
}
