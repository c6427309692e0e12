//! The match constraints of a rule as Kubernetes' types: webhook configurations and policies have
//! the same.

use k8s_openapi::api::admissionregistration::v1 as api;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;

use super::{LabelSelector, ResourceRule, Rule, SelectorExpression};

/// The label that every namespace has, with its name.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Namespaces that must work while the webhook does not: the API server sends no review of what is
/// in them.
const SPARED: [&str; 2] = ["kube-system", "kube-node-lease"];

impl Rule {
    /// The namespace selector, without the namespaces that must work while the webhook does not,
    /// and without the webhook's `own`.
    pub(crate) fn selected_namespaces(&self, own: Option<&str>) -> meta::LabelSelector {
        let mut spared: Vec<String> = SPARED.into_iter().chain(own).map(str::to_owned).collect();
        spared.sort();
        spared.dedup();
        let mut selector = self.namespace_selector().to_api().unwrap_or_default();
        selector.match_expressions.get_or_insert_default().push(meta::LabelSelectorRequirement {
            key: NAMESPACE_NAME.to_owned(),
            operator: "NotIn".to_owned(),
            values: Some(spared),
        });
        selector
    }
}

impl ResourceRule {
    pub(crate) fn to_api(&self) -> api::RuleWithOperations {
        api::RuleWithOperations {
            api_groups: Some(self.api_groups.clone()),
            api_versions: Some(self.api_versions.clone()),
            resources: Some(self.resources.clone()),
            operations: Some(vec!["UPDATE".to_owned()]),
            scope: None,
        }
    }
}

impl LabelSelector {
    /// None if it selects everything.
    pub(crate) fn to_api(&self) -> Option<meta::LabelSelector> {
        if *self == Self::default() {
            return None;
        }
        let expression = |expression: &SelectorExpression| meta::LabelSelectorRequirement {
            key: expression.key.clone(),
            operator: expression.operator.clone(),
            values: Some(expression.values.clone()).filter(|values| !values.is_empty()),
        };
        let expressions: Vec<_> = self.match_expressions.iter().map(expression).collect();
        Some(meta::LabelSelector {
            match_labels: Some(self.match_labels.iter().cloned().collect())
                .filter(|labels: &std::collections::BTreeMap<_, _>| !labels.is_empty()),
            match_expressions: Some(expressions).filter(|expressions| !expressions.is_empty()),
        })
    }
}
