//! What the programs in tests/controllers/NAME/spellings find in the Go types of controllers.

use libtest_mimic::Trial;

use super::Controller;
use crate::corpus::root;
use crate::golden;

/// The data that every run of the tests judges.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Typed {
    /// The trial, below `controllers`.
    pub(crate) trial: &'static str,
    pub(crate) controller: Controller,
    /// The module with the CustomResourceDefinition, and the file in it.
    pub(crate) definition: (&'static str, &'static str),
    /// What the program is told besides that file.
    pub(crate) arguments: &'static [&'static str],
    /// The data, below tests/controllers.
    pub(crate) file: &'static str,
}

impl Typed {
    /// Compares the data with what the program finds. `FIELDWARD_BLESS=1` renews it.
    pub(crate) fn trial(self) -> Trial {
        Trial::test(format!("controllers::{}_are_as_the_types_say", self.trial), move || {
            let (module, path) = self.definition;
            let definition = self.controller.pins.folder_of(module).join(path);
            let output = self
                .controller
                .pins
                .go()
                .args(["run", "./spellings"])
                .arg(definition)
                .args(self.arguments)
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let file = root().join("tests/controllers").join(self.file);
            golden::compare(&file, &String::from_utf8(output.stdout).unwrap());
            Ok(())
        })
    }
}
