//! `fieldward lint`: what is doubtful in rules, found in their documents alone or with the
//! schemas of their kinds.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use serde::Serialize;

use crate::analysis::lint::definition::Severity;
use crate::analysis::lint::registry::{LINTS, Reported, run as run_lints, runs};
use crate::analysis::words::counted;
use crate::analysis::words::likely_name;
use crate::cli::args::{Format, KindArgs, OutputArgs, RuleArgs};
use crate::cli::kinds;
use crate::cli::output::{self, ASIDE, BAD, DOUBTFUL, GOOD, styled};
use crate::cli::rule_sources;
use crate::engine::{
    Builtin, Position, Rule, RuleError, RuleFile, RuleSet, SourceMap, builtin_documents,
    escape_control,
};
use crate::server::files::{Accepted, FileReader};

const AFTER_HELP: &str = "\
Exit code: 0 nothing found, 1 warnings, 2 errors.

Examples:
  fieldward lint rules/
  fieldward lint --crd widget-crd.yaml widget.yaml";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Rule files, and folders of them; `-` is standard input; without one, the rules in force
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print the documentation of a lint; without a name, list the lints
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "",
        conflicts_with = "paths")]
    explain: Option<String>,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    kinds: KindArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(name) = &args.explain {
        return explain(name, args.output.format);
    }
    let (builtin, documents) = if args.paths.is_empty() {
        (args.rules.builtin(), args.rules.documents()?)
    } else {
        (Builtin::Excluded, rule_sources::read(&args.paths, &FileReader::new(Accepted::Pipes))?)
    };
    let report = LintReport::new(builtin, &documents, &args.kinds)?;
    match args.output.format {
        Format::Text => {
            output::print(&report.text())?;
            if !report.not_run.is_empty() {
                output::say(&format!(
                    "note: no schema was given (`--crd FILE` or `--live`), so {} lints that need one \
                     did not run\n",
                    report.not_run.len()
                ));
            }
        }
        Format::Json => output::print_json(&report)?,
    }
    Ok(ExitCode::from(match (report.errors.is_empty(), report.warnings.is_empty()) {
        (false, _) => 2,
        (true, false) => 1,
        (true, true) => 0,
    }))
}

