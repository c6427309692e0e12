//! How much memory a review takes to judge.

use super::{PREFIX, matching};
use crate::engine::review::Review;
use crate::engine::rule::RuleSet;

/// An index entry, and what a decoded string takes.
const PER_VALUE: usize = 30;

/// What a rule's alignment and verdict keep of a value that differs.
const PER_RULE_AND_VALUE: usize = 40;

/// What is decoded, compared and reported.
const PER_BYTE: usize = 4;

/// A value that conditions read.
const PER_CONDITION_VALUE: usize = 60;

/// What all values take at most that conditions read. Their budget ends there.
const ALL_CONDITION_VALUES: usize = 64 << 20;

/// A high estimate of the bytes that judging a body takes, apart from the body itself. It counts
/// the values, since a list of digits takes many times the memory of a text of that size.
/// `benches/memory.rs` compares it with what hostile reviews take.
pub fn memory_estimate(rules: &RuleSet, body: &[u8]) -> usize {
    let values = values(body);
    let beginning = body.get(..PREFIX.min(body.len())).unwrap_or_default();
    let review = Review::parse_beginning(beginning);
    let matching = review.map(|review| {
        let rules = matching(rules, &review);
        let have_conditions =
            rules.iter().any(|rule| rule.entries().any(|entry| entry.when.is_some()));
        (rules.len(), have_conditions)
    });
    // If the envelope does not begin the body, any rule may match.
    let (rules, have_conditions) = matching.unwrap_or((rules.len(), true));
    let of_conditions =
        if have_conditions { (values * PER_CONDITION_VALUE).min(ALL_CONDITION_VALUES) } else { 0 };
    values * (PER_VALUE + rules * PER_RULE_AND_VALUE) + body.len() * PER_BYTE + of_conditions
}

/// How many values a JSON text has, or more: what looks like a value within a string counts too.
fn values(text: &[u8]) -> usize {
    // Sums of bytes are added up without a branch, many at a time.
    let parts = text.chunks(usize::from(u8::MAX));
    let starts = |part: &[u8]| {
        part.iter().fold(0_u8, |sum, byte| sum + u8::from(matches!(byte, b',' | b'[' | b'{')))
    };
    parts.map(|part| usize::from(starts(part))).sum()
}
