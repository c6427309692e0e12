//! The programs of a control plane: those of `KUBEBUILDER_ASSETS`, or built once from the pins in tests/control-plane.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::corpus::root;

/// A program, and the Go package that it is built from.
type Program = (&'static str, &'static str);

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
        let given = self.given.as_ref().map(|folder| folder.join(name)).filter(|path| path.is_file());
        given.unwrap_or_else(|| self.built.join(name))
    }

    /// The controller manager, which `KUBEBUILDER_ASSETS` of controller-runtime's makers does not hold.
    pub(crate) fn controller_manager(&self) -> Result<PathBuf, Lacking> {
        let path = self.program(CONTROLLER_MANAGER);
        if path.is_file() { Ok(path) } else { Err(lacking(&[CONTROLLER_MANAGER])) }
    }

    fn missing(&self) -> Vec<Program> {
        PROGRAMS.into_iter().filter(|(name, _)| !self.program(name).is_file()).collect()
    }
}

/// What a machine lacks, in a sentence for who runs the tests.
#[derive(Debug, Clone)]
pub(crate) struct Lacking(pub(crate) String);

/// Finds the programs, and builds those that are not there; once per run.
pub(crate) fn assets() -> Result<Assets, Lacking> {
    static FOUND: LazyLock<Mutex<Option<Result<Assets, Lacking>>>> = LazyLock::new(Mutex::default);
    let mut found = FOUND.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    found.get_or_insert_with(find_or_build).clone()
}

fn find_or_build() -> Result<Assets, Lacking> {
    let given = std::env::var_os("KUBEBUILDER_ASSETS").filter(|value| !value.is_empty()).map(PathBuf::from);
    let assets = Assets { given, built: home().join(pins()) };
    if assets.missing().is_empty() {
        return Ok(assets);
    }
    if go_is_there() {
        build(&assets);
        return Ok(assets);
    }
    let missing: Vec<&str> = assets.missing().iter().map(|(name, _)| *name).collect();
    // Much can be shown without it.
    if missing == [CONTROLLER_MANAGER] { Ok(assets) } else { Err(lacking(&missing)) }
}

fn lacking(names: &[&str]) -> Lacking {
    Lacking(format!(
        "no {}: install Go (1.21 or newer) to have the tests build what is missing, or let KUBEBUILDER_ASSETS name a folder with it",
        names.join(", ")
    ))
}

/// What the tests build stays below cargo's target folder.
fn home() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("control-plane")
}

fn module() -> PathBuf {
    root().join("tests/control-plane")
}

/// A name for what these pins give.
fn pins() -> String {
    let mut digest = Sha256::new();
    for file in ["go.mod", "go.sum"] {
        digest.update(fs::read(module().join(file)).unwrap());
    }
    digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn go() -> Command {
    let mut go = Command::new("go");
    go.current_dir(module()).env("CGO_ENABLED", "0").env("GOWORK", "off").stdin(Stdio::null());
    go
}

fn go_is_there() -> bool {
    Command::new("go").arg("version").output().is_ok_and(|output| output.status.success())
}

/// Builds beside the place and moves into it, so that a program which is there is whole.
fn build(assets: &Assets) {
    fs::create_dir_all(&assets.built).unwrap();
    let lock = File::create(home().join("lock")).unwrap();
    lock.lock().unwrap();
    let missing = assets.missing();
    let started = Instant::now();
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
        say(&format!(
            "building {} from source, once; with nothing in Go's caches this takes 10 to 20 minutes on two cores",
            names.join(", ")
        ));
    }
    let flags = format!("-ldflags={}", linker_flags());
    for (name, package) in missing {
        let partial = home().join(format!("{name}.partial"));
        let mut command = go();
        command.args(["build", "-v", &flags, "-o", partial.to_str().unwrap(), package]);
        run(command, name, started);
        fs::rename(&partial, assets.built.join(name)).unwrap();
        say(&format!("{name} is built, {} s", started.elapsed().as_secs()));
    }
    // What older pins gave.
    for entry in fs::read_dir(home()).unwrap().flatten().filter(|entry| entry.path().is_dir() && entry.path() != assets.built) {
        fs::remove_dir_all(entry.path()).unwrap();
    }
}

/// The version that a release build would say of itself.
fn linker_flags() -> String {
    let text = fs::read_to_string(module().join("go.mod")).unwrap();
    let version = text.lines().find_map(|line| line.trim().trim_start_matches("require ").strip_prefix("k8s.io/kubernetes ")).unwrap();
    let version = version.split_whitespace().next().unwrap();
    let mut parts = version.trim_start_matches('v').split('.');
    let (major, minor) = (parts.next().unwrap(), parts.next().unwrap());
    let package = "k8s.io/component-base/version";
    format!("-s -w -X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}")
}

/// Runs a build, and says now and then how far it is.
fn run(mut command: Command, name: &str, started: Instant) {
    const EVERY: Duration = Duration::from_secs(20);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut fetched, mut compiled, mut said) = (0_usize, BTreeSet::new(), Instant::now());
    let mut last = Vec::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok) {
        if line.starts_with("go: downloading") {
            fetched += 1;
        } else if !line.contains(' ') {
            compiled.insert(line);
        } else {
            last.push(line);
        }
        if said.elapsed() > EVERY {
            let (packages, seconds) = (compiled.len(), started.elapsed().as_secs());
            say(&format!("{name}: {fetched} modules fetched, {packages} packages compiled, {seconds} s"));
            said = Instant::now();
        }
    }
    let status = child.wait().unwrap();
    assert!(status.success(), "`go build` of {name} failed:\n{}", last.join("\n"));
}

/// Straight to the terminal: the harness keeps what a trial prints.
fn say(line: &str) {
    eprintln!("control plane: {line}");
}
