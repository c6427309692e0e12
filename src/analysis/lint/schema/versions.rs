//! The versions that a rule lists and those that are served.

use super::catalogue::names_plural;
use crate::analysis::kinds::Kind;
use crate::analysis::lint::definition::Context;
use crate::engine::ResourceRule;

/// The versions of one kind, for a resource rule that names them.
pub(crate) struct Versions<'a> {
    pub(crate) at: String,
    pub(crate) kind: &'a str,
    pub(crate) served: Vec<&'a str>,
    /// Served and listed.
    pub(crate) matched: Vec<&'a str>,
    /// Listed, but not served.
    pub(crate) unserved: Vec<&'a str>,
    /// Served, but not listed.
    pub(crate) unlisted: Vec<&'a str>,
}

/// The versions of every kind that a resource rule names without a wildcard for versions.
pub(crate) fn versions<'a>(context: &Context<'a>) -> Vec<Versions<'a>> {
    let mut all = Vec::new();
    let listing = context.resources().filter(|(_, named)| !named.has_version("*"));
    for (at, named) in listing {
        let kinds = context.catalogue.kinds.iter().filter(|kind| names_plural(named, kind));
        all.extend(kinds.map(|kind| of_kind(&at, named, kind)));
    }
    all
}

fn of_kind<'a>(at: &str, named: &'a ResourceRule, kind: &'a Kind) -> Versions<'a> {
    let served: Vec<&str> = kind.served().map(|version| version.name.as_str()).collect();
    let listed = named.api_versions.iter().map(String::as_str);
    let (matched, unserved) = listed.partition(|version| served.contains(version));
    let is_unlisted = |version: &&str| !named.has_version(version);
    let unlisted = served.iter().copied().filter(is_unlisted).collect();
    let at = format!("{at}/apiVersions");
    Versions { at, kind: &kind.name, served, matched, unserved, unlisted }
}
