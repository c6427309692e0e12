//! What all cases use: a server that is the real binary, clients that trust nothing but its CA,
//! certificates.

pub(crate) mod base64;
pub(crate) mod certificates;
pub(crate) mod go;
pub(crate) mod mount;
pub(crate) mod raw;
pub(crate) mod server;

use std::future::Future;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;

/// Longer than anything of ours takes, so that a case which hangs fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A trial of an async case; it fails by panicking.
pub(crate) fn trial<F>(name: &str, case: fn() -> F) -> Trial
where
    F: Future<Output = ()> + 'static,
{
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            tokio::time::timeout(PATIENCE * 2, case())
                .await
                .map_err(|_| "the case did not end in time".into())
        })
    })
}

/// Asks again and again until the answer is yes; a time limit here is only for what never comes.
pub(crate) async fn until<F>(what: &str, ask: impl FnMut() -> F)
where
    F: Future<Output = bool>,
{
    until_within(PATIENCE, what, ask).await;
}

/// The same for what others do, who may be busy.
pub(crate) async fn until_within<F>(patience: Duration, what: &str, mut ask: impl FnMut() -> F)
where
    F: Future<Output = bool>,
{
    let started = Instant::now();
    while !ask().await {
        assert!(started.elapsed() < patience, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
