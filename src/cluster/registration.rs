//! The registration of the rules: one webhook per rule, spread over configurations that fit into etcd. Pure values.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1 as api;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::engine::{FailurePolicy, LONGEST_NAME, ResourceRule, Rule};

/// The label by which it is known whose something is.
pub(super) const LABEL: (&str, &str) = ("app.kubernetes.io/name", "fieldward");

/// What rule names become webhook names with: a webhook's name has at least three labels.
pub(super) const DOMAIN: &str = "fieldward.io";

/// How long the API server waits, in seconds; a verdict takes milliseconds.
const TIMEOUT: i32 = 5;

/// Where the API server reaches the webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A service in the cluster.
    Service {
        /// Its name.
        name: String,
        /// Its namespace, in which nothing is asked about.
        namespace: String,
        /// Its port.
        port: u16,
    },
    /// Anywhere.
    Url(BaseUrl),
}

impl Endpoint {
    /// The namespace that it is in, if it is in the cluster.
    fn namespace(&self) -> Option<&str> {
        match self {
            Self::Service { namespace, .. } => Some(namespace),
            Self::Url(_) => None,
        }
    }
}

/// An https address to which `/validate/NAME` can be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// Takes what a registration takes: https, a host, no user, no query, no fragment.
    ///
    /// # Errors
    /// What was expected and found.
    pub fn parse(text: &str) -> Result<Self, RegistrationError> {
        let unfit = || RegistrationError::Url(text.escape_debug().to_string());
        let rest = text.strip_prefix("https://").ok_or_else(unfit)?;
        let host = rest.split('/').next().unwrap_or_default();
        let plain = text.chars().all(|letter| letter.is_ascii_graphic() && !matches!(letter, '?' | '#' | '@' | '"' | '\\' | '<' | '>'));
        if host.is_empty() || host.starts_with(':') || !plain {
            return Err(unfit());
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }

    /// The name or address in it, without brackets and port.
    pub fn host(&self) -> &str {
        let host = self.0.strip_prefix("https://").unwrap_or_default().split('/').next().unwrap_or_default();
        match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
            Some((address, _)) => address,
            None => host.split(':').next().unwrap_or_default(),
        }
    }
}

/// PEM certificates by which the API server checks the webhook's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaBundle(Vec<u8>);

impl CaBundle {
    /// Takes PEM that holds certificates, one at least.
    ///
    /// # Errors
    /// What is no certificate, or what must not be handed out.
    pub fn parse(pem: Vec<u8>) -> Result<Self, RegistrationError> {
        if pem.windows(b"PRIVATE KEY-----".len()).any(|window| window == b"PRIVATE KEY-----") {
            return Err(RegistrationError::Bundle("a private key, which no registration may hold".to_owned()));
        }
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| RegistrationError::Bundle(format!("broken PEM ({error})")))?;
            x509_parser::parse_x509_certificate(&certificate)
                .map_err(|error| RegistrationError::Bundle(format!("no X.509 certificate in a block ({error})")))?;
            count += 1;
        }
        if count == 0 {
            return Err(RegistrationError::Bundle("none".to_owned()));
        }
        Ok(Self(pem))
    }

    /// As text; PEM is ASCII.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

/// What judging a review does besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SideEffects {
    /// Nothing.
    None,
    /// It writes Events, except for a dry run.
    Events,
}

impl SideEffects {
    fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Events => "NoneOnDryRun",
        }
    }
}

/// By what the API server trusts the webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// By the CAs of the API server's machine, or by what somebody else writes into the registration.
    Elsewhere,
    /// By these.
    Bundle(CaBundle),
    /// By what cert-manager writes into the registration.
    CertManager {
        /// The Certificate whose CA it is, as `namespace/name`.
        certificate: String,
        /// What it has written already, or is known to write: never to be taken away.
        bundle: Option<CaBundle>,
    },
}

impl Trust {
    fn bundle(&self) -> Option<&CaBundle> {
        match self {
            Self::Bundle(bundle) => Some(bundle),
            Self::CertManager { bundle, .. } => bundle.as_ref(),
            Self::Elsewhere => None,
        }
    }
}

/// Why there is no registration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// Of a rule's name no webhook name can be made.
    #[error(
        "expected a rule name of at most {LONGEST_NAME} characters, found `{0}`; its webhook is called NAME.fieldward.io, in at most 253"
    )]
    Name(String),
    /// Not an address.
    #[error("expected an address as `https://host:port/path`, found `{0}`; the API server takes https without user, query and fragment")]
    Url(String),
    /// Not a bundle.
    #[error("expected PEM certificates, found {0}")]
    Bundle(String),
}

