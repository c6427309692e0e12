//! A case of the property tests: how it is made, and how proptest makes it smaller.

use super::dice::Dice;
use super::focus::{self, Focus};
use super::keys;
use super::loads::loads;
use super::scene::Scene;
use super::wild::{self, Token};
use crate::oracle::render;
use crate::oracle::rule::{Rule, User};
use proptest::strategy::{NewTree, Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use std::fmt;

/// A rule and an update.
#[derive(Clone, PartialEq)]
pub(crate) struct Case {
    pub rule: Rule,
    pub old: Value,
    pub new: Value,
    pub user: User,
}

impl fmt::Debug for Case {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let User { name, groups } = &self.user;
        write!(
            out,
            "{}user: {name} {groups:?}\nold: {}\nnew: {}",
            render::document(&self.rule),
            self.old,
            self.new
        )
    }
}

/// Cases in which what they are about is likely to decide.
#[derive(Debug)]
pub(crate) struct Cases;

impl Strategy for Cases {
    type Tree = Shrinking;
    type Value = Case;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let mut dice = Dice(runner.rng());
        loop {
            let case = random(&mut dice);
            if loads(&case.rule) {
                return Ok(Shrinking::new(case));
            }
        }
    }
}

fn random(dice: &mut Dice) -> Case {
    let mut scene = Scene::new(dice);
    if scene.dice.percent(18) {
        wild::stage(&mut scene);
        return finished(scene);
    }
    for _ in 0..scene.dice.weighted(&[(75, 1), (20, 2), (5, 3)]) {
        let focus: Focus = *scene.dice.pick(&focus::ALL);
        focus.stage(&mut scene);
    }
    for _ in 0..scene.dice.weighted(&[(60, 0), (30, 1), (10, 3)]) {
        scene.idle_entry();
    }
    match scene.dice.below(100) {
        0..=13 => scene.spoil(),
        14..=21 => {
            let edits = scene.dice.between(1, 2);
            wild::edit_near(scene.dice, &scene.rule, &mut scene.new, edits);
        }
        _ => {}
    }
    finished(scene)
}

fn finished(mut scene: Scene) -> Case {
    scene.dice.shuffle(&mut scene.rule.mutable);
    let Scene { rule, old, new, user, dice, .. } = scene;
    let mut case = Case { rule, old, new, user };
    keys::rekey(dice, &mut case);
    case
}

/// The smallest failing case so far, and the one that is being tried.
#[derive(Debug)]
pub(crate) struct Shrinking {
    best: Case,
    current: Case,
    smaller: Vec<Case>,
}

impl Shrinking {
    pub(super) fn new(case: Case) -> Self {
        Self { best: case.clone(), current: case, smaller: Vec::new() }
    }

    /// The case as it was made.
    pub(super) fn current_case(&self) -> Case {
        self.current.clone()
    }

    fn next(&mut self) -> bool {
        let next = self.smaller.pop();
        self.current = next.clone().unwrap_or_else(|| self.best.clone());
        next.is_some()
    }
}

impl ValueTree for Shrinking {
    type Value = Case;

    fn current(&self) -> Case {
        self.current.clone()
    }

    fn simplify(&mut self) -> bool {
        self.best = self.current.clone();
        self.smaller = smaller(&self.best);
        self.next()
    }

    fn complicate(&mut self) -> bool {
        self.next()
    }
}

/// Every case that is a little smaller, the smallest last.
fn smaller(case: &Case) -> Vec<Case> {
    let mut found = Vec::new();
    let mut offer = |change: &dyn Fn(&mut Case)| {
        let mut other = case.clone();
        change(&mut other);
        if other != *case && loads(&other.rule) {
            found.push(other);
        }
    };
    let mut places = Vec::new();
    for side in [&case.old, &case.new] {
        tokens(side, &mut Vec::new(), &mut places);
    }
    for place in &places {
        let both = |simpler: Value| {
            move |case: &mut Case| {
                for side in [&mut case.old, &mut case.new] {
                    if let Some(value) = wild::find_mut(side, place) {
                        *value = simpler.clone();
                    }
                }
            }
        };
        for simpler in [json!(0), json!(null), json!({}), json!([])] {
            if [&case.old, &case.new].iter().all(|side| {
                wild::find(side, place).is_none_or(|value| weight(value) > weight(&simpler))
            }) {
                offer(&both(simpler));
            }
        }
        offer(&|case| cut(&mut case.old, place));
        offer(&|case| cut(&mut case.new, place));
        offer(&|case| {
            cut(&mut case.old, place);
            cut(&mut case.new, place);
        });
    }
    offer(&|case| case.user = User { name: "alice".into(), groups: Vec::new() });
    offer(&|case| case.user.groups.clear());
    offer(&|case| case.rule.exempt = crate::oracle::rule::Who::default());
    for index in 0..case.rule.mutable.len() {
        offer(&|case| case.rule.mutable[index].by = None);
        offer(&|case| case.rule.mutable[index].allow = None);
        offer(&|case| case.rule.mutable[index].when = None);
        offer(&|case| {
            case.rule.mutable[index]
                .allow
                .iter_mut()
                .for_each(|allow| allow.truncate(1.max(allow.len() - 1)));
        });
        offer(&|case| drop(case.rule.mutable.remove(index)));
    }
    for index in 0..case.rule.equality.len() {
        offer(&|case| drop(case.rule.equality.remove(index)));
    }
    for index in 0..case.rule.protected.len() {
        offer(&|case| drop(case.rule.protected.remove(index)));
    }
    for index in 0..case.rule.selector.len() {
        offer(&|case| drop(case.rule.selector.remove(index)));
    }
    found
}

fn tokens(value: &Value, at: &mut Vec<Token>, found: &mut Vec<Vec<Token>>) {
    let children: Vec<(Token, &Value)> = match value {
        Value::Object(members) => {
            members.iter().map(|(key, value)| (Token::Key(key.clone()), value)).collect()
        }
        Value::Array(list) => {
            list.iter().enumerate().map(|(index, value)| (Token::Index(index), value)).collect()
        }
        _ => Vec::new(),
    };
    for (token, child) in children {
        at.push(token);
        tokens(child, at, found);
        if !found.contains(at) {
            found.push(at.clone());
        }
        at.pop();
    }
}

fn cut(object: &mut Value, place: &[Token]) {
    let Some((last, above)) = place.split_last() else { return };
    match (wild::find_mut(object, above), last) {
        (Some(Value::Object(members)), Token::Key(key)) => drop(members.remove(key)),
        (Some(Value::Array(elements)), Token::Index(index)) if *index < elements.len() => {
            drop(elements.remove(*index));
        }
        _ => {}
    }
}

/// How much there is to read; shrinking goes downwards only.
fn weight(value: &Value) -> usize {
    match value {
        Value::Object(members) => {
            3 + members.iter().map(|(key, value)| key.len() + 1 + weight(value)).sum::<usize>()
        }
        Value::Array(list) => 3 + list.iter().map(weight).sum::<usize>(),
        Value::Number(number) if number.as_u64() == Some(0) => 1,
        Value::Null => 2,
        other => 2 + other.to_string().len(),
    }
}
