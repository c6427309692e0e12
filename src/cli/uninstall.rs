//! `fieldward uninstall`: removes what the process has made in the cluster by itself.

use std::process::ExitCode;

use anyhow::Context;

use super::args::{AccessArgs, ManagedArgs, block_on};
use super::output;
use crate::cluster::removal::{self, RemovalTargets, Removed};
use crate::server::files::{Accepted, FileReader};

const AFTER_HELP: &str = "\
Exit code: 0; 2 if something cannot be removed.

Examples:
  fieldward uninstall --tls-secret fieldward-tls
  fieldward uninstall --context staging --registration guard";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    cluster: AccessArgs,
    #[command(flatten)]
    managed: ManagedArgs,
}

/// Removes what is there, and says what it was. UpdateRules stay: they are their authors'.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let traces = RemovalTargets {
        name: args.managed.registration.clone(),
        namespace: args.managed.service_namespace.clone(),
        secret: args.managed.tls_secret.clone(),
    };
    let mut lines = String::new();
    let tell = |what: &str, removed: Removed| {
        lines += &match removed {
            Removed::Gone => format!("{what} removed\n"),
            Removed::NotOurs => format!("{what} left: it is not labelled as fieldward's\n"),
        };
    };
    let access = args.cluster.access(&FileReader::new(Accepted::Pipes))?;
    let outcome = block_on(removal::remove(&access, &traces, tell))?;
    if outcome.is_ok() && lines.is_empty() {
        lines += "nothing to remove\n";
    }
    output::print(&lines)?;
    outcome.context("what is listed above is removed; run again for the rest")?;
    Ok(ExitCode::SUCCESS)
}
