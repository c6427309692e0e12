//! The fields that the API server itself writes.

use super::path::Step;

/// The fields of `metadata` that the API server itself writes: never a change.
pub const OWNED: [&str; 8] = [
    "resourceVersion",
    "generation",
    "managedFields",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "uid",
];

/// Whether a path leads to such a field, or below one.
pub(crate) fn is_owned(steps: &[Step]) -> bool {
    matches!(steps, [Step::Name(metadata), Step::Name(field), ..]
        if metadata == "metadata" && OWNED.contains(&field.as_str()))
}
