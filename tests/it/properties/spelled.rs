//! A review may be spelled in many ways, and the verdict is one.

use std::hash::{DefaultHasher, Hash, Hasher};

use libtest_mimic::Failed;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{TestCaseError, TestRunner};
use serde_json::{Value, json};

use super::case::{Case, Cases};
use super::dice::Dice;
use super::laws::{Body, Fixed};
use super::{Run, admission, world};

/// However the two objects are written, the verdict is that of the same objects written plainly,
/// and the same whichever way they are read.
pub(super) fn every_spelling_has_one_verdict(run: Run) -> Result<(), Failed> {
    run.each(&Spelled, |(case, body): (Case, Body)| {
        let plain = admission::ask(&case).map_err(TestCaseError::fail)?;
        let spelled = admission::ask_with(
            &admission::load(&case.rule).map_err(TestCaseError::fail)?,
            &body.0,
        )
        .map_err(TestCaseError::fail)?;
        prop_assert_eq!(plain, spelled);
        Ok(())
    })
}

/// A case, and its review in some spelling.
#[derive(Debug)]
struct Spelled;

impl Strategy for Spelled {
    type Tree = Fixed<(Case, Body)>;
    type Value = (Case, Body);

    fn new_tree(
        &self,
        runner: &mut TestRunner,
    ) -> Result<Self::Tree, proptest::test_runner::Reason> {
        let case = Cases.new_tree(runner)?.current();
        let mut review = admission::review(&case.old, &case.new, &case.user).to_string();
        let mut dice = Dice(runner.rng());
        let (style, habits) =
            (u64::try_from(dice.below(1 << 20)).unwrap(), *dice.pick(&[3, 30, 300]));
        // To a condition a number is of the type that it is written as; any other value is one
        // value.
        let asks_for_types = case
            .rule
            .mutable
            .iter()
            .filter_map(|entry| entry.when.as_ref())
            .any(|when| when.contains("== int"));
        for (field, side) in [("object", &case.new), ("oldObject", &case.old)] {
            let mut text = String::new();
            Writer { dice: &mut dice, style, habits, keeps_numbers: asks_for_types }
                .write(side, &mut text);
            review = review.replace(&format!("\"{field}\":{side}"), &format!("\"{field}\":{text}"));
        }
        Ok(Fixed((case, Body(review.into_bytes()))))
    }
}

/// Writes what is the same in both objects in the same way, but for slips.
struct Writer<'d, 'r> {
    dice: &'d mut Dice<'r>,
    style: u64,
    /// One value in so many is written in an odd way.
    habits: u64,
    keeps_numbers: bool,
}

impl Writer<'_, '_> {
    fn write(&mut self, value: &Value, text: &mut String) {
        match value {
            Value::Object(members) => {
                let mut members: Vec<(&String, &Value)> = members.iter().collect();
                match self.odd(value, "order") {
                    Some(0..3) => members.reverse(),
                    Some(_) => {
                        let first = 1.min(members.len());
                        members.rotate_left(first);
                    }
                    None => {}
                }
                let mut printed = Vec::new();
                for (name, member) in members {
                    if self.odd(member, name).is_some_and(|which| which > 3) {
                        printed.push(format!("{}:{}", json!(name), world::tree(self.dice, 2)));
                    }
                    let mut text = if self.odd(&json!(name), "name").is_some() {
                        escaped(name)
                    } else {
                        json!(name).to_string()
                    };
                    text += if self.odd(member, "colon").is_some() { " :\t" } else { ":" };
                    self.write(member, &mut text);
                    printed.push(text);
                }
                *text += &format!("{{{}}}", printed.join(self.comma(value)));
            }
            Value::Array(elements) => {
                let mut printed = vec![String::new(); elements.len()];
                elements
                    .iter()
                    .zip(&mut printed)
                    .for_each(|(element, text)| self.write(element, text));
                *text += &format!("[{}]", printed.join(self.comma(value)));
            }
            Value::String(string) if self.odd(value, "string").is_some() => {
                *text += &escaped(string);
            }
            Value::Number(number) if !self.keeps_numbers => match self.odd(value, "number") {
                Some(0..2)
                    if !number.is_f64()
                        && number
                            .as_i64()
                            .is_some_and(|number| number.unsigned_abs() < 1 << 50) =>
                {
                    *text += &format!("{number}.0");
                }
                Some(2..4)
                    if number.as_i64().is_some_and(|number| number.unsigned_abs() < 1 << 50) =>
                {
                    *text += &format!("{number}e0");
                }
                _ => *text += &number.to_string(),
            },
            scalar => *text += &scalar.to_string(),
        }
    }

    fn comma(&mut self, value: &Value) -> &'static str {
        if self.odd(value, "comma").is_some() { " ,\n " } else { "," }
    }

    /// Whether something is written in an odd way, and in which of six: mostly as in the other
    /// object.
    fn odd(&mut self, value: &Value, what: &str) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        (value.to_string(), what, self.style).hash(&mut hasher);
        let drawn = if self.dice.percent(1) {
            u64::try_from(self.dice.below(1 << 30)).unwrap()
        } else {
            hasher.finish()
        };
        (drawn % self.habits == 0).then_some(drawn / self.habits % 6)
    }
}

/// A string of which every letter is escaped.
fn escaped(string: &str) -> String {
    let units: String = string.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    format!("\"{units}\"")
}
