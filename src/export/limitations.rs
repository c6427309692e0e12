//! What a policy cannot keep of a rule.

use crate::engine::{FailurePolicy, Meaning, Reason, Requesters, Rule, Verbs};

/// What of this rule its policy does not do, or does otherwise; each a sentence.
pub(super) fn limitations(rule: &Rule) -> Vec<String> {
    let mut limitations = vec![
        "the message names the fields that changed, down to the last member that all paths name, \
         without old and new values; it names sixteen at \
         most"
            .to_owned(),
        "an update that is too costly to evaluate is refused, whatever it changes; the API server \
         makes the reason of that Invalid, on which tools \
         that are told to force delete and recreate the object. Half a megabyte of changed fields \
         is not too costly"
            .to_owned(),
        "nothing is counted, recorded or annotated for the audit log but what the API server \
         itself does for policies"
            .to_owned(),
        "a whole number beyond 2^53 and the float next to it count as equal, as CEL compares them"
            .to_owned(),
        "where an object is being deleted and one of its finalizers repeats, all of that name go \
         at once"
            .to_owned(),
        "updates in fieldward's own namespace are judged too".to_owned(),
    ];
    if rule.failure_policy() == FailurePolicy::Ignore {
        limitations.push(
            "the failurePolicy of the rule, Ignore: the policy's is Fail, for it \
                          needs no server, and else what cannot be evaluated would pass"
                .to_owned(),
        );
    }
    let equality = rule.equality();
    if equality.iter().any(|equality| equality.key.is_some()) {
        limitations.push(
            "where keys came, went or moved, elements pair in time that grows with the square of \
             the list: beyond some 400 elements that is too costly"
                .to_owned(),
        );
    }
    let has_type = equality.iter().any(|equality| equality.type_name.is_some());
    if has_type {
        limitations.push(
            "of a type (`as`) the policy knows quantities, durations, sets and objects that may be \
             left out; points in time, and null in lists and maps, are compared exactly"
                .to_owned(),
        );
        limitations.push(
            "zeros that a Go client leaves out are compared exactly where the type is one of \
             Kubernetes' own"
                .to_owned(),
        );
    }
    if has_type && rule.entries().any(|entry| entry.verbs != Verbs::ALL) {
        limitations.push(
            "below an entry with `allow`, a list that a type pairs by key may become one in which \
             a key repeats; the webhook asks for an entry without `allow`"
                .to_owned(),
        );
    }
    if has_type || equality.iter().any(|equality| equality.meaning == Some(Meaning::Quantity)) {
        limitations.push(
            "quantities compare as CEL's quantity() reads them, which takes no \
                          exponent beyond 32 bits"
                .to_owned(),
        );
    }
    if has_type || equality.iter().any(|equality| equality.meaning == Some(Meaning::Duration)) {
        limitations.push("durations beyond 292 years cannot be evaluated".to_owned());
    }
    if rule.entries().any(|entry| entry.when.is_some()) {
        limitations.push(
            "conditions (`when`) are evaluated by Kubernetes' CEL; where one that decides errs, as \
             where it reads what is absent, the update is refused \
             with the reason Invalid"
                .to_owned(),
        );
    }
    if *rule.exempt() != Requesters::default() {
        limitations.push("updates of those who are exempt are not recorded as such".to_owned());
    }
    if rule.reason() == Reason::Invalid {
        limitations.push("the causes of a refusal, one for each field".to_owned());
    }
    limitations
}
