//! `fieldward rules learn`: the smallest rule that permits recorded changes.

mod amounts;
mod changes;
mod document;
mod draft;
mod reviews;
mod shape;
mod shrink;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use serde::Serialize;

use crate::cli::documents::STDIN;
use crate::cli::output::{self, Format};
use crate::engine::harmless;
use changes::Reading;
use draft::Draft;
use reviews::{Found, Given, Target, Update};

/// The options of `fieldward rules learn`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code: 0 a rule was learned, 1 there was nothing to learn from, 2 reviews that cannot be read or learned from.\n\n\
    Elements of lists become [*], told apart by name where each has one. In a map (labels, annotations, data and the like, and objects with \
    keys that are no names of fields) one key that changed stands for itself, several for all: by their prefix if they share one. What only \
    service accounts and the control plane changed is theirs alone. Reviews that were denied are passed over, and no value is printed."
)]
pub(super) struct Args {
    /// Recorded reviews (AdmissionReview) and cases of a suite, as JSON or YAML, and folders of them; `-` is standard input
    #[arg(value_name = "REVIEW", required = true)]
    reviews: Vec<PathBuf>,
    /// How the rule is printed
    #[arg(short, long, value_enum, default_value_t, env = "FIELDWARD_OUTPUT")]
    output: Format,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.reviews.iter().filter(|path| path.as_os_str() == STDIN).count() > 1 {
        bail!("expected `{STDIN}` once, found it again; standard input can be read only once");
    }
    let found = Found::read(&args.reviews)?;
    let learned = learned(&found)?;
    match args.output {
        Format::Text if learned.is_empty() => eprintln!("nothing to learn from: {}", skipped(&found)),
        Format::Text => output::print(&text(&learned, &found))?,
        Format::Json => output::print_json(&Json::of(&learned, &found))?,
    }
    Ok(ExitCode::from(u8::from(learned.is_empty())))
}

/// A rule that permits what recorded updates changed.
#[derive(Debug)]
pub struct Learned {
    target: Target,
    draft: Draft,
    updates: Vec<Update>,
}

impl Learned {
    /// Learns from reviews and cases as JSON, one rule for each kind.
    ///
    /// # Errors
    /// What is no review.
    pub fn from_documents<'d>(documents: impl Iterator<Item = &'d [u8]>) -> anyhow::Result<Vec<Self>> {
        let mut found = Found::default();
        for (number, document) in documents.enumerate() {
            found.document(&format!("review {}", number + 1), document, Given::ByName)?;
        }
        learned(&found)
    }

    /// Its document.
    pub fn text(&self) -> String {
        document::write(&self.target, &self.draft, &self.updates)
    }

    /// The documents of every rule that lacks one entry, or one verb of an entry, or has entries below it instead.
    pub fn smaller(&self) -> Vec<String> {
        let mut smaller = Vec::new();
        let mut offer = |draft: &Draft| smaller.push(document::write(&self.target, draft, &self.updates));
        for (index, entry) in self.draft.entries.iter().enumerate() {
            let mut draft = self.draft.clone();
            draft.entries.remove(index);
            offer(&draft);
            for verb in entry.verbs.iter().filter(|_| entry.verbs.len() > 1) {
                let mut draft = self.draft.clone();
                for entry in draft.entries.iter_mut().skip(index).take(1) {
                    entry.verbs.remove(verb);
                }
                offer(&draft);
            }
        }
        self.draft.deeper(&self.updates).for_each(|draft| offer(&draft));
        smaller
    }
}

fn learned(found: &Found) -> anyhow::Result<Vec<Learned>> {
    found.updates.iter().map(|(target, updates)| learn(target, updates)).collect()
}

/// The readings are tried from the most telling one on; whatever is printed was seen to hold.
fn learn(target: &Target, updates: &[Update]) -> anyhow::Result<Learned> {
    let readings =
        [(true, true), (false, true), (true, false), (false, false)].map(|(on_the_way, equality)| Reading { on_the_way, equality });
    let mut failure = String::new();
    for reading in readings {
        let draft = Draft::of(target, updates, reading);
        match shrink::refused(target, &draft, updates) {
            Ok(None) => {
                let draft = shrink::shrunk(target, draft, updates);
                return Ok(Learned { target: target.clone(), draft, updates: updates.to_vec() });
            }
            Ok(Some(update)) => failure = format!("the rule would refuse {}", harmless(&update.file)),
            Err(error) => failure = error,
        }
    }
    bail!("no rule could be learned for {}: {failure}; leave that review out", harmless(&document::name(target)))
}

fn text(learned: &[Learned], found: &Found) -> String {
    let mut text = learned.iter().map(Learned::text).collect::<Vec<_>>().join("---\n");
    if !found.skipped.is_empty() {
        text = format!("# Passed over: {}\n{text}", skipped(found));
    }
    text
}

/// `2 reviews, as a.json (it was denied)`.
fn skipped(found: &Found) -> String {
    let names: Vec<String> = found.skipped.iter().map(|(file, why)| format!("{} ({why})", harmless(file))).collect();
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
    fn of(learned: &'l [Learned], found: &'l Found) -> Self {
        let rule = |learned: &'l Learned| JsonRule {
            name: document::name(&learned.target),
            reviews: learned.updates.len(),
            entries: learned.draft.entries.iter().map(|entry| JsonEntry::of(entry, &learned.updates)).collect(),
            document: learned.text(),
        };
        Self {
            rules: learned.iter().map(rule).collect(),
            skipped: found.skipped.iter().map(|(file, reason)| JsonSkipped { file, reason }).collect(),
        }
    }
}

impl<'l> JsonEntry<'l> {
    fn of(entry: &'l draft::Entry, updates: &'l [Update]) -> Self {
        Self {
            path: document::path(&entry.path),
            allow: entry.verbs().names().collect(),
            reviews: entry.reviews.len(),
            example: entry.reviews.first().and_then(|review| updates.get(*review)).map_or("", |update| &update.file),
            users: entry.users.iter().map(String::as_str).collect(),
        }
    }
}
