//! The annotations of a rule that fieldward reads.

/// What their names begin with.
pub(crate) const ANNOTATION_PREFIX: &str = "fieldward.io/";

/// Documented paths that the kind lacks.
pub(super) const ABSENT: &str = "fieldward.io/absent";

/// Paths that something else fills if they are left out.
pub(super) const DEFAULTED: &str = "fieldward.io/defaulted";

/// Lints that the rule suppresses.
pub(super) const LINT_IGNORE: &str = "fieldward.io/lint-ignore";

/// Where the mutable fields are documented.
pub(super) const SOURCE: &str = "fieldward.io/source";

pub(crate) const ANNOTATIONS: [&str; 4] = [ABSENT, DEFAULTED, LINT_IGNORE, SOURCE];

/// Whether an annotation looks like one of them and is none.
pub(crate) fn is_unknown(name: &str) -> bool {
    name.starts_with(ANNOTATION_PREFIX) && !ANNOTATIONS.contains(&name)
}
