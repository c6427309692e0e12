//! The real helm and the real promtool.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::corpus::root;
use crate::support::go::{Lacking, Pins};

const HELM: Pins = Pins { folder: "chart/helm", name: "helm", takes: "3 minutes" };
const PROMTOOL: Pins = Pins { folder: "chart/promtool", name: "promtool", takes: "3 minutes" };

/// Without what it never needs: the tables for debuggers.
const SMALL: &str = "-ldflags=-s -w";
/// Without the clients of all clouds, of which promtool would hold targets against them.
const NO_DISCOVERY: &str = "-tags=remove_all_sd";

/// A program, its home empty.
pub(crate) struct Tool {
    program: PathBuf,
    home: TempDir,
}

/// What it printed.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) is_success: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Tool {
    pub(crate) fn helm() -> Result<Self, Lacking> {
        Ok(Self::new(HELM.program(("helm", "helm.sh/helm/v4/cmd/helm"), &[SMALL])?))
    }

    pub(crate) fn promtool() -> Result<Self, Lacking> {
        let promtool = ("promtool", "github.com/prometheus/prometheus/cmd/promtool");
        Ok(Self::new(PROMTOOL.program(promtool, &[SMALL, NO_DISCOVERY])?))
    }

    fn new(program: PathBuf) -> Self {
        Self { program, home: tempfile::tempdir().unwrap() }
    }

    /// Runs it at the root of the repository.
    pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(&self, args: &[S]) -> Printed {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", self.home.path());
        let output = command.current_dir(root()).args(args).stdin(Stdio::null()).output().unwrap();
        Printed {
            is_success: output.status.success(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Printed {
    /// Standard output; anything but a success without a warning fails the trial.
    pub(crate) fn ok(self) -> String {
        assert!(self.is_success, "{}{}", self.out, self.err);
        assert_eq!(self.err, "", "a warning");
        self.out
    }
}

/// The folder of the chart, from the root.
pub(crate) const CHART: &str = "deploy/chart";

/// What the chart renders for a release.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Release<'a> {
    pub(crate) name: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) values: Option<&'a Path>,
}

/// The release of deploy/kustomize.
pub(crate) const DEFAULT: Release<'static> =
    Release { name: "fieldward", namespace: "fieldward", values: None };

impl Release<'_> {
    /// Renders it, with further options.
    pub(crate) fn render(&self, helm: &Tool, options: &[&str]) -> String {
        let mut args = vec!["template", self.name, CHART, "--namespace", self.namespace];
        if let Some(values) = self.values {
            args.extend(["--values", values.to_str().unwrap()]);
        }
        args.extend(options);
        format!("{}\n", helm.run(&args).ok().trim_end())
    }
}

/// The files with values of the tests.
pub(crate) fn values() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(root().join("tests/chart/values")).unwrap();
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 3);
    files
}

/// A release of one's own, by which it shows what follows its name and namespace.
pub(crate) fn own(values: &Path) -> Release<'_> {
    Release { name: "guard", namespace: "guards", values: Some(values) }
}

/// The documents of a YAML text.
pub(crate) fn documents(yaml: &str) -> Vec<serde_json::Value> {
    let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(yaml).unwrap();
    documents.into_iter().filter(|document| !document.is_null()).collect()
}
