//! What the API server evaluates before it sends a review, and the same as Kubernetes' types.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;

use super::path::{Path, Step};

/// The label that every namespace has, with its name.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Namespaces that must work while the webhook does not: the API server sends no review of what is
/// in them.
const SYSTEM_NAMESPACES: [&str; 2] = ["kube-system", "kube-node-lease"];

/// A label selector, as in `metav1.LabelSelector`; empty selects everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LabelSelector {
    /// Labels with their values.
    pub(crate) match_labels: Vec<(String, String)>,
    pub(crate) match_expressions: Vec<SelectorExpression>,
}

/// One expression of a [`LabelSelector`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SelectorExpression {
    pub(crate) key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub(crate) operator: String,
    /// The values, empty for the last two operators.
    pub(crate) values: Vec<String>,
}

/// A CEL condition of the registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MatchCondition {
    pub(crate) name: String,
    pub(crate) expression: String,
}

impl LabelSelector {
    /// As a namespace selector, without the namespaces that must work while the webhook does not,
    /// and without the webhook's `own`.
    pub(crate) fn without_system_namespaces(&self, own: Option<&str>) -> meta::LabelSelector {
        let mut excluded: Vec<String> =
            SYSTEM_NAMESPACES.into_iter().chain(own).map(str::to_owned).collect();
        excluded.sort();
        excluded.dedup();
        let mut selector = self.to_api().unwrap_or_default();
        selector.match_expressions.get_or_insert_default().push(meta::LabelSelectorRequirement {
            key: NAMESPACE_NAME.to_owned(),
            operator: "NotIn".to_owned(),
            values: Some(excluded),
        });
        selector
    }

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
                .filter(|labels: &BTreeMap<_, _>| !labels.is_empty()),
            match_expressions: Some(expressions).filter(|expressions| !expressions.is_empty()),
        })
    }

    /// The paths of the labels that this selector names. An object selector protects them: an
    /// update of such a label could take the object out of the rule.
    pub(crate) fn label_paths(&self) -> Vec<Path> {
        let keys = self.match_labels.iter().map(|(key, _)| key);
        let keys = keys.chain(self.match_expressions.iter().map(|expression| &expression.key));
        let mut paths: Vec<Path> = Vec::new();
        for key in keys {
            let steps = ["metadata", "labels", key].map(|name| Step::Name(name.to_owned()));
            paths.extend(Path::from_steps(&steps).filter(|path| !paths.contains(path)));
        }
        paths
    }
}
