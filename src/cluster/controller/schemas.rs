//! Holds the rules against the schemas that the API server serves: a rule that names a kind or a
//! path which does not exist says so.
//!
//! This only reads discovery and `OpenAPI` documents, which every authenticated account may, and
//! never delays the registration.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::state::RegistrationState;
use crate::cluster::api_error::{ApiError, Deduplicator};
use crate::cluster::client::{ApiGroup, Cluster, ClusterError};
use crate::cluster::objects::is_of_object;
use crate::cluster::status::SchemaFit;
use crate::engine::{Builtin, Rule, RuleSet};

/// How often the API server is asked whether its schemas have changed: one small request.
const EVERY: Duration = Duration::from_secs(60);

/// Rules that change in quick succession are looked at once.
const GATHERING: Duration = Duration::from_secs(1);

/// Says of rules, by name, what the API server at an address lacks, given the groups that they
/// name.
pub(crate) type MissingFromCluster =
    dyn Fn(&RuleSet, &[ApiGroup], &str) -> BTreeMap<String, String> + Send + Sync;

/// What the schemas lack of certain rules.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    rules: RuleSet,
    lacking: BTreeMap<String, String>,
}

impl Schemas {
    /// What the schema says of a rule in force.
    pub(super) fn fit(&self, name: &str, in_force: &RuleSet) -> SchemaFit {
        let Some(rule) = in_force.get(name).filter(|rule| has_groups(rule)) else {
            return SchemaFit::NotAsked;
        };
        match self.rules.get(name) {
            Some(checked) if checked.text() == rule.text() => self
                .lacking
                .get(name)
                .map_or(SchemaFit::Fits, |what| SchemaFit::Lacks(what.clone())),
            _ => SchemaFit::Unknown,
        }
    }
}

impl Schemas {
    /// What the schemas lack for rules of files, which have no status to report it. Built-in
    /// rules are left out: their kinds need not be installed.
    fn lacking_of_files(&self) -> BTreeMap<String, String> {
        let is_of_file = |name: &str| {
            self.rules.get(name).is_some_and(|rule| {
                rule.origin() != Builtin::ORIGIN && !is_of_object(rule.origin())
            })
        };
        self.lacking
            .iter()
            .filter(|(name, _)| is_of_file(name))
            .map(|(name, what)| (name.clone(), what.clone()))
            .collect()
    }
}

/// What the schemas were when the rules were checked against them.
type SeenSchemas = (String, BTreeMap<String, String>);

/// Looks again and again, for ever, while this replica leads.
pub(super) async fn follow(
    cluster: Cluster,
    mut rules: watch::Receiver<RuleSet>,
    mut state: watch::Receiver<RegistrationState>,
    lacking: Arc<MissingFromCluster>,
    schemas: watch::Sender<Arc<Schemas>>,
) {
    let (mut seen, mut reported): (Option<SeenSchemas>, _) = (None, Deduplicator::default());
    let mut told = BTreeMap::new();
    loop {
        let leads = state.borrow_and_update().leads;
        if leads {
            let in_force = rules.borrow_and_update().clone();
            match look(&cluster, &in_force, &mut seen).await {
                Ok(groups) => {
                    if reported.recovered() {
                        tracing::info!("schemas can be read again");
                    }
                    if let Some(groups) = groups {
                        let (lacking, address) =
                            (Arc::clone(&lacking), cluster.address().to_owned());
                        let held = tokio::task::spawn_blocking(move || {
                            let lacking = lacking(&in_force, &groups, &address);
                            Arc::new(Schemas { rules: in_force, lacking })
                        });
                        match held.await {
                            Ok(held) => {
                                let lacking = held.lacking_of_files();
                                for (rule, what) in &lacking {
                                    if told.get(rule) != Some(what) {
                                        tracing::warn!(
                                            rule,
                                            what,
                                            "the API server does not serve \
                                            a kind or field that a rule names"
                                        );
                                    }
                                }
                                told = lacking;
                                schemas.send_replace(held);
                            }
                            Err(error) => {
                                tracing::error!(%error, "cannot hold the rules against their \
                                                         schemas");
                            }
                        }
                    }
                }
                Err(error) => {
                    if reported.is_new(&ApiError::other(&error)) {
                        tracing::warn!(%error, "cannot read the schemas of the rules' kinds; \
                                                retrying");
                    }
                }
            }
        }
        let changed = tokio::select! {
            () = tokio::time::sleep(EVERY) => Ok(()),
            changed = rules.changed() => changed,
            changed = async { state.wait_for(|state| state.leads != leads).await.map(drop) } => changed,
        };
        if changed.is_err() {
            return;
        }
        tokio::time::sleep(GATHERING).await;
    }
}

