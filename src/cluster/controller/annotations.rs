//! Annotations of the Secret and of rules that have no effect, because fieldward does not know them
//! or their value.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ObjectReference, Secret};
use kube::Client;

use crate::cluster::api_error::ApiError;
use crate::cluster::metrics::ClusterMetrics;
use crate::cluster::objects::RuleObject;
use crate::cluster::{events, tls_rotation};
use crate::engine::{annotations, cut_bytes, escape_control};

/// What is said of an annotation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Note {
    regarding: ObjectReference,
    text: String,
    writes_event: bool,
}

/// The notes that were made before, by object, and whether the Event of each is written.
#[derive(Debug, Default)]
pub(super) struct UnknownAnnotations(BTreeMap<(Option<String>, String), bool>);

/// What is to be said of the Secret and of the rules. Events on rules are in a namespace that only
/// a replica with `--events` may write to.
pub(super) fn notes(
    secret: Option<&Secret>,
    objects: &[Arc<RuleObject>],
    writes_events: bool,
) -> Vec<Note> {
    let of_secret = secret.into_iter().flat_map(|secret| {
        tls_rotation::unknown_annotations(secret).into_iter().map(|text| Note {
            regarding: events::reference_to_secret(secret),
            text,
            writes_event: true,
        })
    });
    let of_rules = objects.iter().flat_map(|object| {
        object.unknown_annotations.iter().map(move |name| Note {
            regarding: events::reference_to_rule(object),
            text: of_rule(name),
            writes_event: writes_events,
        })
    });
    of_secret.chain(of_rules).collect()
}

fn of_rule(name: &str) -> String {
    let known: Vec<String> =
        annotations::ANNOTATIONS.iter().map(|known| format!("`{known}`")).collect();
    format!(
        "expected one of the annotations {}, found `{}`; it has no effect",
        known.join(", "),
        cut_bytes(&escape_control(name), 128)
    )
}

impl UnknownAnnotations {
    /// Says each note once in the log, and in an Event if it is to have one; returns whether all
    /// Events are written.
    pub(super) async fn report(
        &mut self,
        notes: Vec<Note>,
        client: &Client,
        replica: &str,
        metrics: &ClusterMetrics,
    ) -> bool {
        let before = std::mem::take(&mut self.0);
        for Note { regarding, text, writes_event } in notes {
            let key = (regarding.uid.clone(), text);
            let known = before.get(&key).copied();
            let (is_new, text) = (known.is_none(), &key.1);
            if is_new {
                tracing::warn!(
                    kind = regarding.kind,
                    name = regarding.name,
                    note = text,
                    "an annotation has no effect"
                );
            }
            let mut is_told = known.unwrap_or(!writes_event);
            if !is_told {
                let told = events::warn_once(client, regarding, replica, text).await;
                is_told = told.is_ok();
                if let Err(error) = told.map_err(ApiError::from) {
                    metrics.count_error(error.class);
                    if is_new {
                        tracing::warn!(%error, "cannot write the Event of an annotation; retrying");
                    }
                }
            }
            self.0.insert(key, is_told);
        }
        self.0.values().all(|is_told| *is_told)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::api::core::v1::Secret;
    use kube::api::DynamicObject;
    use serde_json::json;

    use super::notes;
    use crate::cluster::objects::RuleObject;

    #[test]
    fn annotations_of_the_secret_and_of_rules_that_mean_nothing_are_told() {
        let rule: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "fieldward.io/v1alpha1", "kind": "UpdateRule",
            "metadata": {"name": "widget", "uid": "1", "annotations": {
                "fieldward.io/source": "here", "fieldward.io/sourc": "there",
                "example.com/source": "elsewhere"}},
        }))
        .unwrap();
        let secret: Secret = serde_json::from_value(json!({"metadata": {"name": "tls",
            "namespace": "own", "uid": "2", "annotations": {"fieldward.io/renw": "ca"}}}))
        .unwrap();
        let said: Vec<_> = notes(Some(&secret), &[Arc::new(RuleObject::from_object(&rule))], false)
            .into_iter()
            .map(|note| (note.regarding.name.unwrap(), note.text, note.writes_event))
            .collect();
        assert_eq!(
            said,
            [
                (
                    "tls".to_owned(),
                    "expected the annotation `fieldward.io/renew`, found `fieldward.io/renw`; it \
                     has no effect"
                        .to_owned(),
                    true
                ),
                (
                    "widget".to_owned(),
                    "expected one of the annotations `fieldward.io/absent`, \
                     `fieldward.io/defaulted`, `fieldward.io/lint-ignore`, `fieldward.io/source`, \
                     found `fieldward.io/sourc`; it has no effect"
                        .to_owned(),
                    false
                ),
            ]
        );
    }
}
