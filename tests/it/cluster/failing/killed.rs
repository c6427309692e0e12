//! A webhook that is killed: closed while it is away, open again when it is back.

use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;

use libtest_mimic::Trial;

use super::Mounted;
use crate::cluster::control_plane::ControlPlane;
use crate::cluster::load::{Load, Sum};
use crate::cluster::shared;
use crate::support::certificates::Authority;

pub(super) fn trials() -> Vec<Trial> {
    vec![shared("failing::killed_under_load_it_fails_closed_and_recovers", killed)]
}

async fn killed(plane: Arc<ControlPlane>) {
    let authority = Authority::new();
    let mut mounted = Mounted::new(&plane, "killed", &authority, &[&authority]).await;
    let load = Load::start(&plane.api(), "killed", 3).await;
    load.served(10).await;

    mounted.ward.server.signal("KILL");
    assert_eq!(mounted.ward.server.ended().await.signal(), Some(9));
    // After one answer more for each sender, no update is under way that was judged before.
    refused(&load, 1).await;
    let stored = Sum::of(&load.jobs()).stored;
    refused(&load, 10).await;
    assert_eq!(Sum::of(&load.jobs()).stored, stored, "nothing is stored that was not judged");

    mounted.restart();
    load.served(10).await;
    let sum = load.stop(&plane).await;
    assert!(
        sum.reasons.iter().any(|reason| reason.contains("connection refused")),
        "{:#?}",
        sum.reasons
    );
    eprintln!("cluster: killed under load: {sum}");
}

/// Waits until every sender was refused so many times more because the webhook could not be asked.
async fn refused(load: &Load, growth: usize) {
    load.each("permitted updates are refused", growth, |job| job.permitted_unasked).await;
    load.each("forbidden updates are refused", growth, |job| job.forbidden_unasked).await;
}
