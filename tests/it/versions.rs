//! The cluster trials on each minor version of Kubernetes that README lists.
//!
//! `FIELDWARD_TIER=versions cargo test --locked --test it` runs them, one version after the other.
//! kube-apiserver and kube-controller-manager are those of the version; etcd and kubectl are those
//! of tests/control-plane.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use libtest_mimic::Trial;

use crate::cluster::assets::{ASSETS, PINS, assets, linker_flags};
use crate::corpus::{files, root};
use crate::support::go::{self, Lacking, Pins, Program, completion};
use crate::tier::VARIABLE;

/// Those that tests/control-plane/versions pins.
const OLDER: [Pins; 4] = [
    older("control-plane/versions/1.33", "kubernetes-1.33"),
    older("control-plane/versions/1.34", "kubernetes-1.34"),
    older("control-plane/versions/1.35", "kubernetes-1.35"),
    older("control-plane/versions/1.36", "kubernetes-1.36"),
];

const API_SERVER: &str = "kube-apiserver";

const PROGRAMS: [Program; 2] = [
    (API_SERVER, "k8s.io/kubernetes/cmd/kube-apiserver"),
    ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
];

const KUBERNETES: &str = "k8s.io/kubernetes";

const fn older(folder: &'static str, name: &'static str) -> Pins {
    Pins { folder, name, takes: "5 to 10 minutes" }
}

/// The trials of the tier.
pub(crate) fn trials() -> Vec<Trial> {
    let older = OLDER.into_iter().map(|pins| {
        let name = format!("versions::{}", pins.name.trim_start_matches("kubernetes-"));
        Trial::ignorable_test(name, move || {
            completion(built(&pins).map(|programs| {
                is_of_version(&programs.join(API_SERVER), &pins);
                run_cluster_trials(Some(&programs));
            }))
        })
    });
    let current = Trial::ignorable_test(format!("versions::{}", minor(&PINS)), || {
        completion(assets().map(|programs| {
            is_of_version(&programs.program(API_SERVER), &PINS);
            run_cluster_trials(None);
        }))
    });
    older.chain([current]).collect()
}

/// What every run checks of the pins.
pub(crate) fn checks() -> Vec<Trial> {
    let trial = |name: &str, check: fn()| {
        Trial::test(format!("versions::{name}"), move || {
            check();
            Ok(())
        })
    };
    vec![
        trial("every_pinned_version_is_run", every_pinned_version_is_run),
        trial("readme_lists_the_versions", readme_lists_the_versions),
    ]
}

/// The folder with the programs of a version, built if they are not there.
fn built(pins: &Pins) -> Result<PathBuf, Lacking> {
    let missing = || {
        PROGRAMS
            .into_iter()
            .filter(|(name, _)| !pins.built().join(name).is_file())
            .collect::<Vec<_>>()
    };
    if !missing().is_empty() {
        if !go::is_there() {
            return Err(Lacking(format!(
                "no kube-apiserver {}: install Go to have the tests build it",
                minor(pins)
            )));
        }
        pins.build(missing, &[&format!("-ldflags={}", linker_flags(pins))]);
    }
    Ok(pins.built())
}

/// Fails unless an API server says of itself that it is the pinned version.
fn is_of_version(program: &Path, pins: &Pins) {
    let output = Command::new(program).arg("--version").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.trim_end(), format!("Kubernetes {}", pins.version_of(KUBERNETES)));
}

/// Runs the cluster trials in a process of their own, with programs from that folder instead of
/// those of tests/control-plane. Fails unless trials ran, and all of them passed.
fn run_cluster_trials(programs: Option<&Path>) {
    // Each run takes all processors.
    static RUNNING: Mutex<()> = Mutex::new(());
    let _running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut command = Command::new(std::env::current_exe().unwrap());
    // Under CI=true a trial that lacks something fails instead of being ignored.
    command.arg("cluster::").env("CI", "true").env_remove(VARIABLE).env_remove(ASSETS);
    command.envs(programs.map(|folder| (ASSETS, folder))).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut result = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap) {
        println!("{line}");
        if line.starts_with("test result: ") {
            result = line;
        }
    }
    assert!(child.wait().unwrap().success(), "some trials failed; their output is above");
    assert!(
        result.contains("; 0 ignored;") && !result.contains(" 0 passed;"),
        "expected that trials ran and none was ignored, found `{result}`"
    );
}

/// `1.36` of `v1.36.3`.
fn minor(pins: &Pins) -> String {
    let version = pins.version_of(KUBERNETES);
    version.trim_start_matches('v').rsplit_once('.').unwrap().0.to_owned()
}

fn every_pinned_version_is_run() {
    let folder = root().join("tests/control-plane/versions");
    let pinned: Vec<PathBuf> =
        files(&folder, &["mod"]).iter().map(|path| path.parent().unwrap().to_owned()).collect();
    let run: Vec<PathBuf> =
        OLDER.iter().map(|pins| root().join("tests").join(pins.folder)).collect();
    assert_eq!(pinned, run);
    for pins in &OLDER {
        assert!(
            pins.folder.ends_with(&format!("/{}", minor(pins))),
            "{} pins {}",
            pins.folder,
            pins.version_of(KUBERNETES)
        );
        let text =
            std::fs::read_to_string(root().join("tests").join(pins.folder).join("go.mod")).unwrap();
        let staging = format!(" v0.{}", pins.version_of(KUBERNETES).trim_start_matches("v1."));
        let replaced: Vec<&str> =
            text.lines().filter(|line| line.starts_with("replace ")).collect();
        assert!(
            replaced.len() > 20 && replaced.iter().all(|line| line.ends_with(&staging)),
            "{}",
            pins.folder
        );
    }
}

fn readme_lists_the_versions() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    for pins in OLDER.iter().chain([&PINS]) {
        let row = format!("| {} |", pins.version_of(KUBERNETES).trim_start_matches('v'));
        assert!(readme.lines().any(|line| line.starts_with(&row)), "README has no row `{row}`");
    }
}
