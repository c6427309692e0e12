//! Text in, exit code out. One file per command: an `Args` and a `run`.

pub mod ca_file;
pub mod completions;
pub mod quantity;
pub mod rule_sources;
pub mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A validating admission webhook for Kubernetes: only the documented fields of a kind may change.
#[derive(Debug, Parser)]
#[command(name = "fieldward", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the webhook; without options: built-in rules, a certificate of its own, 127.0.0.1:8443
    Serve(Box<serve::Args>),
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
            Command::Serve(args) => serve::run(*args),
            Command::Completions(args) => completions::run(&args),
        }
    }
}
