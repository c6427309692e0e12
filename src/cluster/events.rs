//! Denials as Events on the objects: tools that apply manifests tend to swallow what the API server
//! answers them.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};
use k8s_openapi::api::core::v1::{self as core, Secret};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::api::{Api, PostParams};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::api_error::{ApiError, Deduplicator};
use super::client::FIELD_MANAGER;
use super::denial_queue::Denial;
use super::metrics::ClusterMetrics;
use super::objects::RuleObject;
use crate::engine::cut_bytes;

/// Who reports.
const CONTROLLER: &str = "fieldward.io/webhook";

/// Bytes of a note, at most: what the API server takes.
const MAX_NOTE_BYTES: usize = 1024;

/// The same denial of the same object is told again after this time.
const AGAIN: Duration = Duration::from_secs(5 * 60);

/// All Events together, in a second, and as many at once.
const A_SECOND: NonZeroU32 = NonZeroU32::new(5).unwrap();
const EVENT_BURST: NonZeroU32 = NonZeroU32::new(50).unwrap();

/// Denials that are remembered before those that may be told again are forgotten.
const REMEMBERED: usize = 4096;

/// Writes an Event for each denial, as far as the limits let, until no more can come.
pub(super) async fn tell(
    client: Client,
    replica: String,
    mut denials: mpsc::Receiver<Denial>,
    metrics: ClusterMetrics,
) {
    let limits = EventLimits::new();
    let mut reported = Deduplicator::default();
    let params =
        PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    while let Some(denial) = denials.recv().await {
        if !limits.let_through(&denial) {
            continue;
        }
        let event = event(&denial, &replica, Timestamp::now());
        let api: Api<Event> = Api::namespaced(
            client.clone(),
            event.metadata.namespace.as_deref().unwrap_or_default(),
        );
        match api.create(&params, &event).await {
            Ok(_) => drop(reported.recovered()),
            Err(error) => {
                let error = ApiError::from(error);
                metrics.count_error(error.class);
                if reported.is_new(&error) {
                    tracing::warn!(%error, "cannot write the Event of a denial");
                }
            }
        }
    }
}

struct EventLimits {
    same: DefaultKeyedRateLimiter<(String, String)>,
    all: DefaultDirectRateLimiter,
}

impl EventLimits {
    fn new() -> Self {
        // A period that is not zero.
        let same = Quota::with_period(AGAIN).unwrap_or_else(|| Quota::per_hour(NonZeroU32::MIN));
        Self {
            same: RateLimiter::keyed(same),
            all: RateLimiter::direct(Quota::per_second(A_SECOND).allow_burst(EVENT_BURST)),
        }
    }

    fn let_through(&self, denial: &Denial) -> bool {
        if self.same.len() >= REMEMBERED {
            self.same.retain_recent();
            self.same.shrink_to_fit();
        }
        let core::ObjectReference { api_version, kind, namespace, name, .. } = &denial.regarding;
        let object = [api_version, kind, namespace, name]
            .map(|part| part.as_deref().unwrap_or_default())
            .join("/");
        // A flood of different denials is not remembered, only kept out.
        self.same.len() < REMEMBERED
            && self.same.check_key(&(object, denial.message.clone())).is_ok()
            && self.all.check().is_ok()
    }
}

pub(super) fn reference_to_secret(secret: &Secret) -> core::ObjectReference {
    let metadata = &secret.metadata;
    core::ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Secret".to_owned()),
        namespace: metadata.namespace.clone(),
        name: metadata.name.clone(),
        uid: metadata.uid.clone(),
        ..core::ObjectReference::default()
    }
}

pub(super) fn reference_to_rule(rule: &RuleObject) -> core::ObjectReference {
    core::ObjectReference {
        api_version: Some("fieldward.io/v1alpha1".to_owned()),
        kind: Some("UpdateRule".to_owned()),
        name: Some(rule.name.clone()),
        uid: Some(rule.uid.clone()),
        ..core::ObjectReference::default()
    }
}

