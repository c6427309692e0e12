//! Text in, exit code out. One file per command: an `Args` and a `run`.

pub mod ca_file;
pub mod check;
pub mod completions;
pub mod documents;
pub mod exempt_args;
pub mod kinds;
pub mod manifests;
pub mod output;
pub mod quantity;
pub mod rule_args;
pub mod rule_sources;
pub mod rules;
pub mod serve;
pub mod test;
pub mod uninstall;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// A validating admission webhook for Kubernetes: only the documented fields of a kind may change.
#[derive(Debug, Parser)]
#[command(name = "fieldward", version, arg_required_else_help = true, max_term_width = 100)]
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
    /// List, show and lint the rules
    Rules(rules::Args),
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
    /// Runs the command that was asked for.
    ///
    /// # Errors
    /// What was asked for cannot be done; each line of the message is one reason.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Check(args) => check::run(&args),
            Command::Test(args) => test::run(&args),
            Command::Rules(args) => rules::run(&args),
            Command::Manifests(args) => manifests::run(&args),
            Command::Serve(args) => serve::run(*args),
            Command::Uninstall(args) => uninstall::run(&args),
            Command::Completions(args) => completions::run(&args, Self::command()),
        }
    }
}
