//! The rules in force in a cluster: UpdateRules, and those of its replicas' own that are
//! registered.

use std::sync::Arc;

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingWebhook, ValidatingWebhookConfiguration,
};
use kube::api::{Api, ApiResource, DynamicObject, ListParams};

use super::api_error::ApiError;
use super::client::{Access, Cluster, ClusterError};
use super::objects::RuleObject;
use super::registration::{DOMAIN, LABEL};
use super::update_rule::UpdateRule;
use crate::engine::ResourceRule;

/// What there is, by name.
#[derive(Debug)]
pub(crate) struct Inventory {
    /// The UpdateRules.
    pub(crate) objects: Vec<Arc<RuleObject>>,
    /// The registered rules that are no UpdateRules.
    pub(crate) others: Vec<RegisteredRule>,
}

/// A rule of which only the registration is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegisteredRule {
    /// Its name.
    pub(crate) name: String,
    /// The resources that the API server asks about.
    pub(crate) resources: Vec<ResourceRule>,
}

/// Asks a cluster.
///
/// # Errors
/// No cluster to ask, or one that does not tell.
pub(crate) async fn read(access: &Access) -> Result<Inventory, ClusterError> {
    let cluster = Cluster::find(access).await?;
    let server = cluster.address().to_owned();
    let asked = |what: &'static str| {
        let server = server.clone();
        move |error: kube::Error| ClusterError::Asked {
            what: what.to_owned(),
            server,
            reason: ApiError::from(error).to_string(),
        }
    };
    let client = cluster.into_client();
    let rules: Api<DynamicObject> =
        Api::all_with(client.clone(), &ApiResource::erase::<UpdateRule>(&()));
    let rules = rules.list(&ListParams::default()).await.map_err(asked("the UpdateRules"))?;
    let own = ListParams::default().labels(&format!("{}={}", LABEL.0, LABEL.1));
    let configurations: Api<ValidatingWebhookConfiguration> = Api::all(client);
    let configurations =
        configurations.list(&own).await.map_err(asked("the ValidatingWebhookConfigurations"))?;
    let webhooks = configurations
        .items
        .iter()
        .flat_map(|configuration| configuration.webhooks.iter().flatten());
    Ok(Inventory::new(
        rules.items.iter().map(|rule| Arc::new(RuleObject::of(rule))).collect(),
        webhooks,
    ))
}

impl Inventory {
    fn new<'a>(
        mut objects: Vec<Arc<RuleObject>>,
        webhooks: impl Iterator<Item = &'a ValidatingWebhook>,
    ) -> Self {
        objects.sort_by(|one, two| one.name.cmp(&two.name));
        let mut others: Vec<RegisteredRule> = webhooks.filter_map(RegisteredRule::of).collect();
        others.retain(|rule| objects.iter().all(|object| object.name != rule.name));
        others.sort_by(|one, two| one.name.cmp(&two.name));
        others.dedup();
        Self { objects, others }
    }
}

impl RegisteredRule {
    fn of(webhook: &ValidatingWebhook) -> Option<Self> {
        let name = webhook.name.strip_suffix(DOMAIN)?.strip_suffix('.')?.to_owned();
        let rules = webhook.rules.iter().flatten();
        let resources = rules.map(|rule| ResourceRule {
            api_groups: rule.api_groups.clone().unwrap_or_default(),
            api_versions: rule.api_versions.clone().unwrap_or_default(),
            resources: rule.resources.clone().unwrap_or_default(),
            kinds: Vec::new(),
        });
        Some(Self { resources: resources.collect(), name })
    }
}
