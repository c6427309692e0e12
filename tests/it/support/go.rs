//! Programs in Go that tests need: built once from the pins of a folder, kept below cargo's target
//! folder.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Completion, Failed};
use sha2::{Digest, Sha256};

use crate::corpus::root;

/// A program, and the Go package that it is built from.
pub(crate) type Program = (&'static str, &'static str);

/// A folder with the go.mod and go.sum that pin some programs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pins {
    /// Below tests.
    pub(crate) folder: &'static str,
    /// What the programs are for, in a word; also the folder below target that they are kept in.
    pub(crate) name: &'static str,
    /// How long two cores are busy with them, with nothing in Go's caches.
    pub(crate) takes: &'static str,
}

/// What a machine lacks, in a sentence for who runs the tests.
#[derive(Debug, Clone)]
pub(crate) struct Lacking(pub(crate) String);

/// How a trial ends: what a machine lacks is no failure, but for where `CI=true`.
pub(crate) fn completion(outcome: Result<(), Lacking>) -> Result<Completion, Failed> {
    match outcome {
        Ok(()) => Ok(Completion::Completed),
        Err(Lacking(what)) if std::env::var("CI").is_ok_and(|ci| ci == "true") => Err(what.into()),
        Err(Lacking(what)) => Ok(Completion::ignored_with(what)),
    }
}

/// Whether programs can be built.
pub(crate) fn is_there() -> bool {
    Command::new("go").arg("version").output().is_ok_and(|output| output.status.success())
}

impl Pins {
    /// Where the programs of these pins are, or will be.
    pub(crate) fn built(&self) -> PathBuf {
        self.home().join(self.digest())
    }

    /// A program of these pins that needs nothing but Go, built if it is not there.
    pub(crate) fn program(&self, program: Program, flags: &[&str]) -> Result<PathBuf, Lacking> {
        let path = self.built().join(program.0);
        if !path.is_file() {
            if !is_there() {
                return Err(Lacking(format!(
                    "no {}: install Go (1.21 or newer) to have the tests build it",
                    program.0
                )));
            }
            self.build(|| if path.is_file() { Vec::new() } else { vec![program] }, flags);
        }
        Ok(path)
    }

    /// The pinned version of a module.
    pub(crate) fn version_of(&self, module: &str) -> String {
        let text = fs::read_to_string(self.module().join("go.mod")).unwrap();
        let prefix = format!("{module} ");
        let version = text
            .lines()
            .find_map(|line| line.trim().trim_start_matches("require ").strip_prefix(&prefix))
            .unwrap();
        version.split_whitespace().next().unwrap().to_owned()
    }

    /// The folder of a module that these pins select, in Go's module cache; fetched if it is not
    /// there.
    pub(crate) fn folder_of(&self, module: &str) -> PathBuf {
        let mut command = self.go();
        let output = command.args(["list", "-m", "-f", "{{.Dir}}", module]).output().unwrap();
        let folder = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        if !folder.is_empty() {
            return folder.into();
        }
        assert!(
            self.go().args(["mod", "download", module]).status().unwrap().success(),
            "`go mod download {module}` failed"
        );
        self.folder_of(module)
    }

    /// The flag that builds these modules from copies with the files of our folder `added` beside
    /// their own; none for no modules.
    pub(crate) fn modules_with(&self, completed: &[&str]) -> Option<String> {
        let folder = self.home().with_file_name(format!("{}-modules", self.name));
        let modfile = folder.join("go.mod");
        fs::create_dir_all(&folder).unwrap();
        for file in ["go.mod", "go.sum"] {
            fs::copy(self.module().join(file), folder.join(file)).unwrap();
        }
        for module in completed {
            let copy = folder.join(module);
            copied(&self.folder_of(module), &copy);
            copied(&self.module().join("added").join(module), &copy);
            let replaced = format!("-replace={module}={}", copy.display());
            assert!(
                self.go()
                    .args(["mod", "edit", &replaced])
                    .arg(&modfile)
                    .status()
                    .unwrap()
                    .success(),
                "{replaced}"
            );
        }
        (!completed.is_empty()).then(|| format!("-modfile={}", modfile.display()))
    }

    /// Go in the folder of these pins.
    pub(crate) fn go(&self) -> Command {
        let mut command = Command::new("go");
        command
            .current_dir(self.module())
            .env("CGO_ENABLED", "0")
            .env("GOWORK", "off")
            .stdin(Stdio::null());
        command
    }

    /// Builds those of the programs that `missing` names, asked when nobody else is building:
    /// beside the place, and moved into it, so that a program which is there is whole.
    pub(crate) fn build(&self, missing: impl Fn() -> Vec<Program>, flags: &[&str]) {
        let built = self.built();
        fs::create_dir_all(&built).unwrap();
        let lock = File::create(self.home().join("lock")).unwrap();
        lock.lock().unwrap();
        let missing = missing();
        let started = Instant::now();
        if !missing.is_empty() {
            let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
            self.say(&format!(
                "building {} from source, once; with nothing in Go's caches this takes {} on two \
                 cores",
                names.join(", "),
                self.takes
            ));
        }
        for (name, package) in missing {
            let partial = self.home().join(format!("{name}.partial"));
            let mut command = self.go();
            command.args(["build", "-v"]).args(flags).args([
                "-o",
                partial.to_str().unwrap(),
                package,
            ]);
            self.run(command, name, started);
            fs::rename(&partial, built.join(name)).unwrap();
            self.say(&format!("{name} is built, {} s", started.elapsed().as_secs()));
        }
        // What older pins gave.
        for entry in fs::read_dir(self.home())
            .unwrap()
            .flatten()
            .filter(|entry| entry.path().is_dir() && entry.path() != built)
        {
            fs::remove_dir_all(entry.path()).unwrap();
        }
    }

    /// What the tests build stays below cargo's target folder.
    fn home(&self) -> PathBuf {
        Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join(self.name)
    }

    fn module(&self) -> PathBuf {
        root().join("tests").join(self.folder)
    }

    /// A name for what these pins give.
    fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for file in ["go.mod", "go.sum"] {
            digest.update(fs::read(self.module().join(file)).unwrap());
        }
        digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Runs a build, and says now and then how far it is.
    fn run(&self, mut command: Command, name: &str, started: Instant) {
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
                self.say(&format!(
                    "{name}: {fetched} modules fetched, {packages} packages compiled, {seconds} s"
                ));
                said = Instant::now();
            }
        }
        let status = child.wait().unwrap();
        assert!(status.success(), "`go build` of {name} failed:\n{}", last.join("\n"));
    }

    /// Straight to the terminal: the harness keeps what a trial prints.
    fn say(&self, line: &str) {
        eprintln!("{}: {line}", self.name);
    }
}

/// Copies the files of a folder; unlike those in Go's cache the copies can be written.
fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copied(&path, &copy);
        } else {
            fs::write(&copy, fs::read(&path).unwrap()).unwrap();
        }
    }
}
