//! `fieldward uninstall`: removes what the process has made in the cluster by itself.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use super::manifests::dns_label;
use super::output;
use crate::cluster::client::Access;
use crate::cluster::removal::{self, Removed, Traces};

/// The options of `fieldward uninstall`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The cluster, if not that of `KUBECONFIG`, ~/.kube/config or the pod's service account
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The name of the ValidatingWebhookConfigurations (NAME, NAME-2 and so on) and of the Lease
    #[arg(
        long,
        value_name = "NAME",
        env = "FIELDWARD_REGISTRATION",
        default_value = "fieldward",
        value_parser = dns_label,
    )]
    registration: String,
    /// The namespace of the Secret and the Lease
    #[arg(long, value_name = "NAME", default_value = "fieldward", value_parser = dns_label)]
    service_namespace: String,
    /// The Secret with the CA and the certificate that were kept in the cluster
    #[arg(long, value_name = "NAME", env = "FIELDWARD_TLS_SECRET", value_parser = dns_label)]
    tls_secret: Option<String>,
}

/// Removes what is there, and says what it was. UpdateRules stay: they are their authors'.
///
/// # Errors
/// The cluster cannot be asked, or does not permit it.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let access = Access { kubeconfig: args.kubeconfig.clone(), context: None };
    let traces = Traces {
        name: args.registration.clone(),
        namespace: args.service_namespace.clone(),
        secret: args.tls_secret.clone(),
    };
    let mut lines = String::new();
    let tell = |what: &str, removed: Removed| {
        lines += &match removed {
            Removed::Gone => format!("{what} removed\n"),
            Removed::Foreign => format!("{what} left: it is not labelled as fieldward's\n"),
        };
    };
    let outcome = runtime.block_on(removal::remove(&access, &traces, tell));
    if outcome.is_ok() && lines.is_empty() {
        lines += "nothing to remove\n";
    }
    output::print(&lines)?;
    outcome.context("what is listed above is removed; run again for the rest")?;
    Ok(ExitCode::SUCCESS)
}
