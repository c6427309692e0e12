//! `fieldward check`: judges recorded reviews, or two manifests.

mod pair;
mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::ValueEnum;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::args::{ExemptArgs, OutputArgs, RequesterArgs, RuleArgs};
use super::{documents, output};
use crate::engine::{self, RuleSet, escape_json};
use crate::server::files::name_of;
use report::CheckReport;

const AFTER_HELP: &str = "\
Exit code: 0 allowed, 1 denied, 2 could not be judged; of several the highest.

`--output case` writes the review and its verdict as a case for `fieldward test`, with secret and \
sensitive values masked.

Examples:
  fieldward check review.json
  fieldward check --rules widget.yaml --old before.yaml --new after.yaml";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CheckFormat {
    Text,
    Json,
    Case,
}

#[derive(Debug, clap::Args)]
#[command(
    // `requires` alone would be waived where a review, which excludes `--old`, is given.
    mut_arg("user", |user| user.requires("old").conflicts_with("reviews")),
    mut_arg("group", |group| group.requires("old").conflicts_with("reviews")),
    after_help = AFTER_HELP,
)]
pub(crate) struct Args {
    /// Recorded reviews (AdmissionReview), or cases of a suite, as JSON or YAML; `-` is standard
    /// input
    #[arg(
        value_name = "REVIEW",
        required_unless_present = "old",
        conflicts_with_all = ["old", "new"],
    )]
    reviews: Vec<PathBuf>,
    /// The object before the update, JSON or YAML; `-` is standard input
    #[arg(long, value_name = "FILE", requires = "new")]
    old: Option<PathBuf>,
    /// The object after the update, JSON or YAML; `-` is standard input
    #[arg(long, value_name = "FILE", requires = "old")]
    new: Option<PathBuf>,
    #[command(flatten)]
    requester: RequesterArgs,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    output: OutputArgs<CheckFormat>,
    #[command(flatten)]
    exempt: ExemptArgs,
}

/// A review, or why it cannot be read, with the name of its file if there are several.
type Given = (Option<String>, anyhow::Result<Vec<u8>>);

/// Judges and reports. A review that cannot be read is reported, and the others are judged.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let rules = args.exempt.apply(args.rules.load()?);
    let reviews: Vec<Given> = match (&args.old, &args.new) {
        (Some(old), Some(new)) => {
            vec![(None, Ok(pair::review(&rules, old, new, &args.requester)?))]
        }
        _ => args.reviews.iter().flat_map(|path| read(path, args.reviews.len() > 1)).collect(),
    };
    if args.output.format == CheckFormat::Case {
        return write_case(&rules, reviews);
    }
    let reports: Vec<CheckReport> = reviews
        .into_iter()
        .map(|(file, review)| match review {
            Ok(review) => {
                let reply = engine::admit(&rules, review_in(&review));
                CheckReport::new(file, &rules, Ok(Box::new(reply)))
            }
            Err(error) => CheckReport::new(None, &rules, Err(format!("{error:#}"))),
        })
        .collect();
    match reports.as_slice() {
        all if args.output.format == CheckFormat::Text => print_text(all)?,
        [one] if args.reviews.len() < 2 => output::print_json(&one.json())?,
        all => output::print_json(&all.iter().map(CheckReport::json).collect::<Vec<_>>())?,
    }
    Ok(ExitCode::from(reports.iter().map(CheckReport::exit_code).max().unwrap_or(2)))
}

fn read(path: &Path, is_one_of_several: bool) -> Vec<Given> {
    let name = name_of(path);
    match documents::read(path).and_then(|bytes| documents::as_json(&name, bytes)) {
        Ok(reviews) => {
            let shown = is_one_of_several.then_some(name);
            reviews.into_iter().map(|review| (shown.clone(), Ok(review))).collect()
        }
        Err(error) => vec![(None, Err(error))],
    }
}

fn write_case(rules: &RuleSet, reviews: Vec<Given>) -> anyhow::Result<ExitCode> {
    let found = reviews.len();
    let Ok([(_, review)]) = <[Given; 1]>::try_from(reviews) else {
        bail!("expected one review for `--output case`, found {found}; a case holds one");
    };
    let review = review?;
    let review = review_in(&review);
    let case = engine::record(rules, review, usize::MAX).context("cannot write a case")?;
    output::print(&escape_json(&case.document))?;
    let reply = Box::new(engine::admit(rules, review));
    Ok(ExitCode::from(CheckReport::new(None, rules, Ok(reply)).exit_code()))
}

/// The review in a case of a suite; everything else is taken as a review itself.
fn review_in(document: &[u8]) -> &[u8] {
    match serde_json::from_slice::<CaseReview<'_>>(document) {
        Ok(CaseReview { kind, review: Some(review) }) if kind == "UpdateCase" => {
            review.get().as_bytes()
        }
        _ => document,
    }
}

#[derive(Deserialize)]
struct CaseReview<'a> {
    kind: String,
    #[serde(borrow)]
    review: Option<&'a RawValue>,
}

fn print_text(reports: &[CheckReport]) -> anyhow::Result<()> {
    for (index, report) in reports.iter().enumerate() {
        match report.unread() {
            Some(error) => eprintln!("error: {error}"),
            None if index == 0 => output::print(&report.text())?,
            None => output::print(&format!("\n{}", report.text()))?,
        }
    }
    Ok(())
}
