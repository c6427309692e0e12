//! Denials queued to become Events: the object and the reasons.

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

    /// Queues the denials of a reply without waiting. A full queue drops them: an Event is a hint,
    /// not a record.
    pub(crate) fn offer(&self, reply: &Reply, review: &[u8]) {
        let Ok(place) = self.0.try_reserve() else { return };
        if let Some(denial) = Denial::from_reply(reply, review) {
            place.send(denial);
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denial {
    pub(crate) regarding: ObjectReference,
    /// What its user was told.
    pub(crate) message: String,
}

impl Denial {
    /// Of what was replied to a review; none if it was allowed, is a trial, or does not tell of
    /// which object it is.
    pub(crate) fn from_reply(reply: &Reply, review: &[u8]) -> Option<Self> {
        if reply.allowed() != Some(false) {
            return None;
        }
        let regarding =
            ObjectReference::from_review(review).filter(|regarding| !regarding.is_dry_run)?;
        Some(Self { regarding, message: reply.message().to_owned() })
    }
}

/// The object of a review, as references to objects name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectReference {
    /// `group/version` of the kind that was asked for.
    pub(crate) api_version: String,
    /// The kind that was asked for.
    pub(crate) kind: String,
    /// Empty for a cluster-scoped object.
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Its `metadata.uid`, empty if it has none.
    pub(crate) uid: String,
    /// Whether nothing may follow from the request.
    pub(crate) is_dry_run: bool,
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

impl ObjectReference {
    fn from_review(review: &[u8]) -> Option<Self> {
        let DeniedReview { request } = serde_json::from_slice(review).ok()?;
        let ReviewedKind { group, version, name: kind } = request.kind;
        Some(Self {
            api_version: if group.is_empty() { version } else { format!("{group}/{version}") },
            kind,
            namespace: request.namespace,
            name: request.name,
            uid: request.old_object.map(|object| object.metadata.uid).unwrap_or_default(),
            is_dry_run: request.dry_run == Some(true),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::ObjectReference;

    #[test]
    fn an_object_is_named_as_it_was_asked_for() {
        let told = |request: &str| {
            ObjectReference::from_review(format!(r#"{{"request":{request}}}"#).as_bytes())
        };
        let whole = r#"{"kind":{"group":"g","version":"v1","kind":"K"},"namespace":"n","name":"o","dryRun":true,
            "oldObject":{"metadata":{"uid":"u","name":"o"},"spec":{}},"object":{"metadata":{"uid":"other"}}}"#;
        let text = |text: &str| text.to_owned();
        let expected = ObjectReference {
            api_version: text("g/v1"),
            kind: text("K"),
            namespace: text("n"),
            name: text("o"),
            uid: text("u"),
            is_dry_run: true,
        };
        assert_eq!(told(whole), Some(expected));
        let least = ObjectReference {
            api_version: text("v1"),
            kind: text("K"),
            namespace: String::new(),
            name: String::new(),
            uid: String::new(),
            is_dry_run: false,
        };
        assert_eq!(
            told(r#"{"kind":{"version":"v1","kind":"K"},"dryRun":null,"oldObject":null}"#),
            Some(least)
        );
        for broken in ["{}", "null", r#"{"kind":{"version":"v1"}}"#] {
            assert_eq!(told(broken), None, "{broken}");
        }
    }
}
