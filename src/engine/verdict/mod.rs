//! The verdict: which of the changes that `json_patch::diff` finds are permitted, judged from the
//! root down.

pub(crate) mod diff;
mod finding;
mod judge;

pub(crate) use finding::{ChangeKind, ChangeVerdict, Finding};
pub(crate) use judge::judge;
