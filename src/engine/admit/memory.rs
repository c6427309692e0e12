//! How much memory it takes to judge a review.

use crate::engine::rule::Rule;

/// Bytes for the index entry of a value and its decoded string.
const PER_VALUE: usize = 30;

/// Bytes that a rule's alignment and verdict keep of a value that differs.
const PER_RULE_AND_VALUE: usize = 40;

/// The same where lists pair by a key of one member.
const PER_KEYED_VALUE: usize = 75;

/// The same where keys have several members, with [`PER_KEY_MEMBER`] for each.
const PER_COMPOSITE_VALUE: usize = 80;
const PER_KEY_MEMBER: usize = 20;

/// The most members that a key of a Kubernetes type has.
const TYPED_KEY_MEMBERS: usize = 2;

/// Bytes for a value in which several rules may find the same change.
const PER_VALUE_OF_SEVERAL_RULES: usize = 85;

/// Bytes for each byte of the body: text that is decoded, compared and reported.
const PER_BYTE: usize = 4;

/// Bytes for a value that conditions read.
const PER_CONDITION_VALUE: usize = 60;

/// The most bytes for all values that conditions read. Their budget is spent by then.
const ALL_CONDITION_VALUES: usize = 64 << 20;

/// A high estimate of the bytes that judging a body takes, apart from the body itself, which has
/// this many values and bytes, by the rules that match. A list of digits takes many times the memory
/// of a text of that size. `benches/memory.rs` compares the estimate with what hostile reviews take.
pub(super) fn estimate(values: usize, bytes: usize, rules: &[&Rule]) -> usize {
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
    match members.max().unwrap_or_default() {
        0 => PER_RULE_AND_VALUE,
        1 => PER_KEYED_VALUE,
        members => PER_COMPOSITE_VALUE + members * PER_KEY_MEMBER,
    }
}

/// How many values a JSON text has, or more: what looks like a value within a string counts too.
/// Each value follows a comma or the start of a container.
pub(super) fn values(text: &[u8]) -> usize {
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
    use super::{ALL_CONDITION_VALUES, TYPED_KEY_MEMBERS, estimate, values};
    use crate::engine::rule::{Builtin, RuleFile, RuleSet, TypeName, TypedLocation};

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
            (&[one], 335),
            (&[three], 530),
            (&[typed], 470),
        ] {
            let rules = rules(specs);
            let rules: Vec<_> = rules.rules().collect();
            assert_eq!(estimate(3, 5, &rules), expected, "{specs:?}");
        }
        assert_eq!(estimate(1, 6, &[]), 54);
        let [without, with] = [bare, "mutable: [{path: a, when: 'true'}]"].map(|spec| {
            let rules = rules(&[spec]);
            estimate(1_200_000, 0, &rules.rules().collect::<Vec<_>>())
        });
        assert_eq!(with - without, ALL_CONDITION_VALUES);
    }

    #[test]
    fn no_key_of_a_type_has_more_members_than_are_reserved() {
        let types = TypeName::all().filter_map(|name| TypedLocation::declared(0, name));
        let keys = types.flat_map(TypedLocation::fields).filter_map(|(_, field)| field.key());
        let most = keys.map(|key| key.members().len()).max();
        assert_eq!(most, Some(TYPED_KEY_MEMBERS));
    }
}
