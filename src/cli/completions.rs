//! `fieldward completions SHELL`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap_complete::Shell;

const AFTER_HELP: &str = "\
Examples:
  source <(fieldward completions bash)
  fieldward completions fish > ~/.config/fish/completions/fieldward.fish";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The shell; the script is to be sourced by it
    shell: Shell,
}

/// Prints the script for `command`, the whole command line.
pub(crate) fn run(args: &Args, mut command: clap::Command) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "fieldward", &mut script);
    io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
