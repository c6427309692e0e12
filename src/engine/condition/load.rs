//! Rules with their conditions compiled.

use super::{compile, match_condition};
use crate::engine::rule::{Builtin, Compiler, RuleErrors, RuleFile, RuleSet};

impl RuleSet {
    /// Parses the documents; with [`Builtin::Included`] the rules compiled in are there too, unless
    /// a document has the same name.
    ///
    /// # Errors
    /// Everything that is wrong with any document, with file, line and column.
    pub fn load(builtin: Builtin, documents: &[RuleFile]) -> Result<Self, RuleErrors> {
        Self::parse(
            builtin,
            documents,
            Compiler { condition: compile::compile, match_condition: match_condition::check },
        )
    }
}
