//! The engine by its entry point, by stage, by size and by number of rules: `cargo bench --bench
//! engine`, with a name to choose.
//!
//! What a stage costs is the difference between two of them: [`no_rule`] reads the envelope and
//! finds no rule, [`unchanged`] parses and compares both objects, a changed leaf is judged and put
//! into words.
#![expect(clippy::expect_used, reason = "a benchmark that has no input ends here")]

mod support;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use fieldward::engine::{Builtin, Decision, RuleSet, admit};

use support::{Change, LARGE, MEDIUM, SMALL, Size, TINY};

const SIZES: [Size; 4] = [TINY, SMALL, MEDIUM, LARGE];
/// With more than one task.
const LISTS: [Size; 3] = [SMALL, MEDIUM, LARGE];
const RULES: [usize; 3] = [1, 100, 10_000];

fn main() {
    divan::main();
}

#[divan::bench(args = SIZES)]
fn creation(bencher: Bencher, size: Size) {
    judge(bencher, 1, &support::creation(size), None);
}

#[divan::bench(args = SIZES)]
fn no_rule(bencher: Bencher, size: Size) {
    judge(bencher, 1, &support::stranger(size), None);
}

#[divan::bench(args = SIZES)]
fn unchanged(bencher: Bencher, size: Size) {
    update(bencher, size, Change::Nothing);
}

#[divan::bench(args = SIZES)]
fn leaf_allowed(bencher: Bencher, size: Size) {
    update(bencher, size, Change::LeafAllowed);
}

#[divan::bench(args = SIZES)]
fn leaf_denied(bencher: Bencher, size: Size) {
    update(bencher, size, Change::LeafDenied);
}

#[divan::bench(args = SIZES)]
fn many_allowed(bencher: Bencher, size: Size) {
    update(bencher, size, Change::ManyAllowed);
}

#[divan::bench(args = SIZES)]
fn many_denied(bencher: Bencher, size: Size) {
    update(bencher, size, Change::ManyDenied);
}

#[divan::bench(args = LISTS)]
fn keyed_moved(bencher: Bencher, size: Size) {
    update(bencher, size, Change::Moved);
}

#[divan::bench(args = LISTS)]
fn keyed_removed(bencher: Bencher, size: Size) {
    update(bencher, size, Change::Removed);
}

#[divan::bench(args = RULES)]
fn leaf_denied_under_rules(bencher: Bencher, rules: usize) {
    judge(bencher, rules, &support::review(SMALL, Change::LeafDenied), Some(Decision::Deny));
}

#[divan::bench(args = RULES)]
fn no_rule_under_rules(bencher: Bencher, rules: usize) {
    judge(bencher, rules, &support::stranger(SMALL), None);
}

#[divan::bench(args = RULES)]
fn load_rules(bencher: Bencher, rules: usize) {
    let documents = support::documents(rules);
    bencher.counter(ItemsCount::new(rules)).bench(|| RuleSet::load(Builtin::Excluded, &documents));
}

fn update(bencher: Bencher, size: Size, change: Change) {
    judge(bencher, 1, &support::review(size, change), Some(change.verdict()));
}

/// Measures a review, after a look at whether the rules decide what it is a benchmark of.
fn judge(bencher: Bencher, rules: usize, review: &str, expected: Option<Decision>) {
    let rules = support::rules(rules).expect("rules that load");
    let decided = admit(&rules, review.as_bytes()).rules().first().map(|outcome| outcome.decision);
    assert_eq!(decided, expected, "the verdict is another one than this benchmark is about");
    bencher
        .counter(BytesCount::of_str(review))
        .bench(|| admit(&rules, divan::black_box(review.as_bytes())));
}
