//! Which configuration registers which webhook. Pure values.
//!
//! A webhook stays in the configuration that has it already as long as it fits there, so that one
//! rule more changes one configuration.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::admissionregistration::v1 as api;

use super::ca_bundle::CaBundle;
use super::registration::{Trust, metadata, webhook_name};

/// Bytes of webhooks that one configuration may hold: etcd takes objects of 1.5 MB, and
/// managedFields take as much again.
const MAX_CONFIGURATION_BYTES: usize = 500 * 1024;

/// How many configurations there may be: a role has to name each.
pub(crate) const MOST_CONFIGURATIONS: usize = 8;

/// Configurations by name.
pub type Registrations = BTreeMap<String, api::ValidatingWebhookConfiguration>;

/// Webhooks in their configurations.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// The configurations `NAME`, `NAME-2` and so on. None of them is empty.
    pub configurations: Vec<api::ValidatingWebhookConfiguration>,
    /// The webhooks that no configuration has room for.
    pub(crate) unplaced: Vec<api::ValidatingWebhook>,
}

/// The name of a configuration among several, counted from 1.
pub(crate) fn numbered(name: &str, number: usize) -> String {
    if number == 1 { name.to_owned() } else { format!("{name}-{number}") }
}

/// Spreads webhooks over configurations, each small enough for etcd. Webhooks that are registered
/// already come first. `built_in` are the rules that are compiled in, which a configuration names.
pub fn place(
    webhooks: Vec<api::ValidatingWebhook>,
    built_in: &BTreeSet<String>,
    name: &str,
    trust: &Trust,
    there: &Registrations,
) -> Placement {
    let mut parts: Vec<PlannedConfiguration> = (1..=MOST_CONFIGURATIONS)
        .map(|number| PlannedConfiguration::new(numbered(name, number)))
        .collect();
    let homes: BTreeMap<&str, &str> =
        all_webhooks(there).map(|(name, webhook)| (webhook.name.as_str(), name)).collect();
    let (mut displaced, mut new, mut unplaced) = (Vec::new(), Vec::new(), Vec::new());
    for webhook in webhooks {
        let home = homes.get(webhook.name.as_str());
        match home.and_then(|home| parts.iter_mut().find(|part| part.name == *home)) {
            Some(part) if part.has_room_for(&webhook) => part.add(webhook),
            Some(_) => displaced.push(webhook),
            None => new.push(webhook),
        }
    }
    for webhook in displaced.into_iter().chain(new) {
        match parts.iter_mut().find(|part| part.has_room_for(&webhook)) {
            Some(part) => part.add(webhook),
            None => unplaced.push(webhook),
        }
    }
    let filled = parts.into_iter().filter(|part| !part.webhooks.is_empty());
    let configurations = filled
        .map(|part| api::ValidatingWebhookConfiguration {
            metadata: metadata(&part.name, trust, &part.names_among(built_in)),
            webhooks: Some(part.webhooks),
        })
        .collect();
    Placement { configurations, unplaced }
}

/// Whether each webhook that is registered trusts these certificates.
pub(crate) fn all_trust(there: &Registrations, bundle: &CaBundle) -> bool {
    let text = bundle.text();
    all_webhooks(there).all(|(_, webhook)| {
        let found = webhook.client_config.ca_bundle.as_ref();
        found.is_some_and(|found| found.0 == text.as_bytes())
    })
}

/// The registered webhooks, each with the name of its configuration.
pub(crate) fn all_webhooks(
    registrations: &Registrations,
) -> impl Iterator<Item = (&str, &api::ValidatingWebhook)> {
    registrations.iter().flat_map(|(name, one)| {
        one.webhooks.iter().flatten().map(move |webhook| (name.as_str(), webhook))
    })
}

struct PlannedConfiguration {
    name: String,
    bytes: usize,
    webhooks: Vec<api::ValidatingWebhook>,
}

impl PlannedConfiguration {
    fn new(name: String) -> Self {
        Self { name, bytes: 0, webhooks: Vec::new() }
    }

    fn has_room_for(&self, webhook: &api::ValidatingWebhook) -> bool {
        self.webhooks.is_empty() || self.bytes + size(webhook) <= MAX_CONFIGURATION_BYTES
    }

    /// The rules among these whose webhooks it has.
    fn names_among<'r>(&self, rules: &'r BTreeSet<String>) -> Vec<&'r str> {
        let is_here =
            |rule: &str| self.webhooks.iter().any(|webhook| webhook.name == webhook_name(rule));
        rules.iter().map(String::as_str).filter(|rule| is_here(rule)).collect()
    }

    fn add(&mut self, webhook: api::ValidatingWebhook) {
        self.bytes += size(&webhook);
        self.webhooks.push(webhook);
    }
}

