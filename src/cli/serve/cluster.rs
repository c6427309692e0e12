//! `fieldward serve --cluster`: rules as objects, and the registration and certificates that the process keeps by itself.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use clap::builder::BoolishValueParser;
use tokio::sync::{Notify, mpsc, watch};

use super::readiness;
use crate::analysis::lint;
use crate::cli::documents;
use crate::cli::exempt_args::ExemptArgs;
use crate::cli::kinds;
use crate::cli::manifests::dns_label;
use crate::cli::quantity::positive_duration;
use crate::cli::rule_args::RuleArgs;
use crate::cluster::certificates::{self, Subject};
use crate::cluster::client::{Access, Group};
use crate::cluster::control::{Certificates, Control, Followed, Made, Settings};
use crate::cluster::keeping::{self, Lifetimes};
use crate::cluster::metrics::ClusterMetrics;
use crate::cluster::objects::{Resolved, RuleObject};
use crate::cluster::registration::{BaseUrl, CaBundle, Endpoint, Trust};
use crate::engine::{Denial, Document, Exemptions, RuleSet, harmless};
use crate::server::denials::Denials;
use crate::server::reload::Fingerprint;
use crate::server::{Bound, Config, ReadyCheck, reload, tls};

/// How long a rule that has left is still there for reviews that no other rule speaks of: the registration is changed elsewhere and
/// later, and to refuse all updates of a kind until then would be an outage. Another replica takes over changing it within half of that.
const LINGERING: Duration = Duration::from_secs(30);

/// How often it is looked whether the certificate kept has changed: in memory, so it costs nothing.
const LOOKING: Duration = Duration::from_secs(1);

/// How long the certificate is valid that is shown until the cluster's is there; nothing trusts it.
const UNTIL_THEN: Duration = Duration::from_secs(24 * 3600);

/// The options of `fieldward serve` in a cluster.
// A Service of that name puts FIELDWARD_PORT and FIELDWARD_SERVICE_* into every pod's environment: no option may be called so.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "In a cluster")]
#[group(skip)]
pub(super) struct Args {
    /// Follow the UpdateRules of the cluster, and keep the webhook registered for all rules
    #[arg(long, env = "FIELDWARD_CLUSTER", value_parser = BoolishValueParser::new())]
    cluster: bool,
    /// The cluster, if not that of `KUBECONFIG`, ~/.kube/config or the pod's service account
    #[arg(long, value_name = "FILE", env = "FIELDWARD_KUBECONFIG", requires = "cluster")]
    kubeconfig: Option<PathBuf>,
    /// The name of the ValidatingWebhookConfigurations (NAME, NAME-2 and so on) and of the Lease
    #[arg(long, value_name = "NAME", env = "FIELDWARD_REGISTRATION", default_value = "fieldward", value_parser = dns_label)]
    registration: String,
    /// The service that the API server asks
    #[arg(long, value_name = "NAME", default_value = "fieldward", value_parser = dns_label)]
    service_name: String,
    /// The service's namespace, and that of the Secret and the Lease
    #[arg(long, value_name = "NAME", default_value = "fieldward", value_parser = dns_label)]
    service_namespace: String,
    /// The service's port
    #[arg(long, value_name = "PORT", default_value_t = 443, value_parser = clap::value_parser!(u16).range(1..))]
    service_port: u16,
    /// Have the API server ask at this https address instead
    #[arg(long, value_name = "URL", env = "FIELDWARD_URL", value_parser = BaseUrl::parse, conflicts_with_all = ["service_name", "service_port"])]
    url: Option<BaseUrl>,
    /// Keep a CA and a certificate in this Secret, and renew them
    #[arg(long, value_name = "NAME", env = "FIELDWARD_TLS_SECRET", requires = "cluster", conflicts_with_all = ["tls_cert", "ca_bundle", "inject_ca_from"], value_parser = dns_label)]
    tls_secret: Option<String>,
    /// PEM file of the CAs that the certificate of --tls-cert comes from
    #[arg(long, value_name = "FILE", env = "FIELDWARD_CA_BUNDLE", requires = "cluster")]
    ca_bundle: Option<PathBuf>,
    /// Have cert-manager fill in the CA of this Certificate, NAMESPACE/NAME
    #[arg(long, value_name = "CERTIFICATE", env = "FIELDWARD_INJECT_CA_FROM", requires = "cluster")]
    inject_ca_from: Option<String>,
    /// How long a CA in the Secret is valid; it is replaced after two thirds
    #[arg(long, value_name = "TIME", env = "FIELDWARD_CA_LIFETIME", default_value = "43800h", value_parser = positive_duration)]
    ca_lifetime: Duration,
    /// How long a certificate in the Secret is valid; it is replaced after two thirds
    #[arg(long, value_name = "TIME", env = "FIELDWARD_CERTIFICATE_LIFETIME", default_value = "2160h", value_parser = positive_duration)]
    certificate_lifetime: Duration,
    /// How long a new CA is registered before it issues: every API server must have heard of it
    #[arg(long, value_name = "TIME", env = "FIELDWARD_CA_SETTLING", default_value = "5m", value_parser = positive_duration)]
    ca_settling: Duration,
    /// Also write an Event on the object of each denial, a few a second at most
    #[arg(long, env = "FIELDWARD_EVENTS", requires = "cluster", value_parser = BoolishValueParser::new())]
    events: bool,
    /// Which replica this is, if not the host's name, which in a pod is the pod's
    #[arg(long, value_name = "NAME", env = "FIELDWARD_REPLICA")]
    replica: Option<String>,
}

