//! Denials queued to become Events: the object and the reasons.

use k8s_openapi::api::core::v1::ObjectReference;
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::engine::Reply;

/// How many denials may wait; more are dropped.
const MAX_QUEUED_DENIALS: usize = 256;

/// Where denials go.
#[derive(Debug, Clone)]
pub(crate) struct DenialQueue(mpsc::Sender<Denial>);

impl DenialQueue {
    /// A way for denials and its other end.
    pub(crate) fn channel() -> (Self, mpsc::Receiver<Denial>) {
        let (sender, receiver) = mpsc::channel(MAX_QUEUED_DENIALS);
        (Self(sender), receiver)
    }

    /// Queues a reply that denies, without waiting; not that to a trial, or to a review that does
    /// not tell of which object it is. A full queue drops it: an Event is a hint, not a record.
    pub(crate) fn offer(&self, reply: &Reply, review: &[u8]) {
        if reply.allowed() != Some(false) {
            return;
        }
        let Ok(place) = self.0.try_reserve() else { return };
        if let Some(regarding) = regarding(review) {
            place.send(Denial { regarding, message: reply.message().to_owned() });
        }
    }
}

#[derive(Debug)]
pub(crate) struct Denial {
    pub(crate) regarding: ObjectReference,
    /// What its user was told.
    pub(crate) message: String,
}

#[derive(Deserialize)]
struct DeniedReview {
    request: DeniedRequest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeniedRequest {
    kind: ReviewedKind,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    dry_run: Option<bool>,
    #[serde(default)]
    old_object: Option<Object>,
}

#[derive(Deserialize)]
struct ReviewedKind {
    #[serde(default)]
    group: String,
    version: String,
    #[serde(rename = "kind")]
    name: String,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    metadata: ObjectUid,
}

#[derive(Default, Deserialize)]
struct ObjectUid {
    #[serde(default)]
    uid: String,
}

/// The object of a review, by the kind that was asked for; none of a trial.
fn regarding(review: &[u8]) -> Option<ObjectReference> {
    let DeniedReview { request } = serde_json::from_slice(review).ok()?;
    if request.dry_run == Some(true) {
        return None;
    }
    let ReviewedKind { group, version, name: kind } = request.kind;
    let filled = |text: String| Some(text).filter(|text| !text.is_empty());
    Some(ObjectReference {
        api_version: filled(if group.is_empty() { version } else { format!("{group}/{version}") }),
        kind: filled(kind),
        namespace: filled(request.namespace),
        name: filled(request.name),
        uid: request.old_object.and_then(|object| filled(object.metadata.uid)),
        ..ObjectReference::default()
    })
}

#[cfg(test)]
mod tests {
    use super::{ObjectReference, regarding};

    #[test]
    fn an_object_is_named_as_it_was_asked_for() {
        let told = |request: &str| regarding(format!(r#"{{"request":{request}}}"#).as_bytes());
        let whole = r#"{"kind":{"group":"g","version":"v1","kind":"K"},"namespace":"n","name":"o",
            "oldObject":{"metadata":{"uid":"u","name":"o"},"spec":{}},"object":{"metadata":{"uid":"other"}}}"#;
        let text = |text: &str| Some(text.to_owned());
        let expected = ObjectReference {
            api_version: text("g/v1"),
            kind: text("K"),
            namespace: text("n"),
            name: text("o"),
            uid: text("u"),
            ..ObjectReference::default()
        };
        assert_eq!(told(whole), Some(expected));
        let least = ObjectReference {
            api_version: text("v1"),
            kind: text("K"),
            ..ObjectReference::default()
        };
        assert_eq!(
            told(r#"{"kind":{"version":"v1","kind":"K"},"dryRun":null,"oldObject":null}"#),
            Some(least)
        );
        let trial = r#"{"kind":{"version":"v1","kind":"K"},"dryRun":true}"#;
        for other in [trial, "{}", "null", r#"{"kind":{"version":"v1"}}"#] {
            assert_eq!(told(other), None, "{other}");
        }
    }
}
