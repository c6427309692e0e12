//! A webhook that was not asked for long.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use serde_json::json;

use super::{Mounted, clients};
use crate::cluster::api::MERGE_PATCH;
use crate::cluster::control_plane::ControlPlane;
use crate::cluster::objects::{JOBS, volcano_job};
use crate::cluster::shared;
use crate::support::certificates::Authority;

pub(super) fn trials() -> Vec<Trial> {
    vec![shared("failing::after_an_idle_gap_updates_are_judged_at_once", idle_gap)]
}

/// The API server gives an unused connection up after 90 s: shortly before, it must not be the
/// webhook that has ended it.
const KEPT: Duration = Duration::from_secs(80);
const GIVEN_UP: Duration = Duration::from_secs(15);

async fn idle_gap(plane: Arc<ControlPlane>) {
    let authority = Authority::new();
    let mounted = Mounted::new(&plane, "idle", &authority, &[&authority]).await;
    let api = plane.api();
    let jobs = mounted.ward.collection(JOBS);
    api.create(&jobs, &volcano_job("idle")).await.object();
    let path = format!("{jobs}/idle");
    let judged = async |counter: u64| {
        let forbidden = api.patch(&path, MERGE_PATCH, &json!({"spec": {"queue": "gold"}})).await;
        assert!(
            forbidden.code == 403
                && forbidden.message().contains("spec.queue: \"default\" → \"gold\""),
            "{forbidden:?}"
        );
        api.patch(
            &path,
            MERGE_PATCH,
            &json!({"metadata": {"labels": {"counter": counter.to_string()}}}),
        )
        .await
        .object();
    };
    judged(1).await;
    let connected = clients(mounted.ward.server.address);
    assert!(!connected.is_empty());
    tokio::time::sleep(KEPT).await;
    assert_eq!(
        clients(mounted.ward.server.address),
        connected,
        "the webhook ends no connection that may be used"
    );
    tokio::time::sleep(GIVEN_UP).await;
    judged(2).await;
    eprintln!(
        "cluster: after {} s without an update, both were judged at once",
        (KEPT + GIVEN_UP).as_secs()
    );
}
