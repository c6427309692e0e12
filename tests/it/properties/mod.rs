//! Properties: the engine against the oracle, and laws that hold for every rule.
//!
//! `FIELDWARD_PROPERTY_CASES` says how many cases (default [`CASES`]), `FIELDWARD_PROPERTY_SEED`
//! which ones (default: those that the number gives, so that every run of so many cases is the
//! same).

pub(crate) mod admission;
pub(crate) mod case;
mod counts;
pub(crate) mod dice;
mod differing;
mod explained;
mod focus;
pub(crate) mod keys;
pub(crate) mod laws;
mod learned;
mod loads;
mod scene;
mod spelled;
mod wild;
mod world;

use crate::oracle::rule::{Location, Rule, Who};
use crate::oracle::{self, notation, sentences};
use case::{Case, Cases};
use counts::Counts;
use libtest_mimic::{Failed, Trial};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::env;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// How many cases a run has if nothing else is said.
const CASES: usize = 20_000;

/// So many cases are made from one seed.
const CHUNK: usize = 250;

/// From so many cases on the shares are held against their bounds.
const ENOUGH: usize = 5_000;

pub(crate) fn trials() -> Vec<Trial> {
    let run = Run::from_environment();
    let mut trials = vec![
        Trial::test("properties::engine_and_oracle_agree", move || engine_and_oracle_agree(run)),
        Trial::test("properties::an_update_that_changes_nothing_is_allowed", move || {
            laws::an_update_that_changes_nothing_is_allowed(run.part(10))
        }),
        Trial::test("properties::bare_entries_are_symmetric_and_transitive", move || {
            laws::bare_entries_are_symmetric_and_transitive(run.part(10))
        }),
        Trial::test("properties::a_patch_gives_the_new_object", move || {
            laws::a_patch_gives_the_new_object(run.part(10))
        }),
        Trial::test("properties::of_a_repeated_key_the_last_counts", move || {
            laws::of_a_repeated_key_the_last_counts(run.part(10))
        }),
        Trial::test(
            "properties::of_a_repeated_key_of_the_envelope_the_last_counts",
            laws::of_a_repeated_key_of_the_envelope_the_last_counts,
        ),
        Trial::test("properties::every_spelling_has_one_verdict", move || {
            spelled::every_spelling_has_one_verdict(run.part(4))
        }),
        Trial::test("properties::several_rules_must_all_allow", move || {
            laws::several_rules_must_all_allow(run.part(10))
        }),
        Trial::test("properties::explanations_are_true", move || {
            explained::explanations_are_true(run.part(6))
        }),
        Trial::test("properties::differences_are_complete", move || {
            differing::differences_are_complete(run.part(6))
        }),
        Trial::test("properties::a_learned_rule_is_the_smallest", move || {
            learned::a_learned_rule_is_the_smallest(run.part(40))
        }),
        Trial::test("properties::the_pattern_of_paths_is_their_grammar", move || {
            laws::the_pattern_of_paths_is_their_grammar(run)
        }),
        Trial::test("properties::every_body_is_answered", move || {
            laws::every_body_is_answered(run.part(10))
        }),
    ];
    trials.extend(sentences::table().into_iter().map(|sentence| {
        Trial::test(format!("properties::sentence: {}", sentence.name), move || {
            let case = Case {
                rule: sentence.rule,
                old: sentence.old,
                new: sentence.new,
                user: sentence.user,
            };
            let answer = admission::ask(&case)?;
            if answer.fields == sentence.fields {
                return Ok(());
            }
            Err(Failed::from(format!(
                "expected {:?}, found {:?}\n{case:?}",
                sentence.fields, answer.fields
            )))
        })
    }));
    trials
}

/// How many cases, and which.
#[derive(Debug, Clone, Copy)]
struct Run {
    cases: usize,
    seed: u64,
}

