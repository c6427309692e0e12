//! The options that say which rules a command works with.

use std::path::PathBuf;

use anyhow::bail;
use clap::builder::BoolishValueParser;

use super::rule_sources;
use crate::engine::{Builtin, Document, Rule, RuleSet, escape_control};

/// The rules to work with.
#[derive(Debug, Clone, clap::Args)]
pub struct RuleArgs {
    /// Add the rules of a file, or of the *.yaml and *.yml in a folder; may be repeated
    #[arg(id = "rules", long, value_name = "PATH", env = "FIELDWARD_RULES", value_delimiter = ',')]
    pub paths: Vec<PathBuf>,
    /// Leave the built-in rules out
    #[arg(long, env = "FIELDWARD_NO_BUILTIN_RULES", value_parser = BoolishValueParser::new())]
    pub no_builtin_rules: bool,
}

impl RuleArgs {
    /// The rules of all the files, and those compiled in unless they are left out.
    ///
    /// # Errors
    /// Files that cannot be read, and everything that is wrong in them.
    pub fn load(&self) -> anyhow::Result<RuleSet> {
        Ok(RuleSet::load(self.builtin(), &self.documents()?)?)
    }

    /// The files' texts.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn documents(&self) -> anyhow::Result<Vec<Document>> {
        rule_sources::read(&self.paths)
    }

    /// Whether the rules compiled in are wanted.
    pub fn builtin(&self) -> Builtin {
        if self.no_builtin_rules { Builtin::Left } else { Builtin::Included }
    }
}

/// The rule of that name.
///
/// # Errors
/// There is none; the error lists the rules that there are.
pub fn find<'r>(rules: &'r RuleSet, name: &str) -> anyhow::Result<&'r Rule> {
    let Some(rule) = rules.get(name) else {
        let names: Vec<&str> = rules.names().collect();
        bail!("no rule is called `{}`; there are: {}", escape_control(name), names.join(", "));
    };
    Ok(rule)
}
