//! The entry point: a body in, a reply out, for any bytes.

mod memory;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Status, StatusCause};

use super::activation::{ActiveEntries, ConditionFailure, Conditions, Inputs};
use super::alignment::{Alignment, Coverage};
use super::answer::{
    self, Decision, DenyingRule, Judgement, RefusedChange, Reply, ReplySubject, Report, Response,
    RuleFindings, RuleOutcome, Secrets, Warning, break_recreate_trigger, details, failure,
};
use super::condition::{AT_ONCE, BUDGET};
use super::review::{Node, Operation, Review, Unjudgeable, printed};
use super::rule::{Effect, Reason, Rule, RuleName, RuleSet, cut, escape_control, mutable_text};
use super::verdict;

/// How many bytes of a body are read where not all of it is.
pub(crate) const PREFIX: usize = 64 * 1024;

/// Judges one request body.
pub fn admit(rules: &RuleSet, body: &[u8]) -> Reply {
    admit_with_budget(BUDGET, rules, body)
}

/// The same reply to the review as `serde_json` reads and prints it. It is the reference that
/// [`admit`] is tested against.
pub fn admit_reference(rules: &RuleSet, body: &[u8]) -> Reply {
    admit(rules, printed(body).as_deref().unwrap_or(body))
}

/// The same reply, unless the rules' conditions take so long that other reviews should not wait for
/// it. The caller then judges the review again, with the whole budget.
pub(crate) fn admit_if_cheap(rules: &RuleSet, body: &[u8]) -> Option<Reply> {
    Some(admit_with_budget(AT_ONCE, rules, body)).filter(|reply| !reply.ran_out)
}

/// Like [`admit`], but stops once `is_late` returns true, and replies that the review timed out.
/// Refuses a review that may need more than `memory` bytes. [`memory_estimate`] sees only
/// the beginning of the body, and a `resource` that is given again behind it counts.
pub(crate) fn admit_within(
    rules: &RuleSet,
    body: &[u8],
    memory: usize,
    is_late: &dyn Fn() -> bool,
) -> Reply {
    admit_with(JudgingLimits { budget: BUDGET, memory, is_late }, rules, body)
}

/// Judges one request body; the conditions have that budget.
pub(crate) fn admit_with_budget(budget: u64, rules: &RuleSet, body: &[u8]) -> Reply {
    let limits = JudgingLimits { budget, memory: usize::MAX, is_late: &|| false };
    admit_with(limits, rules, body)
}

/// How much one review may cost.
#[derive(Clone, Copy)]
struct JudgingLimits<'a> {
    /// The budget that all conditions of the review share.
    budget: u64,
    /// How many bytes judging may take.
    memory: usize,
    /// Whether an answer would come too late. It is called before each rule and before each batch
    /// of locations is compared; the work between two calls is linear in the size of the review.
    is_late: &'a dyn Fn() -> bool,
}

fn admit_with(limits: JudgingLimits<'_>, rules: &RuleSet, body: &[u8]) -> Reply {
    let review = match Review::parse(body) {
        Ok(review) => review,
        Err(error) => return Reply::sentence(400, &error.to_string()),
    };
    let reply = match &review.operation {
        Operation::Other => allowed(&review),
        Operation::Unknown(operation) => {
            let error = Unjudgeable::Operation(cut(&escape_control(operation), 64));
            unjudged(rules, &review, &matching(rules, &review), &error)
        }
        Operation::Update => update(limits, rules, &review),
    };
    reply.about(ReplySubject::from_review(&review))
}

/// Every change in an update that the rules refuse, for tools that need more than a report shows.
/// None if the update cannot be judged.
pub(crate) fn refused_changes(rules: &RuleSet, body: &[u8]) -> Option<Vec<RefusedChange>> {
    let review = Review::parse(body).ok()?;
    let matching = matching(rules, &review);
    let refused = review.with_objects(|old, new| {
        let inputs = Inputs::new(&review, old, new);
        let conditions = Conditions::evaluate(&matching, &inputs, BUDGET);
        let mut refused = Vec::new();
        for rule in &matching {
            let found =
                conditions.on_a_stack(|| judge(rule, &conditions, (old, new), &|| false))?;
            refused.extend(found.refused_changes());
        }
        Ok(refused)
    });
    refused.ok()
}

