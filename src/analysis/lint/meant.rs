//! The lint that a misspelt name means.

use super::definition::Lint;

/// The lint whose name is spelled most nearly so, if one is.
pub(crate) fn meant(lints: &[&'static Lint], name: &str) -> Option<&'static str> {
    let distance = |lint: &&&Lint| strsim::damerau_levenshtein(lint.name, name);
    let most = name.chars().count() / 3;
    lints.iter().min_by_key(distance).filter(|lint| distance(lint) <= most).map(|lint| lint.name)
}