/// What the webhooks of a configuration have to be changed to, if what the API server has is not what was applied: others may have added
/// webhooks, or selectors and conditions that were left out. A bundle that was left out is somebody else's and stays.
pub fn correction(
    applied: &api::ValidatingWebhookConfiguration,
    found: &api::ValidatingWebhookConfiguration,
) -> Option<Vec<api::ValidatingWebhook>> {
    let there: BTreeMap<&str, &api::ValidatingWebhook> = webhooks(found).map(|webhook| (webhook.name.as_str(), webhook)).collect();
    let mut wanted: Vec<api::ValidatingWebhook> = webhooks(applied).cloned().collect();
    for webhook in &mut wanted {
        if webhook.client_config.ca_bundle.is_none() {
            webhook.client_config.ca_bundle = there.get(webhook.name.as_str()).and_then(|there| there.client_config.ca_bundle.clone());
        }
    }
    let is_there =
        |webhook: &api::ValidatingWebhook| there.get(webhook.name.as_str()).is_some_and(|there| stored(webhook) == stored(there));
    (wanted.len() != webhooks(found).count() || !wanted.iter().all(is_there)).then_some(wanted)
}

/// Whether a configuration is as it would be after it was applied.
pub fn is_applied(wanted: &api::ValidatingWebhookConfiguration, found: &api::ValidatingWebhookConfiguration) -> bool {
    let has = |wanted: &Option<BTreeMap<String, String>>, found: &Option<BTreeMap<String, String>>| {
        wanted.iter().flatten().all(|(key, value)| found.as_ref().and_then(|found| found.get(key)) == Some(value))
    };
    let (to_have, has_now) = (&wanted.metadata, &found.metadata);
    has(&to_have.labels, &has_now.labels) && has(&to_have.annotations, &has_now.annotations) && correction(wanted, found).is_none()
}

/// Whether two webhooks ask for the same updates in the same way, whatever certificates they trust.
pub fn asks_the_same(one: &api::ValidatingWebhook, other: &api::ValidatingWebhook) -> bool {
    let without_bundle = |webhook: &api::ValidatingWebhook| {
        let mut webhook = stored(webhook);
        webhook.client_config.ca_bundle = None;
        webhook
    };
    one.name == other.name && without_bundle(one) == without_bundle(other)
}

fn webhooks(configuration: &api::ValidatingWebhookConfiguration) -> impl Iterator<Item = &api::ValidatingWebhook> {
    configuration.webhooks.iter().flatten()
}

/// As the API server stores it: with its defaults.
fn stored(webhook: &api::ValidatingWebhook) -> api::ValidatingWebhook {
    let mut webhook = webhook.clone();
    for selector in [&mut webhook.namespace_selector, &mut webhook.object_selector] {
        let selector = selector.get_or_insert_default();
        selector.match_expressions.take_if(|expressions| expressions.is_empty());
        selector.match_labels.take_if(|labels| labels.is_empty());
    }
    webhook.match_conditions.take_if(|conditions| conditions.is_empty());
    webhook.client_config.ca_bundle.take_if(|bundle| bundle.0.is_empty());
    for rule in webhook.rules.iter_mut().flatten() {
        rule.scope.get_or_insert_with(|| "*".to_owned());
    }
    if let Some(service) = &mut webhook.client_config.service {
        service.port.get_or_insert(443);
    }
    webhook
}

/// The metadata of a configuration.
pub(super) fn metadata(name: &str, trust: &Trust) -> meta::ObjectMeta {
    let annotations = match trust {
        Trust::CertManager { certificate, .. } => {
            Some([("cert-manager.io/inject-ca-from".to_owned(), certificate.clone())].into_iter().collect())
        }
        Trust::Elsewhere | Trust::Bundle(_) => None,
    };
    let labels = [(LABEL.0.to_owned(), LABEL.1.to_owned())];
    meta::ObjectMeta { name: Some(name.to_owned()), labels: Some(labels.into_iter().collect()), annotations, ..meta::ObjectMeta::default() }
}

/// The webhook of a rule: `RULE.fieldward.io`, which asks at `/validate/RULE`.
///
/// # Errors
/// A rule whose name is too long for a webhook.
pub fn webhook(
    rule: &Rule,
    endpoint: &Endpoint,
    trust: &Trust,
    side_effects: SideEffects,
) -> Result<api::ValidatingWebhook, RegistrationError> {
    let name = webhook_name(rule.name().as_str());
    if name.len() > 253 {
        return Err(RegistrationError::Name(rule.name().to_string()));
    }
    let conditions = rule
        .conditions()
        .iter()
        .map(|condition| api::MatchCondition { name: condition.name.clone(), expression: condition.expression.clone() });
    Ok(api::ValidatingWebhook {
        name,
        client_config: client(rule.name().as_str(), endpoint, trust),
        rules: Some(rule.resources().iter().map(ResourceRule::to_api).collect()),
        admission_review_versions: vec!["v1".to_owned()],
        side_effects: side_effects.as_str().to_owned(),
        match_policy: Some("Equivalent".to_owned()),
        timeout_seconds: Some(TIMEOUT),
        failure_policy: Some(
            match rule.failure_policy() {
                FailurePolicy::Fail => "Fail",
                FailurePolicy::Ignore => "Ignore",
            }
            .to_owned(),
        ),
        namespace_selector: Some(rule.selected_namespaces(endpoint.namespace())),
        object_selector: rule.object_selector().to_api(),
        match_conditions: Some(conditions.collect()).filter(|conditions: &Vec<_>| !conditions.is_empty()),
    })
}