/// Answers a review that is not judged, from its first [`PREFIX`] bytes. A
/// violation is assumed unless these bytes rule it out.
pub(crate) fn answer_unread(rules: &RuleSet, beginning: &[u8], why: &Unjudgeable) -> Reply {
    let Some(review) = read_beginning(beginning) else {
        return Reply::sentence(why.status().0, &unjudged_message(why));
    };
    let mut reply = match &review.operation {
        Operation::Other => allowed(&review),
        Operation::Update => unjudged(rules, &review, &matching(rules, &review), why),
        // The API server writes the subresource before the operation. If the operation is missing,
        // the subresource may be missing too, and the rule is not certain.
        Operation::Unknown(_) => unjudged(rules, &review, &[], why),
    };
    reply.code = Some(why.status().0);
    reply.about(ReplySubject::from_review(&review))
}

/// The user name of the requester, if the first [`PREFIX`] bytes of the review contain it.
pub(crate) fn requester(body: &[u8]) -> Option<String> {
    Some(read_beginning(body)?.user.into_owned()).filter(|user| !user.is_empty())
}

/// A high estimate of the bytes that judging a body takes, apart from the body itself.
pub fn memory_estimate(rules: &RuleSet, body: &[u8]) -> usize {
    let review = read_beginning(body).filter(|review| review.target().is_some());
    // If the beginning of the body does not name the resource, any rule may match.
    let rules = review.map_or_else(|| rules.rules().collect(), |review| matching(rules, &review));
    memory::estimate(memory::values(body), body.len(), &rules)
}

/// What the first [`PREFIX`] bytes of a body tell.
fn read_beginning(body: &[u8]) -> Option<Review<'_>> {
    Review::parse_beginning(body.get(..PREFIX.min(body.len()))?)
}

fn allowed(review: &Review<'_>) -> Reply {
    Response { uid: &review.uid, allowed: true, ..Response::default() }.into_reply()
}

fn update(limits: JudgingLimits<'_>, rules: &RuleSet, review: &Review<'_>) -> Reply {
    let Some(target) = review.target() else {
        return unjudged(rules, review, &[], &Unjudgeable::Target);
    };
    let matching = matching(rules, review);
    if matching.is_empty() {
        let subresource = if target.subresource.is_empty() {
            String::new()
        } else {
            format!("/{}", target.subresource)
        };
        let group =
            if target.group.is_empty() { String::new() } else { format!(".{}", target.group) };
        let resource =
            format!("{}{subresource}.{}{group} ({})", target.resource, target.version, target.kind);
        return Reply::sentence(
            404,
            &format!(
                "no rule covers {}, so the failurePolicy of the registration decides",
                cut(&escape_control(&resource), 512)
            ),
        );
    }
    let needed = memory::estimate(review.values(), review.bytes(), &matching);
    if needed > limits.memory {
        return unjudged(rules, review, &matching, &Unjudgeable::TooMuchMemory(needed));
    }
    let secrets = if review.is_secret() {
        Secrets::everything()
    } else {
        Secrets::declared(rules.matching_in_whole(&target))
    };
    let judged = review.with_objects(|old, new| {
        let inputs = Inputs::new(review, old, new);
        let conditions = Conditions::evaluate(&matching, &inputs, limits.budget);
        let judge = || {
            matching
                .iter()
                .map(|rule| judge(rule, &conditions, (old, new), limits.is_late))
                .collect::<Result<Vec<_>, _>>()
        };
        let found = conditions.on_a_stack(judge)?;
        Ok((Judged::combine(rules, review, &found, &secrets), conditions.ran_out()))
    });
    match judged {
        Ok((judged, ran_out)) => Reply { ran_out, ..respond(rules, review, judged) },
        Err(error) => unjudged(rules, review, &matching, &error),
    }
}

fn matching<'r>(rules: &'r RuleSet, review: &Review<'_>) -> Vec<&'r Rule> {
    review.target().map(|target| rules.matching(&target).collect()).unwrap_or_default()
}

fn judge<'a>(
    rule: &'a Rule,
    conditions: &Conditions<'_, 'a>,
    (old, new): (Node<'a>, Node<'a>),
    is_late: &dyn Fn() -> bool,
) -> Result<RuleFindings<'a>, Unjudgeable> {
    if is_late() {
        return Err(Unjudgeable::TimedOut);
    }
    let active_entries = ActiveEntries::decide(rule, conditions);
    let alignment = Alignment::align(rule, &active_entries, old, new, Coverage::Differing);
    let findings = verdict::judge(rule, &active_entries, &alignment, is_late)?;
    Ok(RuleFindings { rule, alignment, findings, failures: active_entries.failures(rule) })
}

