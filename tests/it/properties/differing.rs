//! Two rules between which `diff` finds no difference decide alike, and where they do not, it
//! names where.

use super::case::{Case, Cases};
use super::dice::Dice;
use super::explained::Still;
use super::keys;
use super::loads::loads;
use super::scene::{some_verbs, who};
use super::{Run, admission};
use crate::oracle;
use crate::oracle::equality::value_at;
use crate::oracle::render;
use crate::oracle::rule::{
    At, Entry, Equality, Location, Reading, Rule, Step as OracleStep, VERBS,
};
use fieldward::analysis::diff::{Difference, differences};
use fieldward::engine::Step;
use libtest_mimic::Failed;
use proptest::strategy::{NewTree, Strategy};
use proptest::test_runner::{TestCaseError, TestRunner};
use serde_json::Value;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A case, and another version of its rule.
#[derive(Clone)]
struct Versions {
    case: Case,
    after: Rule,
}

impl fmt::Debug for Versions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}\nafter:\n{}", self.case, render::document(&self.after))
    }
}

#[derive(Debug)]
struct Pairs;

impl Strategy for Pairs {
    type Tree = Still<Versions>;
    type Value = Versions;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let case = Cases.new_tree(runner)?.current_case();
        let other = Cases.new_tree(runner)?.current_case().rule;
        let mut dice = Dice(runner.rng());
        loop {
            let mut after = case.rule.clone();
            let respelled_only = dice.percent(35);
            for _ in 0..dice.between(1, 3) {
                if respelled_only || dice.percent(30) {
                    respell(&mut dice, &mut after);
                } else {
                    change(&mut dice, &mut after, &other);
                }
            }
            if loads(&after) {
                let mut versions = Versions { case: case.clone(), after };
                if dice.percent(50) {
                    std::mem::swap(&mut versions.case.rule, &mut versions.after);
                }
                return Ok(Still(versions));
            }
        }
    }
}

/// Writes the same in another way.
fn respell(dice: &mut Dice, rule: &mut Rule) {
    if rule.mutable.is_empty() {
        return;
    }
    let index = dice.below(rule.mutable.len());
    let entry = rule.mutable[index].clone();
    match dice.below(6) {
        4 if entry.by.is_none() && entry.when.is_none() && entry.verbs().len() == VERBS.len() => {
            // Below what may become anything it decides nothing how values compare.
            let path = entry.path.then(OracleStep::Name { name: "a".into(), quoted: false });
            rule.equality.push(Equality {
                path,
                reading: if dice.percent(50) { Reading::Quantity } else { Reading::Duration },
            });
        }
        0 => dice.shuffle(&mut rule.mutable),
        1 => rule.mutable.push(entry),
        2 if entry.verbs().len() > 1 => {
            let (one, two) = entry.verbs().split_at(1);
            rule.mutable[index].allow = Some(one.to_vec());
            rule.mutable.push(Entry { allow: Some(two.to_vec()), ..entry.clone() });
        }
        3 if entry.by.is_none() && entry.when.is_none() && entry.verbs().len() == VERBS.len() => {
            let path = entry.path.then(OracleStep::Name { name: "a".into(), quoted: false });
            let allow = dice.percent(50).then(|| some_verbs(dice, &VERBS));
            rule.mutable.push(Entry { path, allow, ..entry });
        }
        _ => {
            let Some(by) = &mut rule.mutable[index].by else { return };
            let accounts = std::mem::take(&mut by.accounts);
            by.users.extend(
                accounts.iter().map(|account| {
                    format!("system:serviceaccount:{}", account.replacen('/', ":", 1))
                }),
            );
        }
    }
}

