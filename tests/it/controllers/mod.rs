//! Real controllers, which others wrote, next to `fieldward serve` in a real control plane: none of
//! their writes may be denied.
//!
//! `FIELDWARD_TIER=controllers cargo test --locked --test it` runs these trials;
//! tests/controllers/README.md says how long they take.

mod cases;
mod expect;
mod jobset;
mod kubelet;
mod kuberay;
mod kueue;
mod manifests;
mod operator;
mod results;
mod rules;
mod scene;
mod serving;
mod tally;
mod trainer;
mod training_operator;
mod typed;
mod volcano;
mod writes;

use std::future::Future;
use std::path::{Path, PathBuf};

use libtest_mimic::Trial;

use crate::cluster::assets::{Assets, assets};
use crate::cluster::within_time;
use crate::support::go::{self, Lacking, Pins, Program, completion};

pub(crate) fn trials() -> Vec<Trial> {
    [
        jobset::trials(),
        kuberay::trials(),
        kueue::trials(),
        trainer::trials(),
        training_operator::trials(),
        volcano::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The linker leaves out what only a debugger reads.
const LINKER: &str = "-ldflags=-s -w";

/// A controller, pinned by a Go module below tests/controllers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Controller {
    pub(crate) pins: Pins,
    /// The module that has the controller's manifests.
    pub(crate) module: &'static str,
    pub(crate) programs: &'static [Program],
    /// Modules that get the files of tests/controllers/NAME/added/MODULE beside their own.
    pub(crate) completed: &'static [&'static str],
}

impl Controller {
    /// Builds the programs that are missing.
    fn build(&self) -> Result<(), Lacking> {
        if !go::is_there() {
            return Err(Lacking(format!(
                "no {}: install Go to have the tests build it",
                self.pins.name
            )));
        }
        let missing: Vec<Program> = self
            .programs
            .iter()
            .filter(|(name, _)| !self.program(name).is_file())
            .copied()
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let modules = self.pins.modules_with(self.completed);
        let flags: Vec<&str> = modules.iter().map(String::as_str).chain([LINKER]).collect();
        self.pins.build(
            || missing.iter().filter(|(name, _)| !self.program(name).is_file()).copied().collect(),
            &flags,
        );
        Ok(())
    }

    /// The pinned version.
    pub(crate) fn version(&self) -> String {
        self.pins.version_of(self.module).trim_start_matches('v').to_owned()
    }

    /// The path of a program.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.pins.built().join(name)
    }

    /// The folder of the controller's module.
    pub(crate) fn folder(&self) -> PathBuf {
        self.pins.folder_of(self.module)
    }

    /// The text of a file in the controller's module.
    pub(crate) fn read(&self, path: impl AsRef<Path>) -> String {
        let path = self.folder().join(path);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

/// A trial with the programs of a controller, in a control plane of its own.
fn trial<C, F>(name: &str, controller: Controller, case: C) -> Trial
where
    C: FnOnce(Assets) -> F + Send + 'static,
    F: Future<Output = ()> + 'static,
{
    Trial::ignorable_test(format!("controllers::{name}"), move || {
        let prepared = assets().and_then(|assets| {
            assets.controller_manager()?;
            controller.build()?;
            Ok(assets)
        });
        completion(prepared.map(|assets| within_time(case(assets))))
    })
}
