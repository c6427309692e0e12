//! Which trials a run covers: `FIELDWARD_TIER` selects those that need too long for every run.

use std::env::{self, VarError};
use std::process::Command;

use libtest_mimic::Trial;

/// A part of the trials with a command of its own; tests/README.md lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    /// What runs unless a tier is named.
    Default,
    /// Real controllers next to fieldward in a real control plane.
    Controllers,
    /// The cluster trials on each supported version of Kubernetes.
    Versions,
    /// Attacks on the server, with limits on how long others wait.
    Attacks,
}

/// The variable that names a tier.
pub(crate) const VARIABLE: &str = "FIELDWARD_TIER";

/// The tiers by the names that `FIELDWARD_TIER` takes.
const NAMED: [(&str, Tier); 3] =
    [("attacks", Tier::Attacks), ("controllers", Tier::Controllers), ("versions", Tier::Versions)];

impl Tier {
    /// The tier that the environment names.
    pub(crate) fn from_environment() -> Result<Self, String> {
        match env::var(VARIABLE) {
            Err(VarError::NotPresent) => Ok(Self::Default),
            Ok(name) => Self::named(&name),
            Err(VarError::NotUnicode(name)) => Self::named(&name.to_string_lossy()),
        }
    }

    fn named(name: &str) -> Result<Self, String> {
        let tier = NAMED.into_iter().find(|(known, _)| *known == name).map(|(_, tier)| tier);
        let names = NAMED.map(|(known, _)| format!("`{known}`")).join(" or ");
        tier.ok_or_else(|| format!("{VARIABLE}: expected {names}, found `{name}`"))
    }
}

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test("tier::the_environment_selects_it", || {
        the_environment_selects_it();
        Ok(())
    })]
}

fn the_environment_selects_it() {
    let listed = |tier: &str| {
        let output = Command::new(env::current_exe().unwrap())
            .arg("--list")
            .env("FIELDWARD_TIER", tier)
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    for (name, _) in NAMED {
        let (code, trials, _) = listed(name);
        assert_eq!(code, Some(0));
        assert!(
            !trials.is_empty() && trials.lines().all(|line| line.starts_with(name)),
            "{trials}"
        );
    }
    let (code, trials, error) = listed("controler");
    assert_eq!((code, trials.as_str()), (Some(2), ""));
    let names = NAMED.map(|(name, _)| format!("`{name}`")).join(" or ");
    assert_eq!(error, format!("error: FIELDWARD_TIER: expected {names}, found `controler`\n"));
}
