//! Objects of one kind, as they are now.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use kube::api::Api;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::DefaultBackoff;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::health::WatchErrors;
use crate::cluster::api_error::{ApiError, Deduplicator};

/// The longest pause between two attempts to watch: who restores the permissions expects the
/// registration to follow at once, and the few watches of a replica cost the API server little.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// The library's pauses, but none longer than that.
#[derive(Default)]
struct Retries(DefaultBackoff);

impl Iterator for Retries {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next().map(|pause| pause.min(LONGEST_PAUSE))
    }
}

impl Backoff for Retries {
    fn reset(&mut self) {
        self.0.reset();
    }
}

/// Follows for ever. `tell` gets what is kept of all objects, by name, first when they have been
/// listed, then after each change.
pub(super) async fn all<K, T>(
    what: &'static str,
    api: Api<K>,
    config: watcher::Config,
    errors: WatchErrors,
    keep: impl Fn(K) -> T,
    mut tell: impl FnMut(&BTreeMap<String, T>),
) where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut events = pin!(watcher(api, config).backoff(Retries::default()));
    let (mut objects, mut listed) = (BTreeMap::new(), BTreeMap::new());
    let mut reported = Deduplicator::default();
    while let Some(event) = events.next().await {
        // A list begins whether it succeeds or not.
        if !matches!(event, Ok(watcher::Event::Init) | Err(_)) {
            errors.recovered();
            if reported.recovered() {
                tracing::info!(what, "watch recovered");
            }
        }
        match event {
            Ok(watcher::Event::Init) => listed = BTreeMap::new(),
            Ok(watcher::Event::InitApply(object)) => {
                listed.insert(object.name_any(), keep(object));
            }
            Ok(watcher::Event::InitDone) => {
                objects = std::mem::take(&mut listed);
                tell(&objects);
            }
            Ok(watcher::Event::Apply(object)) => {
                objects.insert(object.name_any(), keep(object));
                tell(&objects);
            }
            Ok(watcher::Event::Delete(object)) => {
                objects.remove(&object.name_any());
                tell(&objects);
            }
            Err(error) => {
                let error = ApiError::from(&error);
                errors.failed(&error);
                if reported.is_new(&error) {
                    tracing::warn!(what, %error, "watch failed; continuing with the last known \
                                                  state");
                }
            }
        }
    }
}
