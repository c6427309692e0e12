//! `fieldward export`: rules as policies of Kubernetes itself.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use crate::cli::args::{RuleArgs, find};
use crate::cli::output;
use crate::engine::Rule;
use crate::export::{self, Export, LIMITATIONS};

const AFTER_HELP: &str = "\
Exit code: 0; 2 if no rule has that name, or no policy can hold it.

Examples:
  fieldward export --vap volcano-job | kubectl apply --server-side -f -
  fieldward export --all --rules rules/ --output json";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
#[group(id = "which", required = true, multiple = false, args = ["vap", "all"])]
pub(crate) struct Args {
    /// Print a ValidatingAdmissionPolicy and its binding for each of these rules
    #[arg(long, value_name = "NAME", num_args = 1..)]
    vap: Vec<String>,
    /// The same for all rules in force
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    rules: RuleArgs,
    /// How the objects are printed: as documents with comments, or as a List
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: ManifestFormat,
}

/// A form that kubectl takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum ManifestFormat {
    #[default]
    Yaml,
    Json,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let rules = args.rules.load()?;
    let chosen: Vec<&Rule> = if args.all {
        rules.rules().collect()
    } else {
        args.vap.iter().map(|name| find(&rules, name)).collect::<anyhow::Result<_>>()?
    };
    let exports: Vec<Export> = chosen.into_iter().map(export::export).collect::<Result<_, _>>()?;
    match args.output {
        ManifestFormat::Yaml => {
            output::print(&exports.iter().map(documents).collect::<anyhow::Result<String>>()?)?;
        }
        ManifestFormat::Json => {
            let items: Vec<_> = exports
                .iter()
                .flat_map(|export| [json!(export.policy), json!(export.binding)])
                .collect();
            output::print_json(&json!({"apiVersion": "v1", "kind": "List", "items": items}))?;
        }
    }
    for export in &exports {
        let name = export.policy.metadata.name.as_deref().unwrap_or_default();
        output::say(&format!(
            "note: the policy {name} does not keep all of its rule; its annotation {LIMITATIONS} \
             says what\n"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn documents(export: &Export) -> anyhow::Result<String> {
    let mut text = String::from("---\n# What the policy does not keep of the rule:\n");
    for limitations in &export.limitations {
        text += &format!("# - {limitations}\n");
    }
    text += serde_saphyr::to_string(&export.policy)
        .context("cannot write a policy as YAML")?
        .trim_end();
    text += "\n---\n";
    text += serde_saphyr::to_string(&export.binding)
        .context("cannot write a binding as YAML")?
        .trim_end();
    Ok(text + "\n")
}