impl Args {
    pub(super) fn is_wanted(&self) -> bool {
        self.cluster
    }

    fn settings(&self, has_certificate: bool) -> anyhow::Result<Settings> {
        let endpoint = match &self.url {
            Some(url) => Endpoint::Url(url.clone()),
            None => {
                Endpoint::Service { name: self.service_name.clone(), namespace: self.service_namespace.clone(), port: self.service_port }
            }
        };
        Ok(Settings {
            name: self.registration.clone(),
            namespace: self.service_namespace.clone(),
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
            None => Ok(hostname::get().context("no name of this host; give one with --replica")?.to_string_lossy().into_owned()),
        }
    }

    fn certificates(&self, endpoint: &Endpoint, has_certificate: bool) -> anyhow::Result<Certificates> {
        if let Some(secret) = &self.tls_secret {
            let lifetimes = Lifetimes { authority: self.ca_lifetime, certificate: self.certificate_lifetime, settling: self.ca_settling };
            return Ok(Certificates::Kept { secret: secret.clone(), subjects: subjects(endpoint), lifetimes });
        }
        if !has_certificate {
            bail!(
                "expected --tls-secret NAME, or --tls-cert and --tls-key, beside --cluster: a certificate that is made at each start nobody trusts"
            );
        }
        let bundle = match &self.ca_bundle {
            Some(path) => Some(CaBundle::parse(documents::read(path)?).with_context(|| documents::name_of(path))?),
            None => None,
        };
        Ok(Certificates::Given(match (&self.inject_ca_from, bundle) {
            (Some(certificate), bundle) => Trust::CertManager { certificate: certificate.clone(), bundle },
            (None, Some(bundle)) => Trust::Bundle(bundle),
            (None, None) => Trust::Elsewhere,
        }))
    }
}

/// The names that the API server knows the webhook by.
fn subjects(endpoint: &Endpoint) -> Vec<Subject> {
    match endpoint {
        Endpoint::Service { name, namespace, .. } => {
            ["svc", "svc.cluster.local"].map(|end| Subject::Dns(format!("{name}.{namespace}.{end}"))).to_vec()
        }
        Endpoint::Url(url) => vec![match url.host().parse::<IpAddr>() {
            Ok(address) => Subject::Ip(address),
            Err(_) => Subject::Dns(url.host().to_owned()),
        }],
    }
}

/// The cluster's part in a server.
pub(super) struct Part {
    control: Control,
    followed: Followed,
    kept: Option<Arc<ArcSwap<(String, String)>>>,
    resolved: watch::Receiver<Arc<Resolved>>,
    reading: Arc<Reading>,
    exemptions: Arc<Exemptions>,
    metrics: prometheus::Registry,
    changed: Arc<Notify>,
    is_synced: watch::Sender<Result<String, String>>,
    is_trusted: watch::Sender<Result<String, String>>,
    denials: Option<(Denials, mpsc::Receiver<Denial>)>,
}

/// Reads files and objects together.
struct Reading {
    files: RuleArgs,
    objects: watch::Receiver<Option<Arc<Vec<Arc<RuleObject>>>>>,
    resolved: watch::Sender<Arc<Resolved>>,
    /// What was resolved last, and of what.
    last: Mutex<Option<Last>>,
}

struct Last {
    files: Vec<Document>,
    objects: Arc<Vec<Arc<RuleObject>>>,
}

impl Reading {
    fn read(&self) -> Result<reload::Reading, String> {
        let found = self.files.documents().map_err(|error| harmless(&format!("{error:#}")));
        // Before they were listed nothing is known of them, and nothing of them is in force.
        let Some(objects) = self.objects.borrow().clone() else { return found.map(Into::into) };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // Files that cannot be used do not keep changes of objects from being taken.
        let (files, refused) = match (found.and_then(|files| self.usable(files, last.as_ref())), last.as_ref()) {
            (Ok(files), _) => (files, None),
            (Err(reason), Some(last)) => (last.files.clone(), Some(reason)),
            (Err(reason), None) => return Err(reason),
        };
        if last.as_ref().is_none_or(|last| last.files != files || !say_the_same(&last.objects, &objects)) {
            let before = self.resolved.borrow().clone();
            let resolved =
                Resolved::new(self.files.builtin(), &files, &objects, &before).map_err(|errors| harmless(&errors.to_string()))?;
            self.resolved.send_replace(Arc::new(resolved));
            *last = Some(Last { files: files.clone(), objects });
        }
        let mut documents = files;
        documents.extend(self.resolved.borrow().documents.iter().cloned());
        Ok(reload::Reading { documents, refused })
    }