/// Strings and numbers can always be written as JSON.
fn size(webhook: &api::ValidatingWebhook) -> usize {
    serde_json::to_string(webhook).map_or(0, |text| text.len())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;
    use crate::cluster::registration::BUILT_IN_RULES;

    /// Webhooks of which about 25 fit into a configuration.
    fn webhooks(
        numbers: impl IntoIterator<Item = usize>,
        bytes: usize,
    ) -> Vec<api::ValidatingWebhook> {
        let webhook = |number: usize| api::ValidatingWebhook {
            name: format!("rule-{number:03}.fieldward.io"),
            client_config: api::WebhookClientConfig {
                ca_bundle: Some(ByteString(vec![0; bytes])),
                ..Default::default()
            },
            ..Default::default()
        };
        numbers.into_iter().map(webhook).collect()
    }

    fn registered(placement: &Placement) -> Registrations {
        let named = |one: &api::ValidatingWebhookConfiguration| {
            (one.metadata.name.clone().unwrap_or_default(), one.clone())
        };
        placement.configurations.iter().map(named).collect()
    }

    /// Configurations with the webhooks in them, by name.
    fn homes(registrations: &Registrations) -> BTreeSet<(&str, &str)> {
        all_webhooks(registrations).map(|(name, webhook)| (name, webhook.name.as_str())).collect()
    }

    fn counts(placement: &Placement) -> Vec<(String, usize)> {
        registered(placement)
            .into_iter()
            .map(|(name, one)| (name, one.webhooks.map_or(0, |webhooks| webhooks.len())))
            .collect()
    }

    fn placed(webhooks: Vec<api::ValidatingWebhook>, there: &Registrations) -> Placement {
        let built_in = ["rule-001", "rule-059"].map(str::to_owned).into();
        place(webhooks, &built_in, "fieldward", &Trust::External, there)
    }

    const LARGE: usize = 15_000;

    #[test]
    fn webhooks_stay_where_they_are() {
        let first =
            placed(webhooks((0..60).map(|number| number * 2), LARGE), &Registrations::default());
        assert_eq!(first.configurations.len(), 3);
        let there = registered(&first);
        let more = registered(&placed(
            webhooks((0..60).map(|number| number * 2).chain([1]), LARGE),
            &there,
        ));
        let changed: Vec<&String> = more
            .iter()
            .filter(|(name, one)| there.get(*name) != Some(one))
            .map(|(name, _)| name)
            .collect();
        assert_eq!(changed, ["fieldward-3"], "one rule more changes one configuration");
        // What no longer fits moves; the rest stays.
        let larger = placed(webhooks((0..60).map(|number| number * 2), 2 * LARGE), &there);
        assert!(larger.unplaced.is_empty());
        let after = registered(&larger);
        for name in there.keys() {
            let stays = |home: &&(&str, &str)| home.0 == name && homes(&after).contains(*home);
            assert!(homes(&there).iter().filter(stays).count() > 8, "{name}");
        }
    }

    #[test]
    fn what_is_registered_is_never_displaced_by_what_is_new() {
        let there = registered(&placed(webhooks(100..292, LARGE), &Registrations::default()));
        assert_eq!(there.len(), MOST_CONFIGURATIONS);
        let full = placed(webhooks(0..292, LARGE), &there);
        let unplaced: Vec<&str> =
            full.unplaced.iter().map(|webhook| webhook.name.as_str()).collect();
        assert!(
            unplaced.len() > 50 && unplaced.iter().all(|name| *name < "rule-100"),
            "{unplaced:?}"
        );
        let after = registered(&full);
        assert!(homes(&there).is_subset(&homes(&after)));
    }

    #[test]
    fn a_bundle_is_trusted_once_each_webhook_has_it() {
        let pem =
            rcgen::generate_simple_self_signed(["a".to_owned()]).expect("a certificate").cert.pem();
        let bundle = CaBundle::parse(pem.clone().into_bytes()).expect("a bundle");
        let with = |found: Option<&str>| {
            let mut webhook = webhooks([1], 0).remove(0);
            webhook.client_config.ca_bundle =
                found.map(|text| ByteString(text.as_bytes().to_vec()));
            api::ValidatingWebhookConfiguration {
                webhooks: Some(vec![webhook]),
                ..Default::default()
            }
        };
        for (other, expected) in [(Some(pem.as_str()), true), (Some("other"), false), (None, false)]
        {
            let there =
                [("f".to_owned(), with(Some(&pem))), ("f-2".to_owned(), with(other))].into();
            assert_eq!(all_trust(&there, &bundle), expected, "{other:?}");
        }
    }

    #[test]
    fn a_configuration_names_the_rules_in_it_that_are_compiled_in() {
        let placement = placed(webhooks(0..60, LARGE), &Registrations::default());
        let named: Vec<String> = placement
            .configurations
            .iter()
            .map(|one| one.metadata.annotations.as_ref().unwrap()[BUILT_IN_RULES].clone())
            .collect();
        assert_eq!(named, ["rule-001", "", "rule-059"]);
    }

    #[test]
    fn no_configuration_is_empty() {
        assert_eq!(counts(&placed(Vec::new(), &Registrations::default())), []);
        assert_eq!(
            counts(&placed(webhooks(0..3, 1), &Registrations::default())),
            [("fieldward".to_owned(), 3)]
        );
        // A webhook that is too large by itself is for the API server to refuse.
        assert_eq!(counts(&placed(webhooks(0..2, 600_000), &Registrations::default())).len(), 2);
    }
}
