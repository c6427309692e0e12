//! Text in, exit code out. One file per command: an `Args` and a `run`.

mod args;
mod ca_file;
mod check;
mod completions;
mod diff;
mod documents;
mod explain;
mod export;
mod kinds;
mod learn;
mod lint;
mod manifests;
mod moved;
mod output;
mod quantity;
mod rule_sources;
mod rules;
mod serve;
mod test;
mod uninstall;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use crate::engine::escape_control;

const AFTER_HELP: &str = "\
Examples:
  fieldward explain job
  fieldward check review.json";

/// A validating admission webhook for Kubernetes: only the documented fields of a kind may change.
#[derive(Debug, Parser)]
#[command(
    name = "fieldward",
    version,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = AFTER_HELP
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Judge recorded reviews (AdmissionReview), or the update from one manifest to another
    Check(check::Args),
    /// Run suites of recorded reviews, each with the verdict that is expected
    Test(test::Args),
    /// List the rules in force, or print one as its author wrote it
    Rules(rules::Args),
    /// Find errors and likely mistakes in rule files; without a file, in the rules in force
    Lint(lint::Args),
    /// Say whether something may change, by which entry, for whom and when
    Explain(explain::Args),
    /// Say what another version of a rule newly permits and refuses
    Diff(diff::Args),
    /// Learn the smallest rule that permits recorded changes
    Learn(learn::Args),
    /// Print a ValidatingAdmissionPolicy per rule: for a cluster without the webhook, or beside it
    Export(export::Args),
    /// Print what a cluster needs: the ValidatingWebhookConfiguration, and with a service what
    /// serves it
    Manifests(Box<manifests::Args>),
    /// Run the webhook; without options: built-in rules, a certificate of its own, 127.0.0.1:8443
    Serve(Box<serve::Args>),
    /// Remove from a cluster what `serve --cluster` made there by itself
    Uninstall(uninstall::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
}

impl Cli {
    /// Parses a command line; its first argument is the name of the program.
    ///
    /// # Errors
    /// What clap reports: a mistake, or a request for help. A verb that has moved gets a hint.
    pub fn from_arguments(arguments: &[OsString]) -> Result<Self, clap::Error> {
        Self::try_parse_from(arguments).map_err(|error| match moved::hint(arguments) {
            Some(hint) => clap::Error::raw(ErrorKind::InvalidSubcommand, format!("{hint}\n")),
            // The message quotes arguments, so it is made of escaped ones.
            None => Self::try_parse_from(arguments.iter().map(escaped)).err().unwrap_or(error),
        })
    }

    /// Runs the command that was asked for.
    ///
    /// # Errors
    /// What was asked for cannot be done; each line of the message is one reason.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Check(args) => check::run(&args),
            Command::Test(args) => test::run(&args),
            Command::Rules(args) => rules::run(&args),
            Command::Lint(args) => lint::run(&args),
            Command::Explain(args) => explain::run(&args),
            Command::Diff(args) => diff::run(&args),
            Command::Learn(args) => learn::run(&args),
            Command::Export(args) => export::run(&args),
            Command::Manifests(args) => manifests::run(&args),
            Command::Serve(args) => serve::run(*args),
            Command::Uninstall(args) => uninstall::run(&args),
            Command::Completions(args) => completions::run(&args, Self::command()),
        }
    }
}

fn escaped(argument: &OsString) -> OsString {
    match argument.to_str() {
        Some(text) => escape_control(text).into(),
        None => argument.clone(),
    }
}

/// Says on standard error why what was asked for cannot be done.
pub fn print_error(error: &anyhow::Error) {
    for line in format!("{error:#}").lines() {
        anstream::eprintln!("error: {}", escape_control(line));
    }
}
