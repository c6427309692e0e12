//! Exemptions that hold for every rule, in addition to each rule's own `exempt`.

use super::Requesters;

/// Who and what no rule restricts. The update is still judged, so that each use of an exemption is
/// reported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Exemptions {
    /// Namespaces whose objects are exempt.
    pub(crate) namespaces: Vec<String>,
    /// Requesters who are exempt.
    pub(crate) requesters: Requesters,
}

impl Exemptions {
    /// Whether an update of an object in `namespace` by this requester is exempt.
    pub(crate) fn contains(&self, namespace: &str, user: &str, groups: &[String]) -> bool {
        self.namespaces.iter().any(|exempt| exempt == namespace)
            || self.requesters.contains(user, groups)
    }
}