    /// The texts of files, if they can be in force.
    fn usable(&self, files: Vec<Document>, last: Option<&Last>) -> Result<Vec<Document>, String> {
        if last.is_none_or(|last| last.files != files) {
            RuleSet::load(self.files.builtin(), &files).map_err(|errors| harmless(&errors.to_string()))?;
        }
        Ok(files)
    }
}

/// Whether nothing but what is said of the objects differs.
fn say_the_same(one: &[Arc<RuleObject>], other: &[Arc<RuleObject>]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| Arc::ptr_eq(one, other) || one.says_the_same(other))
}

impl Part {
    /// Begins to follow the cluster.
    ///
    /// # Errors
    /// Options that do not go together, or no cluster to ask.
    pub(super) async fn start(args: &Args, files: &RuleArgs, exempt: &ExemptArgs, has_certificate: bool) -> anyhow::Result<Self> {
        let settings = args.settings(has_certificate)?;
        let kept = match &settings.certificates {
            Certificates::Given(_) => None,
            Certificates::Kept { subjects, .. } => {
                let issued = certificates::issue(subjects, SystemTime::now(), UNTIL_THEN)?;
                Some(Arc::new(ArcSwap::from_pointee((issued.certificate, issued.key))))
            }
        };
        let access = Access { kubeconfig: args.kubeconfig.clone(), context: None };
        let metrics = prometheus::Registry::new();
        let control = Control::start(&access, settings, ClusterMetrics::register(&metrics)?).await?;
        let followed = control.followed();
        let (sender, resolved) = watch::channel(Arc::default());
        let reading = Reading { files: files.clone(), objects: followed.rules.clone(), resolved: sender, last: Mutex::new(None) };
        let waiting = || watch::Sender::new(Err(readiness::NO_ANSWER.to_owned()));
        Ok(Self {
            control,
            followed,
            kept,
            resolved,
            reading: Arc::new(reading),
            exemptions: exempt.exemptions(),
            metrics,
            changed: Arc::default(),
            is_synced: waiting(),
            is_trusted: waiting(),
            denials: args.events.then(Denials::channel),
        })
    }

    /// The certificate that the cluster keeps, if it does.
    pub(super) fn certificate(&self) -> Option<tls::Source> {
        self.kept.clone().map(tls::Source::Kept)
    }

    pub(super) fn add_to(&self, mut config: Config) -> Config {
        let reading = Arc::clone(&self.reading);
        let files = config.rules.take();
        config.rules = Some(reload::Source {
            builtin: self.reading.files.builtin(),
            exemptions: Arc::clone(&self.exemptions),
            started_with: files.as_ref().map_or_else(|| Fingerprint::of(&[]), |files| files.started_with),
            every: files.map_or(reload::LONGEST_REST, |files| files.every),
            read: Arc::new(move || reading.read()),
            changed: Arc::clone(&self.changed),
            may_be_empty: true,
        });
        config.lingering = LINGERING;
        if self.kept.is_some() {
            config.reload_every = LOOKING;
        }
        config.metrics = self.metrics.clone();
        config.denials = self.denials.as_ref().map(|(denials, _)| denials.clone());
        config.readiness = vec![
            ReadyCheck { name: "cluster-rules", state: self.is_synced.subscribe() },
            ReadyCheck { name: "registration", state: self.is_trusted.subscribe() },
        ];
        config
    }

