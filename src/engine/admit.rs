//! The one door: a body in, a reply out, total over all bytes.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::StatusCause;

use super::canonical::{Extent, Sheet};
use super::reply::{Decision, Judgement, Reply, Response, RuleOutcome, Subject, details, failure};
use super::review::{Operation, Review, Unjudgeable, uid_in_prefix};
use super::rules::{Effect, Reason, Rule, RuleSet};
use super::verdict::{self, Standing};
use super::words::{self, Change, Part, Secrecy, cut, defused, harmless};

/// Violations that a reply lists at most; the count of the others is said.
const MOST: usize = 256;

/// How many bytes of a body over the cap [`refuse_oversized`] looks at.
pub const PREFIX: usize = 64 * 1024;

/// Judges one request body.
pub fn admit(rules: &RuleSet, body: &[u8]) -> Reply {
    let review = match Review::parse(body) {
        Ok(review) => review,
        Err(error) => return Reply::sentence(400, &error.to_string()),
    };
    let reply = match &review.operation {
        Operation::Other => Response { uid: review.uid.clone(), allowed: true, ..Response::default() }.into_reply(),
        Operation::Unknown(operation) => {
            let error = Unjudgeable::Operation(cut(&harmless(operation), 64));
            unjudged(rules, &review, &matching(rules, &review), &error)
        }
        Operation::Update => update(rules, &review),
    };
    reply.about(Subject::of(&review))
}

/// Answers a body over the cap (in bytes) from its first [`PREFIX`] bytes: a refusal if they hold the uid, else one sentence.
pub fn refuse_oversized(prefix: &[u8], cap: usize) -> Reply {
    let message = format!(
        "expected an AdmissionReview of at most {cap} bytes, found a larger one; the update cannot be judged (--max-body raises the cap)"
    );
    let prefix = prefix.get(..PREFIX.min(prefix.len())).unwrap_or_default();
    let Some(uid) = uid_in_prefix(prefix) else { return Reply::sentence(413, &message) };
    let status = failure(413, "RequestEntityTooLarge", message);
    let subject = Subject { uid: defused(&cut(&harmless(&uid), 512)), ..Subject::default() };
    let mut reply = Response { uid, allowed: false, status: Some(status), ..Response::default() }.into_reply();
    reply.code = Some(413);
    reply.about(subject)
}

fn update(rules: &RuleSet, review: &Review<'_>) -> Reply {
    let Some(target) = review.target() else { return unjudged(rules, review, &[], &Unjudgeable::Target) };
    let matching = matching(rules, review);
    if matching.is_empty() {
        let subresource = if target.subresource.is_empty() { String::new() } else { format!("/{}", target.subresource) };
        let group = if target.group.is_empty() { String::new() } else { format!(".{}", target.group) };
        let resource = format!("{}{subresource}.{}{group} ({})", target.resource, target.version, target.kind);
        return Reply::sentence(
            404,
            &format!("no rule speaks of {}, so nothing says what an update of it may change", cut(&harmless(&resource), 512)),
        );
    }
    let judged = review.with_objects(|old, new| {
        let judge = |rule: &&Rule| Verdict::reach(rule, review, old, new);
        matching.iter().map(judge).collect::<Result<Vec<_>, _>>()
    });
    match judged {
        Ok(verdicts) => respond(rules, review, &matching, verdicts),
        Err(error) => unjudged(rules, review, &matching, &error),
    }
}

fn matching<'r>(rules: &'r RuleSet, review: &Review<'_>) -> Vec<&'r Rule> {
    review.target().map(|target| rules.matching(&target).collect()).unwrap_or_default()
}

/// What one rule makes of a review.
struct Verdict {
    changes: Vec<Change>,
    violations: usize,
    mutable: String,
}