/// What all rules made of a review, without a hold on the two objects.
struct Judged {
    all: Report,
    outcomes: Vec<RuleOutcome>,
    mutable: Vec<(RuleName, Arc<str>)>,
    failures: Vec<ConditionFailure>,
    list_faults: Vec<(RuleName, String)>,
    status: Option<Status>,
    warnings: Vec<String>,
}

impl Judged {
    fn combine(
        rules: &RuleSet,
        review: &Review<'_>,
        found: &[RuleFindings<'_>],
        secrets: &Secrets,
    ) -> Self {
        let decided: Vec<(&RuleFindings<'_>, Decision)> =
            found.iter().map(|found| (found, decision(rules, found, review))).collect();
        let of = |wanted: Decision| {
            decided
                .iter()
                .filter(|(_, decision)| *decision == wanted)
                .map(|(found, _)| *found)
                .collect::<Vec<_>>()
        };
        let mutable = |found: &RuleFindings<'_>| {
            let is_named = found
                .rule
                .entries()
                .any(|entry| entry.by.is_some() && entry.is_for(&review.user, &review.groups));
            let text = if is_named {
                mutable_text(
                    found
                        .rule
                        .present_entries()
                        .filter(|entry| entry.is_for(&review.user, &review.groups)),
                )
                .into()
            } else {
                Arc::clone(&found.rule.mutable_for_everybody)
            };
            (found.rule.name.clone(), text)
        };
        let list_faults = |found: &RuleFindings<'_>| {
            let faults = answer::list_faults(secrets, &found.alignment);
            faults.into_iter().map(|fault| (found.rule.name.clone(), fault)).collect::<Vec<_>>()
        };
        let all = Report::new(review, &found.iter().collect::<Vec<_>>(), secrets);
        let denying = of(Decision::Deny);
        let status = match denying.len() {
            0 => None,
            count if count == found.len() => Some(denial(review, &denying, &all, mutable)),
            _ => Some(denial(review, &denying, &Report::new(review, &denying, secrets), mutable)),
        };
        Self {
            outcomes: decided
                .iter()
                .map(|(found, decision)| RuleOutcome {
                    rule: found.rule.name.clone(),
                    decision: *decision,
                    violations: found.violations(),
                })
                .collect(),
            mutable: found.iter().map(mutable).collect(),
            failures: found.iter().flat_map(|found| found.failures.iter().cloned()).collect(),
            list_faults: found.iter().flat_map(list_faults).collect(),
            status,
            warnings: warnings(review, &of(Decision::Warn), secrets),
            all,
        }
    }
}

fn decision(rules: &RuleSet, found: &RuleFindings<'_>, review: &Review<'_>) -> Decision {
    if found.violations() == 0 { Decision::Allow } else { consequence(rules, found.rule, review) }
}

/// What follows from a violation, or from content that cannot be judged.
fn consequence(rules: &RuleSet, rule: &Rule, review: &Review<'_>) -> Decision {
    let is_exempt =
        rule.exempt.contains(&review.user, &review.groups) || is_exempt_everywhere(rules, review);
    match rule.actions.effect {
        _ if is_exempt => Decision::Exempt,
        Effect::Deny => Decision::Deny,
        Effect::Warn => Decision::Warn,
        Effect::Nothing => Decision::Audit,
    }
}

fn respond(rules: &RuleSet, review: &Review<'_>, judged: Judged) -> Reply {
    let Judged { all, outcomes, mutable, failures, list_faults, status, warnings } = judged;
    let fields: Vec<String> = all.violations().iter().map(|change| change.field.clone()).collect();
    let response = Response {
        uid: &review.uid,
        allowed: status.is_none(),
        status,
        audit_annotations: annotations(rules, &outcomes, answer::audit_fields(&fields, all.total)),
        warnings,
    };
    let mut reply = response.into_reply();
    reply.outcomes = outcomes;
    reply.fields = fields;
    reply.condition_failures = failures;
    reply.list_faults = list_faults;
    reply.judgement = Some(Judgement { changes: all.changes, violations: all.total, mutable });
    reply
}

