//! The variables of conditions, and the members of `request`.

pub(crate) const VARIABLES: [&str; 5] = ["oldObject", "object", "oldValue", "value", "request"];

/// The parts of a request that ValidatingAdmissionPolicy shows to its expressions, each with its
/// members if it has those and no others.
pub(crate) const SEEN_BY_CONDITIONS: [(&str, &[&str]); 12] = [
    ("kind", &["group", "version", "kind"]),
    ("resource", &["group", "version", "resource"]),
    ("subResource", &[]),
    ("requestKind", &["group", "version", "kind"]),
    ("requestResource", &["group", "version", "resource"]),
    ("requestSubResource", &[]),
    ("name", &[]),
    ("namespace", &[]),
    ("operation", &[]),
    ("userInfo", &["username", "uid", "groups", "extra"]),
    ("dryRun", &[]),
    ("options", &[]),
];
