//! Any two texts under `as: Quantity` and `as: Duration`: they are equal exactly if the oracle
//! reads the same amount in both.

#![no_main]

use std::sync::LazyLock;

use fieldward::engine::{Builtin, RuleFile, RuleSet, admit};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

#[path = "../../tests/it/oracle/mod.rs"]
#[expect(dead_code, reason = "a target uses a part of it")]
mod oracle;
#[path = "../../tests/it/properties/mod.rs"]
#[expect(dead_code, reason = "a target uses a part of it")]
mod properties;

static RULES: LazyLock<RuleSet> = LazyLock::new(|| {
    let text = "
apiVersion: fieldward.io/v1alpha1
kind: UpdateRule
metadata: {name: amounts}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [example.com], apiVersions: [v1], resources: \
  [things]}]}
  mutable: []
  equality: [{path: quantity, as: Quantity}, {path: duration, as: Duration}]
";
    RuleSet::load(
        Builtin::Excluded,
        &[RuleFile { origin: "amounts.yaml".into(), text: text.into() }],
    )
    .expect("a rule that loads")
});

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((one, two)) = text.split_once('\n') else { return };
    for side in [one, two] {
        assert!(
            equal("quantity", side, side) && equal("duration", side, side),
            "{side} differs from itself"
        );
    }
    for amount in ["quantity", "duration"] {
        assert_eq!(
            equal(amount, one, two),
            equal(amount, two, one),
            "{amount}: {one} and {two}, depending on their order"
        );
    }
    if is_small(one) && is_small(two) {
        let same = |read: fn(&str) -> Option<i128>| {
            one == two || (read(one).is_some() && read(one) == read(two))
        };
        assert_eq!(
            equal("quantity", one, two),
            same(oracle::quantity::nano),
            "quantities {one} and {two}"
        );
        assert_eq!(
            equal("duration", one, two),
            same(oracle::duration::nanoseconds),
            "durations {one} and {two}"
        );
    }
});

/// Whether the engine takes the change from one text to the other for none.
fn equal(member: &str, one: &str, two: &str) -> bool {
    let object = |text: &str| json!({"metadata": {"name": "thing"}, member: text});
    let review: Value = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
        "uid": "u", "operation": "UPDATE", "kind": {"group": "example.com", "version": "v1",
            "kind": "Thing"},
        "resource": {"group": "example.com", "version": "v1", "resource": "things"},
        "userInfo": {"username": "somebody"}, "oldObject": object(one), "object": object(two)}});
    admit(&RULES, review.to_string().as_bytes()).allowed().expect("a verdict")
}

/// Whether the oracle, which counts in 128 bits and trims nothing, can count it: few digits, a
/// small exponent and no space.
fn is_small(text: &str) -> bool {
    if text.contains(char::is_whitespace) {
        return false;
    }
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
    match text.split_once(['e', 'E']) {
        Some((number, exponent)) if !exponent.is_empty() => {
            digits(number) <= 9 && exponent.parse::<i8>().is_ok_and(|e| (-20..=18).contains(&e))
        }
        _ => digits(text) <= 9,
    }
}
