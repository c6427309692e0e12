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
use super::registration::{BUILT_IN_RULES, DOMAIN, LABEL};
use super::update_rule::UpdateRule;
use crate::engine::ResourceRule;

/// What there is, by name.
#[derive(Debug)]
pub(crate) struct Inventory {
    pub(crate) objects: Vec<Arc<RuleObject>>,
    /// The registered rules that are no UpdateRules.
    pub(crate) others: Vec<RegisteredRule>,
}

/// A rule of which only the registration is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegisteredRule {
    pub(crate) name: String,
    /// The resources that the API server asks about.
    pub(crate) resources: Vec<ResourceRule>,
    /// Whether it is compiled in; `None` if its configuration does not say so.
    pub(crate) is_built_in: Option<bool>,
}

/// Asks a cluster.
///
/// # Errors
/// No cluster to ask, or one that does not tell.
pub(crate) async fn read(access: &Access) -> Result<Inventory, ClusterError> {
    let cluster = Cluster::connect(access).await?;
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
    Ok(Inventory::new(
        rules.items.iter().map(|rule| Arc::new(RuleObject::from_object(rule))).collect(),
        &configurations.items,
    ))
}

impl Inventory {
    /// A built-in rule is listed even if an object has its name, unless that object is in force.
    fn new(
        mut objects: Vec<Arc<RuleObject>>,
        configurations: &[ValidatingWebhookConfiguration],
    ) -> Self {
        objects.sort_by(|one, two| one.name.cmp(&two.name));
        let mut others: Vec<RegisteredRule> =
            configurations.iter().flat_map(RegisteredRule::all_in).collect();
        others.retain(|rule| {
            rule.is_built_in == Some(true) || objects.iter().all(|object| object.name != rule.name)
        });
        others.sort_by(|one, two| one.name.cmp(&two.name));
        others.dedup();
        Self { objects, others }
    }
}

impl RegisteredRule {
    /// The rules that a configuration registers.
    fn all_in(configuration: &ValidatingWebhookConfiguration) -> impl Iterator<Item = Self> {
        let annotations = configuration.metadata.annotations.as_ref();
        let built_in = annotations.and_then(|annotations| annotations.get(BUILT_IN_RULES));
        let is_built_in =
            move |name: &str| Some(built_in?.split(',').any(|built_in| built_in == name));
        let webhooks = configuration.webhooks.iter().flatten();
        webhooks.filter_map(move |webhook| Self::of_webhook(webhook, is_built_in))
    }

    fn of_webhook(
        webhook: &ValidatingWebhook,
        is_built_in: impl Fn(&str) -> Option<bool>,
    ) -> Option<Self> {
        let name = webhook.name.strip_suffix(DOMAIN)?.strip_suffix('.')?.to_owned();
        let rules = webhook.rules.iter().flatten();
        let resources = rules.map(|rule| ResourceRule {
            api_groups: rule.api_groups.clone().unwrap_or_default(),
            api_versions: rule.api_versions.clone().unwrap_or_default(),
            resources: rule.resources.clone().unwrap_or_default(),
            kinds: Vec::new(),
        });
        Some(Self { is_built_in: is_built_in(&name), resources: resources.collect(), name })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::update_rule::UpdateRuleStatus;

    fn configuration(annotations: &serde_json::Value) -> ValidatingWebhookConfiguration {
        let webhooks = ["a", "b"].map(|name| {
            json!({"name": format!("{name}.fieldward.io"), "admissionReviewVersions": ["v1"],
                "sideEffects": "None", "clientConfig": {}})
        });
        serde_json::from_value(json!({"metadata": {"annotations": annotations},
            "webhooks": webhooks}))
        .expect("a configuration")
    }

    fn object(name: &str) -> Arc<RuleObject> {
        let text = String::new;
        Arc::new(RuleObject {
            name: name.to_owned(),
            uid: text(),
            generation: 1,
            created: text(),
            text: text(),
            unknown_annotations: Vec::new(),
            status: UpdateRuleStatus::default(),
        })
    }

    #[test]
    fn the_configuration_tells_what_is_compiled_in() {
        for (annotations, objects, expected) in [
            (json!({BUILT_IN_RULES: "a"}), vec![], vec![("a", Some(true)), ("b", Some(false))]),
            (json!({BUILT_IN_RULES: ""}), vec![], vec![("a", Some(false)), ("b", Some(false))]),
            (json!({}), vec![], vec![("a", None), ("b", None)]),
            // The object named `b` is in force, the one named `a` is not.
            (json!({BUILT_IN_RULES: "a"}), vec!["a", "b"], vec![("a", Some(true))]),
        ] {
            let inventory = Inventory::new(
                objects.into_iter().map(object).collect(),
                &[configuration(&annotations)],
            );
            let found: Vec<(&str, Option<bool>)> = inventory
                .others
                .iter()
                .map(|rule| (rule.name.as_str(), rule.is_built_in))
                .collect();
            assert_eq!(found, expected, "{annotations}");
        }
    }
}
