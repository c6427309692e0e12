//! The name that a misspelt one means.

/// The name that is spelled most nearly so, if one is.
pub(crate) fn meant<'n>(
    names: impl IntoIterator<Item = &'n str>,
    misspelt: &str,
) -> Option<&'n str> {
    let distance = |name: &&str| strsim::damerau_levenshtein(name, misspelt);
    let most = misspelt.chars().count() / 3;
    names.into_iter().min_by_key(distance).filter(|name| distance(name) <= most)
}
