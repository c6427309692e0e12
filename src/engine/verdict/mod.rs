//! The verdict: which of the locations that differ are permitted to, judged from the root down on
//! what `json_patch::diff` finds.

pub(crate) mod diff;
mod finding;
mod judge;

pub(crate) use finding::{ChangeKind, Finding, Standing};
pub(crate) use judge::judge;
