//! `fieldward manifests`: what a cluster needs, as YAML for `kubectl apply`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde::Serialize;

use super::documents;
use super::output;
use super::rule_args::RuleArgs;
use crate::cluster::ca_bundle::CaBundle;
use crate::cluster::endpoint::{BaseUrl, Endpoint};
use crate::cluster::placement::{MOST_CONFIGURATIONS, Registrations, place};
use crate::cluster::registration::{self, SideEffects, Trust};
use crate::cluster::update_rule;
use crate::cluster::workload::Workload;
use crate::engine::{Builtin, RuleSet};

/// The options of `fieldward manifests`.
// A Service of that name puts FIELDWARD_PORT and FIELDWARD_SERVICE_* into every pod's environment:
// no option may be called so.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    rules: RuleArgs,
    /// The name of the ValidatingWebhookConfiguration
    #[arg(long, value_name = "NAME", default_value = "fieldward", value_parser = dns_label)]
    name: String,
    /// Print the CustomResourceDefinition of UpdateRule instead, for rules as objects
    #[arg(long, exclusive = true)]
    crd: bool,
    /// The service that the API server asks; also the name of what runs the webhook
    #[arg(
        long,
        value_name = "NAME",
        default_value = "fieldward",
        value_parser = dns_label,
        help_heading = "In the cluster",
    )]
    service_name: String,
    /// The service's namespace
    #[arg(
        long,
        value_name = "NAME",
        default_value = "fieldward",
        value_parser = dns_label,
        help_heading = "In the cluster",
    )]
    service_namespace: String,
    /// The service's port
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 443,
        value_parser = clap::value_parser!(u16).range(1..),
        help_heading = "In the cluster",
    )]
    service_port: u16,
    /// The container image of the webhook
    #[arg(
        long,
        value_name = "IMAGE",
        default_value = concat!("fieldward:", env!("CARGO_PKG_VERSION")),
        env = "FIELDWARD_IMAGE",
        help_heading = "In the cluster",
    )]
    image: String,
    /// The Secret with tls.crt and tls.key, in the service's namespace
    #[arg(
        long,
        value_name = "NAME",
        default_value = "fieldward-tls",
        value_parser = dns_label,
        help_heading = "In the cluster",
    )]
    tls_secret: String,
    /// Ask a webhook at this https address instead; then only the registration is printed
    #[arg(
        long,
        value_name = "URL",
        value_parser = BaseUrl::parse,
        conflicts_with_all = ["service_name", "service_namespace", "service_port", "tls_secret"],
    )]
    url: Option<BaseUrl>,
    /// PEM file of the CAs that the webhook's certificate comes from
    #[arg(long, value_name = "FILE", help_heading = "Trust")]
    ca_bundle: Option<PathBuf>,
    /// Let cert-manager fill in the CA of this Certificate: NAME in the service's namespace, or
    /// NAMESPACE/NAME
    #[arg(long, value_name = "CERTIFICATE", conflicts_with = "ca_bundle", help_heading = "Trust")]
    cert_manager: Option<String>,
}

/// Prints the manifests.
///
/// # Errors
/// Rules or a CA bundle that cannot be used.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.crd {
        output::print(&document(&update_rule::definition())?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rules = args.rules.load()?;
    if rules.is_empty() {
        bail!("there is no rule to register; give one by --rules, or leave out --no-builtin-rules");
    }
    let endpoint = match &args.url {
        Some(url) => Endpoint::Url(url.clone()),
        None => Endpoint::Service {
            name: args.service_name.clone(),
            namespace: args.service_namespace.clone(),
            port: args.service_port,
        },
    };
    let trust = trust(args)?;
    let webhook = |rule| registration::webhook(rule, &endpoint, &trust, SideEffects::None);
    let placement = place(
        rules.rules().map(webhook).collect::<Result<_, _>>()?,
        &args.name,
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
    if args.url.is_none() {
        text = workload(&workload_of(args, &rules))?;
    }
    for configuration in &placement.configurations {
        text += &document(configuration)?;
    }
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn trust(args: &Args) -> anyhow::Result<Trust> {
    if let Some(path) = &args.ca_bundle {
        let bundle =
            CaBundle::parse(documents::read(path)?).with_context(|| documents::name_of(path))?;
        return Ok(Trust::Bundle(bundle));
    }
    let Some(certificate) = &args.cert_manager else { return Ok(Trust::Elsewhere) };
    let (namespace, name) =
        certificate.split_once('/').unwrap_or((&args.service_namespace, certificate));
    if dns_label(namespace).is_err()
        || name.is_empty()
        || name.split('.').any(|label| dns_label(label).is_err())
    {
        bail!(
            "expected a Certificate as NAME or NAMESPACE/NAME, found `{}`",
            crate::engine::escape_control(certificate)
        );
    }
    Ok(Trust::CertManager { certificate: format!("{namespace}/{name}"), bundle: None })
}

fn workload_of(args: &Args, rules: &RuleSet) -> Workload {
    let built_in = RuleSet::load(Builtin::Included, &[]).unwrap_or_default();
    let is_built_in =
        |name: &str, text: &str| built_in.get(name).is_some_and(|rule| rule.text() == text);
    let added = rules.rules().filter(|rule| !is_built_in(rule.name().as_str(), rule.text()));
    Workload {
        name: args.service_name.clone(),
        namespace: args.service_namespace.clone(),
        port: args.service_port,
        image: args.image.clone(),
        tls_secret: args.tls_secret.clone(),
        rules: added
            .map(|rule| (format!("{}.yaml", rule.name()), rule.text().to_owned()))
            .collect(),
        arguments: if args.rules.no_builtin_rules {
            vec!["--no-builtin-rules".to_owned()]
        } else {
            Vec::new()
        },
    }
}

fn workload(workload: &Workload) -> anyhow::Result<String> {
    let mut text = document(&workload.namespace())? + &document(&workload.service_account())?;
    if let Some(rules) = workload.config_map() {
        text += &document(&rules)?;
    }
    Ok(text
        + &document(&workload.service())?
        + &document(&workload.deployment())?
        + &document(&workload.disruption_budget())?)
}

fn document(object: &impl Serialize) -> anyhow::Result<String> {
    let text = serde_saphyr::to_string(object).context("cannot write a manifest as YAML")?;
    Ok(format!("---\n{}\n", text.trim_end()))
}

/// RFC 1123: what names of services and namespaces must be.
pub(super) fn dns_label(text: &str) -> Result<String, String> {
    let ends = |byte: Option<u8>| {
        byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let fits = text.len() <= 63
        && ends(text.bytes().next())
        && ends(text.bytes().last())
        && text.bytes().all(|byte| byte == b'-' || ends(Some(byte)));
    if fits {
        Ok(text.to_owned())
    } else {
        Err("expected a lower-case DNS label, as Kubernetes names services and namespaces"
            .to_owned())
    }
}
