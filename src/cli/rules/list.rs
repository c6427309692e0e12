//! `fieldward rules list`.

use std::process::ExitCode;

use serde::Serialize;

use crate::cli::output::{self, Format};
use crate::cli::rule_args::RuleArgs;
use crate::engine::{Actions, Effect, Entry, ResourceRule, Rule, harmless};

/// The options of `fieldward rules list`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    rules: RuleArgs,
    /// How the list is printed
    #[arg(short, long, value_enum, default_value_t, env = "FIELDWARD_OUTPUT")]
    output: Format,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let rules = args.rules.load()?;
    let rows: Vec<Row> = rules.rules().map(Row::of).collect();
    match args.output {
        Format::Text => output::print(&table(&rows))?,
        Format::Json => output::print_json(&rows)?,
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct Row {
    name: String,
    kinds: Vec<String>,
    mutable: Vec<String>,
    actions: Vec<&'static str>,
    origin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
}

impl Row {
    fn of(rule: &Rule) -> Self {
        Self {
            name: rule.name().to_string(),
            kinds: rule.resources().iter().flat_map(kinds).collect(),
            mutable: rule.entries().map(mutable).collect(),
            actions: actions(rule.actions()),
            origin: rule.origin().to_owned(),
            source: rule.source().map(str::to_owned),
        }
    }
}

/// A path, and what must hold.
fn mutable(entry: &Entry) -> String {
    let when = entry.when.as_ref().map(|when| format!(" (when {})", when.text().trim()));
    format!("{}{}", entry.path, when.unwrap_or_default())
}

/// `jobs.v1alpha1.batch.volcano.sh (Job)`, as kubectl writes resources.
pub(super) fn kinds(rule: &ResourceRule) -> Vec<String> {
    let kinds = if rule.kinds.is_empty() { String::new() } else { format!(" ({})", rule.kinds.join(", ")) };
    let mut names = Vec::new();
    for (group, version, resource) in rule.api_groups.iter().flat_map(|group| {
        rule.api_versions.iter().flat_map(move |version| rule.resources.iter().map(move |resource| (group, version, resource)))
    }) {
        let group = if group.is_empty() { String::new() } else { format!(".{group}") };
        names.push(format!("{resource}.{version}{group}{kinds}"));
    }
    names
}

fn actions(actions: Actions) -> Vec<&'static str> {
    let effect = match actions.effect {
        Effect::Deny => Some("Deny"),
        Effect::Warn => Some("Warn"),
        Effect::Nothing => None,
    };
    effect.into_iter().chain(actions.audit.then_some("Audit")).collect()
}

fn table(rows: &[Row]) -> String {
    let mut lines = vec![["NAME", "RESOURCES", "MUTABLE", "ACTIONS", "ORIGIN"].map(str::to_owned)];
    lines.extend(rows.iter().map(|row| {
        [&row.name, &row.kinds.join(", "), &row.mutable.len().to_string(), &row.actions.join(","), &row.origin].map(|text| harmless(text))
    }));
    let mut widths = [0; 5];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let padded = |line: &[String; 5]| {
        let cells: String = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  ")).collect();
        format!("{}\n", cells.trim_end())
    };
    lines.iter().map(padded).collect()
}
