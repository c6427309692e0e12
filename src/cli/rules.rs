//! `fieldward rules`: what may change per kind, and what is doubtful in a rule.

mod diff;
mod explain;
mod export;
mod learn;
mod lint;
mod list;
mod show;

use std::process::ExitCode;

use clap::Subcommand;

/// The options of `fieldward rules`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the rules: of which kinds they speak, and what follows from a violation
    List(list::Args),
    /// Print a rule as it was written
    Show(show::Args),
    /// Look for errors and for what is doubtful in rule files; without a file, in the rules in
    /// force
    Lint(lint::Args),
    /// Say whether something may change, by which entry, for whom and when
    Explain(explain::Args),
    /// Learn the smallest rule that permits recorded changes
    Learn(learn::Args),
    /// Say what another version of a rule newly permits and refuses
    Diff(diff::Args),
    /// Print rules as Kubernetes' own policies: for a cluster without the webhook, or as a net
    /// under it
    Export(export::Args),
}

/// Runs the subcommand.
///
/// # Errors
/// Rules that cannot be read.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::List(args) => list::run(args),
        Command::Show(args) => show::run(args),
        Command::Lint(args) => lint::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Learn(args) => learn::run(args),
        Command::Diff(args) => diff::run(args),
        Command::Export(args) => export::run(args),
    }
}