/// Prints the documentation of one lint, or the names of all.
fn explain(name: &str, format: Format) -> anyhow::Result<ExitCode> {
    let lint = LINTS.iter().find(|lint| lint.name == name);
    match (lint, format) {
        (Some(lint), Format::Text) => output::print(&lint.documentation())?,
        (Some(lint), Format::Json) => output::print_json(lint)?,
        (None, _) if !name.is_empty() => {
            let advice = likely_name(LINTS.iter().map(|lint| lint.name), name).map_or_else(
                || "`lint --explain` lists the lints".to_owned(),
                |meant| format!("did you mean `{meant}`?"),
            );
            bail!("no lint has the name `{}`; {advice}", escape_control(name));
        }
        (None, Format::Text) => {
            let names: Vec<&str> = LINTS.iter().map(|lint| lint.name).collect();
            output::print(&(names.join("\n") + "\n"))?;
        }
        (None, Format::Json) => output::print_json(&LINTS)?,
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct LintReport {
    rules: usize,
    /// How many of the rules were compared with the schema of a kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    checked: Option<usize>,
    /// How many kinds the rules were compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    schemas: Option<usize>,
    /// The lints that need a schema, if none was given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_run: Vec<&'static str>,
    errors: Vec<Error>,
    warnings: Vec<RuleFinding>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<RuleFinding>,
    /// Findings that the rules suppress by `fieldward.io/lint-ignore`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressed: Vec<RuleFinding>,
}

/// What keeps a rule from being loaded, or from ever applying.
#[derive(Serialize)]
#[serde(untagged)]
enum Error {
    RuleFile { file: String, line: u64, column: u64, message: String },
    Rule(RuleFinding),
}

#[derive(Serialize)]
struct RuleFinding {
    file: String,
    line: u64,
    column: u64,
    lint: &'static str,
    rule: String,
    message: String,
    fix: String,
    /// Why the rule suppresses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl LintReport {
    fn new(builtin: Builtin, documents: &[RuleFile], kinds: &KindArgs) -> anyhow::Result<Self> {
        let (sets, errors) = match RuleSet::load(builtin, documents) {
            Ok(set) => (vec![set], Vec::new()),
            // Lint also reads the files that hold no error.
            Err(errors) => (
                documents
                    .iter()
                    .filter_map(|document| {
                        RuleSet::load(Builtin::Excluded, std::slice::from_ref(document)).ok()
                    })
                    .collect(),
                errors.iter().map(Error::of).collect(),
            ),
        };
        let positions = Positions::new(documents);
        let mut rules: Vec<&Rule> = sets.iter().flat_map(RuleSet::rules).collect();
        rules.sort_by_key(|rule| (rule.origin(), positions.of_pointer(rule, "")));
        let catalogue = kinds::catalogue(kinds, &rules)?;
        let (checked, schemas) = catalogue.checked(&rules).unzip();
        let not_run = LINTS.iter().filter(|lint| !runs(lint, &catalogue));
        let mut report = Self {
            rules: rules.len(),
            checked,
            schemas,
            not_run: not_run.map(|lint| lint.name).collect(),
            errors,
            warnings: Vec::new(),
            notes: Vec::new(),
            suppressed: Vec::new(),
        };
        for rule in &rules {
            let reported = run_lints(rule, &rules, &catalogue).into_iter();
            let mut found: Vec<(Position, Reported<'_>)> = reported
                .map(|reported| (positions.of_pointer(rule, &reported.finding.at), reported))
                .collect();
            found.sort_by_key(|(position, _)| *position);
            for (position, reported) in found {
                report.add(rule, position, reported);
            }
        }
        Ok(report)
    }

    fn add(&mut self, rule: &Rule, at: Position, reported: Reported<'_>) {
        let Reported { lint, finding, reason } = reported;
        let of_rule = RuleFinding {
            file: escape_control(rule.origin()),
            line: at.line,
            column: at.column,
            lint: lint.name,
            rule: rule.name().to_string(),
            message: finding.message,
            fix: finding.fix,
            reason: reason.map(escape_control),
        };
        match lint.severity {
            _ if reason.is_some() => self.suppressed.push(of_rule),
            Severity::Error => self.errors.push(Error::Rule(of_rule)),
            Severity::Warning => self.warnings.push(of_rule),
            Severity::Note => self.notes.push(of_rule),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for wrong in &self.errors {
            let error = styled(BAD.bold(), "error");
            match wrong {
                Error::RuleFile { file, line, column, message } => {
                    text += &format!("{file}:{line}:{column}: {error}: {message}\n");
                }
                Error::Rule(finding) => text += &finding.line(&error),
            }
        }
        for finding in &self.warnings {
            text += &finding.line(&styled(DOUBTFUL.bold(), "warning"));
        }
        let is_clean = text.is_empty();
        for finding in &self.notes {
            text += &finding.line(&styled(ASIDE, "note"));
        }
        let suppressed = match self.suppressed.len() {
            0 => String::new(),
            count => format!("{} suppressed", counted(count, "finding")),
        };
        if is_clean {
            let and = if suppressed.is_empty() { "" } else { ", " };
            let ok = styled(GOOD, "ok:");
            text += &format!("{ok} {}, nothing found{and}{suppressed}\n", self.checked_against());
        } else if !suppressed.is_empty() {
            text += &format!("{suppressed}\n");
        }
        text
    }

    /// `2 rules`, `2 rules checked against 1 schema`, `2 rules, 1 of them checked against 1 schema`.
    fn checked_against(&self) -> String {
        let rules = counted(self.rules, "rule");
        let schemas = counted(self.schemas.unwrap_or_default(), "schema");
        match self.checked {
            None => rules,
            Some(0) => format!("{rules}, none of them checked against a schema"),
            Some(checked) if checked == self.rules => format!("{rules} checked against {schemas}"),
            Some(checked) => format!("{rules}, {checked} of them checked against {schemas}"),
        }
    }
}

/// Where everything in the rules is written, by the rule's origin and name.
struct Positions(BTreeMap<(String, String), SourceMap>);

impl Positions {
    fn new(documents: &[RuleFile]) -> Self {
        let builtin = builtin_documents();
        let maps = documents.iter().chain(&builtin).flat_map(|document| {
            let named = SourceMap::of_rules(document).into_iter();
            named.map(|(name, map)| ((document.origin.clone(), name), map))
        });
        Self(maps.collect())
    }

    fn of_pointer(&self, rule: &Rule, pointer: &str) -> Position {
        let map = self.0.get(&(rule.origin().to_owned(), rule.name().to_string()));
        map.map_or(Position { line: 1, column: 1 }, |map| map.position(pointer))
    }
}

impl RuleFinding {
    fn line(&self, severity: &str) -> String {
        let Self { file, line, column, lint, rule, message, fix, .. } = self;
        format!("{file}:{line}:{column}: {severity}: {rule}: {message}; {fix} [{lint}]\n")
    }
}

impl Error {
    fn of(error: &RuleError) -> Self {
        let (line, column) = error.place();
        Self::RuleFile {
            file: escape_control(error.origin()),
            line,
            column,
            message: escape_control(error.message()),
        }
    }
}
