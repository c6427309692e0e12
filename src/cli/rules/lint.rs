//! `fieldward rules lint`: what can be told from the rule documents alone.

mod conditions;
mod findings;

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::output::{self, BAD, DOUBTFUL, Format, GOOD, styled};
use crate::cli::rule_args::RuleArgs;
use crate::cli::rule_sources;
use crate::engine::{Builtin, Document, RuleError, RuleSet, harmless};
use findings::Finding;

/// The options of `fieldward rules lint`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit code: 0 nothing found, 1 warnings, 2 errors.")]
pub(super) struct Args {
    /// Rule files, and folders of them; without one, the rules in force
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    rules: RuleArgs,
    /// How the findings are printed
    #[arg(short, long, value_enum, default_value_t, env = "FIELDWARD_OUTPUT")]
    output: Format,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (builtin, documents) = if args.paths.is_empty() {
        (args.rules.builtin(), args.rules.documents()?)
    } else {
        (Builtin::Left, rule_sources::read(&args.paths)?)
    };
    let report = Report::of(builtin, &documents);
    match args.output {
        Format::Text => output::print(&report.text())?,
        Format::Json => output::print_json(&report)?,
    }
    Ok(ExitCode::from(match (report.errors.is_empty(), report.warnings.is_empty()) {
        (false, _) => 2,
        (true, false) => 1,
        (true, true) => 0,
    }))
}

#[derive(Serialize)]
struct Report {
    rules: usize,
    errors: Vec<Wrong>,
    warnings: Vec<Doubtful>,
}

#[derive(Serialize)]
struct Wrong {
    file: String,
    line: u64,
    column: u64,
    message: String,
}

#[derive(Serialize)]
struct Doubtful {
    file: String,
    rule: String,
    message: String,
    fix: String,
}

impl Report {
    fn of(builtin: Builtin, documents: &[Document]) -> Self {
        let (sets, errors) = match RuleSet::load(builtin, documents) {
            Ok(set) => (vec![set], Vec::new()),
            // The files that hold nothing wrong are looked at all the same.
            Err(errors) => (
                documents.iter().filter_map(|document| RuleSet::load(Builtin::Left, std::slice::from_ref(document)).ok()).collect(),
                errors.iter().map(Wrong::of).collect(),
            ),
        };
        let rules: Vec<_> = sets.iter().flat_map(RuleSet::rules).collect();
        let warnings = rules.iter().flat_map(|rule| {
            let doubtful = |finding: Finding| Doubtful {
                file: harmless(rule.origin()),
                rule: rule.name().to_string(),
                message: finding.message,
                fix: finding.fix,
            };
            findings::of(rule).into_iter().map(doubtful)
        });
        Self { rules: rules.len(), warnings: warnings.collect(), errors }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for wrong in &self.errors {
            let Wrong { file, line, column, message } = wrong;
            text += &format!("{file}:{line}:{column}: {}: {message}\n", styled(BAD.bold(), "error"));
        }
        for doubtful in &self.warnings {
            let Doubtful { file, rule, message, fix } = doubtful;
            text += &format!("{file}: {}: {rule}: {message}; {fix}\n", styled(DOUBTFUL.bold(), "warning"));
        }
        if text.is_empty() {
            let noun = if self.rules == 1 { "rule" } else { "rules" };
            text = format!("{} {} {noun}, nothing found\n", styled(GOOD, "ok:"), self.rules);
        }
        text
    }
}

impl Wrong {
    fn of(error: &RuleError) -> Self {
        let (line, column) = error.place();
        Self { file: harmless(error.origin()), line, column, message: harmless(error.message()) }
    }
}
