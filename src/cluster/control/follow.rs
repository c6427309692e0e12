//! Objects of one kind, as they are now.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::pin::pin;

use futures_util::StreamExt;
use kube::api::Api;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::cluster::api_error::{ApiError, Once};

/// Follows for ever. `tell` gets what is kept of all objects, by name, first when they have been listed, then after each change.
pub(super) async fn all<K, T>(
    what: &'static str,
    api: Api<K>,
    config: watcher::Config,
    keep: impl Fn(K) -> T,
    mut tell: impl FnMut(&BTreeMap<String, T>),
) where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut events = pin!(watcher(api, config).default_backoff());
    let (mut objects, mut listed) = (BTreeMap::new(), BTreeMap::new());
    let mut complaint = Once::default();
    while let Some(event) = events.next().await {
        if event.is_ok() && complaint.recovered() {
            tracing::info!(what, "watch recovered");
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
                if complaint.is_new(&error) {
                    tracing::warn!(what, %error, "watch failed; continuing with the last known state");
                }
            }
        }
    }
}
