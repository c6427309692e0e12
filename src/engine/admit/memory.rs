//! How much memory it takes to judge a review.

use super::{PREFIX, matching};
use crate::engine::review::Review;
use crate::engine::rule::{Rule, RuleSet};

/// An index entry, and what a decoded string takes.
const PER_VALUE: usize = 30;

/// What a rule's alignment and verdict keep of a value that differs.
const PER_RULE_AND_VALUE: usize = 40;

/// What one member of a key takes, if the key has several.
const PER_KEY_MEMBER: usize = 20;

/// The most members that a key of a Kubernetes type has.
const TYPED_KEY_MEMBERS: usize = 2;

/// What it takes to find the changes that several rules report alike.
const PER_VALUE_OF_SEVERAL_RULES: usize = 85;

/// What is decoded, compared and reported.
const PER_BYTE: usize = 4;

/// What a value takes that conditions read.
const PER_CONDITION_VALUE: usize = 60;

/// The most that the values read by conditions take; their budget is spent by then.
const ALL_CONDITION_VALUES: usize = 64 << 20;

/// A high estimate of the bytes that judging a body takes, apart from the body itself. It counts
/// the values, since a list of digits takes many times the memory of a text of that size.
/// `benches/memory.rs` compares it with what hostile reviews take.
pub fn memory_estimate(rules: &RuleSet, body: &[u8]) -> usize {
    let beginning = body.get(..PREFIX.min(body.len())).unwrap_or_default();
    let review = Review::parse_beginning(beginning).filter(|review| review.target().is_some());
    // If the body does not begin with what it is about, any rule may match.
    let rules = review.map_or_else(|| rules.rules().collect(), |review| matching(rules, &review));
    needed(values(body), body.len(), &rules)
}

/// The estimate for so many values in so many bytes, and the rules that match.
pub(super) fn needed(values: usize, bytes: usize, rules: &[&Rule]) -> usize {
    let several = if rules.len() > 1 { PER_VALUE_OF_SEVERAL_RULES } else { 0 };
    let per_value = PER_VALUE + several + rules.iter().map(|rule| per_value(rule)).sum::<usize>();
    let has_condition = |rule: &&Rule| rule.entries().any(|entry| entry.when.is_some());
    let conditions = if rules.iter().any(has_condition) {
        (values * PER_CONDITION_VALUE).min(ALL_CONDITION_VALUES)
    } else {
        0
    };
    values * per_value + bytes * PER_BYTE + conditions
}

fn per_value(rule: &Rule) -> usize {
    let members = rule.equality().iter().map(|equality| match &equality.key {
        Some(key) => key.members().len(),
        None if equality.type_name.is_some() => TYPED_KEY_MEMBERS,
        None => 0,
    });
    // A key of one member is kept without a list.
    let members = members.max().filter(|members| *members > 1).unwrap_or_default();
    PER_RULE_AND_VALUE + members * PER_KEY_MEMBER
}

/// How many values a JSON text has, or more: what looks like a value within a string counts too.
/// Each value follows a comma or the start of a container.
fn values(text: &[u8]) -> usize {
    let part = usize::from(u8::MAX);
    let parts = text.chunks(part).zip(text.get(1..).unwrap_or_default().chunks(part));
    let starts = |(part, behind): (&[u8], &[u8])| {
        part.iter().zip(behind).fold(0_u8, |sum, (byte, next)| {
            let is_followed = match byte {
                b',' => true,
                b'[' | b'{' => !matches!(next, b']' | b'}'),
                _ => false,
            };
            sum + u8::from(is_followed)
        })
    };
    1 + parts.map(|part| usize::from(starts(part))).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::{memory_estimate, values};
    use crate::engine::rule::{Builtin, RuleFile, RuleSet};

    #[test]
    fn values_are_counted_by_what_they_follow() {
        let table =
            [("1", 1), ("[]", 1), ("{}", 1), ("[1,2]", 3), (r#"{"a":[{},[]],"b":{"c":1}}"#, 6)];
        for (text, expected) in table {
            assert_eq!(values(text.as_bytes()), expected, "{text}");
            let list = vec![text; 1000].join(",");
            assert_eq!(values(format!("[{list}]").as_bytes()), 1 + 1000 * expected, "{text}");
        }
    }

    #[test]
    fn the_rules_that_match_count_or_all_if_the_resource_is_not_known() {
        let rules = RuleSet::load(Builtin::Included, &[]).unwrap();
        let resource = |plural: &str| {
            format!(
                r#""kind":{{"group":"batch.volcano.sh","kind":"Job"}},"resource":{{"group":"batch.volcano.sh","version":"v1alpha1","resource":"{plural}"}}"#
            )
        };
        let objects = format!(r#""object":[{}0]"#, "0,".repeat(40_000));
        let estimate = |members: [&str; 2]| {
            let body = format!(
                r#"{{"apiVersion":"admission.k8s.io/v1","request":{{"uid":"u","operation":"UPDATE",{}}}}}"#,
                members.join(",")
            );
            memory_estimate(&rules, body.as_bytes())
        };
        let [none, one] = ["nodes", "jobs"].map(|plural| estimate([&resource(plural), &objects]));
        let late = estimate([&objects, &resource("jobs")]);
        assert!(none + 1_000_000 < one && one + 1_000_000 < late, "{none} {one} {late}");
    }

    #[test]
    fn the_estimate_grows_with_the_values_the_bytes_and_what_the_rules_say() {
        let rules = |specs: &[&str]| {
            let document = |(number, spec): (usize, &&str)| RuleFile {
                origin: format!("{number}.yaml"),
                text: format!(
                    "apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata: {{name: \
                     widget-{number}}}\nspec:\n  matchConstraints: {{resourceRules: [{{apiGroups: \
                     [example.com], apiVersions: [v1], resources: [widgets]}}]}}\n  {spec}\n"
                ),
            };
            let documents: Vec<RuleFile> = specs.iter().enumerate().map(document).collect();
            RuleSet::load(Builtin::Excluded, &documents).unwrap()
        };
        let bare = "mutable: []";
        let one = "mutable: [a]\n  equality: [{path: a, key: k}]";
        let three = "mutable: [a]\n  equality: [{path: a, key: [k, l, m]}]";
        let typed = "mutable: [a]\n  equality: [{path: a, as: PodSpec}]";
        for (specs, expected) in [
            (&[][..], 110),
            (&[bare], 230),
            (&[bare, bare], 605),
            (&[bare, bare, bare], 725),
            (&["mutable: [{path: a, when: 'true'}]"], 410),
            (&[one], 230),
            (&[three], 410),
            (&[typed], 350),
        ] {
            // Three values in five bytes, which do not tell the resource.
            assert_eq!(memory_estimate(&rules(specs), b"[1,1]"), expected, "{specs:?}");
        }
    }
}
