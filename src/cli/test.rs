//! `fieldward test`: runs suites of recorded reviews, each with the verdict that is expected.

mod case;
mod suite;

use std::path::PathBuf;
use std::process::ExitCode;

use super::args::{ExemptArgs, Format, OutputArgs, RuleArgs};
use super::output::{self, BAD, GOOD, styled};
use crate::engine::{Expect, RuleSet};
use case::{Got, compare, parts};
use serde::Serialize;
use suite::{Suite, Test};

const AFTER_HELP: &str = "\
Exit code: 0 all as expected, 1 not all, 2 a suite is broken.

A folder is searched for *.yaml, *.yml and *.json, its subfolders too. A file holds one UpdateCase, \
or UpdateRules.
UpdateRules apply to the cases in the same folder and below, together with the rules of --rules and \
the built-in ones.

Examples:
  fieldward test tests/
  fieldward test --rules rules/ --output json tests/";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Case files, and folders of them; `-` is standard input
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    exempt: ExemptArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (builtin, rules) = (args.rules.builtin(), args.rules.documents()?);
    RuleSet::load(builtin, &rules)?;
    let Suite { tests, errors } = Suite::find(&args.paths, builtin, &rules, &args.exempt);
    let outcomes: Vec<CaseOutcome<'_>> = tests.iter().map(CaseOutcome::new).collect();
    let failed = outcomes.iter().filter(|outcome| !outcome.passed).count();
    match args.output.format {
        Format::Text => {
            outcomes.iter().try_for_each(|outcome| output::print(&outcome.text()))?;
            output::print(&summary(outcomes.len() - failed, failed))?;
        }
        Format::Json => {
            output::print_json(&SuiteReport {
                passed: outcomes.len() - failed,
                failed,
                errors: &errors,
                cases: &outcomes,
            })?;
        }
    }
    for error in &errors {
        anstream::eprintln!("error: {error}");
    }
    Ok(ExitCode::from(if errors.is_empty() { u8::from(failed > 0) } else { 2 }))
}

fn summary(passed: usize, failed: usize) -> String {
    let count = |style, count: usize, word: &str| {
        let text = format!("{count} {word}");
        if count == 0 { text } else { styled(style, &text) }
    };
    format!("{}, {}\n", count(GOOD, passed, "passed"), count(BAD, failed, "failed"))
}

#[derive(Serialize)]
struct SuiteReport<'a> {
    passed: usize,
    failed: usize,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    errors: &'a [String],
    cases: &'a [CaseOutcome<'a>],
}

/// What became of one case.
#[derive(Serialize)]
struct CaseOutcome<'a> {
    name: &'a str,
    file: &'a str,
    passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<Expect>,
    #[serde(skip_serializing_if = "Option::is_none")]
    got: Option<Expect>,
}

impl<'a> CaseOutcome<'a> {
    fn new(test: &'a Test) -> Self {
        let got = Got::judge(&test.rules, &test.case.review);
        let (expected, got) = compare(&test.case.expect, got);
        let passed = expected == got;
        let (expected, got) = if passed { (None, None) } else { (Some(expected), Some(got)) };
        Self { name: &test.name, file: &test.file, passed, expected, got }
    }

    fn text(&self) -> String {
        let (Some(expected), Some(got)) = (&self.expected, &self.got) else {
            return format!("{}      {}\n", styled(GOOD, "ok"), self.name);
        };
        let mut text = format!("{}  {} ({})\n", styled(BAD.bold(), "FAILED"), self.name, self.file);
        for ((what, expected), (_, got)) in
            parts(expected).into_iter().zip(parts(got)).filter(|(expected, got)| expected != got)
        {
            let separator = if got.starts_with('\n') { "\n  got" } else { ", got" };
            let space = |text: &str| if text.starts_with('\n') { "" } else { " " };
            text += &format!(
                "  {what}: expected{}{}{separator}{}{}\n",
                space(&expected),
                styled(GOOD, &expected),
                space(&got),
                styled(BAD, &got)
            );
        }
        text
    }
}