/// The refusal by the rules that deny, with what they found together.
fn denial(
    review: &Review<'_>,
    denying: &[&RuleFindings<'_>],
    report: &Report,
    mutable: impl Fn(&RuleFindings<'_>) -> (RuleName, Arc<str>),
) -> Status {
    let parts: Vec<DenyingRule<'_>> = denying
        .iter()
        .map(|found| DenyingRule { rule: found.rule.name.as_str(), mutable: mutable(found).1 })
        .collect();
    let kind = escape_control(review.kind());
    let (code, reason) = if denying.iter().all(|found| found.rule.reason == Reason::Invalid) {
        (422, "Invalid")
    } else {
        (403, "Forbidden")
    };
    let causes = report.violations().into_iter().map(|change| StatusCause {
        field: Some(change.field.clone()),
        message: Some(answer::cause_text(change, &kind)),
        reason: Some("FieldValueForbidden".to_owned()),
    });
    let mut status =
        failure(code, reason, answer::denial(&kind, &parts, &report.violations(), report.total));
    status.details = Some(details(review, causes.collect()));
    status
}

fn warnings(review: &Review<'_>, warning: &[&RuleFindings<'_>], secrets: &Secrets) -> Vec<String> {
    let reports: Vec<(&str, Report)> = warning
        .iter()
        .map(|found| (found.rule.name.as_str(), Report::new(review, &[*found], secrets)))
        .collect();
    let warnings: Vec<Warning<'_>> = reports
        .iter()
        .map(|(rule, report)| Warning { rule, changes: report.violations(), total: report.total })
        .collect();
    answer::warnings(&escape_control(review.kind()), &warnings)
}

/// Answers a review that cannot be judged as each rule that matches answers a violation. Without
/// such a rule only an exemption of the whole installation allows it.
fn unjudged(
    rules: &RuleSet,
    review: &Review<'_>,
    matching: &[&Rule],
    error: &Unjudgeable,
) -> Reply {
    let message = unjudged_message(error);
    let decisions: Vec<RuleOutcome> = matching
        .iter()
        .map(|rule| RuleOutcome {
            rule: rule.name.clone(),
            decision: consequence(rules, rule, review),
            violations: 0,
        })
        .collect();
    let allowed = if decisions.is_empty() {
        is_exempt_everywhere(rules, review)
    } else {
        decisions.iter().all(|outcome| outcome.decision != Decision::Deny)
    };
    let warns = allowed && decisions.iter().any(|outcome| outcome.decision == Decision::Warn);
    let (code, reason) = error.status();
    let response = Response {
        uid: &review.uid,
        allowed,
        status: (!allowed).then(|| failure(code.into(), reason, message.clone())),
        audit_annotations: annotations(rules, &decisions, String::new()),
        warnings: if warns { vec![cut(&message, 256)] } else { Vec::new() },
    };
    let mut reply = response.into_reply();
    reply.message = message;
    reply.code = Some(code);
    reply.outcomes = decisions;
    reply
}

fn unjudged_message(error: &Unjudgeable) -> String {
    break_recreate_trigger(&format!("the update cannot be judged: {error}"))
}

fn is_exempt_everywhere(rules: &RuleSet, review: &Review<'_>) -> bool {
    rules.exemptions().contains(&review.namespace, &review.user, &review.groups)
}

fn annotations<'a>(
    rules: &'a RuleSet,
    outcomes: &'a [RuleOutcome],
    fields: String,
) -> BTreeMap<&'static str, Cow<'a, str>> {
    let Some(decision) = outcomes.iter().map(|outcome| outcome.decision).max() else {
        return BTreeMap::new();
    };
    let names = match outcomes {
        [one] => Cow::Borrowed(one.rule.as_str()),
        several => cut(
            &several.iter().map(|outcome| outcome.rule.as_str()).collect::<Vec<_>>().join(", "),
            4096,
        )
        .into(),
    };
    let mut annotations = BTreeMap::from([
        ("rule", names),
        ("decision", decision.as_str().into()),
        ("rules-digest", rules.digest().into()),
    ]);
    if !fields.is_empty() {
        annotations.insert("fields", fields.into());
    }
    annotations
}

#[cfg(test)]
mod tests;
