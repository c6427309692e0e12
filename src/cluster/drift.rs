//! Drift: how the configurations that the API server has differ from what was applied. Pure values.

use std::collections::BTreeMap;

use k8s_openapi::api::admissionregistration::v1 as api;

/// The webhooks to write, if the stored configuration differs from the applied one: others may have
/// added webhooks, or selectors and conditions that were left out. A bundle that was left out
/// belongs to somebody else and stays.
pub(super) fn correction(
    applied: &api::ValidatingWebhookConfiguration,
    found: &api::ValidatingWebhookConfiguration,
) -> Option<Vec<api::ValidatingWebhook>> {
    let there: BTreeMap<&str, &api::ValidatingWebhook> =
        webhooks(found).map(|webhook| (webhook.name.as_str(), webhook)).collect();
    let mut wanted: Vec<api::ValidatingWebhook> = webhooks(applied).cloned().collect();
    for webhook in &mut wanted {
        if webhook.client_config.ca_bundle.is_none() {
            webhook.client_config.ca_bundle = there
                .get(webhook.name.as_str())
                .and_then(|there| there.client_config.ca_bundle.clone());
        }
    }
    let is_there = |webhook: &api::ValidatingWebhook| {
        there.get(webhook.name.as_str()).is_some_and(|there| stored(webhook) == stored(there))
    };
    (wanted.len() != webhooks(found).count() || !wanted.iter().all(is_there)).then_some(wanted)
}

/// Whether a configuration is as it would be after it was applied.
pub(super) fn is_applied(
    wanted: &api::ValidatingWebhookConfiguration,
    found: &api::ValidatingWebhookConfiguration,
) -> bool {
    let has = |wanted: &Option<BTreeMap<String, String>>,
               found: &Option<BTreeMap<String, String>>| {
        wanted
            .iter()
            .flatten()
            .all(|(key, value)| found.as_ref().and_then(|found| found.get(key)) == Some(value))
    };
    let (to_have, has_now) = (&wanted.metadata, &found.metadata);
    has(&to_have.labels, &has_now.labels)
        && has(&to_have.annotations, &has_now.annotations)
        && correction(wanted, found).is_none()
}

/// Whether two webhooks ask for the same updates in the same way, whatever certificates they trust.
pub(super) fn asks_the_same(one: &api::ValidatingWebhook, other: &api::ValidatingWebhook) -> bool {
    let without_bundle = |webhook: &api::ValidatingWebhook| {
        let mut webhook = stored(webhook);
        webhook.client_config.ca_bundle = None;
        webhook
    };
    one.name == other.name && without_bundle(one) == without_bundle(other)
}

fn webhooks(
    configuration: &api::ValidatingWebhookConfiguration,
) -> impl Iterator<Item = &api::ValidatingWebhook> {
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

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;

    use super::*;
    use crate::cluster::endpoint::Endpoint;
    use crate::cluster::registration::{SideEffects, Trust, webhook};
    use crate::engine::{Builtin, RuleFile, RuleSet};

    /// A configuration with the webhook of a rule for widgets.
    fn registered() -> api::ValidatingWebhookConfiguration {
        let text = "apiVersion: fieldward.io/v1alpha1\nkind: UpdateRule\nmetadata: {name: \
                    widget}\nspec:\n  matchConstraints:\n    resourceRules: \
                    [{apiGroups: [example.com], apiVersions: [v1], resources: \
                    [widgets]}]\n  mutable: [spec.a]\n";
        let document = RuleFile { origin: "rule.yaml".to_owned(), text: text.to_owned() };
        let rules = RuleSet::load(Builtin::Excluded, &[document]).expect("a rule");
        let endpoint =
            Endpoint::Service { name: "s".to_owned(), namespace: "n".to_owned(), port: 443 };
        let webhooks = rules.rules().map(|rule| {
            webhook(rule, &endpoint, &Trust::External, SideEffects::None).expect("a webhook")
        });
        api::ValidatingWebhookConfiguration {
            webhooks: Some(webhooks.collect()),
            ..Default::default()
        }
    }

    #[test]
    fn what_the_api_server_fills_in_is_nothing_to_correct() {
        let applied = registered();
        let mut stored = applied.clone();
        for webhook in stored.webhooks.iter_mut().flatten() {
            webhook.object_selector = Some(meta::LabelSelector {
                match_labels: Some(BTreeMap::default()),
                ..Default::default()
            });
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
        assert_eq!(
            bundle,
            Some(ByteString(b"of somebody else".to_vec())),
            "what was not applied is not taken away"
        );
        let mut more = stored;
        more.webhooks.iter_mut().for_each(|webhooks| webhooks.extend(webhooks.clone()));
        assert!(correction(&applied, &more).is_some());
    }
}
