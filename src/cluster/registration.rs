//! The registration of the rules: one webhook per rule, spread over configurations that fit into
//! etcd. Pure values.

use std::collections::BTreeSet;

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1 as api;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;

use super::ca_bundle::CaBundle;
use super::endpoint::Endpoint;
use crate::engine::{Builtin, LONGEST_NAME, ResourceRule, Rule, RuleSet};

/// The label of every object that fieldward creates.
pub(super) const LABEL: (&str, &str) = ("app.kubernetes.io/name", "fieldward");

/// The annotation of a configuration that lists its built-in rules, separated by commas. Nothing
/// else in a cluster distinguishes them from rules of files.
pub(super) const BUILT_IN_RULES: &str = "fieldward.io/built-in-rules";

/// What rule names become webhook names with: a webhook's name has at least three labels.
pub(super) const DOMAIN: &str = "fieldward.io";

/// How long the API server waits, in seconds; a verdict takes milliseconds.
const TIMEOUT_SECONDS: i32 = 5;

/// The side effects of judging a review.
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

/// Where the CA bundle of the webhook comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// By the CAs of the API server's machine, or by what somebody else writes into the
    /// registration.
    External,
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
            Self::External => None,
        }
    }
}

/// The name of a rule is too long for the name of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a rule name of at most {LONGEST_NAME} characters, found `{0}`; its webhook is called \
     NAME.fieldward.io, in at most 253"
)]
pub struct NameTooLong(String);

/// The names of the rules that are compiled in.
pub fn built_in(rules: &RuleSet) -> BTreeSet<String> {
    let built_in = rules.rules().filter(|rule| rule.origin() == Builtin::ORIGIN);
    built_in.map(|rule| rule.name().to_string()).collect()
}

/// The metadata of a configuration; `built_in` are the rules in it that are compiled in.
pub(super) fn metadata(name: &str, trust: &Trust, built_in: &[&str]) -> meta::ObjectMeta {
    let injected = match trust {
        Trust::CertManager { certificate, .. } => {
            Some(("cert-manager.io/inject-ca-from".to_owned(), certificate.clone()))
        }
        Trust::External | Trust::Bundle(_) => None,
    };
    let built_in = (BUILT_IN_RULES.to_owned(), built_in.join(","));
    let labels = [(LABEL.0.to_owned(), LABEL.1.to_owned())];
    meta::ObjectMeta {
        name: Some(name.to_owned()),
        labels: Some(labels.into_iter().collect()),
        annotations: Some(injected.into_iter().chain([built_in]).collect()),
        ..meta::ObjectMeta::default()
    }
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
) -> Result<api::ValidatingWebhook, NameTooLong> {
    let name = webhook_name(rule.name().as_str());
    if name.len() > 253 {
        return Err(NameTooLong(rule.name().to_string()));
    }
    let conditions = rule.match_conditions().iter().map(|condition| api::MatchCondition {
        name: condition.name.clone(),
        expression: condition.expression.clone(),
    });
    Ok(api::ValidatingWebhook {
        name,
        client_config: client(rule.name().as_str(), endpoint, trust),
        rules: Some(rule.resources().iter().map(ResourceRule::to_api).collect()),
        admission_review_versions: vec!["v1".to_owned()],
        side_effects: side_effects.as_str().to_owned(),
        match_policy: Some("Equivalent".to_owned()),
        timeout_seconds: Some(TIMEOUT_SECONDS),
        failure_policy: Some(rule.failure_policy().as_str().to_owned()),
        namespace_selector: Some(
            rule.namespace_selector().without_system_namespaces(endpoint.namespace()),
        ),
        object_selector: rule.object_selector().to_api(),
        match_conditions: Some(conditions.collect())
            .filter(|conditions: &Vec<_>| !conditions.is_empty()),
    })
}

/// The name of a rule's webhook.
pub(crate) fn webhook_name(rule: &str) -> String {
    format!("{rule}.{DOMAIN}")
}

/// Where the reviews of a rule are judged.
fn client(rule: &str, endpoint: &Endpoint, trust: &Trust) -> api::WebhookClientConfig {
    let ca_bundle = trust.bundle().map(|bundle| ByteString(bundle.bytes().to_vec()));
    let path = format!("/validate/{rule}");
    match endpoint {
        Endpoint::Url(url) => {
            api::WebhookClientConfig { ca_bundle, url: Some(url.with(&path)), service: None }
        }
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
