//! The `fieldward` binary: arguments in, exit code out.

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use fieldward::cli::{self, Cli};

/// What was asked for cannot be done: a file that cannot be read, an address that is taken.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().collect();
    match Cli::from_arguments(&arguments).unwrap_or_else(|error| error.exit()).run() {
        Ok(code) => code,
        Err(error) => {
            cli::print_error(&error);
            ExitCode::from(UNUSABLE)
        }
    }
}
