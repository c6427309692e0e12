//! `fieldward lint`: what can be told from the rule documents alone, and from the schemas of
//! their kinds.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use crate::analysis::lint::finding::{Finding, Severity, counted};
use crate::analysis::lint::{findings, schema};
use crate::cli::args::{Format, OutputArgs, RuleArgs};
use crate::cli::kinds;
use crate::cli::output::{self, ASIDE, BAD, DOUBTFUL, GOOD, styled};
use crate::cli::rule_sources;
use crate::engine::{Builtin, Document, Rule, RuleError, RuleSet, escape_control};

const AFTER_HELP: &str = "\
Exit code: 0 nothing found, 1 warnings, 2 errors.

Examples:
  fieldward lint rules/
  fieldward lint --crd widget-crd.yaml widget.yaml";

/// The options of `fieldward lint`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Rule files, and folders of them; without one, the rules in force
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    kinds: kinds::KindArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Reports the findings.
///
/// # Errors
/// Files that cannot be read. Errors in rules are findings.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (builtin, documents) = if args.paths.is_empty() {
        (args.rules.builtin(), args.rules.documents()?)
    } else {
        (Builtin::Left, rule_sources::read(&args.paths)?)
    };
    let report = Report::of(builtin, &documents, &args.kinds)?;
    match args.output.format {
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
    /// How many of the rules were held against the schema of a kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<usize>,
    /// How many kinds the rules were held against.
    #[serde(skip_serializing_if = "Option::is_none")]
    schemas: Option<usize>,
    errors: Vec<Wrong>,
    warnings: Vec<Found>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Found>,
}

/// What keeps a rule from being loaded, or from ever applying.
#[derive(Serialize)]
#[serde(untagged)]
enum Wrong {
    Document { file: String, line: u64, column: u64, message: String },
    Rule(Found),
}

#[derive(Serialize)]
struct Found {
    file: String,
    rule: String,
    message: String,
    fix: String,
}

impl Report {
    fn of(
        builtin: Builtin,
        documents: &[Document],
        kinds: &kinds::KindArgs,
    ) -> anyhow::Result<Self> {
        let (sets, errors) = match RuleSet::load(builtin, documents) {
            Ok(set) => (vec![set], Vec::new()),
            // The files that hold nothing wrong are looked at all the same.
            Err(errors) => (
                documents
                    .iter()
                    .filter_map(|document| {
                        RuleSet::load(Builtin::Left, std::slice::from_ref(document)).ok()
                    })
                    .collect(),
                errors.iter().map(Wrong::of).collect(),
            ),
        };
        let rules: Vec<&Rule> = sets.iter().flat_map(RuleSet::rules).collect();
        let catalogue = kinds::catalogue(kinds, &rules)?;
        let (schemas, held) = catalogue.as_ref().map(|catalogue| catalogue.held(&rules)).unzip();
        let mut report = Self {
            rules: rules.len(),
            held,
            schemas,
            errors,
            warnings: Vec::new(),
            notes: Vec::new(),
        };
        for rule in &rules {
            let status_is_apart = catalogue
                .as_ref()
                .is_some_and(|catalogue| schema::status_is_apart(rule, catalogue));
            report.add(rule, findings::of(rule, status_is_apart));
            report.add(
                rule,
                catalogue
                    .as_ref()
                    .map(|catalogue| schema::of(rule, &rules, catalogue))
                    .unwrap_or_default(),
            );
        }
        Ok(report)
    }

    fn add(&mut self, rule: &Rule, found: Vec<Finding>) {
        for finding in found {
            let of_rule = Found {
                file: escape_control(rule.origin()),
                rule: rule.name().to_string(),
                message: finding.message,
                fix: finding.fix,
            };
            match finding.severity {
                Severity::Wrong => self.errors.push(Wrong::Rule(of_rule)),
                Severity::Doubtful => self.warnings.push(of_rule),
                Severity::Aside => self.notes.push(of_rule),
            }
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for wrong in &self.errors {
            let error = styled(BAD.bold(), "error");
            match wrong {
                Wrong::Document { file, line, column, message } => {
                    text += &format!("{file}:{line}:{column}: {error}: {message}\n");
                }
                Wrong::Rule(found) => text += &found.line(&error),
            }
        }
        for found in &self.warnings {
            text += &found.line(&styled(DOUBTFUL.bold(), "warning"));
        }
        let is_clean = text.is_empty();
        for found in &self.notes {
            text += &found.line(&styled(ASIDE, "note"));
        }
        if is_clean {
            text += &format!("{} {}, nothing found\n", styled(GOOD, "ok:"), self.held_against());
        }
        text
    }

    /// `2 rules`, `2 rules held against 1 schema`, `2 rules, 1 of them held against 1 schema`.
    fn held_against(&self) -> String {
        let rules = counted(self.rules, "rule");
        let schemas = counted(self.schemas.unwrap_or_default(), "schema");
        match self.held {
            None => rules,
            Some(0) => format!("{rules}, none of them held against a schema"),
            Some(held) if held == self.rules => format!("{rules} held against {schemas}"),
            Some(held) => format!("{rules}, {held} of them held against {schemas}"),
        }
    }
}

impl Found {
    fn line(&self, what: &str) -> String {
        let Self { file, rule, message, fix } = self;
        format!("{file}: {what}: {rule}: {message}; {fix}\n")
    }
}

impl Wrong {
    fn of(error: &RuleError) -> Self {
        let (line, column) = error.place();
        Self::Document {
            file: escape_control(error.origin()),
            line,
            column,
            message: escape_control(error.message()),
        }
    }
}
