//! What a policy cannot keep of a rule.

use super::protected::keeps_lists;
use crate::engine::{CompareAs, FailurePolicy, Reason, Requesters, Rule, Verbs};

/// What no policy keeps.
const ALWAYS: [&str; 6] = [
    "the message names the fields that changed, down to the last member that all paths \
     name, without old and new values; it names sixteen at most",
    "an update that is too costly to evaluate is refused, whatever it changes; the API \
     server makes the reason of that Invalid, on which tools that are told to force delete \
     and recreate the object. Half a megabyte of changed fields is not too costly",
    "nothing is counted, recorded or annotated for the audit log but what the API server \
     itself does for policies",
    "a whole number beyond 2^53 and the float next to it count as equal, as CEL compares \
     them",
    "where an object is being deleted and one of its finalizers repeats, all of that name \
     go at once",
    "updates in fieldward's own namespace are judged too",
];

/// What of this rule its policy does not do, or does otherwise; each a sentence.
pub(super) fn limitations(rule: &Rule) -> Vec<String> {
    let equality = rule.equality();
    let has_type = equality.iter().any(|equality| equality.type_name.is_some());
    let compares =
        |compare_as| equality.iter().any(|equality| equality.compare_as == Some(compare_as));
    let some = [
        (
            rule.failure_policy() == FailurePolicy::Ignore,
            "the failurePolicy of the rule, Ignore: the policy's is Fail, for it needs no server, \
             and else what cannot be evaluated would pass",
        ),
        (
            equality.iter().any(|equality| equality.key.is_some()),
            "where keys came, went or moved, elements pair in time that grows with the square of \
             the list: beyond some 400 elements that is too costly",
        ),
        (
            has_type,
            "of a type (`as`) the policy knows quantities, durations, sets and objects that may be \
             left out; points in time, and null in lists and maps, are compared exactly",
        ),
        (
            has_type,
            "zeros that a Go client leaves out are compared exactly where the type is one of \
             Kubernetes' own",
        ),
        (
            has_type && rule.entries().any(|entry| entry.verbs != Verbs::ALL),
            "below an entry with `allow`, a list that a type pairs by key may become one in which \
             a key repeats or an element is null; the webhook asks for an entry without `allow`",
        ),
        (
            has_type || compares(CompareAs::Quantity),
            "quantities compare as CEL's quantity() reads them, which takes no exponent beyond 32 \
             bits",
        ),
        (
            has_type || compares(CompareAs::Duration),
            "durations beyond 292 years cannot be evaluated",
        ),
        (
            rule.protected().iter().any(|protection| keeps_lists(&protection.path)),
            "a list that a path of `protected` leads through may not change at all",
        ),
        (
            rule.entries().any(|entry| entry.when.is_some()),
            "conditions (`when`) are evaluated by Kubernetes' CEL; where one that decides errs, as \
             where it reads what is absent, the update is refused with the reason Invalid",
        ),
        (
            *rule.exempt() != Requesters::default(),
            "updates of those who are exempt are not recorded as such",
        ),
        (rule.reason() == Reason::Invalid, "the causes of a refusal, one for each field"),
    ];
    let some = some.into_iter().filter(|(applies, _)| *applies).map(|(_, text)| text);
    ALWAYS.into_iter().chain(some).map(str::to_owned).collect()
}