/// The name of a rule's webhook.
pub fn webhook_name(rule: &str) -> String {
    format!("{rule}.{DOMAIN}")
}

/// Where the reviews of a rule are judged.
fn client(rule: &str, endpoint: &Endpoint, trust: &Trust) -> api::WebhookClientConfig {
    let ca_bundle = trust.bundle().map(|CaBundle(pem)| ByteString(pem.clone()));
    let path = format!("/validate/{rule}");
    match endpoint {
        Endpoint::Url(BaseUrl(url)) => api::WebhookClientConfig { ca_bundle, url: Some(format!("{url}{path}")), service: None },
        Endpoint::Service { name, namespace, port } => api::WebhookClientConfig {
            ca_bundle,
            url: None,
            service: Some(api::ServiceReference {
                name: name.clone(),
                namespace: namespace.clone(),
                path: Some(path),
                port: Some(i32::from(*port)),
            }),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use k8s_openapi::ByteString;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;

    use super::{BaseUrl, CaBundle, Endpoint, SideEffects, Trust, api, correction, webhook};
    use crate::engine::{Builtin, Document, RuleSet};

    /// A configuration with the webhook of a rule for widgets.
    fn registered() -> api::ValidatingWebhookConfiguration {
        let text = "apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata: {name: widget}\nspec:\n  matchConstraints:\n    resourceRules: \
                    [{apiGroups: [example.com], apiVersions: [v1], resources: [widgets]}]\n  mutable: [spec.a]\n";
        let document = Document { origin: "rule.yaml".to_owned(), text: text.to_owned() };
        let rules = RuleSet::load(Builtin::Left, &[document]).expect("a rule");
        let endpoint = Endpoint::Service { name: "s".to_owned(), namespace: "n".to_owned(), port: 443 };
        let webhooks = rules.rules().map(|rule| webhook(rule, &endpoint, &Trust::Elsewhere, SideEffects::None).expect("a webhook"));
        api::ValidatingWebhookConfiguration { webhooks: Some(webhooks.collect()), ..Default::default() }
    }

    #[test]
    fn what_the_api_server_fills_in_is_nothing_to_correct() {
        let applied = registered();
        let mut stored = applied.clone();
        for webhook in stored.webhooks.iter_mut().flatten() {
            webhook.object_selector = Some(meta::LabelSelector { match_labels: Some(BTreeMap::default()), ..Default::default() });
            webhook.match_conditions = Some(Vec::new());
            webhook.client_config.ca_bundle = Some(ByteString(b"of somebody else".to_vec()));
            webhook.rules.iter_mut().flatten().for_each(|rule| rule.scope = Some("*".to_owned()));
        }
        assert_eq!(correction(&applied, &stored), None);
        let mut changed = stored.clone();
        for webhook in changed.webhooks.iter_mut().flatten() {
            webhook.failure_policy = Some("Ignore".to_owned());
        }
        let corrected = correction(&applied, &changed).expect("a correction");
        let bundle = corrected.first().and_then(|webhook| webhook.client_config.ca_bundle.clone());
        assert_eq!(bundle, Some(ByteString(b"of somebody else".to_vec())), "what was not applied is not taken away");
        let mut more = stored;
        more.webhooks.iter_mut().for_each(|webhooks| webhooks.extend(webhooks.clone()));
        assert!(correction(&applied, &more).is_some());
    }

    #[test]
    fn an_address_is_what_the_api_server_takes() {
        for fit in ["https://example.com", "https://127.0.0.1:8443/", "https://[::1]:8443/base/path"] {
            assert!(BaseUrl::parse(fit).is_ok(), "{fit}");
        }
        for unfit in [
            "http://example.com",
            "https://",
            "https://:8443",
            "https://u@h",
            "https://h?q",
            "https://h#f",
            "https://h h",
            "example.com",
            "https:///x",
        ] {
            assert!(BaseUrl::parse(unfit).is_err(), "{unfit}");
        }
        assert_eq!(BaseUrl::parse("https://h/").map(|url| url.0), Ok("https://h".to_owned()));
    }

    #[test]
    fn a_bundle_holds_certificates_and_no_key() {
        let pem = |kind: &str| format!("-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n").into_bytes();
        for (bytes, found) in [
            (Vec::new(), "found none"),
            (b"hello".to_vec(), "found none"),
            (pem("PRIVATE KEY"), "a private key"),
            (pem("EC PRIVATE KEY"), "a private key"),
            (pem("CERTIFICATE"), "no X.509 certificate"),
            (b"-----BEGIN CERTIFICATE-----\nAAAA\n".to_vec(), "broken PEM"),
        ] {
            let error = CaBundle::parse(bytes).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(found), "{error}");
        }
    }
}
