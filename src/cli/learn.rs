//! `fieldward learn`: the smallest rule that permits recorded changes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use serde::Serialize;

use crate::analysis::learn::reviews::{Given, GivenUpdates, Update};
use crate::analysis::learn::{Learned, document, draft, learned};
use crate::cli::args::{Format, OutputArgs};
use crate::cli::documents;
use crate::cli::output;
use crate::engine::escape_control;

const AFTER_HELP: &str = "\
Exit code: 0 a rule was learned, 1 there was nothing to learn from, 2 reviews that cannot be \
read or learned from.

Elements of lists become [*], and pair by name where each has one. In a map (labels, annotations, \
data and the like, and objects with keys that are not field names), one key that changed stands for \
itself; several stand for all keys, or for all with their common prefix. What only service accounts \
and the control plane changed is permitted to them alone. Denied reviews are skipped, and no value \
is printed.

Examples:
  fieldward learn recordings/ > learned.yaml
  fieldward learn --output json review.json";

/// The options of `fieldward learn`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = AFTER_HELP,
)]
pub(crate) struct Args {
    /// Recorded reviews (AdmissionReview) and cases of a suite, as JSON or YAML, and folders of
    /// them; `-` is standard input
    #[arg(value_name = "REVIEW", required = true)]
    reviews: Vec<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

/// Prints the rules learned.
///
/// # Errors
/// Reviews that cannot be read or learned from.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    documents::expect_stdin_once(&args.reviews)?;
    let found = read(&args.reviews)?;
    let learned = learned(&found)?;
    match args.output.format {
        Format::Text if learned.is_empty() => {
            eprintln!("nothing to learn from: {}", skipped(&found));
        }
        Format::Text => output::print(&text(&learned, &found))?,
        Format::Json => output::print_json(&Json::of(&learned, &found))?,
    }
    Ok(ExitCode::from(u8::from(learned.is_empty())))
}

/// Reads files, and of folders every document in them and below.
fn read(paths: &[PathBuf]) -> anyhow::Result<GivenUpdates> {
    let mut found = GivenUpdates::default();
    for path in paths {
        if path.is_dir() {
            folder(&mut found, path)?;
        } else {
            file(&mut found, path, Given::ByName)?;
        }
    }
    Ok(found)
}

fn folder(found: &mut GivenUpdates, path: &Path) -> anyhow::Result<()> {
    for path in documents::entries(path)? {
        let is_hidden =
            path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if is_hidden {
            continue;
        }
        if path.is_dir() {
            folder(found, &path)?;
        } else if documents::is_document(&path) {
            file(found, &path, Given::ByFolder)?;
        }
    }
    Ok(())
}

fn file(found: &mut GivenUpdates, path: &Path, given: Given) -> anyhow::Result<()> {
    let name = documents::name_of(path);
    for json in documents::as_json(&name, documents::read(path)?)? {
        found.document(&name, &json, given).with_context(|| name.clone())?;
    }
    Ok(())
}

fn text(learned: &[Learned], found: &GivenUpdates) -> String {
    let mut text = learned.iter().map(Learned::text).collect::<Vec<_>>().join("---\n");
    if !found.skipped.is_empty() {
        text = format!("# Passed over: {}\n{text}", skipped(found));
    }
    text
}

/// `2 reviews, as a.json (it was denied)`.
fn skipped(found: &GivenUpdates) -> String {
    let names: Vec<String> = found
        .skipped
        .iter()
        .map(|(file, why)| format!("{} ({why})", escape_control(file)))
        .collect();
    if names.is_empty() {
        "no review was found".to_owned()
    } else {
        format!("{}: {}", document::counted(names.len()), document::some(&names))
    }
}

#[derive(Serialize)]
struct Json<'l> {
    rules: Vec<JsonRule<'l>>,
    skipped: Vec<JsonSkipped<'l>>,
}

#[derive(Serialize)]
struct JsonRule<'l> {
    name: String,
    reviews: usize,
    entries: Vec<JsonEntry<'l>>,
    /// The rule as YAML.
    document: String,
}

#[derive(Serialize)]
struct JsonEntry<'l> {
    path: String,
    allow: Vec<&'static str>,
    reviews: usize,
    example: &'l str,
    users: Vec<&'l str>,
}

#[derive(Serialize)]
struct JsonSkipped<'l> {
    file: &'l str,
    reason: &'static str,
}

impl<'l> Json<'l> {
    fn of(learned: &'l [Learned], found: &'l GivenUpdates) -> Self {
        let rule = |learned: &'l Learned| JsonRule {
            name: document::name(&learned.target),
            reviews: learned.updates.len(),
            entries: learned
                .draft
                .entries
                .iter()
                .map(|entry| JsonEntry::of(entry, &learned.updates))
                .collect(),
            document: learned.text(),
        };
        Self {
            rules: learned.iter().map(rule).collect(),
            skipped: found
                .skipped
                .iter()
                .map(|(file, reason)| JsonSkipped { file, reason })
                .collect(),
        }
    }
}

impl<'l> JsonEntry<'l> {
    fn of(entry: &'l draft::Entry, updates: &'l [Update]) -> Self {
        Self {
            path: document::path(&entry.path),
            allow: entry.verbs().names().collect(),
            reviews: entry.reviews.len(),
            example: entry
                .reviews
                .first()
                .and_then(|review| updates.get(*review))
                .map_or("", |update| &update.file),
            users: entry.users.iter().map(String::as_str).collect(),
        }
    }
}