/// Makes another rule of it.
fn change(dice: &mut Dice, rule: &mut Rule, other: &Rule) {
    match dice.below(10) {
        9 if dice.percent(50) => {
            let paths = rule.mutable.iter().map(|entry| &entry.path).chain(&other.protected);
            let Some(path) = paths.last().cloned() else { return };
            let name = OracleStep::Name { name: "a".into(), quoted: false };
            rule.protected.push(if dice.percent(50) { path } else { path.then(name) });
        }
        9 => rule.protected.clone_from(&other.protected),
        0 if !other.mutable.is_empty() => rule.mutable.push(dice.pick(&other.mutable).clone()),
        1 if !other.equality.is_empty() => rule.equality.push(dice.pick(&other.equality).clone()),
        2 if !rule.equality.is_empty() => {
            drop(rule.equality.remove(dice.below(rule.equality.len())));
        }
        3 if !rule.selector.is_empty() => {
            drop(rule.selector.remove(dice.below(rule.selector.len())));
        }
        3 => rule.selector.clone_from(&other.selector),
        4 if dice.percent(20) => rule.exempt = other.exempt.clone(),
        _ if rule.mutable.is_empty() => {}
        5 => drop(rule.mutable.remove(dice.below(rule.mutable.len()))),
        _ => {
            let index = dice.below(rule.mutable.len());
            let entry = &mut rule.mutable[index];
            match dice.below(6) {
                0 if entry.path.0.len() > 1 => drop(entry.path.0.pop()),
                1 => {
                    entry.path = entry.path.then(OracleStep::Name {
                        name: (*dice.pick(&["a", "b", "x"])).into(),
                        quoted: false,
                    });
                }
                2 => entry.allow = dice.percent(70).then(|| some_verbs(dice, &VERBS)),
                3 => entry.by = dice.percent(70).then(|| who(dice)),
                4 => {
                    entry.when = dice
                        .percent(70)
                        .then(|| (*dice.pick(&super::scene::CONDITIONS)).to_owned());
                }
                _ => {
                    let last = entry.path.0.len() - 1;
                    if last == 0 {
                        return;
                    }
                    if entry.path.0[last].is_member() {
                        entry.path.0[last] = OracleStep::AnyMember;
                    } else {
                        entry.path.0[last] = OracleStep::AnyElement;
                    }
                }
            }
        }
    }
}

pub(super) fn differences_are_complete(run: Run) -> Result<(), Failed> {
    let (alike, turned, without) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    run.each(&Pairs, |versions| {
        let Versions { case, after } = &versions;
        let [before_set, after_set] = [admission::load(&case.rule), admission::load(after)]
            .map(|set| set.map_err(TestCaseError::fail));
        let (before_set, after_set) = (before_set?, after_set?);
        let found =
            differences(before_set.get("generated").unwrap(), after_set.get("generated").unwrap())
                .unwrap();
        let [before, later] = [&case.rule, after]
            .map(|rule| oracle::violations(rule, &case.old, &case.new, &case.user));
        if found.is_empty() {
            without.fetch_add(1, Ordering::Relaxed);
            // Entries for what is protected permit nothing, but reports may differ.
            let protects = [&case.rule, after].iter().any(|rule| !rule.protected.is_empty());
            let is_alike = before.is_empty() == later.is_empty();
            return if before == later || protects && is_alike {
                Ok(())
            } else {
                Err(TestCaseError::fail(format!("no difference, but {before:?} and {later:?}")))
            };
        }
        if before.is_empty() == later.is_empty() {
            alike.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        turned.fetch_add(1, Ordering::Relaxed);
        let (violations, kind) =
            if later.is_empty() { (&before, "newlyPermitted") } else { (&later, "newlyRefused") };
        let says = |difference: &Difference| match difference.path() {
            None => case.rule.exempt != after.exempt,
            Some(path) => {
                let is_meant = difference.kind() == kind
                    || ["dependsOtherwise", "comparedDifferently"].contains(&difference.kind());
                let is_excepted = |at: &Location| {
                    difference
                        .unless()
                        .is_some_and(|container| is_container(container, case, path, at))
                };
                is_meant && violations.iter().any(|at| comparable(path, at) && !is_excepted(at))
            }
        };
        if found.iter().any(says) {
            return Ok(());
        }
        Err(TestCaseError::fail(format!("nothing {kind} at {violations:?} in {found:?}")))
    })?;
    let [alike, turned, without] = [alike, turned, without].map(AtomicUsize::into_inner);
    println!("differences: {without} none, {turned} turned the verdict, {alike} did not");
    assert!(
        without * 10 > run.cases && turned * 20 > run.cases,
        "too few cases tell: {without} without, {turned} turned"
    );
    Ok(())
}

/// Whether what a path leads to, on the way to a location, is nothing but a list, or a map.
fn is_container(container: &str, case: &Case, path: &[Step], at: &Location) -> bool {
    let Some(above) = at.get(..path.len()) else { return false };
    let found: Vec<&Value> = [&case.old, &case.new]
        .into_iter()
        .filter_map(|object| value_at(&case.rule, object, above))
        .collect();
    !found.is_empty()
        && found
            .iter()
            .all(|value| if container == "map" { value.is_object() } else { value.is_array() })
}

/// Whether one is at, above or below the other.
fn comparable(path: &[Step], at: &Location) -> bool {
    path.iter().zip(at).all(|(step, at)| match (step, at) {
        (Step::Name(name), At::Key(key)) => name == key,
        (Step::Prefix(prefix), At::Key(key)) => key.starts_with(prefix),
        (Step::AnyMember, At::Key(_))
        | (Step::AnyElement, At::Index(_) | At::Named(_) | At::Member(_))
        // An element of a list that cannot be keyed may be the protected one.
        | (Step::Keyed(_), At::Index(_)) => true,
        (Step::Keyed(selector), At::Named(key)) => *selector == keys::selector(key),
        _ => false,
    })
}
