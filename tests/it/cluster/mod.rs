//! On a real API server with a real etcd, driven by real clients.
//!
//! The programs are those of `KUBEBUILDER_ASSETS`, or are built once from the pins in
//! tests/control-plane. Where there is neither, the trials here are ignored with the reason, and
//! fail under `CI=true`.

pub(crate) mod api;
pub(crate) mod assets;
mod audit;
mod clients;
pub(crate) mod control_plane;
mod deploy;
mod documented;
mod etcd;
mod failing;
pub(crate) mod kubectl;
mod kubernetes;
mod lifecycle;
mod lint;
mod load;
mod network;
mod newcomer;
mod node;
pub(crate) mod objects;
mod ownership;
mod packs;
mod policies;
pub(crate) mod process;
pub(crate) mod recorded;
mod shapes;
mod unattended;
mod users;
pub(crate) mod validation;
mod versions;
pub(crate) mod ward;

use std::future::Future;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use libtest_mimic::Trial;

use assets::{Assets, Lacking, assets};
use control_plane::ControlPlane;

use crate::support::go::completion;
use crate::support::until_within;

/// Longer than the API server and the controllers take for anything, on a machine that does much
/// else.
const THEIRS: Duration = Duration::from_secs(180);

/// Longer than any trial takes, so that one which hangs fails.
const LONGEST: Duration = Duration::from_secs(2_400);

pub(crate) fn trials() -> Vec<Trial> {
    [
        // The longest first.
        failing::trials(),
        audit::trials(),
        clients::trials(),
        deploy::trials(),
        documented::trials(),
        kubernetes::trials(),
        lifecycle::trials(),
        lint::trials(),
        newcomer::trials(),
        ownership::trials(),
        packs::trials(),
        policies::trials(),
        recorded::trials(),
        shapes::trials(),
        unattended::trials(),
        users::trials(),
        validation::trials(),
        versions::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The control plane that most trials share, each in a namespace of its own.
static SHARED: LazyLock<Mutex<Option<Arc<ControlPlane>>>> = LazyLock::new(Mutex::default);

/// Ends what the trials have shared.
pub(crate) fn finish() {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner).take();
}

/// A trial in the shared control plane.
fn shared<F>(name: &str, case: fn(Arc<ControlPlane>) -> F) -> Trial
where
    F: Future<Output = ()> + 'static,
{
    on_cluster(name, move |assets| {
        in_shared(&assets, case);
        Ok(())
    })
}

/// A trial in the shared control plane that is about what Kubernetes' controllers do.
fn shared_with_controllers<F>(name: &str, case: fn(Arc<ControlPlane>) -> F) -> Trial
where
    F: Future<Output = ()> + 'static,
{
    on_cluster(name, move |assets| {
        assets.controller_manager()?;
        in_shared(&assets, case);
        Ok(())
    })
}

fn in_shared<F>(assets: &Assets, case: fn(Arc<ControlPlane>) -> F)
where
    F: Future<Output = ()> + 'static,
{
    let plane = started(&SHARED, async {
        let plane = ControlPlane::start(assets).await;
        objects::define_kinds(&plane).await;
        plane
    });
    within_time(case(plane));
}

/// The control plane of a group of trials, which the first of them starts.
fn started(
    slot: &Mutex<Option<Arc<ControlPlane>>>,
    start: impl Future<Output = Arc<ControlPlane>>,
) -> Arc<ControlPlane> {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(slot.get_or_insert_with(|| runtime().block_on(start)))
}

/// A trial that starts what it needs itself.
fn alone<F>(name: &str, case: fn(Assets) -> F) -> Trial
where
    F: Future<Output = ()> + 'static,
{
    on_cluster(name, move |assets| {
        within_time(case(assets));
        Ok(())
    })
}

/// The same for what Kubernetes' controllers do.
fn alone_with_controllers<F>(name: &str, case: fn(Assets) -> F) -> Trial
where
    F: Future<Output = ()> + 'static,
{
    on_cluster(name, move |assets| {
        assets.controller_manager()?;
        within_time(case(assets));
        Ok(())
    })
}

/// Shown, or not possible on this machine. What is not true fails by panicking.
type Outcome = Result<(), Lacking>;

fn on_cluster(name: &str, case: impl FnOnce(Assets) -> Outcome + Send + 'static) -> Trial {
    Trial::ignorable_test(format!("cluster::{name}"), move || completion(assets().and_then(case)))
}

/// Asks again and again until the API server or a controller has done what it must.
pub(crate) async fn eventually<F>(what: &str, ask: impl FnMut() -> F)
where
    F: Future<Output = bool>,
{
    until_within(THEIRS, what, ask).await;
}

pub(crate) fn within_time(case: impl Future<Output = ()>) {
    let ended = runtime().block_on(async { tokio::time::timeout(LONGEST, case).await });
    assert!(ended.is_ok(), "it did not end in time");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
