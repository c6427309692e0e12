//! The `fieldward` binary: arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use fieldward::cli::Cli;

/// For what cannot be done as asked: a file that cannot be used, an address that is taken.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            for line in format!("{error:#}").lines() {
                anstream::eprintln!("error: {line}");
            }
            ExitCode::from(UNUSABLE)
        }
    }
}