/// Writes an Event on an object that has an annotation without effect, unless the same one is
/// there already.
pub(super) async fn warn_once(
    client: &Client,
    regarding: core::ObjectReference,
    replica: &str,
    note: &str,
) -> kube::Result<()> {
    let namespace = regarding.namespace.clone().unwrap_or_else(|| OF_THE_CLUSTER.to_owned());
    // The name is made of what the Event says, so that another leader does not say it again.
    let uid = regarding.uid.as_deref().unwrap_or_default();
    let digest: String = Sha256::digest(format!("{uid} {note}"))
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let event = Event {
        metadata: ObjectMeta {
            namespace: Some(namespace.clone()),
            name: Some(format!("fieldward-{digest}")),
            ..ObjectMeta::default()
        },
        ..warning(regarding, replica, "UnknownAnnotation", "Read", note, Timestamp::now())
    };
    let api: Api<Event> = Api::namespaced(client.clone(), &namespace);
    match api
        .create(
            &PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() },
            &event,
        )
        .await
    {
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        created => created.map(drop),
    }
}

/// Where cluster-scoped objects have their Events.
const OF_THE_CLUSTER: &str = "default";

fn event(denial: &Denial, replica: &str, now: Timestamp) -> Event {
    let regarding = denial.regarding.clone();
    Event {
        metadata: ObjectMeta {
            namespace: regarding.namespace.clone().or_else(|| Some(OF_THE_CLUSTER.to_owned())),
            generate_name: Some("fieldward-".to_owned()),
            ..ObjectMeta::default()
        },
        ..warning(regarding, replica, "UpdateDenied", "Update", &denial.message, now)
    }
}

fn warning(
    regarding: core::ObjectReference,
    replica: &str,
    reason: &str,
    action: &str,
    note: &str,
    now: Timestamp,
) -> Event {
    Event {
        regarding: Some(regarding),
        type_: Some("Warning".to_owned()),
        reason: Some(reason.to_owned()),
        action: Some(action.to_owned()),
        note: Some(cut_bytes(note, MAX_NOTE_BYTES)),
        event_time: Some(MicroTime(now)),
        reporting_controller: Some(CONTROLLER.to_owned()),
        reporting_instance: Some(replica.to_owned()),
        ..Event::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denial(name: &str, message: &str) -> Denial {
        let regarding = core::ObjectReference {
            kind: Some("K".to_owned()),
            name: Some(name.to_owned()),
            ..core::ObjectReference::default()
        };
        Denial { regarding, message: message.to_owned() }
    }

    #[test]
    fn the_same_is_told_once_and_all_together_not_too_often() {
        let limits = EventLimits::new();
        assert!(limits.let_through(&denial("a", "x")));
        assert!(!limits.let_through(&denial("a", "x")));
        assert!(limits.let_through(&denial("a", "y")) && limits.let_through(&denial("b", "x")));
        let more = (0..1_000)
            .filter(|number| limits.let_through(&denial("c", &number.to_string())))
            .count();
        assert!((40..100).contains(&more), "{more}");
    }

    #[test]
    fn a_flood_is_not_remembered() {
        let limits = EventLimits::new();
        for number in 0..2 * REMEMBERED {
            limits.let_through(&denial("c", &number.to_string()));
        }
        assert!(limits.same.len() <= REMEMBERED, "{}", limits.same.len());
    }

    #[test]
    fn a_long_message_is_cut_to_what_the_api_server_takes() {
        let note = |length: usize| {
            event(&denial("a", &"é".repeat(length)), "r", Timestamp::UNIX_EPOCH)
                .note
                .unwrap_or_default()
        };
        assert_eq!(note(MAX_NOTE_BYTES / 2), "é".repeat(MAX_NOTE_BYTES / 2));
        assert!(
            note(MAX_NOTE_BYTES).len() <= MAX_NOTE_BYTES && note(MAX_NOTE_BYTES).ends_with('…')
        );
    }
}
