//! A rule that `learn` makes of random updates lets them all through, and no smaller one
//! does.

use super::case::{Case, Cases};
use super::explained::{Still, load};
use super::{Run, door};
use fieldward::analysis::learn::Learned;
use fieldward::engine::admit;
use libtest_mimic::Failed;
use proptest::strategy::{NewTree, Strategy};
use proptest::test_runner::{TestCaseError, TestRunner};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Updates of one kind; some are several edits of one object.
#[derive(Debug)]
struct Histories;

impl Strategy for Histories {
    type Tree = Still<Vec<Case>>;
    type Value = Vec<Case>;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let count = super::dice::Dice(runner.rng()).between(1, 4);
        let mut cases = Vec::new();
        for _ in 0..count {
            cases.push(Cases.new_tree(runner)?.current_case());
        }
        Ok(Still(cases))
    }
}

pub(super) fn a_learned_rule_is_the_smallest(run: Run) -> Result<(), Failed> {
    let (entries, smaller) = (AtomicUsize::new(0), AtomicUsize::new(0));
    run.each(&Histories, |cases| {
        let bodies: Vec<Vec<u8>> = cases
            .iter()
            .map(|case| door::review(&case.old, &case.new, &case.user).to_string().into_bytes())
            .collect();
        let learned = Learned::from_documents(bodies.iter().map(Vec::as_slice))
            .map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
        let [learned] = learned.as_slice() else {
            return Err(TestCaseError::fail("expected one rule"));
        };
        let text = learned.document.clone();
        let allowed = |text: &str| -> Result<bool, TestCaseError> {
            let rules = load(text)?;
            Ok(bodies.iter().all(|body| admit(&rules, body).allowed() == Some(true)))
        };
        if !allowed(&text)? {
            return Err(TestCaseError::fail(format!("an update is refused under\n{text}")));
        }
        entries.fetch_add(
            load(&text)?.rules().map(|rule| rule.entries().count()).sum(),
            Ordering::Relaxed,
        );
        for less in learned.smaller() {
            smaller.fetch_add(1, Ordering::Relaxed);
            if allowed(&less)? {
                return Err(TestCaseError::fail(format!("less would do:\n{less}\nthan\n{text}")));
            }
        }
        Ok(())
    })?;
    let [entries, smaller] = [entries, smaller].map(AtomicUsize::into_inner);
    println!("learned: {entries} entries, {smaller} smaller rules");
    assert!(
        entries > run.cases && smaller > entries,
        "too little was learned: {entries} entries, {smaller} smaller rules"
    );
    Ok(())
}
