//! A trial that runs once more in a network namespace of its own, where it may have any address
//! that it likes.

use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;

use crate::cluster::assets::{Assets, Lacking};
use crate::cluster::process::Process;
use crate::cluster::{on_cluster, within_time};

/// With this option the API server calls an endpoint of a Service that is ready, one for each
/// connection, and needs no kube-proxy.
pub(crate) const TO_ENDPOINTS: &str = "--enable-aggregator-routing=true";

/// Tells the trial that it is inside.
const INSIDE: &str = "FIELDWARD_TEST_NETNS";

/// The pods' network, all of it addresses of this machine.
const ADDRESSES: &str = "10.77.0.1/24";

/// The address of a pod.
pub(crate) fn address(pod: u8) -> String {
    format!("10.77.0.{pod}")
}

/// A trial in a network namespace.
pub(crate) fn isolated<F>(name: &'static str, case: fn(Assets) -> F) -> Trial
where
    F: Future<Output = ()> + 'static,
{
    isolated_with(name, || Ok(()), move |assets, ()| case(assets))
}

/// The same for one that needs something else besides.
pub(crate) fn isolated_with<T, F>(
    name: &'static str,
    find: fn() -> Result<T, Lacking>,
    case: impl FnOnce(Assets, T) -> F + Send + 'static,
) -> Trial
where
    T: 'static,
    F: Future<Output = ()> + 'static,
{
    on_cluster(name, move |assets| {
        assets.controller_manager()?;
        let found = find()?;
        if std::env::var_os(INSIDE).is_some() {
            within_time(case(assets, found));
        } else {
            within_time(again(name, unshare()?));
        }
        Ok(())
    })
}

/// The options with which this user may make a network namespace.
fn unshare() -> Result<&'static [&'static str], Lacking> {
    const WAYS: [&[&str]; 2] = [&["--net"], &["--user", "--map-root-user", "--net"]];
    let works = |options: &&[&str]| {
        let mut command = Command::new("unshare");
        command.args(*options).args(["ip", "link", "set", "lo", "up"]).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let lacking = "no network namespace: `unshare --net` and `ip` must work, for root or, with \
                   user namespaces, for this user";
    WAYS.into_iter().find(works).ok_or_else(|| Lacking(lacking.to_owned()))
}

/// Runs the trial there, and passes on how it went.
async fn again(name: &str, options: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "ip link set lo up && ip address add {ADDRESSES} dev lo && {INSIDE}=1 exec \"$0\" \"$@\""
    );
    let program = std::env::current_exe().unwrap();
    let name = format!("cluster::{name}");
    let last =
        ["--", "sh", "-c", &script, program.to_str().unwrap(), "--exact", &name, "--nocapture"];
    let arguments: Vec<String> = options.iter().copied().chain(last).map(str::to_owned).collect();
    let mut process = Process::start(folder.path(), "trial", Path::new("unshare"), &arguments);
    let status = ended(&mut process).await;
    let printed = process.printed();
    assert!(
        status.success() && printed.contains("1 passed"),
        "in the network namespace:\n{printed}"
    );
    for line in printed.lines().filter(|line| line.starts_with("cluster: ")) {
        eprintln!("{line}");
    }
}

async fn ended(process: &mut Process) -> ExitStatus {
    loop {
        if let Some(status) = process.status() {
            return status;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
