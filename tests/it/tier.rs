//! Which trials a run covers: `FIELDWARD_TIER` selects those that need too long for every run.

use std::env::{self, VarError};

/// A part of the trials with a command of its own; tests/README.md lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    /// What runs unless a tier is named.
    Default,
    /// Real controllers next to fieldward in a real control plane.
    Controllers,
}

/// The tiers by the names that `FIELDWARD_TIER` takes.
const NAMED: [(&str, Tier); 1] = [("controllers", Tier::Controllers)];

impl Tier {
    /// The tier that the environment names.
    pub(crate) fn from_environment() -> Result<Self, String> {
        match env::var("FIELDWARD_TIER") {
            Err(VarError::NotPresent) => Ok(Self::Default),
            Ok(name) => Self::named(&name),
            Err(VarError::NotUnicode(name)) => Self::named(&name.to_string_lossy()),
        }
    }

    fn named(name: &str) -> Result<Self, String> {
        let tier = NAMED.into_iter().find(|(known, _)| *known == name).map(|(_, tier)| tier);
        let names = NAMED.map(|(known, _)| format!("`{known}`")).join(" or ");
        tier.ok_or_else(|| format!("FIELDWARD_TIER: expected {names}, found `{name}`"))
    }
}
