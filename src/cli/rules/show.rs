//! `fieldward rules show`.

use std::process::ExitCode;

use anyhow::bail;

use crate::cli::output::{self, Format};
use crate::cli::rule_args::RuleArgs;
use crate::engine::escape_control;

/// The options of `fieldward rules show`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The rule's name
    name: String,
    #[command(flatten)]
    rules: RuleArgs,
    /// How the rule is printed: as it was written, or as JSON
    #[arg(short, long, value_enum, default_value_t, env = "FIELDWARD_OUTPUT")]
    output: Format,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let rules = args.rules.load()?;
    let Some(rule) = rules.get(&args.name) else {
        let names: Vec<&str> = rules.names().collect();
        bail!(
            "no rule is called `{}`; there are: {}",
            escape_control(&args.name),
            names.join(", ")
        );
    };
    match args.output {
        Format::Text => output::print(rule.text())?,
        Format::Json => {
            output::print_json(&serde_saphyr::from_str::<serde_json::Value>(rule.text())?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
