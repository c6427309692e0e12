//! `fieldward rules`: the rules in force as a table, or one of them as its author wrote it.

use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;

use super::args::{Format, LiveArgs, OutputArgs, RuleArgs, block_on, find};
use super::{moved, output};
use crate::analysis::expanded::{ExpandedType, expanded};
use crate::analysis::resources::resource_names;
use crate::cluster::inventory::{self, Inventory, RegisteredRule};
use crate::cluster::objects::RuleObject;
use crate::engine::{Builtin, Entry, Rule, RuleFile, RuleSet, escape_control};

const AFTER_HELP: &str = "\
Exit code: 0; 2 if no rule has that name.

Examples:
  fieldward rules
  fieldward rules volcano-job";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP, mut_arg("live", |live| live
    .help("List the rules in force in a cluster")
    .conflicts_with_all(["name", "rules", "no_builtin_rules"])))]
pub(crate) struct Args {
    /// Print this rule as its author wrote it, instead of the list
    name: Option<String>,
    /// Add what the types that the rule declares say of each field
    #[arg(long, requires = "name")]
    expanded: bool,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    cluster: LiveArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(name) = &args.name {
        let rules = args.rules.load()?;
        let rule = find(&rules, name).map_err(|error| moved::or_hint(name, error))?;
        let types = args.expanded.then(|| expanded(rule));
        print_rule(rule, types.as_deref(), args.output.format)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Row> = if args.cluster.live {
        live(&block_on(inventory::read(&args.cluster.access()?))??)
    } else {
        args.rules.load()?.rules().map(Row::new).collect()
    };
    match args.output.format {
        Format::Text => output::print(&table(&rows, args.cluster.live))?,
        Format::Json => output::print_json(&rows)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print_rule(rule: &Rule, types: Option<&[ExpandedType]>, format: Format) -> anyhow::Result<()> {
    match format {
        Format::Text => {
            let comments = types.unwrap_or_default().iter().map(comment).collect::<String>();
            output::print(&format!("{}{comments}", rule.text()))
        }
        Format::Json => {
            let rule = serde_saphyr::from_str::<serde_json::Value>(rule.text())?;
            match types {
                None => output::print_json(&rule),
                Some(types) => output::print_json(&json!({"rule": rule, "types": types})),
            }
        }
    }
}

/// A type as a comment of YAML, so that the output still is the rule.
fn comment(declared: &ExpandedType) -> String {
    let fields = declared
        .fields
        .iter()
        .map(|field| format!("#   {}: {}\n", field.path, field.compared.join(", ")));
    format!("\n# {}: as {}\n{}", declared.path, declared.type_name, fields.collect::<String>())
}

/// What a cluster tells, by name.
fn live(inventory: &Inventory) -> Vec<Row> {
    let objects = inventory.objects.iter().map(|object| Row::of_object(object));
    let mut rows: Vec<Row> =
        objects.chain(inventory.others.iter().map(Row::of_registered)).collect();
    rows.sort_by(|one, two| one.name.cmp(&two.name));
    rows
}

#[derive(Default, Serialize)]
struct Row {
    name: String,
    kinds: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mutable: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actions: Option<Vec<&'static str>>,
    origin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ready: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

const OBJECT: &str = "UpdateRule";

/// The origin of rules of files that a replica reads.
const FILE: &str = "file";

impl Row {
    fn new(rule: &Rule) -> Self {
        Self {
            name: rule.name().to_string(),
            kinds: rule.resources().iter().flat_map(resource_names).collect(),
            mutable: Some(rule.entries().map(mutable).collect()),
            actions: Some(rule.actions().names().collect()),
            origin: rule.origin().to_owned(),
            source: rule.source().map(str::to_owned),
            ..Self::default()
        }
    }

    /// What an object says, if it is a rule, with its status.
    fn of_object(object: &RuleObject) -> Self {
        let document = RuleFile { origin: OBJECT.to_owned(), text: object.text.clone() };
        let rules = RuleSet::load(Builtin::Excluded, &[document]).unwrap_or_default();
        let said = rules.rules().next().map(Self::new);
        let filled = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Self {
            ready: filled(&object.status.ready),
            reason: filled(&object.status.reason),
            ..said.unwrap_or_else(|| Self {
                name: object.name.clone(),
                kinds: filled(&object.status.kinds).into_iter().collect(),
                origin: OBJECT.to_owned(),
                ..Self::default()
            })
        }
    }

    /// Of a rule that is registered and no object the API server knows the resources alone.
    fn of_registered(rule: &RegisteredRule) -> Self {
        let origin = match rule.is_built_in {
            Some(true) => Builtin::ORIGIN,
            Some(false) => FILE,
            None => UNKNOWN,
        };
        Self {
            name: rule.name.clone(),
            kinds: rule.resources.iter().flat_map(resource_names).collect(),
            origin: origin.to_owned(),
            ready: Some("True".to_owned()),
            ..Self::default()
        }
    }
}

/// A path, and what must hold.
fn mutable(entry: &Entry) -> String {
    let when = entry.when.as_ref().map(|when| format!(" (when {})", when.text().trim()));
    format!("{}{}", entry.path, when.unwrap_or_default())
}

const UNKNOWN: &str = "-";

fn table(rows: &[Row], is_live: bool) -> String {
    let columns = ["NAME", "RESOURCES", "MUTABLE", "ACTIONS", "ORIGIN", "READY", "REASON"];
    let shown = if is_live { columns.len() } else { 5 };
    let mut lines: Vec<Vec<String>> =
        vec![columns.iter().take(shown).map(|name| (*name).to_owned()).collect()];
    lines.extend(rows.iter().map(|row| {
        let cells = [
            row.name.clone(),
            row.kinds.join(", "),
            row.mutable.as_ref().map_or(UNKNOWN.to_owned(), |paths| paths.len().to_string()),
            row.actions.as_ref().map_or(UNKNOWN.to_owned(), |actions| actions.join(",")),
            row.origin.clone(),
            row.ready.clone().unwrap_or_else(|| UNKNOWN.to_owned()),
            row.reason.clone().unwrap_or_default(),
        ];
        cells.iter().take(shown).map(|text| escape_control(text)).collect()
    }));
    let mut widths = vec![0; shown];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let padded = |line: &Vec<String>| {
        let cells: String =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}  ")).collect();
        format!("{}\n", cells.trim_end())
    };
    lines.iter().map(padded).collect()
}