impl Run {
    fn from_environment() -> Self {
        let number = |name: &str| {
            env::var(name)
                .ok()
                .map(|text| text.parse().unwrap_or_else(|_| panic!("{name}: expected a number")))
        };
        let cases = number("FIELDWARD_PROPERTY_CASES").unwrap_or(CASES as u64);
        let seed = number("FIELDWARD_PROPERTY_SEED").unwrap_or(cases);
        Self { cases: usize::try_from(cases).unwrap(), seed }
    }

    /// A part of the cases.
    fn part(self, of: usize) -> Self {
        Self { cases: self.cases.div_ceil(of), ..self }
    }

    /// Puts every case to a test, on all processors; the cases do not depend on how many there are.
    fn each<S: Strategy + Sync>(
        self,
        cases: &S,
        test: impl Fn(S::Value) -> Result<(), TestCaseError> + Sync,
    ) -> Result<(), Failed>
    where
        S::Value: std::fmt::Debug,
    {
        // One at a time: each takes all processors.
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let next = AtomicUsize::new(0);
        let failure = Mutex::new(None);
        let work = || {
            loop {
                let first = next.fetch_add(CHUNK, Ordering::Relaxed);
                if first >= self.cases || failure.lock().unwrap().is_some() {
                    return;
                }
                if let Err(error) = self.chunk(first, cases, &test) {
                    failure.lock().unwrap().get_or_insert(error);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(work);
            }
        });
        failure.into_inner().unwrap().map_or(Ok(()), |error| Err(Failed::from(error)))
    }

    fn chunk<S: Strategy>(
        self,
        first: usize,
        cases: &S,
        test: impl Fn(S::Value) -> Result<(), TestCaseError>,
    ) -> Result<(), String>
    where
        S::Value: std::fmt::Debug,
    {
        let count = CHUNK.min(self.cases - first);
        let config = Config {
            cases: u32::try_from(count).unwrap(),
            failure_persistence: None,
            max_shrink_iters: 20_000,
            ..Config::default()
        };
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8..16].copy_from_slice(&(first as u64).to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        TestRunner::new_with_rng(config, rng).run(cases, test).map_err(|error| match error {
            TestError::Fail(reason, case) => {
                format!("{reason}\n{case:?}\n(seed {}, cases from {first})", self.seed)
            }
            TestError::Abort(reason) => reason.to_string(),
        })
    }
}

/// The engine's verdict and fields are the oracle's.
fn engine_and_oracle_agree(run: Run) -> Result<(), Failed> {
    let counts = Mutex::new(Counts::default());
    run.each(&Cases, |case| {
        let violations = oracle::violations(&case.rule, &case.old, &case.new, &case.user);
        let mut own = Counts::default();
        own.count(&case, &violations);
        counts.lock().unwrap().add(&own);
        agree(&case, &violations)
    })?;
    let (table, short) = counts.into_inner().unwrap().report();
    println!("{table}");
    if short.is_empty() || run.cases < ENOUGH {
        Ok(())
    } else {
        Err(Failed::from(short.join("\n")))
    }
}

/// Whether the engine answers a case as the oracle does, which found these violations.
pub(crate) fn agree(case: &Case, violations: &[Location]) -> Result<(), TestCaseError> {
    let fields = |violations: &[Location]| {
        violations.iter().map(|at| notation::field(at)).collect::<Vec<_>>()
    };
    let nobody_is_exempt = Rule { exempt: Who::default(), ..case.rule.clone() };
    let recorded = fields(&oracle::violations(&nobody_is_exempt, &case.old, &case.new, &case.user));
    let expected = fields(violations);
    let answer = admission::ask(case).map_err(TestCaseError::fail)?;
    if answer.allowed == expected.is_empty()
        && answer.fields == expected
        && answer.recorded == recorded
    {
        return Ok(());
    }
    let message = format!(
        "oracle: {expected:?}, recorded {recorded:?}\nengine: {:?}, recorded {:?}",
        answer.fields, answer.recorded
    );
    Err(TestCaseError::fail(message))
}