impl Verdict {
    fn reach(rule: &Rule, review: &Review<'_>, old: &serde_json::Value, new: &serde_json::Value) -> Result<Self, Unjudgeable> {
        let granted: Vec<bool> =
            rule.entries.iter().map(|entry| entry.by.as_ref().is_none_or(|by| by.contains(&review.user, &review.groups))).collect();
        let active = |entry: usize| granted.get(entry).copied().unwrap_or(false);
        let sheet = Sheet::new(rule, &active, old, new, Extent::Differing);
        let findings = verdict::judge(rule, &active, &sheet)?;
        let secrecy = if review.is_secret() { Secrecy::Everything } else { Secrecy::AsDeclared };
        let (mut violations, mut permitted) = (0, 0);
        let mut changes = Vec::new();
        for finding in findings {
            let count = match finding.standing {
                Standing::Violation => &mut violations,
                Standing::Permitted => &mut permitted,
            };
            *count += 1;
            if *count <= MOST {
                changes.extend(words::describe(rule, secrecy, &sheet, finding));
            }
        }
        let mutable = words::mutable_text(
            rule.entries.iter().enumerate().filter(|(index, entry)| active(*index) && entry.is_documented()).map(|(_, entry)| entry),
        );
        Ok(Self { changes, violations, mutable })
    }

    fn decision(&self, rule: &Rule, review: &Review<'_>) -> Decision {
        if self.violations == 0 { Decision::Allow } else { consequence(rule, review) }
    }
}

/// What follows from a violation, or from content that cannot be judged.
fn consequence(rule: &Rule, review: &Review<'_>) -> Decision {
    match rule.actions.effect {
        _ if rule.exempt.contains(&review.user, &review.groups) => Decision::Exempt,
        Effect::Deny => Decision::Deny,
        Effect::Warn => Decision::Warn,
        Effect::Nothing => Decision::Audit,
    }
}

fn respond(rules: &RuleSet, review: &Review<'_>, matching: &[&Rule], verdicts: Vec<Verdict>) -> Reply {
    let decided: Vec<(&Rule, Decision, Verdict)> =
        matching.iter().zip(verdicts).map(|(rule, verdict)| (*rule, verdict.decision(rule, review), verdict)).collect();
    let (all, total) = merged(decided.iter().map(|(_, _, verdict)| verdict));
    let violations: Vec<&Change> = all.iter().filter(|change| change.violates).collect();
    let fields: Vec<String> = violations.iter().map(|change| change.field.clone()).collect();
    let outcomes: Vec<RuleOutcome> = decided
        .iter()
        .map(|(rule, decision, verdict)| RuleOutcome { rule: rule.name.to_string(), decision: *decision, violations: verdict.violations })
        .collect();

    let response = Response {
        uid: review.uid.clone(),
        allowed: !outcomes.iter().any(|outcome| outcome.decision == Decision::Deny),
        status: denial(review, &decided),
        audit_annotations: annotations(rules, &outcomes, words::audit_fields(&fields, total)),
        warnings: warnings(review, &decided),
    };
    let mut reply = response.into_reply();
    let mutable = decided.iter().map(|(rule, _, verdict)| (rule.name.to_string(), verdict.mutable.clone())).collect();
    reply.outcomes = outcomes;
    reply.fields = fields;
    reply.judgement = Some(Judgement { changes: all, violations: total, mutable });
    reply
}

/// The changes of several rules as one list: each once, a violation if any rule has it as one.
fn merged<'v>(verdicts: impl Iterator<Item = &'v Verdict>) -> (Vec<Change>, usize) {
    let mut all: Vec<Change> = Vec::new();
    let mut total = 0;
    for (index, verdict) in verdicts.enumerate() {
        if index == 0 {
            all.clone_from(&verdict.changes);
            total = verdict.violations;
            continue;
        }
        total += verdict.violations;
        for change in &verdict.changes {
            match all.iter_mut().find(|known| known.field == change.field && known.kind == change.kind) {
                Some(known) if known.violates && change.violates => total -= 1,
                Some(known) if change.violates => *known = change.clone(),
                Some(_) => {}
                None => all.push(change.clone()),
            }
        }
    }
    // The changes of one rule are in order already; a stable sort leaves them so.
    all.sort_by(|one, two| one.order.cmp(&two.order));
    (all, total)
}

