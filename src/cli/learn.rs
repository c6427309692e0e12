//! `fieldward learn`: the smallest rule that permits recorded changes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Error, anyhow};
use serde::Serialize;

use crate::analysis::learn::{GivenUpdates, Learned, Skipped};
use crate::analysis::words::{counted, listed};
use crate::cli::args::{Format, OutputArgs};
use crate::cli::documents;
use crate::cli::output;
use crate::server::files::name_of;

const AFTER_HELP: &str = "\
Exit code: 0 a rule was learned, 1 there was nothing to learn from, 2 reviews that cannot be \
read or learned from.

Elements of lists become [*], and pair by name where each has one. In a map (labels, annotations, \
the data of a ConfigMap, and objects with keys that are not field names), one key that changed \
stands for itself; several stand for all keys, or for all with their common prefix. What only \
service accounts and the control plane changed is permitted to them alone. A quantity or a duration \
in another spelling becomes an equality. Denied reviews are skipped, and no value is printed.

Examples:
  fieldward learn recordings/ > learned.yaml
  fieldward learn --output json review.json";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Recorded reviews (AdmissionReview) and cases of a suite, as JSON or YAML, and folders of
    /// them; `-` is standard input
    #[arg(value_name = "REVIEW", required = true)]
    reviews: Vec<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut given = GivenUpdates::default();
    for path in &args.reviews {
        read(&mut given, path, false)?;
    }
    let rules = Learned::from_updates(&given).map_err(Error::msg)?;
    let is_empty = rules.is_empty();
    match args.output.format {
        Format::Text if is_empty => eprintln!("nothing to learn from: {}", skipped(&given)),
        Format::Text => {
            if !given.skipped.is_empty() {
                output::print(&format!("# Passed over: {}\n", skipped(&given)))?;
            }
            let documents: Vec<&str> = rules.iter().map(|rule| rule.document.as_str()).collect();
            output::print(&documents.join("---\n"))?;
        }
        Format::Json => output::print_json(&LearnJson { rules, skipped: &given.skipped })?,
    }
    Ok(ExitCode::from(u8::from(is_empty)))
}

#[derive(Serialize)]
struct LearnJson<'g> {
    rules: Vec<Learned>,
    skipped: &'g [Skipped],
}

/// Reads every document in a file, or in a folder and below.
fn read(given: &mut GivenUpdates, path: &Path, is_in_folder: bool) -> anyhow::Result<()> {
    if path.is_dir() {
        let mut found = documents::entries(path)?;
        found.retain(|path| !documents::is_hidden(path));
        found.retain(|path| path.is_dir() || documents::is_document(path));
        return found.iter().try_for_each(|path| read(given, path, true));
    }
    let name = name_of(path);
    for json in documents::as_json(&name, documents::read(path)?)? {
        given.add(&name, &json, is_in_folder).map_err(|error| anyhow!("{name}: {error}"))?;
    }
    Ok(())
}

/// `2 reviews: a.json (it was denied), b.json (it is no update)`.
fn skipped(given: &GivenUpdates) -> String {
    let name = |Skipped { file, reason }: &Skipped| format!("{file} ({reason})");
    let names: Vec<String> = given.skipped.iter().map(name).collect();
    if names.is_empty() {
        return "no review was found".to_owned();
    }
    format!("{}: {}", counted(names.len(), "review"), listed(&names))
}
