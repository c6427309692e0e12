//! Names that stand in a path without brackets and quotes.

/// Whether `text` can be written as a path segment without quotes: `[A-Za-z_][A-Za-z0-9_-]*`.
pub(crate) fn is_bare(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(starts_bare) && letters.all(continues_bare)
}

pub(super) fn starts_bare(letter: char) -> bool {
    letter.is_ascii_alphabetic() || letter == '_'
}

pub(super) fn continues_bare(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == '-'
}
