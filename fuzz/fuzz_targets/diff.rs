//! Rules and updates as the property tests make them, from the fuzzer's bytes instead of dice:
//! engine and oracle must agree.

#![no_main]

use libfuzzer_sys::fuzz_target;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

#[path = "../../tests/it/oracle/mod.rs"]
#[expect(dead_code, reason = "a target uses a part of it")]
mod oracle;
#[path = "../../tests/it/properties/mod.rs"]
#[expect(dead_code, reason = "a target uses a part of it")]
mod properties;

/// So many choices follow those that the fuzzer made.
const TAIL: usize = 16 * 1024;

fuzz_target!(|data: &[u8]| {
    let rng = TestRng::from_seed(RngAlgorithm::PassThrough, &choices(data));
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let Ok(tree) = properties::case::Cases.new_tree(&mut runner) else { return };
    let case = tree.current();
    let violations = oracle::violations(&case.rule, &case.old, &case.new, &case.user);
    if let Err(error) = properties::agree(&case, &violations) {
        panic!("{error}\n{case:?}");
    }
});

/// The fuzzer's bytes and then bytes that follow from them, since a generator fed with zeros may
/// ask for ever.
fn choices(data: &[u8]) -> Vec<u8> {
    let mut state = data.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    }) | 1;
    let mut choices = data.to_vec();
    choices.extend(
        std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[0]
        })
        .take(TAIL),
    );
    choices
}
