//! `fieldward serve --cluster`: rules as objects, and the registration and certificates that the
//! process keeps by itself.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::builder::BoolishValueParser;

use crate::analysis::lint;
use crate::cli::args::{AccessArgs, EndpointArgs, ExemptArgs, ManagedArgs, RuleArgs, TrustArgs};
use crate::cli::kinds;
use crate::cli::quantity::PositiveTime;
use crate::cluster::client::ApiGroup;
use crate::cluster::cluster_mode::ClusterMode;
use crate::cluster::controller::{Certificates, ControllerSettings};
use crate::cluster::endpoint::Endpoint;
use crate::cluster::rule_reader::RuleFiles;
use crate::cluster::tls_rotation::Lifetimes;
use crate::engine::{RuleSet, escape_control};
use crate::server::files::TimeLimit;
use crate::server::reload::{self, Fingerprint};
use crate::server::{Bound, Config, DenialListener, ReadyCheck, tls};

/// How long a rule that has left is still there for reviews that no other rule covers: the
/// registration is changed elsewhere and later, and to refuse all updates of a kind until then
/// would be an outage. Another replica takes over changing it within half of that.
const LINGERING: Duration = Duration::from_secs(30);

/// How often it is looked whether the certificate kept has changed: in memory, so it costs nothing.
const LOOKING: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, clap::Args)]
#[command(
    next_help_heading = "In a cluster",
    mut_args(|arg| match arg.get_id().as_str() {
        "kubeconfig" | "context" | "ca_bundle" | "inject_ca_from" => arg.requires("cluster"),
        "tls_secret" => arg
            .requires("cluster")
            .conflicts_with_all(["tls_cert", "ca_bundle", "inject_ca_from"]),
        _ => arg,
    }),
)]
#[group(skip)]
pub(super) struct Args {
    /// Follow the UpdateRules of the cluster, and keep the webhook registered for all rules
    #[arg(long, env = "FIELDWARD_CLUSTER", value_parser = BoolishValueParser::new())]
    cluster: bool,
    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    managed: ManagedArgs,
    #[command(flatten)]
    endpoint: EndpointArgs,
    #[command(flatten)]
    trust: TrustArgs,
    /// How long a CA in the Secret is valid; it is replaced after two thirds
    #[arg(long, value_name = "TIME", env = "FIELDWARD_CA_LIFETIME", default_value = "43800h")]
    ca_lifetime: PositiveTime,
    /// How long a certificate in the Secret is valid; it is replaced after two thirds
    #[arg(
        long,
        value_name = "TIME",
        env = "FIELDWARD_CERTIFICATE_LIFETIME",
        default_value = "2160h"
    )]
    certificate_lifetime: PositiveTime,
    /// How long a new CA is registered before it issues: every API server must have heard of it
    #[arg(long, value_name = "TIME", env = "FIELDWARD_CA_SETTLING", default_value = "5m")]
    ca_settling: PositiveTime,
    /// Also write an Event on the object of each denial, a few a second at most
    #[arg(
        long,
        env = "FIELDWARD_EVENTS",
        requires = "cluster",
        value_parser = BoolishValueParser::new(),
    )]
    events: bool,
    /// Which replica this is, if not the host's name, which in a pod is the pod's
    #[arg(long, value_name = "NAME", env = "FIELDWARD_REPLICA")]
    replica: Option<String>,
}

impl Args {
    pub(super) fn is_wanted(&self) -> bool {
        self.cluster
    }

    fn settings(&self, has_certificate: bool) -> anyhow::Result<ControllerSettings> {
        let endpoint = self.endpoint.endpoint(&self.managed.service_namespace);
        Ok(ControllerSettings {
            name: self.managed.registration.clone(),
            namespace: self.managed.service_namespace.clone(),
            identity: self.identity()?,
            writes_events: self.events,
            certificates: self.certificates(&endpoint, has_certificate)?,
            endpoint,
        })
    }

    /// No two replicas may have the same: both would lead.
    fn identity(&self) -> anyhow::Result<String> {
        match &self.replica {
            Some(name) => Ok(name.clone()),
            None => Ok(hostname::get()
                .context("no name of this host; give one with --replica")?
                .to_string_lossy()
                .into_owned()),
        }
    }

    fn certificates(
        &self,
        endpoint: &Endpoint,
        has_certificate: bool,
    ) -> anyhow::Result<Certificates> {
        if let Some(secret) = &self.managed.tls_secret {
            let lifetimes = Lifetimes {
                authority: self.ca_lifetime.0,
                certificate: self.certificate_lifetime.0,
                settling: self.ca_settling.0,
            };
            return Ok(Certificates::Managed {
                secret: secret.clone(),
                subjects: endpoint.subjects(),
                lifetimes,
            });
        }
        if !has_certificate {
            bail!(
                "expected --tls-secret NAME, or --tls-cert and --tls-key, beside --cluster; clients \
                 cannot trust a certificate that is regenerated at each start"
            );
        }
        let (trust, namespace) = (self.trust.clone(), self.managed.service_namespace.clone());
        let trust = TimeLimit::default().run(move |reader| trust.trust(&namespace, reader))??;
        Ok(Certificates::Given(trust))
    }
}

/// Begins to follow the cluster.
pub(super) async fn start(
    args: &Args,
    files: &RuleArgs,
    has_certificate: bool,
) -> anyhow::Result<ClusterMode> {
    let access = args.access.clone();
    let access = TimeLimit::default().run(move |reader| access.access(reader))??;
    let settings = args.settings(has_certificate)?;
    let read = files.reread();
    let read = move || read().map_err(|error| escape_control(&format!("{error:#}")));
    Ok(ClusterMode::start(
        &access,
        settings,
        RuleFiles { builtin: files.builtin(), read: Box::new(read) },
    )
    .await?)
}

/// The certificate that the cluster keeps, if it does.
pub(super) fn certificate(mode: &ClusterMode) -> Option<tls::CertificateSource> {
    mode.certificate.clone().map(tls::CertificateSource::Shared)
}

pub(super) fn configured(
    mut config: Config,
    mode: &ClusterMode,
    files: &RuleArgs,
    exempt: &ExemptArgs,
) -> Config {
    let reading = Arc::clone(&mode.reading);
    let before = config.rules.take();
    config.rules = Some(reload::RuleSource {
        builtin: files.builtin(),
        exemptions: exempt.exemptions(),
        started_with: before
            .as_ref()
            .map_or_else(|| Fingerprint::of_documents(&[]), |files| files.started_with),
        every: before.map_or(reload::LONGEST_REST, |files| files.every),
        read: Arc::new(move || reading.read()),
        changed: Arc::clone(&mode.changed),
        may_be_empty: true,
    });
    config.lingering = LINGERING;
    if mode.certificate.is_some() {
        config.reload_every = LOOKING;
    }
    config.metrics = mode.metrics.clone();
    config.denials = mode.denials.as_ref().map(|(denials, _)| -> Arc<DenialListener> {
        let denials = denials.clone();
        Arc::new(move |reply, review| denials.offer(reply, review))
    });
    config.readiness =
        mode.readiness().into_iter().map(|(name, state)| ReadyCheck { name, state }).collect();
    config
}

/// Runs the tasks of cluster mode; it never returns.
pub(super) fn run(mode: ClusterMode, bound: &Bound) -> impl Future<Output = ()> + use<> {
    let lacking = |rules: &RuleSet, groups: &[ApiGroup], address: &str| {
        lint::missing_from_cluster::missing_from_cluster(rules, kinds::served(groups), address)
    };
    mode.run(bound.rules.follow(), bound.certificate(), Arc::new(lacking))
}
