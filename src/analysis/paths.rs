//! Whether one path covers or meets another, and which paths Kubernetes treats specially.

use crate::engine::{Step, is_owned, steps_pair};

/// Whether some location of one path is a location of the other, or above or below one.
pub(crate) fn meets(one: &[Step], two: &[Step]) -> bool {
    one.iter().zip(two).all(|(one, two)| one.meets(two))
}

/// Whether `wide` selects everything that `narrow`, of equal length, selects.
pub(crate) fn covers(wide: &[Step], narrow: &[Step]) -> bool {
    steps_pair(narrow, wide, Step::within)
}

/// Whether `wide` selects everything that `narrow` selects, or something above it.
pub(crate) fn reaches(wide: &[Step], narrow: &[Step]) -> bool {
    narrow.get(..wide.len()).is_some_and(|start| covers(wide, start))
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

#[cfg(test)]
mod tests {
    use super::meets;
    use crate::engine::Path;

    #[test]
    fn a_path_meets_what_is_at_above_and_below_it() {
        let meets = |path: &str, location: &str| {
            meets(Path::parse(path).unwrap().steps(), Path::parse(location).unwrap().steps())
        };
        assert!(meets("spec.suspend", "spec.suspend"));
        assert!(meets("spec", "spec.suspend"));
        assert!(meets("spec.suspend.by", "spec.suspend"));
        assert!(meets("spec.*", "spec.suspend"));
        assert!(meets("spec['sus*']", "spec.suspend"));
        assert!(meets("spec.a", "spec"));
        assert!(meets("spec[name=a].x", "spec[*].x"));
        assert!(!meets("spec.a", "spec.suspend"));
        assert!(!meets("spec[*].a", "spec.suspend"));
        assert!(!meets("spec[name=a].x", "spec[name=b].x"));
    }
}
