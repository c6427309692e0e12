//! The rules compiled in.

use super::parse::document::Document;

/// Whether the rules compiled in are part of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builtin {
    /// They are. A document of the same name replaces one.
    Included,
    /// They are not.
    Left,
}

impl Builtin {
    /// What [`super::Rule::origin`] says of a rule compiled in.
    pub(crate) const ORIGIN: &str = "built-in";
}

/// Their documents, the files of `deploy/rules/`.
pub(crate) fn documents() -> [Document; 2] {
    [
        include_str!("../../../deploy/rules/volcano-job.yaml"),
        include_str!("../../../deploy/rules/mxjob.yaml"),
    ]
    .map(|text| Document { origin: Builtin::ORIGIN.to_owned(), text: text.to_owned() })
}
