//! The rules compiled in.

use super::parse::rule_file::RuleFile;

/// Whether the rules compiled in are part of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builtin {
    /// They are. A document of the same name replaces one.
    Included,
    /// They are not.
    Excluded,
}

impl Builtin {
    /// What [`super::Rule::origin`] says of a rule compiled in.
    pub(crate) const ORIGIN: &str = "built-in";
}

/// Their documents, the files of `deploy/rules/`.
pub(crate) fn documents() -> [RuleFile; 2] {
    [
        include_str!("../../../deploy/rules/volcano-job.yaml"),
        include_str!("../../../deploy/rules/mxjob.yaml"),
    ]
    .map(|text| RuleFile { origin: Builtin::ORIGIN.to_owned(), text: text.to_owned() })
}
