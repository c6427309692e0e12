//! Which rules a command works with.

use std::path::PathBuf;

use anyhow::bail;
use clap::builder::BoolishValueParser;

use crate::cli::rule_sources;
use crate::engine::{Builtin, Rule, RuleFile, RuleSet, escape_control};
use crate::server::files::{Accepted, FileReader, TimeLimit};

#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct RuleArgs {
    /// Add the rules of a file, or of the *.yaml and *.yml in a folder; may be repeated
    #[arg(id = "rules", long, value_name = "PATH", env = "FIELDWARD_RULES", value_delimiter = ',')]
    pub(in crate::cli) paths: Vec<PathBuf>,
    /// Leave the built-in rules out
    #[arg(long, env = "FIELDWARD_NO_BUILTIN_RULES", value_parser = BoolishValueParser::new())]
    no_builtin_rules: bool,
}

impl RuleArgs {
    /// The rules of all the files, and the built-in ones unless they are left out.
    pub(in crate::cli) fn load(&self) -> anyhow::Result<RuleSet> {
        Ok(RuleSet::load(self.builtin(), &self.documents()?)?)
    }

    pub(in crate::cli) fn documents(&self) -> anyhow::Result<Vec<RuleFile>> {
        rule_sources::read(&self.paths, &FileReader::new(Accepted::Pipes))
    }

    /// Reads the documents again and again, as a server does: from regular files only, and in a
    /// limited time.
    pub(in crate::cli) fn reread(
        &self,
    ) -> impl Fn() -> anyhow::Result<Vec<RuleFile>> + Send + Sync + use<> {
        let (paths, limit) = (self.paths.clone(), TimeLimit::default());
        move || {
            let paths = paths.clone();
            limit.run(move |reader| rule_sources::read(&paths, reader))?
        }
    }

    pub(in crate::cli) fn builtin(&self) -> Builtin {
        if self.no_builtin_rules { Builtin::Excluded } else { Builtin::Included }
    }
}

/// The rule of that name; the error lists the rules that exist.
pub(in crate::cli) fn find<'r>(rules: &'r RuleSet, name: &str) -> anyhow::Result<&'r Rule> {
    let Some(rule) = rules.get(name) else {
        let names: Vec<&str> = rules.names().collect();
        bail!("no rule is called `{}`; there are: {}", escape_control(name), names.join(", "));
    };
    Ok(rule)
}
