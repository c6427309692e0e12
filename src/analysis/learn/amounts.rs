//! Where another spelling of one amount is no change: told from the field's name and place, since
//! `1.10` may as well be a version.

use crate::engine::{Equal, Step};

/// Maps of quantities.
const MAPS: [&str; 9] = [
    "resources",
    "limits",
    "requests",
    "capacity",
    "allocatable",
    "allocated",
    "overhead",
    "hard",
    "used",
];

/// What a quantity is called.
const QUANTITIES: [&str; 10] = [
    "storage",
    "memory",
    "cpu",
    "quantity",
    "divisor",
    "capacity",
    "size",
    "limit",
    "request",
    "threshold",
];

/// What a duration is called.
const DURATIONS: [&str; 8] =
    ["timeout", "duration", "period", "ttl", "seconds", "interval", "delay", "deadline"];

/// What comes last in the name of a field that is about such a thing, but is none.
const OTHERS: [&str; 9] =
    ["name", "class", "version", "type", "policy", "key", "id", "mode", "ref"];

/// Whether a value at a path is what the equality takes it for.
pub(crate) fn is_amount(path: &[Step], equal: &Equal) -> bool {
    let mut names = path.iter().rev().skip_while(|step| **step == Step::AnyElement);
    let (last, parent) =
        (names.next().map(words).unwrap_or_default(), names.next().map(words).unwrap_or_default());
    let is_other = last.last().is_some_and(|word| OTHERS.contains(&word.as_str()));
    let is_called = |known: &[&str]| last.iter().any(|word| known.contains(&word.as_str()));
    match equal {
        Equal::Quantity => {
            let is_in_map = parent.last().is_some_and(|word| MAPS.contains(&word.as_str()));
            !is_other && (is_in_map || is_called(&QUANTITIES))
        }
        Equal::Duration => !is_other && is_called(&DURATIONS),
        _ => true,
    }
}

/// `sizeLimit` and `size-limit` are `size` and `limit`.
fn words(step: &Step) -> Vec<String> {
    let Step::Name(name) = step else { return Vec::new() };
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        was_lower = letter.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| letter.is_alphanumeric()) {
            word.extend(letter.to_lowercase());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::is_amount;
    use crate::engine::{Equal, Path};

    #[test]
    fn amounts_are_told_by_name_and_place() {
        let table = [
            ("spec.template.spec.containers[*].resources.limits['nvidia.com/gpu']", true, false),
            ("spec.minResources.cpu", true, false),
            ("spec.volumes[*].emptyDir.sizeLimit", true, false),
            ("spec.resources.requests.storage", true, false),
            ("spec.policies[*].timeout", false, true),
            ("spec.ttlSecondsAfterFinished", false, true),
            ("spec.gracePeriod", false, true),
            ("spec.timeouts-duration[*]", false, true),
            ("spec.version", false, false),
            ("spec.storageVersion", false, false),
            ("spec.storageClassName", false, false),
            ("spec.resources.claims[*].name", false, false),
            ("spec.name", false, false),
            ("metadata.labels.release", false, false),
        ];
        for (path, quantity, duration) in table {
            let path = Path::parse(path).unwrap();
            assert_eq!(
                [Equal::Quantity, Equal::Duration].map(|equal| is_amount(path.steps(), &equal)),
                [quantity, duration],
                "{path}"
            );
        }
    }
}
