//! Small random objects: few names, used again and again so that paths hit, and every value that
//! could be taken for another.

use super::dice::Dice;
use crate::oracle::equality::exact;
use serde_json::{Map, Value, json};

/// Names of members: plain ones, and those that look like something else.
const PLAIN: [&str; 5] = ["a", "b", "x", "ab", "a-b"];
const STRANGE: [&str; 18] = [
    "a/b", "~", "~1", "~0", "x.y", "[0]", "'", "0", "1", "-", "", "*", "x*", "a=b", "é", "a b",
    "/", "\"",
];

pub(super) fn name(dice: &mut Dice) -> String {
    let names: &[&str] = if dice.percent(70) { &PLAIN } else { &STRANGE };
    (*dice.pick(names)).to_owned()
}

pub(super) fn strange_name(dice: &mut Dice) -> String {
    (*dice.pick(&STRANGE)).to_owned()
}

/// Values of keys in keyed lists.
pub(super) const ELEMENTS: [&str; 6] = ["worker", "ps", "a b", "0", "it's", "x.y"];

/// Scalars in JSON.
const SCALARS: [&str; 33] = [
    "1e22",
    "1.5",
    "-18446744073709551615",
    "null",
    "null",
    "true",
    "false",
    "0",
    "-0.0",
    "0.0",
    "1",
    "1.0",
    "2",
    "-1",
    "0.5",
    "1e3",
    "1000",
    r#""""#,
    r#""a""#,
    r#""b""#,
    r#""1""#,
    r#""0""#,
    r#""1000m""#,
    r#""2Gi""#,
    r#""2048Mi""#,
    r#""60s""#,
    r#""1m0s""#,
    "9007199254740993",
    "9007199254740992",
    "9007199254740992.0",
    "18446744073709551615",
    "-9223372036854775808",
    r#""null""#,
];

/// Numbers in JSON, those on one line equal.
pub(super) const NUMBERS: [&[&str]; 5] = [
    &["0", "-0.0", "0.0", "0e5"],
    &["1", "1.0", "10e-1"],
    &["1000", "1e3", "1000.0"],
    &["9223372036854775808", "9223372036854775808.0"],
    &["-9223372036854775808", "-9223372036854775808.0"],
];

