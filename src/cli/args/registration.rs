//! What the webhook is called in a cluster, where it is reached, and whom the API server trusts.

use std::path::PathBuf;

use anyhow::{Context, bail};

use super::names::{dns_label, is_namespaced_name};
use crate::cli::documents::without_byte_order_mark;
use crate::cluster::ca_bundle::CaBundle;
use crate::cluster::endpoint::{BaseUrl, Endpoint};
use crate::cluster::registration::Trust;
use crate::engine::escape_control;
use crate::server::files::{FileReader, MAX_FILE_BYTES, name_of};

/// The names of the objects in the cluster.
// A Service of that name puts FIELDWARD_PORT and FIELDWARD_SERVICE_* into every pod's environment:
// no option may have that name.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "In a cluster")]
pub(in crate::cli) struct ManagedArgs {
    /// The name of the ValidatingWebhookConfigurations (NAME, NAME-2 and so on) and of the Lease of
    /// `serve --cluster`
    #[arg(
        long,
        value_name = "NAME",
        env = "FIELDWARD_REGISTRATION",
        default_value = "fieldward",
        value_parser = dns_label,
    )]
    pub(in crate::cli) registration: String,
    /// The namespace of the service, the Secret and the Lease
    #[arg(long, value_name = "NAME", default_value = "fieldward", value_parser = dns_label)]
    pub(in crate::cli) service_namespace: String,
    /// The Secret in which `serve --cluster` keeps a CA and a certificate, and renews them
    #[arg(long, value_name = "NAME", env = "FIELDWARD_TLS_SECRET", value_parser = dns_label)]
    pub(in crate::cli) tls_secret: Option<String>,
}

/// Where the API server reaches the webhook.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "In a cluster")]
pub(in crate::cli) struct EndpointArgs {
    /// The service that the API server asks
    #[arg(long, value_name = "NAME", default_value = "fieldward", value_parser = dns_label)]
    pub(in crate::cli) service_name: String,
    /// The port of the service
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 443,
        value_parser = clap::value_parser!(u16).range(1..),
    )]
    pub(in crate::cli) service_port: u16,
    /// Have the API server ask at this https address instead
    #[arg(
        long,
        value_name = "URL",
        env = "FIELDWARD_URL",
        value_parser = BaseUrl::parse,
        conflicts_with_all = ["service_name", "service_port"],
    )]
    pub(in crate::cli) url: Option<BaseUrl>,
}

impl EndpointArgs {
    /// The endpoint; the service, if it is one, is in `namespace`.
    pub(in crate::cli) fn endpoint(&self, namespace: &str) -> Endpoint {
        match &self.url {
            Some(url) => Endpoint::Url(url.clone()),
            None => Endpoint::Service {
                name: self.service_name.clone(),
                namespace: namespace.to_owned(),
                port: self.service_port,
            },
        }
    }
}

/// By which CA the API server trusts the webhook's certificate.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "In a cluster")]
pub(in crate::cli) struct TrustArgs {
    /// PEM file of the CAs that the webhook's certificate comes from
    #[arg(long, value_name = "FILE", env = "FIELDWARD_CA_BUNDLE")]
    ca_bundle: Option<PathBuf>,
    /// Have cert-manager fill in the CA of this Certificate: NAME in the namespace of the service,
    /// or NAMESPACE/NAME
    #[arg(long, value_name = "CERTIFICATE", env = "FIELDWARD_INJECT_CA_FROM")]
    inject_ca_from: Option<String>,
}

impl TrustArgs {
    /// Reads the bundle; a Certificate without a namespace is in `namespace`.
    pub(in crate::cli) fn trust(
        &self,
        namespace: &str,
        reader: &FileReader,
    ) -> anyhow::Result<Trust> {
        let read = |path: &PathBuf| {
            let name = name_of(path);
            let pem = reader
                .read(path, MAX_FILE_BYTES)
                .with_context(|| format!("cannot read `{name}`"))?;
            CaBundle::parse(without_byte_order_mark(pem)).context(name)
        };
        let bundle = self.ca_bundle.as_ref().map(read).transpose()?;
        let Some(name) = &self.inject_ca_from else {
            return Ok(bundle.map_or(Trust::External, Trust::Bundle));
        };
        let certificate =
            if name.contains('/') { name.clone() } else { format!("{namespace}/{name}") };
        if !is_namespaced_name(&certificate) {
            bail!(
                "expected a Certificate as NAME or NAMESPACE/NAME, found `{}`",
                escape_control(name)
            );
        }
        Ok(Trust::CertManager { certificate, bundle })
    }
}
