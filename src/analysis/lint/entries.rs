//! What several lints ask of entries and paths.

use crate::engine::{
    Cursor, Entry, Path, Requesters, Rule, Step, Verbs, escape_control, is_owned, steps_pair,
};

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

/// Whether `wide` selects everything that `narrow`, of equal length, selects.
pub(crate) fn covers(wide: &[Step], narrow: &[Step]) -> bool {
    steps_pair(narrow, wide, Step::within)
}

/// Whether `wide` selects everything that `narrow` selects, or something above it.
pub(crate) fn reaches(wide: &[Step], narrow: &[Step]) -> bool {
    narrow.get(..wide.len()).is_some_and(|start| covers(wide, start))
}

/// What the rule says of every location that the steps select.
pub(crate) fn cursor<'r>(rule: &'r Rule, steps: &[Step]) -> Cursor<'r> {
    steps.iter().fold(Cursor::root(rule), |cursor, step| cursor.covering(step))
}

/// Whether everybody may make every change there.
pub(crate) fn is_open(rule: &Rule, steps: &[Step]) -> bool {
    rule.entries().any(|entry| is_bare(entry) && reaches(entry.path.steps(), steps))
}

/// Whether the API server refuses every change there.
pub(crate) fn is_fixed(steps: &[Step]) -> bool {
    match steps {
        [Step::Name(field), ..] if field == "apiVersion" || field == "kind" => true,
        [Step::Name(metadata), Step::Name(field), ..] if metadata == "metadata" => {
            matches!(field.as_str(), "name" | "namespace")
        }
        _ => false,
    }
}

/// Whether no entry there ever permits anything, whatever the kind.
pub(crate) fn is_out_of_reach(steps: &[Step]) -> bool {
    is_fixed(steps) || is_owned(steps)
}

pub(crate) fn is_of_status(steps: &[Step]) -> bool {
    matches!(steps, [Step::Name(status), ..] if status == "status")
}

/// Whether the rule judges objects themselves, not only subresources.
pub(crate) fn judges_objects(rule: &Rule) -> bool {
    let mut resources = rule.resources().iter().flat_map(|resource| &resource.resources);
    resources.any(|resource| !resource.contains('/'))
}

pub(crate) fn shown(path: &Path) -> String {
    escape_control(&path.to_string())
}

/// `` `a`, `b` ``.
pub(crate) fn quoted<T: AsRef<str>>(names: &[T], separator: &str) -> String {
    let quote = |name: &T| format!("`{}`", escape_control(name.as_ref()));
    names.iter().map(quote).collect::<Vec<_>>().join(separator)
}

/// `1 rule`, `2 rules`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
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
