//! `fieldward completions SHELL`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap_complete::Shell;

/// The options of `fieldward completions`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell; the script is to be sourced by it
    shell: Shell,
}

/// Prints the script for `command`, the whole command line.
///
/// # Errors
/// Standard output cannot be written.
pub fn run(args: &Args, mut command: clap::Command) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "fieldward", &mut script);
    io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