/// The groups that the rules name; none if neither rules nor schemas have changed.
async fn look(
    cluster: &Cluster,
    rules: &RuleSet,
    seen: &mut Option<SeenSchemas>,
) -> Result<Option<Vec<ApiGroup>>, ClusterError> {
    let wanted: BTreeSet<String> = rules
        .rules()
        .filter(|rule| has_groups(rule))
        .flat_map(Rule::resources)
        .flat_map(|named| named.api_groups.iter().cloned())
        .collect();
    let mut documents = cluster.document_addresses().await?;
    documents.retain(|path, _| {
        let mut parts = path.split('/');
        match parts.next() {
            Some("api") => wanted.contains(""),
            _ => parts.next().is_some_and(|group| wanted.contains(group)),
        }
    });
    let now = (rules.digest().to_owned(), documents);
    if seen.as_ref() == Some(&now) {
        return Ok(None);
    }
    let groups = cluster.groups(&wanted).await?;
    *seen = Some(now);
    Ok(Some(groups))
}

/// A rule of all groups would need all schemas.
fn has_groups(rule: &Rule) -> bool {
    rule.resources().iter().flat_map(|named| &named.api_groups).all(|group| group != "*")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::RuleFile;

    fn rules(group: &str) -> RuleSet {
        rules_of(group, "r")
    }

    fn rules_of(group: &str, origin: &str) -> RuleSet {
        let resources =
            json!([{"apiGroups": [group], "apiVersions": ["v1"], "resources": ["widgets"]}]);
        let text = json!({"apiVersion": "fieldward.io/v1alpha1", "kind": "UpdateRule",
            "metadata": {"name": "r"},
                          "spec": {"matchConstraints": {"resourceRules": resources},
                              "mutable": ["spec.a"]}});
        let document = RuleFile { origin: origin.to_owned(), text: text.to_string() };
        RuleSet::load(Builtin::Excluded, &[document]).unwrap()
    }

    #[test]
    fn what_a_schema_lacks_is_logged_for_rules_of_files_alone() {
        for (origin, is_logged) in [("rules/r.yaml", true), ("updaterules/r", false)] {
            let lacking = BTreeMap::from([("r".to_owned(), "no".to_owned())]);
            let schemas = Schemas { rules: rules_of("example.com", origin), lacking };
            assert_eq!(schemas.lacking_of_files().contains_key("r"), is_logged, "{origin}");
        }
        let rules = RuleSet::load(Builtin::Included, &[]).unwrap();
        let lacking = BTreeMap::from([("mxjob".to_owned(), "no".to_owned())]);
        assert!(Schemas { rules, lacking }.lacking_of_files().is_empty());
    }

    #[test]
    fn only_a_rule_in_force_that_names_its_groups_is_held_against_a_schema() {
        let lacking = BTreeMap::from([("r".to_owned(), "no".to_owned())]);
        let schemas = Schemas { rules: rules("example.com"), lacking };
        assert_eq!(schemas.fit("r", &rules("example.com")), SchemaFit::Lacks("no".to_owned()));
        assert_eq!(
            schemas.fit("r", &rules("example.org")),
            SchemaFit::Unknown,
            "another rule, which is yet to be looked at"
        );
        assert_eq!(schemas.fit("r", &rules("*")), SchemaFit::NotAsked);
        assert_eq!(schemas.fit("r", &RuleSet::default()), SchemaFit::NotAsked);
    }
}
