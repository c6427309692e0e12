//! `fieldward manifests`: what a cluster needs, as YAML for `kubectl apply`.

use std::process::ExitCode;

use anyhow::{Context, bail};
use serde::Serialize;

use super::args::{EndpointArgs, ManagedArgs, RuleArgs, TrustArgs};
use super::output;
use crate::cluster::manifests::Workload;
use crate::cluster::placement::{MOST_CONFIGURATIONS, Registrations, place};
use crate::cluster::registration::{self, SideEffects};
use crate::cluster::update_rule;
use crate::engine::{Builtin, RuleSet};
use crate::server::files::{Accepted, FileReader};

const AFTER_HELP: &str = "\
Examples:
  fieldward manifests --inject-ca-from fieldward-tls | kubectl apply -f -
  fieldward manifests --url https://fieldward.example.com --ca-bundle ca.crt";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP, mut_arg("tls_secret", |secret| secret
    .help("The Secret with tls.crt and tls.key, in the namespace of the service")
    .default_value("fieldward-tls")
    .conflicts_with("url")))]
pub(crate) struct Args {
    #[command(flatten)]
    rules: RuleArgs,
    /// Print the CustomResourceDefinition of UpdateRule instead, for rules as objects
    #[arg(long, exclusive = true)]
    crd: bool,
    #[command(flatten)]
    managed: ManagedArgs,
    #[command(flatten)]
    endpoint: EndpointArgs,
    #[command(flatten)]
    trust: TrustArgs,
    /// The container image of the webhook
    #[arg(
        long,
        value_name = "IMAGE",
        default_value = concat!("fieldward:", env!("CARGO_PKG_VERSION")),
        env = "FIELDWARD_IMAGE",
        help_heading = "In a cluster",
    )]
    image: String,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.crd {
        output::print(&document(&update_rule::definition())?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rules = args.rules.load()?;
    if rules.is_empty() {
        bail!("there is no rule to register; give one by --rules, or leave out --no-builtin-rules");
    }
    let namespace = &args.managed.service_namespace;
    let endpoint = args.endpoint.endpoint(namespace);
    let trust = args.trust.trust(namespace, &FileReader::new(Accepted::Pipes))?;
    let webhook = |rule| registration::webhook(rule, &endpoint, &trust, SideEffects::None);
    let placement = place(
        rules.rules().map(webhook).collect::<Result<_, _>>()?,
        &registration::built_in(&rules),
        &args.managed.registration,
        &trust,
        &Registrations::default(),
    );
    if let Some(webhook) = placement.unplaced.first() {
        bail!(
            "expected rules that fit into {MOST_CONFIGURATIONS} configurations, found no room for \
             {} and those after it",
            webhook.name
        );
    }
    let mut text = String::new();
    if args.endpoint.url.is_none() {
        for object in workload(args, &rules).objects()? {
            text += &document(&object)?;
        }
    }
    for configuration in &placement.configurations {
        text += &document(configuration)?;
    }
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn workload(args: &Args, rules: &RuleSet) -> Workload {
    let built_in = RuleSet::load(Builtin::Included, &[]).unwrap_or_default();
    let is_built_in =
        |name: &str, text: &str| built_in.get(name).is_some_and(|rule| rule.text() == text);
    let added = rules.rules().filter(|rule| !is_built_in(rule.name().as_str(), rule.text()));
    let no_builtin = matches!(args.rules.builtin(), Builtin::Excluded);
    Workload {
        name: args.endpoint.service_name.clone(),
        namespace: args.managed.service_namespace.clone(),
        port: args.endpoint.service_port,
        image: args.image.clone(),
        tls_secret: args.managed.tls_secret.clone().unwrap_or_default(),
        rules: added
            .map(|rule| (format!("{}.yaml", rule.name()), rule.text().to_owned()))
            .collect(),
        arguments: no_builtin.then(|| "--no-builtin-rules".to_owned()).into_iter().collect(),
    }
}

fn document(object: &impl Serialize) -> anyhow::Result<String> {
    let text = serde_saphyr::to_string(object).context("cannot write a manifest as YAML")?;
    Ok(format!("---\n{}\n", text.trim_end()))
}
