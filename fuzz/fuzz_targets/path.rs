//! Any text as a path: it parses exactly if the grammar has it, into the steps that the oracle
//! reads, and is shown as it was written.

#![no_main]

use std::sync::LazyLock;

use fieldward::engine::{Path, PathError, Step};
use libfuzzer_sys::fuzz_target;
use regex::Regex;

#[path = "../../tests/it/oracle/mod.rs"]
#[expect(dead_code, reason = "a target uses a part of it")]
mod oracle;
#[path = "../../tests/it/properties/mod.rs"]
#[expect(dead_code, reason = "a target uses a part of it")]
mod properties;

static GRAMMAR: LazyLock<Regex> = LazyLock::new(|| {
    let bare = "[A-Za-z_][A-Za-z0-9_-]*";
    // A key that ends with an odd number of asterisks is a prefix, which no element's key may be;
    // the two are told apart below.
    let quoted = "'(?s:[^']|'')*'";
    let member = format!("{bare}=(?:{bare}|0|-?[1-9][0-9]*|{quoted})");
    let bracket = format!(r"\[(?:\*|{quoted}|{member}(?:,{member})*)\]");
    Regex::new(&format!(r"\A(?:(?:{bare}|\*)|{bracket})(?:\.(?:{bare}|\*)|{bracket})*\z"))
        .expect("a pattern")
});

/// `[key='value*']`: a prefix where a whole value is expected.
static PREFIXED_VALUE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"=(?:'(?s:[^']|'')*?(?:[^'*]|'')\*'|'\*')[,\]]").expect("a pattern")
});

/// What no regular expression tells: members that repeat, and integers that are too large.
fn is_beyond_grammar(error: &PathError) -> bool {
    ["each member of a key once", "an integer of 64 bits"]
        .iter()
        .any(|expected| error.to_string().contains(expected))
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Path::parse(text) {
        Ok(path) => {
            assert!(GRAMMAR.is_match(text), "no path: {text}");
            assert_eq!(path.to_string(), text);
            let steps: Vec<Step> = oracle::read::path(text).0.into_iter().map(step).collect();
            assert_eq!(path.steps(), steps);
        }
        Err(error) => {
            assert!((1..=text.chars().count() + 1).contains(&error.column), "{error}: {text}");
            assert!(
                !GRAMMAR.is_match(text)
                    || PREFIXED_VALUE.is_match(text)
                    || is_beyond_grammar(&error),
                "a path: {error}: {text}"
            );
        }
    }
});

fn step(step: oracle::rule::Step) -> Step {
    use oracle::rule::Step as Read;
    match step {
        Read::Name { name, .. } => Step::Name(name),
        Read::AnyMember => Step::AnyMember,
        Read::Prefix(prefix) => Step::Prefix(prefix),
        Read::AnyElement => Step::AnyElement,
        Read::Keyed { key, .. } => Step::Keyed(properties::keys::selector(&key)),
    }
}
