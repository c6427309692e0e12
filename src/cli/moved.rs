//! Verbs that stood below `rules` and now stand at the top: each gets a hint, and nothing else.
//!
//! A rule may be called `lint`, so `fieldward rules lint` prints that rule. The hint replaces only
//! an error: no rule has that name, or the arguments after the verb do not fit `fieldward rules`.

use std::ffi::{OsStr, OsString};

use anyhow::anyhow;

/// What followed `fieldward rules`, and what replaces the whole command.
const MOVED: [(&str, &str); 7] = [
    ("list", "rules"),
    ("show", "rules NAME"),
    ("lint", "lint"),
    ("explain", "explain"),
    ("learn", "learn"),
    ("diff", "diff"),
    ("export", "export"),
];

/// The hint for a command line, if its verb has moved.
pub(super) fn hint(arguments: &[OsString]) -> Option<String> {
    match arguments {
        [_, rules, verb, ..] if rules == "rules" => hint_for(verb),
        _ => None,
    }
}

/// The hint for the name of a rule that does not exist; otherwise the error.
pub(super) fn or_hint(name: &str, error: anyhow::Error) -> anyhow::Error {
    hint_for(OsStr::new(name)).map_or(error, |hint| anyhow!(hint))
}

fn hint_for(verb: &OsStr) -> Option<String> {
    let (old, new) = MOVED.into_iter().find(|(old, _)| verb == *old)?;
    Some(format!("`fieldward rules {old}` is now `fieldward {new}`"))
}
