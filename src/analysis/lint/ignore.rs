//! The annotation `fieldward.io/lint-ignore`: one `NAME: reason` a line.

pub(crate) const AT: &str = "/metadata/annotations/fieldward.io~1lint-ignore";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ignore<'a> {
    pub(crate) lint: &'a str,
    /// Empty if none is given.
    pub(crate) reason: &'a str,
}

/// The lines of the annotation that say something.
pub(crate) fn ignores(annotation: Option<&str>) -> impl Iterator<Item = Ignore<'_>> {
    let lines = annotation.into_iter().flat_map(str::lines).map(str::trim);
    lines.filter(|line| !line.is_empty()).map(|line| {
        let (lint, reason) = line.split_once(':').unwrap_or((line, ""));
        Ignore { lint: lint.trim(), reason: reason.trim() }
    })
}