/// Quantities in JSON, those on one line equal; each of the last line only to itself.
pub(super) const QUANTITIES: [&[&str]; 19] = [
    &[
        r#""1""#,
        r#""1000m""#,
        r#""1.0""#,
        r#""1e0""#,
        r#""+1""#,
        r#""01""#,
        r#""1.""#,
        "1",
        "1.0",
        r#""1000000000n""#,
    ],
    &[r#""2Gi""#, r#""2048Mi""#, r#""2147483648""#, "2147483648", r#""2097152Ki""#],
    &[r#""0""#, r#""0m""#, r#""0Ki""#, r#""-0""#, "0", "-0.0", r#""0.000""#],
    &[r#""500m""#, r#""0.5""#, r#"".5""#, "0.5", r#""5e-1""#, r#""500000u""#],
    &[r#""1k""#, r#""1000""#, r#""1e3""#, r#""1E3""#, r#""1e+03""#, "1e3"],
    &[r#""1n""#, r#""0.1n""#, r#""0.9n""#, r#""1e-12""#],
    &[r#""-1n""#, r#""-0.1n""#],
    &[r#""1.5Ki""#, r#""1536""#, r#""1.536k""#],
    &[r#""1Ki""#, r#""1024""#],
    &[r#""-2""#, r#""-2000m""#, "-2"],
    &[r#""1E""#, r#""1e18""#, r#""1000P""#],
    &[r#""3M""#, r#""3000k""#, r#""0.003G""#, r#""3e6""#],
    &[r#""8Ei""#, r#""9Ei""#, r#""9223372036854775807""#, r#""9007199254740991.9995Ki""#],
    &[r#""1000000000000000.0001Ki""#, r#""1024000000000000000.1024""#],
    &[r#""9223372036854775808""#, r#""9223372036854775.808k""#, "9223372036854775808"],
    &[r#""-8Ei""#, r#""-9Ei""#, r#""-9223372036854775807""#],
    &[r#""10E""#, r#""1e19""#, r#""1E+19""#],
    &[r#""0.0000000001Ki""#, r#""103n""#],
    &[r#""1T""#, r#""1000G""#, r#""0.001P""#],
];
pub(super) const NO_QUANTITIES: [&str; 10] = [
    r#""""#,
    r#""abc""#,
    r#""1Zi""#,
    r#""1K""#,
    r#""1e""#,
    r#""1 m""#,
    r#""1.1.1""#,
    r#""--1""#,
    r#""1mm""#,
    "true",
];

/// Durations in JSON, those on one line equal.
pub(super) const DURATIONS: [&[&str]; 9] = [
    &[r#""60s""#, r#""1m""#, r#""1m0s""#, r#""60000ms""#, r#""+60s""#, r#""0h1m""#],
    &[r#""90s""#, r#""1m30s""#, r#""1.5m""#, r#""30s1m""#],
    &[r#""0""#, r#""0s""#, r#""-0""#, r#""0h0m""#, r#""+0""#, r#""-0s""#],
    &[r#""1h""#, r#""60m""#, r#""3600s""#],
    &[r#""1us""#, r#""1µs""#, r#""1μs""#, r#""1000ns""#],
    &[r#""-60s""#, r#""-1m""#],
    &[r#""500ms""#, r#"".5s""#, r#""0.5s""#, r#""0.500s""#],
    &[r#""9223372036854775807ns""#, r#""2562047h47m16.854775807s""#],
    &[r#""-9223372036854775808ns""#, r#""-2562047h47m16.854775808s""#],
];
pub(super) const NO_DURATIONS: [&str; 10] = [
    r#""9223372036854775808ns""#,
    r#""-2562048h""#,
    r#""""#,
    r#""1d""#,
    r#""60""#,
    "60",
    r#""1 s""#,
    r#""s""#,
    r#""1m-1s""#,
    r#"".s""#,
];

pub(super) fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(super) fn scalar(dice: &mut Dice) -> Value {
    let text = *dice.pick(&SCALARS);
    parse(text)
}

/// Two different spellings that are equal.
pub(super) fn two_of_a_line(dice: &mut Dice, lines: &[&[&str]]) -> (Value, Value) {
    let line = *dice.pick(lines);
    loop {
        let (a, b) = (*dice.pick(line), *dice.pick(line));
        if a != b {
            return (parse(a), parse(b));
        }
    }
}

/// A random value, nested up to a depth.
pub(super) fn tree(dice: &mut Dice, depth: usize) -> Value {
    let shape = if depth == 0 { 0 } else { dice.below(9) };
    match shape {
        0..=3 => scalar(dice),
        4 => (*dice.pick(&[json!({}), json!([])])).clone(),
        5 | 6 => object(dice, depth - 1).into(),
        7 => (0..dice.below(4)).map(|_| tree(dice, depth - 1)).collect(),
        _ => keyed_list(dice, depth - 1),
    }
}

pub(super) fn object(dice: &mut Dice, depth: usize) -> Map<String, Value> {
    (0..dice.below(4)).map(|_| (name(dice), tree(dice, depth))).collect()
}

/// A list of objects with different names, in random order.
pub(super) fn keyed_list(dice: &mut Dice, depth: usize) -> Value {
    let mut names = ELEMENTS;
    dice.shuffle(&mut names);
    let count = dice.below(4);
    names[..count].iter().map(|name| named(dice, "name", name, depth)).collect()
}

/// A random object with a name.
pub(super) fn named(dice: &mut Dice, key: &str, name: &str, depth: usize) -> Value {
    let mut element = object(dice, depth);
    element.insert(key.to_owned(), name.into());
    element.into()
}

/// Two values that are not equal.
pub(super) fn two_values(dice: &mut Dice) -> (Value, Value) {
    loop {
        let (a, b) = (tree(dice, 2), tree(dice, 2));
        if !exact(&a, &b) {
            return (a, b);
        }
    }
}

/// A member that appears, vanishes or changes.
pub(super) fn change(dice: &mut Dice) -> (Option<Value>, Option<Value>) {
    let (old, new) = two_values(dice);
    match dice.below(4) {
        0 => (Some(old), None),
        1 => (None, Some(new)),
        _ => (Some(old), Some(new)),
    }
}
