//! What several lints ask of a rule and its entries.

use crate::analysis::paths::reaches;
use crate::engine::{Cursor, Entry, Requesters, Rule, Step, Verbs};

/// Groups that are no narrower than everybody who may update the object.
const EVERYBODY: [&str; 3] =
    ["system:authenticated", "system:unauthenticated", "system:serviceaccounts"];

/// Whether the entry permits every change to everybody.
pub(crate) fn is_bare(entry: &Entry) -> bool {
    entry.verbs == Verbs::ALL && entry.by.is_none() && entry.when.is_none()
}

pub(crate) fn is_for_all(by: Option<&Requesters>) -> bool {
    by.is_none_or(|by| {
        by.groups.iter().any(|group| EVERYBODY.contains(&group.as_str()))
            || by.users.iter().any(|user| user == "system:anonymous")
    })
}

/// Whether everybody may make every change there.
pub(crate) fn is_open(rule: &Rule, steps: &[Step]) -> bool {
    let there = Cursor::of_some(rule, steps);
    rule.entries().any(|entry| is_bare(entry) && reaches(entry.path.steps(), steps))
        && !there.is_protected()
        && !there.leads_to_protected()
}

/// Whether the rule judges objects themselves, not only subresources.
pub(crate) fn judges_objects(rule: &Rule) -> bool {
    let mut resources = rule.resources().iter().flat_map(|resource| &resource.resources);
    resources.any(|resource| !resource.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::is_for_all;
    use crate::engine::Requesters;

    #[test]
    fn some_groups_are_everybody() {
        let group = |name: &str| {
            is_for_all(Some(&Requesters { groups: vec![name.to_owned()], ..Requesters::default() }))
        };
        assert!(is_for_all(None));
        for name in ["system:authenticated", "system:unauthenticated", "system:serviceaccounts"] {
            assert!(group(name), "{name}");
        }
        for name in ["system:masters", "system:serviceaccounts:team-a", "operators"] {
            assert!(!group(name), "{name}");
        }
        assert!(is_for_all(Some(&Requesters {
            users: vec!["system:anonymous".to_owned()],
            ..Requesters::default()
        })));
        assert!(!is_for_all(Some(&Requesters {
            users: vec!["alice".to_owned()],
            ..Requesters::default()
        })));
    }
}