    /// What goes on beside serving, for ever.
    pub(super) fn run(self, bound: &Bound) -> impl Future<Output = ()> + use<> {
        let rules = bound.rules().follow();
        let shown = bound.certificate();
        let made = Made { rules: rules.clone(), resolved: self.resolved.clone() };
        let Self { control, followed, kept, resolved, changed, is_synced, is_trusted, denials, .. } = self;
        let (keeps, registration) = (kept.is_some(), control.registration());
        async move {
            tokio::join!(
                control.run(
                    made,
                    denials.map(|(_, receiver)| receiver),
                    Arc::new(|rules: &RuleSet, groups: &[Group], address: &str| lint::schema::lacking(
                        rules,
                        kinds::served(groups),
                        address
                    ))
                ),
                notify(followed.rules.clone(), changed),
                show(followed.certificates.clone(), kept),
                readiness::rules(followed.clone(), resolved, rules, is_synced),
                readiness::registration(followed, registration, keeps, shown, is_trusted),
            );
        }
    }
}

/// Tells the reader of rules of changes.
async fn notify<T>(mut objects: watch::Receiver<T>, changed: Arc<Notify>) {
    while objects.changed().await.is_ok() {
        changed.notify_one();
    }
}

/// Shows the certificate that the cluster keeps.
async fn show(mut certificates: watch::Receiver<Option<Arc<keeping::Kept>>>, kept: Option<Arc<ArcSwap<(String, String)>>>) {
    let Some(kept) = kept else { return };
    loop {
        if let Some(certificates) = &*certificates.borrow_and_update() {
            let (chain, key) = certificates.pair();
            kept.store(Arc::new((chain.to_owned(), key.to_owned())));
        }
        if certificates.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::update_rule::UpdateRuleStatus;
    use crate::engine::Builtin;

    fn rule(name: &str, resource: &str) -> serde_json::Value {
        json!({
            "apiVersion": "fieldward.io/v1alpha1", "kind": "UpdateRule", "metadata": {"name": name},
            "spec": {
                "matchConstraints": {"resourceRules": [{"apiGroups": ["example.com"], "apiVersions": ["v1"], "resources": [resource]}]},
                "mutable": ["spec.a"],
            },
        })
    }

    #[test]
    fn a_broken_file_does_not_keep_objects_from_being_resolved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rule.yaml");
        let objects = watch::Sender::new(None);
        let set = |names: &[&str]| {
            let object = |name: &&str| {
                let text = rule(name, name).to_string();
                let (name, created) = ((*name).to_owned(), "2026-01-01T00:00:00Z".to_owned());
                Arc::new(RuleObject { uid: name.clone(), name, generation: 1, created, text, status: UpdateRuleStatus::default() })
            };
            objects.send_replace(Some(Arc::new(names.iter().map(object).collect::<Vec<_>>())));
        };
        let reading = Reading {
            files: RuleArgs { paths: vec![path.clone()], no_builtin_rules: true },
            objects: objects.subscribe(),
            resolved: watch::Sender::default(),
            last: Mutex::new(None),
        };
        let names = |reading: Result<reload::Reading, String>| {
            let reading = reading.unwrap();
            let rules = RuleSet::load(Builtin::Left, &reading.documents).unwrap();
            (rules.names().map(str::to_owned).collect::<Vec<_>>().join(" "), reading.refused.is_some())
        };
        std::fs::write(&path, rule("file", "files").to_string()).unwrap();
        set(&["one"]);
        assert_eq!(names(reading.read()), ("file one".to_owned(), false));
        for broken in ["kind: UpdateRule", "{"] {
            std::fs::write(&path, broken).unwrap();
            set(&["one", "two"]);
            assert_eq!(names(reading.read()), ("file one two".to_owned(), true), "{broken}");
            set(&["two"]);
            assert_eq!(names(reading.read()), ("file two".to_owned(), true), "{broken}");
        }
        std::fs::write(&path, rule("other", "files").to_string()).unwrap();
        assert_eq!(names(reading.read()), ("other two".to_owned(), false));
    }
}