fn denial(review: &Review<'_>, decided: &[(&Rule, Decision, Verdict)]) -> Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Status> {
    let denying: Vec<_> = decided.iter().filter(|(_, decision, _)| *decision == Decision::Deny).collect();
    let parts: Vec<Part<'_>> =
        denying.iter().map(|(rule, _, verdict)| Part { rule: rule.name.as_str(), mutable: verdict.mutable.clone() }).collect();
    if parts.is_empty() {
        return None;
    }
    let (all, total) = merged(denying.iter().map(|(_, _, verdict)| verdict));
    let violations: Vec<&Change> = all.iter().filter(|change| change.violates).collect();
    let kind = harmless(review.kind());
    let (code, reason) =
        if denying.iter().all(|(rule, _, _)| rule.reason == Reason::Invalid) { (422, "Invalid") } else { (403, "Forbidden") };
    let causes = violations.iter().take(MOST).map(|change| StatusCause {
        field: Some(change.field.clone()),
        message: Some(words::cause_text(change, &kind)),
        reason: Some("FieldValueForbidden".to_owned()),
    });
    let mut status = failure(code, reason, words::denial(&kind, &parts, &violations, total));
    status.details = Some(details(review, causes.collect()));
    Some(status)
}

fn warnings(review: &Review<'_>, decided: &[(&Rule, Decision, Verdict)]) -> Vec<String> {
    let warning = decided.iter().filter(|(_, decision, _)| *decision == Decision::Warn);
    warning
        .flat_map(|(rule, _, verdict)| {
            let violations: Vec<&Change> = verdict.changes.iter().filter(|change| change.violates).collect();
            words::warnings(rule.name.as_str(), &harmless(review.kind()), &violations, verdict.violations)
        })
        .collect()
}

/// A review whose content cannot be judged: what follows is what follows from a violation.
fn unjudged(rules: &RuleSet, review: &Review<'_>, matching: &[&Rule], error: &Unjudgeable) -> Reply {
    let message = defused(&format!("the update cannot be judged: {error}"));
    let decisions: Vec<RuleOutcome> = matching
        .iter()
        .map(|rule| RuleOutcome { rule: rule.name.to_string(), decision: consequence(rule, review), violations: 0 })
        .collect();
    let allowed = !decisions.is_empty() && decisions.iter().all(|outcome| outcome.decision != Decision::Deny);
    let warns = allowed && decisions.iter().any(|outcome| outcome.decision == Decision::Warn);
    let response = Response {
        uid: review.uid.clone(),
        allowed,
        status: (!allowed).then(|| failure(400, "BadRequest", message.clone())),
        audit_annotations: annotations(rules, &decisions, String::new()),
        warnings: if warns { vec![cut(&message, 256)] } else { Vec::new() },
    };
    let mut reply = response.into_reply();
    reply.message = message;
    reply.code = Some(400);
    reply.outcomes = decisions;
    reply
}

fn annotations(rules: &RuleSet, outcomes: &[RuleOutcome], fields: String) -> BTreeMap<&'static str, String> {
    let Some(decision) = outcomes.iter().map(|outcome| outcome.decision).max() else { return BTreeMap::new() };
    let names: Vec<&str> = outcomes.iter().map(|outcome| outcome.rule.as_str()).collect();
    let mut annotations = BTreeMap::from([
        ("rule", cut(&names.join(", "), 4096)),
        ("decision", decision.as_str().to_owned()),
        ("rules-digest", rules.digest().to_owned()),
    ]);
    if !fields.is_empty() {
        annotations.insert("fields", fields);
    }
    annotations
}
