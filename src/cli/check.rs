//! `fieldward check`: judges recorded reviews, or two manifests.

mod pair;
mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::args::{ExemptArgs, Format, OutputArgs, RequesterArgs, RuleArgs};
use super::{documents, output};
use crate::engine::{self, RuleSet};
use crate::server::files::name_of;
use report::{Answer, Report};

const AFTER_HELP: &str = "\
Exit code: 0 allowed, 1 denied, 2 could not be judged; of several the highest.

Examples:
  fieldward check review.json
  fieldward check --rules widget.yaml --old before.yaml --new after.yaml";

/// The options of `fieldward check`.
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
    output: OutputArgs,
    #[command(flatten)]
    exempt: ExemptArgs,
}

/// Judges and reports.
///
/// # Errors
/// Rules or manifests that cannot be read. A review that cannot be read is reported, and the others
/// are judged.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let rules = args.exempt.apply(args.rules.load()?);
    let reports = match (&args.old, &args.new) {
        (Some(old), Some(new)) => {
            let review = pair::review(&rules, old, new, &args.requester)?;
            vec![Report::of(
                None,
                &rules,
                Answer::Replied(Box::new(engine::admit(&rules, &review))),
            )]
        }
        _ => args
            .reviews
            .iter()
            .flat_map(|path| judge(path, args.reviews.len() > 1, &rules))
            .collect(),
    };
    match args.output.format {
        Format::Text => print_text(&reports)?,
        Format::Json => match reports.as_slice() {
            [one] if args.reviews.len() < 2 => output::print_json(&one.json())?,
            all => output::print_json(&all.iter().map(Report::json).collect::<Vec<_>>())?,
        },
    }
    Ok(ExitCode::from(reports.iter().map(Report::exit_code).max().unwrap_or(2)))
}

fn judge(path: &Path, is_one_of_several: bool, rules: &RuleSet) -> Vec<Report> {
    let name = name_of(path);
    let reviews = documents::read(path).and_then(|bytes| documents::as_json(&name, bytes));
    let shown = is_one_of_several.then_some(name);
    match reviews {
        Ok(reviews) => {
            let answer = |document: &Vec<u8>| {
                Answer::Replied(Box::new(engine::admit(rules, review_in(document))))
            };
            reviews
                .iter()
                .map(|document| Report::of(shown.clone(), rules, answer(document)))
                .collect()
        }
        Err(error) => vec![Report::of(None, rules, Answer::Unread(format!("{error:#}")))],
    }
}

/// The review in a case of a suite; everything else is taken as a review itself.
fn review_in(document: &[u8]) -> &[u8] {
    match serde_json::from_slice::<Case<'_>>(document) {
        Ok(Case { kind, review: Some(review) }) if kind == "UpdateCase" => review.get().as_bytes(),
        _ => document,
    }
}

#[derive(Deserialize)]
struct Case<'a> {
    kind: String,
    #[serde(borrow)]
    review: Option<&'a RawValue>,
}

fn print_text(reports: &[Report]) -> anyhow::Result<()> {
    for (index, report) in reports.iter().enumerate() {
        match report.unread() {
            Some(error) => eprintln!("error: {error}"),
            None if index == 0 => output::print(&report.text())?,
            None => output::print(&format!("\n{}", report.text()))?,
        }
    }
    Ok(())
}
