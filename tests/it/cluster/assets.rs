//! The programs of a control plane: those of `KUBEBUILDER_ASSETS`, or built once from the pins in
//! tests/control-plane.

use std::path::PathBuf;
use std::sync::{LazyLock, Mutex};

pub(crate) use crate::support::go::Lacking;
use crate::support::go::{self, Pins, Program};

/// The variable that names a folder with the programs.
pub(crate) const ASSETS: &str = "KUBEBUILDER_ASSETS";

/// The version that is built by default.
pub(crate) const PINS: Pins =
    Pins { folder: "control-plane", name: "control-plane", takes: "10 to 20 minutes" };

const CONTROLLER_MANAGER: &str = "kube-controller-manager";

const PROGRAMS: [Program; 4] = [
    ("etcd", "go.etcd.io/etcd/server/v3"),
    ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    (CONTROLLER_MANAGER, "k8s.io/kubernetes/cmd/kube-controller-manager"),
    ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
];

/// Where the programs are.
#[derive(Debug, Clone)]
pub(crate) struct Assets {
    given: Option<PathBuf>,
    built: PathBuf,
}

impl Assets {
    /// The path of a program.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        let given =
            self.given.as_ref().map(|folder| folder.join(name)).filter(|path| path.is_file());
        given.unwrap_or_else(|| self.built.join(name))
    }

    /// The controller manager, which `KUBEBUILDER_ASSETS` of controller-runtime's makers does not
    /// hold.
    pub(crate) fn controller_manager(&self) -> Result<PathBuf, Lacking> {
        let path = self.program(CONTROLLER_MANAGER);
        if path.is_file() { Ok(path) } else { Err(lacking(&[CONTROLLER_MANAGER])) }
    }

    fn missing(&self) -> Vec<Program> {
        PROGRAMS.into_iter().filter(|(name, _)| !self.program(name).is_file()).collect()
    }
}

/// Finds the programs, and builds those that are not there; once per run.
pub(crate) fn assets() -> Result<Assets, Lacking> {
    static FOUND: LazyLock<Mutex<Option<Result<Assets, Lacking>>>> = LazyLock::new(Mutex::default);
    let mut found = FOUND.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    found.get_or_insert_with(find_or_build).clone()
}

fn find_or_build() -> Result<Assets, Lacking> {
    // The programs run in folders of their own.
    let given = std::env::var_os(ASSETS)
        .filter(|value| !value.is_empty())
        .map(|folder| std::path::absolute(folder).unwrap());
    let assets = Assets { given, built: PINS.built() };
    if assets.missing().is_empty() {
        return Ok(assets);
    }
    if go::is_there() {
        PINS.build(|| assets.missing(), &[&format!("-ldflags={}", linker_flags(&PINS))]);
        return Ok(assets);
    }
    let missing: Vec<&str> = assets.missing().iter().map(|(name, _)| *name).collect();
    // Much can be shown without it.
    if missing == [CONTROLLER_MANAGER] { Ok(assets) } else { Err(lacking(&missing)) }
}

fn lacking(names: &[&str]) -> Lacking {
    Lacking(format!(
        "no {}: install Go (1.21 or newer) to have the tests build what is missing, or let \
         KUBEBUILDER_ASSETS name a folder with it",
        names.join(", ")
    ))
}

/// The version that a release build would say of itself.
pub(crate) fn linker_flags(pins: &Pins) -> String {
    let version = pins.version_of("k8s.io/kubernetes");
    let mut parts = version.trim_start_matches('v').split('.');
    let (major, minor) = (parts.next().unwrap(), parts.next().unwrap());
    let package = "k8s.io/component-base/version";
    format!(
        "-s -w -X {package}.gitVersion={version} -X {package}.gitMajor={major} -X \
         {package}.gitMinor={minor}"
    )
}
